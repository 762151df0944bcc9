"""OpenAI's Responses format: what is asked for, and how an answer is told. Pure.

The text is the answer's and nothing else; annotations point into it, half-open and in code points. Nothing is kept:
the conversation comes with the request.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api import examples
from api.conversations import Annotations, Message, extras
from api.events import event
from api.wire import Text
from rag.errors import UsageError
from rag.types import Answer, Citation
from rag.wire import Wire


class PartIn(BaseModel):
    """A part of a message. Only text can be read."""

    type: Text
    text: Text | None = None


class ItemIn(BaseModel):
    """A message; items of other types (calls, reasoning) are passed over."""

    type: Text = "message"
    role: Text | None = None
    content: Text | tuple[PartIn, ...] | None = None


class ResponsesIn(BaseModel):
    """A conversation. Fields of OpenAI's that are not here are ignored."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.RESPONSES]})

    model: Text = Field(description="“quotewell”.")
    input: Text | tuple[ItemIn, ...] = Field(description="The question, or messages of which the last user's is it.")
    stream: bool | None = False
    previous_response_id: Text | None = Field(None, description="Not kept: send the conversation as input.")

    def messages(self) -> list[Message]:
        """Raises UsageError for what needs a memory, or is no text."""
        if self.previous_response_id:
            raise UsageError(
                expected="the whole conversation in input", found="previous_response_id", remedy="nothing is kept here"
            )
        if isinstance(self.input, str):
            return [Message("user", self.input)]
        return [Message(item.role or "", _text(item)) for item in self.input if item.type == "message"]


def _text(item: ItemIn) -> str:
    if item.content is None or isinstance(item.content, str):
        return item.content or ""
    for part in item.content:
        if part.type not in ("input_text", "output_text", "text", "refusal"):
            raise UsageError(expected="messages of text", found=f"a part {part.type[:50]!r}", remedy="leave it out")
    return "\n".join(part.text or "" for part in item.content)


@dataclass(slots=True)
class ResponseTold:
    """One response under way; its events are numbered as they are made."""

    model: str
    annotations: Annotations
    prompt_words: int
    id: str = field(default_factory=lambda: f"resp_{uuid.uuid4().hex}")
    item: str = field(default_factory=lambda: f"msg_{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))
    _number: int = 0
    _text: str = ""
    _cited: list[Wire] = field(default_factory=list)

    def whole(self, text: str, answer: Answer | None) -> Wire:
        cited = [self._annotation(citation) for citation in answer.citations] if answer else []
        return self._response("completed", [self._message(text, cited)], text) | extras(answer)

    def begun(self) -> Iterator[bytes]:
        empty = self._response("in_progress", [], "")
        yield self._event("response.created", response=empty)
        yield self._event("response.in_progress", response=empty)
        item = {"id": self.item, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        yield self._event("response.output_item.added", output_index=0, item=item)
        yield self._part("response.content_part.added", part=_part("", []))

    def delta(self, text: str, citations: Sequence[Citation]) -> Iterator[bytes]:
        self._text += text
        yield self._part("response.output_text.delta", delta=text, logprobs=[])
        for citation in citations:
            annotation = self._annotation(citation)
            place = {"annotation_index": len(self._cited), "annotation": annotation}
            yield self._part("response.output_text.annotation.added", **place)
            self._cited.append(annotation)

    def ended(self, answer: Answer | None) -> Iterator[bytes]:
        yield self._part("response.output_text.done", text=self._text, logprobs=[])
        yield self._part("response.content_part.done", part=_part(self._text, self._cited))
        message = self._message(self._text, self._cited)
        yield self._event("response.output_item.done", output_index=0, item=message)
        yield self._event("response.completed", response=self.whole(self._text, answer) | {"output": [message]})

    def failed(self, error: Wire) -> bytes:
        """The error in OpenAI's shape, and again where the event's own fields are."""
        inner = error["error"]
        return self._event("error", code=inner["code"], message=inner["message"], param=inner["param"], error=inner)

    def _event(self, kind: str, **fields: Any) -> bytes:
        """Each event is named by its type."""
        self._number += 1
        return event({"type": kind, "sequence_number": self._number - 1, **fields}, kind)

    def _part(self, kind: str, **fields: Any) -> bytes:
        return self._event(kind, item_id=self.item, output_index=0, content_index=0, **fields)

    def _annotation(self, citation: Citation) -> Wire:
        return {"type": "url_citation", **self.annotations.of(citation)}

    def _message(self, text: str, cited: list[Wire]) -> Wire:
        content = [_part(text, cited)]
        return {"id": self.item, "type": "message", "role": "assistant", "status": "completed", "content": content}

    def _response(self, status: Literal["in_progress", "completed"], output: list[Wire], text: str) -> Wire:
        told = len(text.split())
        usage = {
            "input_tokens": self.prompt_words,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": told,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self.prompt_words + told,
        }
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "model": self.model,
            "output": output,
            "usage": usage if status == "completed" else None,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "parallel_tool_calls": False,
            "temperature": None,
            "tool_choice": "none",
            "tools": [],
            "top_p": None,
        }


def _part(text: str, cited: list[Wire]) -> Wire:
    return {"type": "output_text", "text": text, "annotations": list(cited), "logprobs": []}
