"""The pages: ``/``, ``/articles``, the permalinks of articles, and ``/docs``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from api import pages
from api.docs import docs_page
from api.events import whole
from api.problems import TITLES
from api.routes_articles import listed, page_of
from api.system import System, TheSystem
from api.wire import dumps
from rag.errors import NotFound, QuestionError
from rag.types import Article, Span
from rag.wire import answer_out

router = APIRouter(include_in_schema=False)

_REVISION = re.compile(r"[0-9a-f]{12,64}")
_DAY = r"^(\d{4}-\d{2}-\d{2})?$"
_TITLES = 8
_PAGE = 50
_PUBLISHERS = 200  # of which a part of the name is enough
_CHAR = re.compile(r"(\d{1,12}),(\d{1,12})", re.ASCII)


@router.get("/")
def home(request: Request, system: TheSystem, q: Annotated[str | None, Query()] = None) -> Response:
    articles, here = system.library.stats().articles, str(request.base_url)
    if q is None:
        latest = _latest(system.library.articles(limit=_PAGE, latest=True))[:_TITLES]
        return HTMLResponse(pages.home_page(articles, latest, system.suggestions(), here))
    try:
        answer = whole(system.ask(q))
    except QuestionError as err:
        return HTMLResponse(pages.error_page(TITLES[err.code], str(err), q[:2000]), err.status)
    return HTMLResponse(pages.answer_page(answer.question, answer, articles, dumps(answer_out(answer)), here))


def _latest(put: Sequence[Article]) -> list[Article]:
    """Articles, the last put first, by their dates; one without is as late as the latest that was there before."""
    before = list(accumulate((one.published_at or "" for one in reversed(put)), max))[::-1]
    order = sorted(zip(put, before, strict=True), key=lambda one: one[0].published_at or one[1], reverse=True)
    return [article for article, _ in order]


@router.get("/articles")
def articles(
    system: TheSystem,
    words: Annotated[str, Query(max_length=1000)] = "",
    since: Annotated[str, Query(alias="from", pattern=_DAY)] = "",
    until: Annotated[str, Query(alias="to", pattern=_DAY)] = "",
    publisher: Annotated[str, Query(max_length=1000)] = "",
    cursor: Annotated[str | None, Query(max_length=4000)] = None,
) -> Response:
    publishers = system.library.publishers(_PUBLISHERS)
    wanted = [one for one in publishers if publisher.casefold() in one.casefold()] or [publisher]
    where = listed(since or None, until or None, wanted if publisher else [])
    found, following = page_of(system, _PAGE, cursor, where, words, latest=True)
    given = {"words": words, "from": since, "to": until, "publisher": publisher}
    given = {name: value for name, value in given.items() if value}
    return HTMLResponse(pages.articles_page(found, system.library.stats().articles, given, following, publishers))


@router.get("/articles/{reference:path}")
def article(
    reference: str, system: TheSystem, char: Annotated[str, Query()] = "", since: Annotated[str, Query()] = ""
) -> Response:
    """``{id}@{revision}``, or ``{id}`` for the current one; ``?char=start,end`` marks what is cited, and
    ``?since=revision`` shows what changed since then."""
    article_id, _, revision = reference.rpartition("@")
    if not _REVISION.fullmatch(revision):
        article_id, revision = reference, ""
    try:
        found = system.library.article(article_id, revision or None)
        earlier = system.library.article(article_id, since) if since else None
    except NotFound:
        return HTMLResponse(pages.gone_page(_current(system, article_id)), 404)
    if earlier:
        return HTMLResponse(pages.changes_page(earlier, found))
    return HTMLResponse(pages.article_page(found, system.library.revisions_of(article_id), _span(char)))


def _current(system: System, article_id: str) -> Article | None:
    try:
        return system.library.article(article_id)
    except NotFound:
        return None


def _span(char: str) -> Span | None:
    match = _CHAR.fullmatch(char)
    if match is None:
        return None
    start, end = int(match[1]), int(match[2])
    return Span(start, end) if start < end else None


@router.get("/docs")
def docs(request: Request) -> Response:
    return HTMLResponse(docs_page(request.app.openapi(), str(request.base_url), TITLES))
