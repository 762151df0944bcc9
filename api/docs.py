"""``/docs``: the OpenAPI schema as a page, with examples and curl lines. No script, nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from api.html import Markup, el
from api.pages import page

Schema = Mapping[str, Any]

_METHODS = ("get", "post", "delete")


def docs_page(openapi: Schema, base_url: str, codes: Mapping[str, str]) -> Markup:
    """Every operation of ``openapi``, then every code of an error."""
    operations = [
        _operation(openapi, base_url, path, method, item[method])
        for path, item in openapi["paths"].items()
        for method in _METHODS
        if method in item
    ]
    rows = (el("tr", el("td", el("code", code), id=code), el("td", title)) for code, title in codes.items())
    info = openapi["info"]
    return page(
        "API · Quotewell",
        el("h1", f"{info['title']} {info['version']}"),
        *(el("p", paragraph) for paragraph in info["description"].split("\n\n")),
        el("p", "For programs: ", el("a", "/openapi.json", href="/openapi.json"), "."),
        *operations,
        el("h2", "Errors"),
        el(
            "p",
            "Errors of /api are problem details (RFC 9457, application/problem+json); errors of /v1 have "
            "OpenAI's shape. Both carry one of these codes, and every response has an x-request-id.",
        ),
        el("table", *rows),
    )


def _operation(openapi: Schema, base_url: str, path: str, method: str, operation: Schema) -> Markup:
    sent = _sent(openapi, operation)
    received = _received(openapi, operation)
    parts: list[str] = [
        el("h2", f"{method.upper()} {path}"),
        el("p", el("strong", operation["summary"] + "."), " ", *_prose(operation.get("description", ""))),
    ]
    fields = [*_parameters(operation), *_fields(openapi, sent)]
    if fields:
        parts.append(el("table", *fields))
    parts.append(el("pre", _curl(base_url, path, method, _example(sent)), tabindex="0"))
    if (example := _example(received)) is not None:
        parts += [el("h3", "Answer"), el("pre", json.dumps(example, indent=2, ensure_ascii=False), tabindex="0")]
    return el("section", *parts, id=operation["operationId"])


def _prose(text: str) -> list[str]:
    """What stands between backticks is code."""
    return [el("code", part) if n % 2 else part for n, part in enumerate(text.split("`"))]


def _sent(openapi: Schema, operation: Schema) -> Schema:
    content = operation.get("requestBody", {}).get("content", {})
    return _resolved(openapi, content.get("application/json", {}).get("schema", {}))


def _received(openapi: Schema, operation: Schema) -> Schema:
    content = operation["responses"].get("200", {}).get("content", {})
    return _resolved(openapi, content.get("application/json", {}).get("schema", {}))


def _resolved(openapi: Schema, schema: Schema) -> Schema:
    """A schema itself, where it is only named; of several, the first."""
    if "anyOf" in schema:
        return _resolved(openapi, schema["anyOf"][0])
    if "$ref" not in schema:
        return schema
    found: Schema = openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _example(schema: Schema) -> object:
    return next(iter(schema.get("examples", ())), None)


def _parameters(operation: Schema) -> list[Markup]:
    return [
        _row(one["name"], one.get("required", False), one.get("description", ""))
        for one in operation.get("parameters", ())
    ]


def _fields(openapi: Schema, schema: Schema) -> list[Markup]:
    """A row for each field, and for those of an object in it."""
    rows: list[Markup] = []
    for name, field in schema.get("properties", {}).items():
        rows.append(_row(name, name in schema.get("required", ()), field.get("description", "")))
        inner = _resolved(openapi, field)
        rows += [
            _row(f"{name}.{key}", False, one.get("description", "")) for key, one in inner.get("properties", {}).items()
        ]
    return rows


def _row(name: str, required: bool, description: str) -> Markup:
    told = "Required. " if required else ""
    return el("tr", el("td", el("code", name)), el("td", told, description))


def _curl(base_url: str, path: str, method: str, example: object) -> str:
    url = base_url.rstrip("/") + path.replace("{", "").replace("}", "").replace("/article_id", "/ID")
    verb = "" if method == "get" else f" -X {method.upper()}" if example is None else ""
    if example is None:
        return f"curl{verb} '{url}'"
    body = json.dumps(example, ensure_ascii=False).replace("'", "'\\''")
    return f"curl '{url}' -H 'Content-Type: application/json' \\\n  -d '{body}'"
