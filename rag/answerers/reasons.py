"""Why-questions: a sentence that tells what happened needs the one beside it that tells why."""

from __future__ import annotations

import re

from rag.chunks import sentences
from rag.types import Passage, Span
from rag.words import content_words, stems

_ASKED = re.compile(
    r"\bwhy\b|\bhow come\b|\bfor what reason\b|\bwhat (?:was|is|were|are) the (?:reason|cause)s?\b", re.I
)
_TOLD = re.compile(
    r"""(?x)\b(?:because|since|due\ to|owing\ to|thanks\ to|so\ that|in\ order\ to|as\ a\ result\ of|on\ account\ of
    |reasons?|caused?|causes|causing|motivat\w+|blam\w+|attribut\w+|arguing\ that|argued\ that|fear\w*|worr\w+|after
    |when|by|in\ case|,\ so|to\ (?:avoid|prevent|protect|allow|make|help|save|ensure|keep|give|get|stop))\b""",
    re.I,
)
_POINTS_BACK = re.compile(
    r"\b(?:therefore|thus|hence|consequently|as a result|for (?:this|that) reason|that is why|accordingly)\b|^so\b",
    re.I,
)
_BECAUSE = re.compile(
    r"\b(?:because|due to|owing to|thanks to|as a result of|so that|in order to|on account of)\b", re.I
)
_NEW = 3  # words of a sentence that the question and the headline have not, for it to say nothing new


def asks_why(question: str) -> bool:
    return _ASKED.search(question) is not None


def tells_why(text: str) -> bool:
    """Whether the text gives a reason itself, by its words."""
    return _TOLD.search(text) is not None and not _POINTS_BACK.search(text)


def with_reason(question: str, told: tuple[Span, ...], passage: Passage) -> tuple[Span, ...]:
    """The sentences ``told`` (spans of the article) of a why-answer, and where they give no reason a neighbour.

    That is the sentence before where they point back ("therefore") or end a paragraph and say again what was asked;
    else the one after. What only says again what was asked is left out where the reason follows it.
    """
    start, text = passage.chunk.span.start, passage.chunk.text
    spans = [Span(start + s.start, start + s.end) for s in sentences(text)]
    if not told or told[0] not in spans or told[-1] not in spans:
        return told
    whole = text[told[0].start - start : told[-1].end - start]
    first, last = spans.index(told[0]), spans.index(told[-1])
    known = set(stems(content_words(f"{question} {passage.chunk.title}")))
    if not tells_why(whole):
        follows = last + 1 < len(spans) and "\n" not in text[spans[last].end - start : spans[last + 1].start - start]
        back = _POINTS_BACK.search(whole) or (not follows and _says_again(whole, known))
        if back:
            return (spans[first - 1], *told) if first else told
        told = (*told, spans[last + 1]) if follows else told
    while len(told) > 1:
        leading = text[told[0].start - start : told[0].end - start]
        if _BECAUSE.search(leading) or not _says_again(leading, known):
            break
        told = told[1:]
    return told


def _says_again(sentence: str, known: set[str]) -> bool:
    """Whether hardly a word of the sentence is not ``known``, by stem."""
    own = set(stems(content_words(sentence)))
    return len(own - known) <= min(_NEW, len(own) // 2)
