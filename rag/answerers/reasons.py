"""Why-questions: a sentence that tells what happened needs the one beside it that tells why."""

from __future__ import annotations

import re

from rag.chunks import sentences
from rag.types import Passage, Span

_ASKED = re.compile(
    r"\bwhy\b|\bhow come\b|\bfor what reason\b|\bwhat (?:was|is|were|are) the (?:reason|cause)s?\b", re.I
)
_TOLD = re.compile(
    r"""(?x)\b(?:because|since|due\ to|owing\ to|thanks\ to|so\ that|in\ order\ to|as\ a\ result\ of|on\ account\ of
    |reasons?|caused?|causes|causing|motivat\w+|blam\w+|attribut\w+|arguing\ that|argued\ that|fear\w*|worr\w+|after
    |when|by|in\ case|to\ (?:avoid|prevent|protect|allow|make|help|save|ensure|keep|give|get|stop))\b""",
    re.I,
)
_POINTS_BACK = re.compile(
    r"\b(?:therefore|thus|hence|consequently|as a result|for (?:this|that) reason|that is why|accordingly)\b|^so\b",
    re.I,
)


def asks_why(question: str) -> bool:
    return _ASKED.search(question) is not None


def tells_why(text: str) -> bool:
    """Whether the text gives a reason itself, by its words."""
    return _TOLD.search(text) is not None and not _POINTS_BACK.search(text)


def with_reason(told: tuple[Span, ...], passage: Passage) -> tuple[Span, ...]:
    """The sentences ``told`` (spans of the article) of a why-answer, and where they give no reason a neighbour.

    That is the sentence before where they point back ("therefore"), or where nothing follows in their paragraph; else
    the one after.
    """
    start, text = passage.chunk.span.start, passage.chunk.text
    spans = [Span(start + s.start, start + s.end) for s in sentences(text)]
    if not told or told[0] not in spans or told[-1] not in spans:
        return told
    whole = text[told[0].start - start : told[-1].end - start]
    if tells_why(whole):
        return told
    first, last = spans.index(told[0]), spans.index(told[-1])
    follows = last + 1 < len(spans) and "\n" not in text[spans[last].end - start : spans[last + 1].start - start]
    if follows and not _POINTS_BACK.search(whole):
        return (*told, spans[last + 1])
    return (spans[first - 1], *told) if first else told
