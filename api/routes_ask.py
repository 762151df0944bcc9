"""Asking and searching."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.events import EventStream, event, started, whole
from api.problems import of_error, problem, unexpected
from api.system import TheSystem
from api.wire import JSON, AnswerOut, AskIn, SearchIn, SearchOut, VerifyIn, VerifyOut
from rag.errors import QuotewellError
from rag.types import Answer, Delta
from rag.wire import answer_out, citation_out, claim_in, passage_out, verification_out

router = APIRouter(prefix="/api", tags=["ask"])

_STREAMED = {
    "description": "An Answer; with Accept: text/event-stream, the events that lead to it.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


@router.post(
    "/ask", operation_id="ask", summary="Answer a question", response_model=AnswerOut, responses={200: _STREAMED}
)
def ask(body: AskIn, request: Request, system: TheSystem) -> Response:
    """The answer is in the articles' own words, each statement with its quote; or it says that they
    do not answer. With `Accept: text/event-stream` it is streamed as events: each `citation` before
    the `delta` that it supports, the whole `answer` last, or `error` with problem details.
    """
    pieces = started(system.ask(body.question, k=body.k, where=body.to_where(), history=body.turns(), model=body.model))
    if "text/event-stream" in request.headers.get("accept", ""):
        return EventStream(_events(request, pieces))
    return JSON(answer_out(whole(pieces)))


def _events(request: Request, pieces: Generator[Delta | Answer]) -> Generator[bytes]:
    try:
        with closing(pieces):
            for piece in pieces:
                if isinstance(piece, Answer):
                    yield event(answer_out(piece), "answer")
                    continue
                for citation in piece.citations:
                    yield event(citation_out(citation), "citation")
                yield event({"text": piece.text}, "delta")
    except QuotewellError as err:
        yield event(problem(request, of_error(err)), "error")
    except Exception as err:  # noqa: BLE001 -- logged; the status is sent, so this is the only way to tell
        yield event(problem(request, unexpected(request, err)), "error")


@router.post(
    "/search", operation_id="search", summary="Find the passages that fit a question", response_model=SearchOut
)
def search(body: SearchIn, system: TheSystem) -> Response:
    """Passages, best first; a higher score fits better."""
    passages = system.search(body.question, k=body.k, where=body.to_where())
    return JSON({"passages": [passage_out(passage) for passage in passages]})


@router.post("/verify", operation_id="verify", summary="Check anybody's citations", response_model=VerifyOut)
def verify(body: VerifyIn, system: TheSystem) -> Response:
    """Whether each quote stands in the articles, where it is said to, and whether the quotes say what each sentence
    of `answer` says: its figures, dates, names and negations. A quote that stands elsewhere is told with its place.
    """
    verdicts, told = system.verify(body.answer, [claim_in(citation) for citation in body.citations])
    return JSON(verification_out(verdicts, told))
