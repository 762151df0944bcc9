"""Server-sent events: pure encoding, pieces that can be closed, and a response that closes them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TypeVar

from anyio import CancelScope
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api.wire import dumps
from rag.types import Answer, Delta

T = TypeVar("T")

DONE = b"data: [DONE]\n\n"


def event(data: object, name: str | None = None) -> bytes:
    """One event. JSON holds no line break, so one ``data:`` line is enough."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {dumps(data)}\n\n".encode()


def started(pieces: Iterator[T]) -> Generator[T]:
    """``pieces``, with the first already taken: what is wrong with the request is raised here.

    So a bad question gets its own status, and only what fails later has to be told mid-stream.
    Closing the result closes ``pieces``.
    """
    return _resumed(next(pieces), pieces)


def _resumed(first: T, pieces: Iterator[T]) -> Generator[T]:
    try:
        yield first
        yield from pieces
    finally:
        if isinstance(pieces, Generator):
            pieces.close()


def whole(pieces: Iterator[Delta | Answer]) -> Answer:
    """The Answer that ends ``pieces``."""
    return next(piece for piece in pieces if isinstance(piece, Answer))


def joined(pieces: Iterator[Delta | Answer]) -> tuple[str, Answer | None]:
    """The text of the deltas, and the Answer where one ends them: what needs no article has none."""
    text, answer = "", None
    for piece in pieces:
        if isinstance(piece, Answer):
            answer = piece
        else:
            text += piece.text
    return text, answer


class EventStream(StreamingResponse):
    """Streams a synchronous generator through the thread pool, and closes it whatever happens.

    A client that leaves cancels the response; the generator then ends at its next ``yield``, here
    and not when the garbage collector comes by.
    """

    media_type = "text/event-stream"

    def __init__(self, events: Generator[bytes]) -> None:
        # "x-accel-buffering" stops nginx from holding events back.
        super().__init__(events, headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await run_in_threadpool(self._events.close)
