"""What a language model says the passages say, taken apart and checked. Pure.

A model proposes statements, each with the quote that bears it out. It may word anew what its quote says; it may bring
nothing else that it was given: not another passage's words, not its orders, no link and no markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rag.chunks import sentences
from rag.quotes import locate
from rag.statements import missing, names
from rag.types import Passage, Span, Verification
from rag.words import content_words, stems

MAX_CHARS = 400  # of a statement
_OBJECT = re.compile(r'\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\}', re.DOTALL)
_ACTIVE = re.compile(r"[<>\[\]{}`|*_#\\]|://|\b[\w-]+\.[a-z]{2,}\b", re.I)  # markup, addresses
_FURTHER = re.compile(r"\s*[,;]\s*(?:and|but|while|whereas)\b", re.I)
_THOUGHT = "</think>"  # behind it some models begin to answer
_OWN = 1  # words of a statement that may be the model's own


class Proposed(NamedTuple):
    """A statement as the model gave it, and what it says bears it out: words of the passage of that number."""

    statement: str
    quote: str
    passage: int


@dataclass(frozen=True, slots=True)
class Borne:
    """A statement that holds: ``span``, in code points of the article, is its quote's sentences in ``passage``."""

    text: str
    passage: Passage
    span: Span
    verification: Verification


class Refused(NamedTuple):
    """A statement that does not hold, and why (one line, for the model)."""

    proposed: Proposed
    reason: str


class Objects:
    """Finds the statements in a reply as it comes in, whatever stands around them."""

    def __init__(self) -> None:
        self._text = ""
        self._at = 0
        self._any = False

    @property
    def formless(self) -> bool:
        """Whether something was said, and no statement found in it."""
        return not self._any and bool(self._text.strip())

    def feed(self, text: str) -> Iterator[Proposed]:
        self._text += text
        for match in _OBJECT.finditer(self._text, self._at):
            self._at = match.end()
            proposed = _proposed(match.group())
            if proposed is not None:
                self._any = True
                yield proposed


def plain(reply: str, question: str, quotes: Sequence[str], short: str | None) -> Iterator[Proposed]:
    """The sentences of a reply in no form, each with the quote, or part of one before a further clause, nearest it.

    What knows no form is trusted with less: a sentence says ``short`` (unless that is None), in words of its quote and
    of the question, and names nothing that these two do not.
    """
    parts = [quote[:end] for quote in quotes for end in (*(m.start() for m in _FURTHER.finditer(quote)), len(quote))]
    said = " ".join(reply.rpartition(_THOUGHT)[2].split())
    for span in sentences(said):
        statement = span.of(said)
        has = _stems(statement)
        nearest = max(parts, key=lambda part: (len(has & _stems(part)), -len(part)), default="")
        named = short is None or _stems(" ".join(names(statement))) <= _stems(f"{question} {short}")
        if nearest and _stems(short or "") <= has <= _stems(f"{question} {nearest} because") and named:
            yield Proposed(statement, nearest, 0)


def _proposed(text: str) -> Proposed | None:
    try:
        told = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    statement, quote, passage = told.get("statement"), told.get("quote"), told.get("passage")
    if not isinstance(statement, str) or not isinstance(quote, str):
        return None
    return Proposed(" ".join(statement.split()), quote.strip(), passage if isinstance(passage, int) else 0)


class Check:
    """Checks proposals against ``passages``, numbered from 1, and against all else that the model was given.

    ``is_word`` tells common words of the language from what may be a secret, or a name in small letters.
    """

    def __init__(
        self, question: str, passages: Sequence[Passage], orders: str, *, is_word: Callable[[str], bool]
    ) -> None:
        self._passages = passages
        self._is_word = is_word
        self._asked = _stems(question)
        self._given = _stems(" ".join([orders, *(p.chunk.text for p in passages), *(p.chunk.title for p in passages)]))

    def __call__(self, proposed: Proposed) -> Borne | Refused:
        statement = proposed.statement
        if not statement or len(statement) > MAX_CHARS:
            return Refused(proposed, f"a statement has 1 to {MAX_CHARS} characters")
        if _ACTIVE.search(statement) or not statement.isprintable():
            return Refused(proposed, "a statement is plain text: no links, no addresses, no markup")
        found = self._find(proposed)
        if found is None:
            return Refused(proposed, "its quote does not stand in the passages, word for word")
        passage, span, verification = found
        quote = span.of(passage.chunk.text)
        if lacking := missing(statement, [quote]):
            return Refused(proposed, f"its quote lacks, or turns round: {', '.join(lacking)}")
        whole = _whole(passage.chunk.text, span)
        if "not" in missing(statement, [_under(passage.chunk.text, whole, span)]):
            return Refused(proposed, "it turns round what the sentence of its quote says")
        if foreign := self._foreign(statement, quote, passage.chunk.title):
            return Refused(proposed, f"its quote does not say: {', '.join(foreign)}")
        start = passage.chunk.span.start
        text = statement if statement[-1] in '.!?…”"' else f"{statement}."
        return Borne(text, passage, Span(start + whole.start, start + whole.end), verification)

    def _find(self, proposed: Proposed) -> tuple[Passage, Span, Verification] | None:
        """Where the quote stands: in the passage that the model names, or else in the first that has it."""
        numbered = list(enumerate(self._passages, start=1))
        for _, passage in sorted(numbered, key=lambda one: one[0] != proposed.passage):
            place = locate(proposed.quote, passage.chunk.text)
            if place is not None:
                return passage, place.span, Verification(place.status, 1.0)
        return None

    def _foreign(self, statement: str, quote: str, title: str) -> list[str]:
        """Words taken from elsewhere in what the model was given, or that are no words; all where there are many."""
        known = _stems(quote) | self._asked | _stems(title)
        new = [word for word in dict.fromkeys(content_words(statement)) if stems([word])[0] not in known]
        return new if len(new) > _OWN else [w for w in new if stems([w])[0] in self._given or not self._is_word(w)]


def _whole(text: str, span: Span) -> Span:
    """The sentences that ``span`` touches."""
    touched = [s for s in sentences(text) if s.start < span.end and span.start < s.end]
    return Span(touched[0].start, touched[-1].end) if touched else span


def _under(text: str, whole: Span, quote: Span) -> str:
    """What of the sentences may turn the quote round: all but a clause behind it that says a further thing."""
    behind = text[quote.end : whole.end]
    return text[whole.start : quote.end] + ("" if _FURTHER.match(behind) else behind)


def _stems(text: str) -> frozenset[str]:
    return frozenset(stems(content_words(text)))


def told(refused: Sequence[Refused]) -> list[Mapping[str, object]]:
    """What the model is told of the statements that do not hold."""
    return [{**one.proposed._asdict(), "wrong": one.reason} for one in refused]
