"""OpenAI-compatible routes: models, chat completions and responses."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.completions import (
    MODEL,
    Annotations,
    ChatIn,
    Completion,
    ModelNotFound,
    conversation,
    count_words,
    small_answer,
    task_answer,
)
from api.events import DONE, EventStream, event, started, whole
from api.problems import of_error, openai_error, unexpected
from api.responses import ResponsesIn, Told
from api.system import TheSystem
from api.wire import JSON
from rag.errors import QuotewellError
from rag.types import Answer, Delta
from rag.wire import Wire

router = APIRouter(prefix="/v1", tags=["openai"])

_MODEL = {"id": MODEL, "object": "model", "created": 1760000000, "owned_by": "quotewell"}


@router.get("/models", operation_id="list_models", summary="List models")
async def list_models() -> Response:
    """There is one: `quotewell`."""
    return JSON({"object": "list", "data": [_MODEL]})


@router.get("/models/{model}", operation_id="get_model", summary="Read a model")
async def get_model(model: str) -> Response:
    if model != MODEL:
        raise ModelNotFound(expected=f"the model {MODEL}", found=repr(model[:100]), remedy="see GET /v1/models")
    return JSON(_MODEL)


@router.post("/chat/completions", operation_id="chat_completions", summary="Answer, in OpenAI's format")
def chat_completions(body: ChatIn, request: Request, system: TheSystem) -> Response:
    """The last message of the user is the question; `annotations` say what each part of the answer
    rests on, as half-open code points of `content`, and `x_quotewell` has the exact quotes. Tokens
    in `usage` are words.
    """
    messages = body.texts()
    question, turns = conversation(body.model, messages)
    completion = Completion(Annotations(str(request.base_url)), count_words(messages), body.include_usage)
    chore = task_answer(question) or small_answer(question, system.library)
    if chore is not None:
        return _told(request, completion, (piece for piece in [Delta(chore)]), chore, stream=bool(body.stream))
    pieces = started(system.ask(question, history=turns))
    return _told(request, completion, pieces, None, stream=bool(body.stream))


def _told(
    request: Request, completion: Completion, pieces: Generator[Delta | Answer], chore: str | None, *, stream: bool
) -> Response:
    if stream:
        return EventStream(_chunks(request, completion, pieces))
    if chore is not None:
        return JSON(completion.whole(chore, None))
    answer = whole(pieces)
    return JSON(completion.whole(answer.text, answer))


def _chunks(request: Request, completion: Completion, pieces: Generator[Delta | Answer]) -> Generator[bytes]:
    """The role, then the text with its annotations, then the end. A chunk always has ``choices``."""
    yield event(completion.chunk({"role": "assistant", "content": ""}))
    text, seen, answer = "", 0, None
    try:
        with closing(pieces):
            for piece in pieces:
                if isinstance(piece, Answer):
                    answer = piece
                    continue
                yield event(completion.chunk(completion.text_delta(piece.text, piece.citations, seen)))
                text += piece.text
                seen += len(piece.citations)
    except QuotewellError as err:
        yield event(openai_error(of_error(err)))
        return
    except Exception as err:  # noqa: BLE001 -- logged; the status is sent, so this is the only way to tell
        yield event(openai_error(unexpected(request, err)))
        return
    yield event(completion.chunk({}, "stop", answer))
    if completion.include_usage:
        yield event(completion.usage_chunk(text))
    yield DONE


@router.post("/responses", operation_id="responses", summary="Answer, in the format of OpenAI's Responses")
def responses(body: ResponsesIn, request: Request, system: TheSystem) -> Response:
    """As chat completions. Nothing is kept: `previous_response_id` is refused, the conversation is the `input`."""
    messages = body.messages()
    question, turns = conversation(body.model, messages)
    told = Told(Annotations(str(request.base_url)), count_words(messages))
    chore = task_answer(question) or small_answer(question, system.library)
    pieces: Generator[Delta | Answer]
    pieces = (piece for piece in [Delta(chore)]) if chore else started(system.ask(question, history=turns))
    if body.stream:
        return EventStream(_events(request, told, pieces))
    if chore is not None:
        return JSON(told.whole(chore, None))
    answer = whole(pieces)
    return JSON(told.whole(answer.text, answer))


def _events(request: Request, told: Told, pieces: Generator[Delta | Answer]) -> Generator[bytes]:
    """Each event is named by its type."""
    yield from (_named(one) for one in told.begun())
    answer = None
    try:
        with closing(pieces):
            for piece in pieces:
                if isinstance(piece, Answer):
                    answer = piece
                    continue
                yield from (_named(one) for one in told.delta(piece.text, piece.citations))
    except QuotewellError as err:
        yield _named(told.failed(openai_error(of_error(err))))
        return
    except Exception as err:  # noqa: BLE001 -- logged; the status is sent, so this is the only way to tell
        yield _named(told.failed(openai_error(unexpected(request, err))))
        return
    yield from (_named(one) for one in told.ended(answer))


def _named(one: Wire) -> bytes:
    return event(one, str(one["type"]))
