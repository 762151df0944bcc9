"""Chat completions in OpenAI's format: what is asked for, and how an answer is told. Pure.

``content`` is the answer's text and nothing else. ``annotations`` point into it, half-open and in
code points; ``x_quotewell`` has the whole citations. Tokens are counted as words between blanks.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from api import examples
from api.html import web_url
from api.wire import MAX_HISTORY_CHARS, MAX_TURNS, Text, dumps
from rag.conversation import small_talk
from rag.errors import NotFound, UsageError
from rag.types import Answer, Citation, Library, Turn
from rag.wire import Wire, answer_out, permalink

MODEL = "quotewell"
_TASK = "### Task:"
_TASK_KEY = re.compile(r'"(title|tags|follow_ups|queries)"')
_TITLE_WORDS = 6


class ModelNotFound(NotFound):
    code = "model_not_found"


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


class Message(NamedTuple):
    """One message of a conversation, in whichever format it came."""

    role: str
    text: str


def conversation(model: str, messages: Sequence[Message]) -> tuple[str, list[Turn]]:
    """The question, and the turns before it: the last ones, as many as the limits of a history let in.

    Raises ModelNotFound, or UsageError where there is no question in text.
    """
    if model != MODEL:
        raise ModelNotFound(expected=f"the model {MODEL}", found=repr(model[:100]), remedy="see GET /v1/models")
    asked = [n for n, message in enumerate(messages) if message.role == "user"]
    if not asked:
        raise UsageError(expected="a message of the user", found="none", remedy="send one with role user")
    question = messages[asked[-1]].text.strip()
    if not question:
        raise UsageError(expected="a question in the last message of the user", found="none", remedy="ask one")
    turns: list[Turn] = []
    left = MAX_HISTORY_CHARS
    for role, text in reversed(messages[: asked[-1]]):
        if role not in ("user", "assistant"):
            continue
        left -= len(text)
        if left < 0 or len(turns) == MAX_TURNS:
            break
        turns.insert(0, Turn("user" if role == "user" else "assistant", text))
    return question, turns


def _text(message: MessageIn) -> str:
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    for part in message.content:
        if part.type not in ("text", "refusal"):
            raise UsageError(expected="messages of text", found=f"a part {part.type[:50]!r}", remedy="leave it out")
    return "\n".join(part.text or "" for part in message.content)


def task_answer(prompt: str) -> str | None:
    """The answer to a chore that Open WebUI gives to models, or None where ``prompt`` is a question.

    A chore is not about the articles, so nothing is retrieved: a title is the conversation's first
    words, and there are no tags, follow-ups or search queries.
    """
    if not prompt.startswith(_TASK):
        return None
    instructions, _, chat = prompt.partition("<chat_history>")
    match = _TASK_KEY.search(instructions)
    if match is None:
        return "Quotewell only answers questions about its articles."
    if match[1] != "title":
        return dumps({match[1]: []})
    asked = re.search(r"^\s*USER:\s*(.+)$", chat, re.MULTILINE)
    words = asked[1].split() if asked else ["Question"]
    return dumps({"title": " ".join(words[:_TITLE_WORDS])[:80].rstrip("?!., ")})


_TITLES = 5


def small_answer(text: str, library: Library) -> str | None:
    """The reply to a greeting, to thanks, or to "what can I ask you?"; None where ``text`` is a question."""
    kind = small_talk(text)
    if kind is None:
        return None
    if kind == "thanks":
        return "You are welcome."
    articles = library.stats().articles
    titles = "; ".join(f"“{article.title}”" for article in library.articles(limit=_TITLES) if article.title)
    about = (
        f"Ask me about what is in {articles} articles, such as {titles}." if titles else "There are no articles yet."
    )
    return f"{'Hello. ' if kind == 'greeting' else ''}{about}"


@dataclass(frozen=True, slots=True)
class Completion:
    """One completion under way: what its whole form and all its chunks have in common."""

    annotations: Annotations
    prompt_words: int
    include_usage: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, text: str, answer: Answer | None) -> Wire:
        citations = answer.citations if answer else ()
        message = {
            "role": "assistant",
            "content": text,
            "refusal": None,
            "annotations": [self._annotation(citation) for citation in citations],
        }
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        head = self._head("chat.completion") | {"choices": [choice], "usage": self.usage(text)}
        return head | extras(answer)

    def chunk(self, delta: Wire, finish: str | None = None, answer: Answer | None = None) -> Wire:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        usage: Wire = {"usage": None} if self.include_usage else {}
        return self._head("chat.completion.chunk") | {"choices": [choice]} | usage | extras(answer)

    def usage_chunk(self, text: str) -> Wire:
        return self._head("chat.completion.chunk") | {"choices": [], "usage": self.usage(text)}

    def text_delta(self, text: str, citations: Sequence[Citation] = (), seen: int = 0) -> Wire:
        """A delta. ``index`` says which entry of the list each annotation is: OpenAI's own client
        joins the lists of several chunks by it, and fails without.
        """
        marked = [{"index": seen + n} | self._annotation(citation) for n, citation in enumerate(citations)]
        return {"content": text} | ({"annotations": marked} if marked else {})

    def usage(self, text: str) -> Wire:
        told = len(text.split())
        return {
            "prompt_tokens": self.prompt_words,
            "completion_tokens": told,
            "total_tokens": self.prompt_words + told,
        }

    def _head(self, kind: str) -> Wire:
        return {"id": self.id, "object": kind, "created": self.created, "model": MODEL}

    def _annotation(self, citation: Citation) -> Wire:
        return {"type": "url_citation", "url_citation": self.annotations.of(citation)}


@dataclass(frozen=True, slots=True)
class Annotations:
    """Citations as OpenAI's annotations: an article without an address of its own is cited by its permalink here."""

    base_url: str

    def of(self, citation: Citation) -> Wire:
        span = citation.span
        ours = permalink(citation.article_id, citation.revision, span.start, span.end)
        return {
            "start_index": citation.answer_span.start,
            "end_index": citation.answer_span.end,
            "title": citation.title,
            "url": web_url(citation.url) or self.base_url.rstrip("/") + ours,
        }


def extras(answer: Answer | None) -> Wire:
    """What OpenAI's formats have no place for, under a name of our own."""
    if answer is None:
        return {}
    told: Mapping[str, object] = answer_out(answer)
    return {"x_quotewell": {key: told[key] for key in ("status", "short", "confidence", "citations", "passages")}}


def count_words(messages: Sequence[Message]) -> int:
    """Words in all messages: what is called tokens here."""
    return sum(len(message.text.split()) for message in messages)
