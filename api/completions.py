"""Chat completions in OpenAI's format: what is asked for, and how an answer is told. Pure.

``content`` is the answer's text and nothing else. ``annotations`` point into it, half-open and in
code points; ``x_quotewell`` has the whole citations. Tokens are counted as words between blanks.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api import examples
from api.conversations import Annotations, Message, extras
from api.events import DONE, event
from api.wire import Text
from rag.errors import UsageError
from rag.types import Answer, Citation
from rag.wire import Wire


class PartIn(BaseModel):
    """A part of a message. Only text can be read."""

    type: Text
    text: Text | None = None


class MessageIn(BaseModel):
    role: Text
    content: Text | tuple[PartIn, ...] | None = None


class StreamOptionsIn(BaseModel):
    include_usage: bool = False


class ChatIn(BaseModel):
    """A conversation. Fields of OpenAI's that are not here are ignored."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.CHAT]})

    model: Text = Field(description="“quotewell”.")
    messages: tuple[MessageIn, ...] = Field(
        min_length=1, max_length=1000, description="The last message of the user is the question."
    )
    stream: bool | None = False
    stream_options: StreamOptionsIn | None = None
    n: Literal[1] | None = None

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    def texts(self) -> list[Message]:
        """Raises UsageError for what is no text."""
        return [Message(message.role, _text(message)) for message in self.messages]


def _text(message: MessageIn) -> str:
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    for part in message.content:
        if part.type not in ("text", "refusal"):
            raise UsageError(expected="messages of text", found=f"a part {part.type[:50]!r}", remedy="leave it out")
    return "\n".join(part.text or "" for part in message.content)


@dataclass(slots=True)
class Completion:
    """One completion under way: what its whole form and all its chunks have in common.

    Chunks tell citations as annotations or, with ``sources``, in Open WebUI's own events.
    """

    model: str
    annotations: Annotations
    prompt_words: int
    include_usage: bool = False
    sources: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))
    _text: str = ""
    _cited: int = 0

    def whole(self, text: str, answer: Answer | None) -> Wire:
        citations = answer.citations if answer else ()
        message = {
            "role": "assistant",
            "content": text,
            "refusal": None,
            "annotations": [self._annotation(citation) for citation in citations],
        }
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return self._head("chat.completion") | {"choices": [choice], "usage": self._usage(text)} | extras(answer)

    def begun(self) -> Iterator[bytes]:
        """The role, then the text with its annotations, then the end. A chunk always has ``choices``."""
        yield self._chunk({"role": "assistant", "content": ""})

    def delta(self, text: str, citations: Sequence[Citation]) -> Iterator[bytes]:
        """``index`` says which entry of the list each annotation is: OpenAI's own client joins the lists
        of several chunks by it, and fails without.
        """
        self._text += text
        if self.sources:
            for citation in citations:
                yield self._chunk({}, event={"type": "source", "data": self.annotations.source(citation)})
            yield self._chunk({"content": text})
            return
        marked = [{"index": self._cited + n} | self._annotation(citation) for n, citation in enumerate(citations)]
        self._cited += len(citations)
        yield self._chunk({"content": text} | ({"annotations": marked} if marked else {}))

    def ended(self, answer: Answer | None) -> Iterator[bytes]:
        yield self._chunk({}, "stop", answer)
        if self.include_usage:
            yield event(self._head("chat.completion.chunk") | {"choices": [], "usage": self._usage(self._text)})
        yield DONE

    def failed(self, error: Wire) -> bytes:
        return event(error)

    def _chunk(self, delta: Wire, finish: str | None = None, answer: Answer | None = None, **more: Wire) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        usage: Wire = {"usage": None} if self.include_usage else {}
        return event(self._head("chat.completion.chunk") | {"choices": [choice]} | usage | more | extras(answer))

    def _usage(self, text: str) -> Wire:
        told = len(text.split())
        return {
            "prompt_tokens": self.prompt_words,
            "completion_tokens": told,
            "total_tokens": self.prompt_words + told,
        }

    def _head(self, kind: str) -> Wire:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _annotation(self, citation: Citation) -> Wire:
        return {"type": "url_citation", "url_citation": self.annotations.of(citation)}
