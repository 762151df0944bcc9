"""What a page says of itself in its head: title, date, publisher, language, address."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

from rag.errors import ReadError
from rag.readers.blocks import Node
from rag.readers.clean import one_line
from rag.readers.facts import date_of, is_web_url, language_of

_MAX_TITLE, _MAX_PUBLISHER = 300, 200
_MAX_JSON, _MAX_JSON_VALUES = 1_000_000, 10_000
_DATES = ("article:published_time", "og:published_time", "datepublished", "publishdate", "date", "dc.date")
_OTHER_TEXT = frozenset(("nav", "footer", "aside"))


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found and fits; what does not fit is as if it were not there, for a page is not ours to mend."""

    title: str
    published_at: str | None
    publisher: str | None
    language: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class _Element:
    node: Node
    around: frozenset[str]

    def attribute(self, name: str) -> str:
        return ((self.node.attrs or {}).get(name) or "").strip()


def read_facts(root: Node, address: str | None) -> Facts:
    """The facts of a page; ``address`` is where it was fetched, for links that are relative to it."""
    elements = list(_elements(root))
    metas: dict[str, str] = {}
    for element in elements:
        if element.node.name == "meta":
            key = element.attribute("property") or element.attribute("name") or element.attribute("itemprop")
            metas.setdefault(key.lower(), element.attribute("content"))
    titles = [metas.get("og:title", "")]
    titles += [_text(element.node) for name in ("title", "h1") for element in elements if element.node.name == name]
    languages = [element.attribute("lang") for element in elements if element.node.name == "html"]
    dates = [metas.get(key, "") for key in _DATES]
    return Facts(
        title=next((line for line in map(one_line, titles) if line), "")[:_MAX_TITLE],
        published_at=_first_date(dates) or _first_date(_json_dates(elements)) or _time(elements),
        publisher=one_line(metas.get("og:site_name", ""))[:_MAX_PUBLISHER] or None,
        language=_fitting(language_of, languages[0]) if languages else None,
        url=_canonical_link(elements, address),
    )


def _elements(root: Node) -> Iterator[_Element]:
    """Every element in order, with the names of those of ``_OTHER_TEXT``, ``article`` and ``main`` around it."""
    stack: list[tuple[Node, frozenset[str]]] = [(root, frozenset())]
    while stack:
        node, around = stack.pop()
        name = node.name
        if name.startswith("#") and name not in ("#document", "#document-fragment"):
            continue
        yield _Element(node, around)
        if (name in _OTHER_TEXT or name in ("article", "main", "svg")) and name not in around:
            around |= {name}
        stack += ((child, around) for child in reversed(node.children or ()) if child.name != "#text")


def _text(node: Node) -> str:
    if any(child.name == "svg" for child in node.children or ()):
        return ""
    parts: list[str] = []
    stack = [node]
    while stack and len(parts) < 1_000:
        found = stack.pop()
        if found.name == "#text":
            parts.append(found.data or "")
        else:
            stack += reversed(found.children or ())
    return "".join(parts)[: 4 * _MAX_TITLE]


def _fitting(check: Callable[[object], str | None], value: str) -> str | None:
    try:
        return check(value)
    except ReadError:
        return None


def _first_date(values: list[str]) -> str | None:
    return next((found for value in values if (found := _fitting(date_of, value.strip()))), None)


def _time(elements: list[_Element]) -> str | None:
    """``<time>`` marked as the date of publication, else the first of the article, else the only one there is."""
    times = [e for e in elements if e.node.name == "time" and not e.around & _OTHER_TEXT]
    marked = [e for e in times if e.attribute("itemprop") == "datePublished" or "pubdate" in (e.node.attrs or {})]
    within = [e for e in times if e.around]
    stated = [e.attribute("datetime") for e in marked or within or times]
    return _first_date(stated) if marked or within or len(set(stated)) == 1 else None


def _json_dates(elements: list[_Element]) -> list[str]:
    """Each datePublished of the page's JSON-LD; those of an article, a posting or a report first."""
    articles: list[str] = []
    others: list[str] = []
    for element in elements:
        if element.node.name == "script" and element.attribute("type").lower() == "application/ld+json":
            for found in _objects(_script(element.node)):
                value, kind = found.get("datePublished"), str(found.get("@type"))
                if isinstance(value, str):
                    is_article = any(word in kind for word in ("Article", "Posting", "Report"))
                    (articles if is_article else others).append(value)
    return articles + others


def _script(node: Node) -> object:
    text = "".join(child.data or "" for child in node.children or () if child.name == "#text")
    try:
        return json.loads(text) if len(text) <= _MAX_JSON else None
    except (ValueError, RecursionError):
        return None


def _objects(found: object) -> Iterator[dict[str, object]]:
    stack = [found]
    for _ in range(_MAX_JSON_VALUES):
        if not stack:
            return
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            stack += reversed(list(value.values()))
        elif isinstance(value, list):
            stack += reversed(value)


def _canonical_link(elements: list[_Element], address: str | None) -> str | None:
    for element in elements:
        if element.node.name == "link" and "canonical" in element.attribute("rel").lower().split():
            try:
                link = urljoin(address or "", element.attribute("href"))
            except ValueError:
                return None
            if is_web_url(link):
                return link
    return None
