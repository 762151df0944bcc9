"""OpenAI-compatible routes: models, chat completions and responses."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.completions import ChatIn, Completion
from api.conversations import (
    Annotations,
    Message,
    Named,
    conversation,
    count_words,
    named,
    offered,
    small_answer,
    task_answer,
)
from api.events import EventStream, joined, started
from api.footnotes import footnoted, numbered
from api.problems import of_error, openai_error, unexpected
from api.responses import ResponsesIn, ResponseTold
from api.system import System, TheSystem
from api.wire import JSON
from rag.errors import QuotewellError
from rag.types import Answer, Delta
from rag.wire import Wire

router = APIRouter(tags=["openai"])


def _model(one: Named) -> Wire:
    return {"id": one.id, "object": "model", "created": 1760000000, "owned_by": "quotewell"}


@router.get("/openwebui/v1/models", include_in_schema=False)
@router.get("/v1/models", operation_id="list_models", summary="List models")
async def list_models(system: TheSystem) -> Response:
    """`quotewell` answers in the articles' own words; `quotewell/…` has a language model word them. Each is there again
    with `+footnotes`, for programs that show nothing but text.
    """
    return JSON({"object": "list", "data": [_model(one) for one in offered(system.settings.language_models)]})


@router.get("/v1/models/{model:path}", operation_id="get_model", summary="Read a model")
async def get_model(model: str, system: TheSystem) -> Response:
    return JSON(_model(named(model, system.settings.language_models)))


@router.post("/v1/chat/completions", operation_id="chat_completions", summary="Answer, in OpenAI's format")
def chat_completions(body: ChatIn, request: Request, system: TheSystem) -> Response:
    """The last message of the user is the question; `annotations` say what each part of the answer
    rests on, as half-open code points of `content`, and `x_quotewell` has the exact quotes. Tokens
    in `usage` are words.
    """
    messages = body.texts()
    annotations = Annotations(str(request.base_url))
    told = Completion(body.model, annotations, count_words(messages), body.include_usage)
    return _told(request, told, _pieces(system, body.model, messages, annotations), stream=bool(body.stream))


@router.post("/openwebui/v1/chat/completions", operation_id="openwebui", summary="Answer, as Open WebUI shows best")
def openwebui(body: ChatIn, request: Request, system: TheSystem) -> Response:
    """As chat completions, with [1] in the text and, streamed, each citation as a source with its quote."""
    messages = body.texts()
    annotations = Annotations(str(request.base_url))
    told = Completion(body.model, annotations, count_words(messages), body.include_usage, sources=True)
    pieces = numbered(_pieces(system, body.model, messages, annotations))
    return _told(request, told, pieces, stream=bool(body.stream))


@router.post("/v1/responses", operation_id="responses", summary="Answer, in the format of OpenAI's Responses")
def responses(body: ResponsesIn, request: Request, system: TheSystem) -> Response:
    """As chat completions. Nothing is kept: `previous_response_id` is refused, the conversation is the `input`."""
    messages = body.messages()
    annotations = Annotations(str(request.base_url))
    told = ResponseTold(body.model, annotations, count_words(messages))
    return _told(request, told, _pieces(system, body.model, messages, annotations), stream=bool(body.stream))


def _pieces(
    system: System, model: str, messages: Sequence[Message], annotations: Annotations
) -> Generator[Delta | Answer]:
    """The answer under way; a chore or small talk is one Delta and no Answer. What is wrong is raised at once."""
    asked = named(model, system.settings.language_models)
    question, turns = conversation(messages)
    if chore := task_answer(question) or small_answer(question, system.library):
        return (piece for piece in [Delta(chore)])
    pieces = started(system.ask(question, history=turns, model=asked.wording))
    return footnoted(pieces, annotations) if asked.footnotes else pieces


def _told(
    request: Request, told: Completion | ResponseTold, pieces: Generator[Delta | Answer], *, stream: bool
) -> Response:
    return EventStream(_events(request, told, pieces)) if stream else JSON(told.whole(*joined(pieces)))


def _events(request: Request, told: Completion | ResponseTold, pieces: Generator[Delta | Answer]) -> Generator[bytes]:
    yield from told.begun()
    answer = None
    try:
        with closing(pieces):
            for piece in pieces:
                if isinstance(piece, Answer):
                    answer = piece
                else:
                    yield from told.delta(piece.text, piece.citations)
    except QuotewellError as err:
        yield told.failed(openai_error(of_error(err)))
        return
    except Exception as err:  # noqa: BLE001 -- logged; the status is sent, so this is the only way to tell
        yield told.failed(openai_error(unexpected(request, err)))
        return
    yield from told.ended(answer)
