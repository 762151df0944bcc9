"""Putting articles in, listing, reading and removing them."""

from __future__ import annotations

import binascii
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.problems import Fault, of_error, respond
from api.system import System, TheSystem
from api.uploads import in_order, items, received
from api.wire import JSON, ArticleIn, ArticleOut, ArticlesOut, IsoDate, ReadOut, ResultsOut, RevisionsOut
from rag.errors import LibraryError, TooLarge, UsageError
from rag.types import Article, Every, Is, Published, Receipt, Refusal, Where
from rag.wire import article_out, receipt_out

router = APIRouter(prefix="/api/articles", tags=["articles"])
revisions = APIRouter(prefix="/api/revisions", tags=["articles"])

_FILE = {"schema": {"type": "string"}}
_ARTICLE_SCHEMA = ArticleIn.model_json_schema()
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"anyOf": [_ARTICLE_SCHEMA, {"type": "array", "items": _ARTICLE_SCHEMA}]}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            },
            "text/plain": _FILE,
            "text/markdown": _FILE,
            "text/html": _FILE,
            "application/x-ndjson": _FILE,
        },
    }
}


@router.post("", operation_id="put_articles", summary="Put articles in", response_model=ResultsOut, openapi_extra=_BODY)
async def put_articles(
    request: Request,
    system: TheSystem,
    name: Annotated[str | None, Query(max_length=1000, description="What to call a body that is one file.")] = None,
) -> Response:
    """One article or a list of them as JSON; files as multipart/form-data; or one file as the body.

    What is refused is told with its reason and stops nothing else; where everything is, the status
    is 422 (413 for size). The same text twice is `unchanged`.
    """
    sent = await received(request)
    return await run_in_threadpool(_take_in, request, system, sent)


def _take_in(request: Request, system: System, sent: object) -> Response:
    receipts: list[Receipt] = []
    try:
        in_order(system, sent, receipts)
    except LibraryError as err:  # what has a receipt is stored all the same
        return respond(request, of_error(err, results=[receipt_out(receipt) for receipt in receipts]))
    results = [receipt_out(receipt) for receipt in receipts]
    refused = [receipt for receipt in receipts if receipt.outcome == "refused"]
    if receipts and len(refused) < len(receipts):
        return JSON({"results": results})
    status = 413 if refused and all(one.code == TooLarge.code for one in refused) else 422
    detail = refused[0].reason if refused and refused[0].reason else "expected an article; found none in what was sent"
    return respond(request, Fault(status, "nothing_taken_in", detail, {"results": results}))


@router.post(
    "/read", operation_id="read_articles", summary="Read, not store", response_model=ReadOut, openapi_extra=_BODY
)
async def read_articles(
    request: Request,
    system: TheSystem,
    name: Annotated[str | None, Query(max_length=1000, description="What to call a body that is one file.")] = None,
) -> Response:
    """What is sent, as `POST /api/articles` would take it in; nothing is stored."""
    sent = await received(request)
    return await run_in_threadpool(_read, system, sent)


def _read(system: System, sent: object) -> Response:
    found = list(items(system, sent))
    refused = [
        Receipt(one.source, "refused", reason=one.reason, code=one.code) for one in found if isinstance(one, Refusal)
    ]
    return JSON(
        {
            "articles": [article_out(one) for one in found if isinstance(one, Article)],
            "refused": [receipt_out(one) for one in refused],
        }
    )


@router.get("", operation_id="list_articles", summary="List articles", response_model=ArticlesOut)
def list_articles(
    system: TheSystem,
    limit: Annotated[int, Query(ge=1, le=200, description="Articles on a page.")] = 50,
    cursor: Annotated[str | None, Query(max_length=4000, description="next_cursor of the page before.")] = None,
    words: Annotated[str, Query(max_length=1000, description="All of them in one passage; the last may go on.")] = "",
    published_from: Annotated[IsoDate | None, Query(description="Published on this day or later.")] = None,
    published_to: Annotated[IsoDate | None, Query(description="Published on this day or earlier.")] = None,
    publisher: Annotated[str | None, Query(max_length=1000)] = None,
    latest: Annotated[bool, Query(description="The last put first, instead of by id.")] = False,
) -> Response:
    """In the order of their ids, without their texts; read so, page after page, none is missed that stays."""
    where = listed(published_from, published_to, (publisher,) if publisher else ())
    found, following = page_of(system, limit, cursor, where, words, latest=latest)
    return JSON({"articles": [article_out(article, text=False) for article in found], "next_cursor": following})


def listed(published_from: str | None, published_to: str | None, publishers: Sequence[str]) -> Where | None:
    """What a list's filters let through: articles of any of ``publishers``, or of all where there are none."""
    parts: list[Where] = [Published(published_from, published_to)] if published_from or published_to else []
    parts += [Is("publisher", tuple(publishers))] if publishers else []
    return Every(tuple(parts)) if parts else None


def page_of(
    system: System, limit: int, cursor: str | None, where: Where | None, words: str, *, latest: bool
) -> tuple[list[Article], str | None]:
    """So many articles, and the cursor of the next page, None on the last."""
    found = system.library.articles(limit=limit + 1, after=_after(cursor), where=where, words=words, latest=latest)
    return found[:limit], _cursor(found[limit - 1].id) if len(found) > limit else None


@router.get("/{article_id:path}", operation_id="get_article", summary="Read an article", response_model=ArticleOut)
def get_article(
    article_id: str,
    system: TheSystem,
    revision: Annotated[str | None, Query(max_length=100, description="An earlier one; else the current.")] = None,
) -> Response:
    """Its text is canonical: the indices of a citation count its code points."""
    return JSON(article_out(system.library.article(article_id, revision)))


@revisions.get(
    "/{article_id:path}",
    operation_id="list_revisions",
    summary="List an article's revisions",
    response_model=RevisionsOut,
)
def list_revisions(article_id: str, system: TheSystem) -> Response:
    """The current one first, then the latest put first, without their texts."""
    found = system.library.revisions_of(article_id)
    return JSON({"revisions": [article_out(article, text=False) for article in found]})


@router.delete("/{article_id:path}", operation_id="delete_article", summary="Remove an article", status_code=204)
def delete_article(article_id: str, system: TheSystem) -> Response:
    """With all its revisions."""
    system.delete(article_id)
    return Response(status_code=204)


def _cursor(article_id: str) -> str:
    return urlsafe_b64encode(article_id.encode()).decode().rstrip("=")


def _after(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    try:
        return b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as err:
        raise UsageError(
            expected="the next_cursor of a page", found="another text", remedy="leave cursor out to start again"
        ) from err
