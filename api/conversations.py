"""A conversation in OpenAI's formats: what is asked, of which model, and what needs no article. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from api.html import web_url
from api.wire import MAX_HISTORY_CHARS, MAX_TURNS, dumps
from rag.conversation import small_talk
from rag.errors import NotFound, UsageError
from rag.types import Answer, Citation, Library, Turn
from rag.wire import Wire, answer_out, permalink

MODEL = "quotewell"
FOOTNOTES = "+footnotes"
_TASK = "### Task:"
_TASK_KEY = re.compile(r'"(title|tags|follow_ups|queries)"')
_TITLE_WORDS = 6
_TITLES = 5
_EXTRAS = ("status", "short", "confidence", "model", "citations", "passages")


class ModelNotFound(NotFound):
    code = "model_not_found"


class Named(NamedTuple):
    """A model by its id: which language model words its answers, if any, and whether they have footnotes."""

    id: str
    wording: str | None
    footnotes: bool


def offered(models: Sequence[str]) -> list[Named]:
    """``quotewell``, ``quotewell/provider:model`` for each language model, and each again with footnotes."""
    plain = [(MODEL, None), *((f"{MODEL}/{name}", name) for name in models)]
    return [Named(f"{name}{end}", wording, bool(end)) for end in ("", FOOTNOTES) for name, wording in plain]


def named(model: str, models: Sequence[str]) -> Named:
    """Raises ModelNotFound."""
    for one in offered(models):
        if one.id == model:
            return one
    raise ModelNotFound(expected=f"a model such as {MODEL}", found=repr(model[:100]), remedy="see GET /v1/models")


class Message(NamedTuple):
    """One message of a conversation, in whichever format it came."""

    role: str
    text: str


def conversation(messages: Sequence[Message]) -> tuple[str, list[Turn]]:
    """The question, and the turns before it: the last ones, as many as the limits of a history let in.

    Raises UsageError where there is no question in text.
    """
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


def small_answer(text: str, library: Library) -> str | None:
    """The reply to a greeting, to thanks, or to "what can I ask you?"; None where ``text`` is a question."""
    kind = small_talk(text)
    if kind is None:
        return None
    if kind == "thanks":
        return "You are welcome."
    articles = library.stats().articles
    titles = "; ".join(
        f"“{article.title}”" for article in library.articles(limit=_TITLES, latest=True) if article.title
    )
    about = (
        f"Ask me about what is in {articles} articles, such as {titles}." if titles else "There are no articles yet."
    )
    return f"{'Hello. ' if kind == 'greeting' else ''}{about}"


@dataclass(frozen=True, slots=True)
class Annotations:
    """Citations as OpenAI's annotations: an article without an address of its own is cited by its permalink here."""

    base_url: str

    def of(self, citation: Citation) -> Wire:
        return {
            "start_index": citation.answer_span.start,
            "end_index": citation.answer_span.end,
            "title": citation.title,
            "url": web_url(citation.url) or self._ours(citation),
        }

    def source(self, citation: Citation) -> Wire:
        """As Open WebUI shows a source: the quote under its title, and where it stands here; one for each citation.

        A source whose metadata name an address as such has that for its headline, so they name the path alone.
        """
        path = _path(citation)
        named = {"name": citation.title or citation.article_id, "url": self._ours(citation)}
        return {
            "source": {"id": path, **named},
            "document": [citation.quote],
            "metadata": [{"source": path, **named}],
        }

    def _ours(self, citation: Citation) -> str:
        return self.base_url.rstrip("/") + _path(citation)


def _path(citation: Citation) -> str:
    return permalink(citation.article_id, citation.revision, citation.span.start, citation.span.end)


def extras(answer: Answer | None) -> Wire:
    """What OpenAI's formats have no place for, under a name of our own."""
    if answer is None:
        return {}
    told: Mapping[str, object] = answer_out(answer)
    return {
        "x_quotewell": {key: told[key] for key in ("status", "short", "confidence", "model", "citations", "passages")}
    }


def count_words(messages: Sequence[Message]) -> int:
    """Words in all messages: what is called tokens here."""
    return sum(len(message.text.split()) for message in messages)
