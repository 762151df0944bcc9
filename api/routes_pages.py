"""The pages: ``/``, the permalinks of articles, and ``/docs``."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from api import pages
from api.docs import docs_page
from api.events import whole
from api.problems import TITLES
from api.system import TheSystem
from rag.errors import QuestionError
from rag.types import Span

router = APIRouter(include_in_schema=False)

_REVISION = re.compile(r"[0-9a-f]{12,64}")
_CHAR = re.compile(r"(\d{1,12}),(\d{1,12})", re.ASCII)


@router.get("/")
def home(system: TheSystem, q: Annotated[str | None, Query()] = None) -> Response:
    articles = system.library.stats().articles
    if q is None:
        return HTMLResponse(pages.home_page(articles))
    try:
        answer = whole(system.ask(q))
    except QuestionError as err:
        return HTMLResponse(pages.error_page(TITLES[err.code], str(err), q[:2000]), err.status)
    return HTMLResponse(pages.answer_page(answer.question, answer, articles))


@router.get("/articles/{reference:path}")
def article(reference: str, system: TheSystem, char: Annotated[str, Query()] = "") -> Response:
    """``{id}@{revision}``, or ``{id}`` for the current one; ``?char=start,end`` marks what is cited."""
    article_id, _, revision = reference.rpartition("@")
    if not _REVISION.fullmatch(revision):
        article_id, revision = reference, ""
    current = system.library.article(article_id)
    found = system.library.article(article_id, revision) if revision else current
    return HTMLResponse(pages.article_page(found, current.revision, _span(char)))


def _span(char: str) -> Span | None:
    match = _CHAR.fullmatch(char)
    if match is None:
        return None
    start, end = int(match[1]), int(match[2])
    return Span(start, end) if start < end else None


@router.get("/docs")
def docs(request: Request) -> Response:
    return HTMLResponse(docs_page(request.app.openapi(), str(request.base_url), TITLES))
