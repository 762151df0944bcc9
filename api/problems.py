"""What goes wrong, told in the shape that the caller reads: RFC 9457, OpenAI's, or a page.

Nothing is told but what is in a Fault: no traceback, and no framework's own words.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from api import pages
from api.wire import JSON
from rag.errors import QuotewellError
from rag.wire import Wire

log = logging.getLogger("quotewell.api")

TITLES: Mapping[str, str] = {
    "question": "The question is empty or too long",
    "usage": "The request is wrong",
    "invalid_request": "The request does not have the form that is expected",
    "invalid_json": "The body is not JSON",
    "unsupported_media_type": "The body is of a kind that cannot be read",
    "too_large": "A limit is exceeded",
    "unreadable": "The source cannot be turned into an article",
    "nothing_taken_in": "Everything that was sent was refused",
    "not_found": "There is no such thing",
    "model_not_found": "There is no such model",
    "method_not_allowed": "The route does not have this method",
    "library": "The store cannot be used now",
    "library_corrupt": "What is stored contradicts itself",
    "index_mismatch": "The library was made with another embedder",
    "model_missing": "A model or a package is missing",
    "citation": "A citation did not hold, and the answer is withheld",
    "error": "Something went wrong",
    "internal": "Something went wrong here, not with the request",
}
"""Every ``code``, and what it means. ``type`` in a problem is the code's place on ``/docs``."""

_OF_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}


class Problem(BaseModel):
    """Problem details, RFC 9457. ``code`` is stable; ``request_id`` is also a response header."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "/docs#not_found",
                    "title": TITLES["not_found"],
                    "status": 404,
                    "detail": "expected an article in the library; found none with id 'x'; see GET /api/articles",
                    "code": "not_found",
                    "request_id": "0f8fad5bd9cb469fa16570867728950e",
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that went wrong, before it is given a shape. ``more`` goes into the problem as it is."""

    status: int
    code: str
    detail: str
    more: Wire = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def of_error(err: QuotewellError, **more: object) -> Fault:
    parts = {"expected": err.expected, "found": err.found, "remedy": err.remedy}
    return Fault(err.status, err.code, str(err), parts | more)


def unexpected(request: Request, err: Exception) -> Fault:
    """Logs ``err`` under the request's id, and says nothing of it."""
    rid = request_id(request)
    log.error("request %s, %s %s: unexpected error", rid, request.method, request.url.path, exc_info=err)
    return Fault(500, "internal", f"the log has more under request {rid}")


def request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))


def problem(request: Request, fault: Fault) -> Wire:
    """Problem details, as RFC 9457 has them."""
    return {
        "type": f"/docs#{fault.code}",
        "title": TITLES[fault.code],
        "status": fault.status,
        "detail": fault.detail,
        "code": fault.code,
        "request_id": request_id(request),
        **fault.more,
    }


def openai_error(fault: Fault) -> Wire:
    """An error in OpenAI's shape."""
    kind = "invalid_request_error" if fault.status < 500 else "server_error"
    return {"error": {"message": fault.detail, "type": kind, "param": fault.more.get("param"), "code": fault.code}}


def respond(request: Request, fault: Fault) -> Response:
    """The fault, in the shape for the request's path."""
    path, headers = request.url.path, dict(fault.headers)
    if path.startswith(("/v1/", "/openwebui/v1/")) or path == "/v1":
        if fault.status >= 500:
            headers["x-should-retry"] = "false"  # OpenAI's clients try twice more otherwise
        # OpenAI says 400 where we say 422.
        return JSON(openai_error(fault), 400 if fault.status == 422 else fault.status, headers)
    if not path.startswith("/api/") and "text/html" in request.headers.get("accept", ""):
        title = "There is no such page" if fault.status == 404 else TITLES[fault.code]
        return HTMLResponse(pages.error_page(title, fault.detail), fault.status, headers)
    return JSON(problem(request, fault), fault.status, headers, media_type="application/problem+json")


def of_http(request: Request, err: HTTPException) -> Fault:
    """What the framework refused: in words of ours, for its own can quote the request."""
    code = _OF_STATUS.get(err.status_code, "invalid_json" if err.status_code == 400 else "error")
    details = {
        400: "expected a body of sound JSON; found something else; mend the body",
        404: f"expected a route of this service; found none at {request.url.path}; see /docs",
        405: f"expected another method than {request.method} here; see /docs",
    }
    status = 422 if err.status_code == 400 else err.status_code  # as where the JSON is sound and does not fit
    return Fault(status, code, details.get(err.status_code, str(err.detail)), headers=err.headers or {})


def of_validation(request: Request, errors: Sequence[Any]) -> Fault:
    """What does not fit the models, a line for each field; nothing of what was sent is repeated."""
    first = errors[0]
    if first["type"] == "json_invalid":
        place = f"character {first['loc'][-1]}"
        return Fault(422, "invalid_json", f"expected JSON; found an error at {place}; mend the body")
    if list(first["loc"]) == ["body"] and "json" not in request.headers.get("content-type", ""):
        return Fault(
            415,
            "unsupported_media_type",
            "expected a JSON object; found a body that does not say it is one; send Content-Type: application/json",
        )
    told = [{"field": _field(error["loc"]), "detail": _message(error)} for error in errors[:20]]
    detail = "; ".join(f"{one['field']}: {one['detail']}" for one in told)
    return Fault(422, "invalid_request", detail, {"errors": told, "param": told[0]["field"]})


def _field(loc: Sequence[int | str]) -> str:
    inner = [str(part) for part in loc if part not in ("body", "query", "path")]
    return ".".join(inner) or str(loc[0])


def _message(error: Mapping[str, Any]) -> str:
    return str(error["msg"]).removeprefix("Value error, ")


def install(app: FastAPI) -> None:
    """Makes ``app`` answer errors in our shapes. The unexpected ones are left to ``api.app``."""

    async def on_quotewell(request: Request, err: Exception) -> Response:
        assert isinstance(err, QuotewellError)
        return respond(request, of_error(err))

    async def on_http(request: Request, err: Exception) -> Response:
        assert isinstance(err, HTTPException)
        return respond(request, of_http(request, err))

    async def on_validation(request: Request, err: Exception) -> Response:
        assert isinstance(err, RequestValidationError)
        return respond(request, of_validation(request, err.errors()))

    app.add_exception_handler(QuotewellError, on_quotewell)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_validation)
