"""Corrections: an article that repeats what another said wrongly, to say what is right. Pure."""

from __future__ import annotations

import re

from rag.chunks import sentences
from rag.types import Span

_SAID = r"(?:said|stated|reported|gave|listed|named|identified|described|referred|put|claimed|wrote)"
_WRONGLY = re.compile(
    rf"\b(?:misstated|misidentified|misreported|(?:incorrectly|erroneously|mistakenly|wrongly)\s+{_SAID}"
    rf"|{_SAID}\s+(?:incorrectly|erroneously|mistakenly|wrongly))\b",
    re.I,
)
_WRONG = re.compile(r"\b(?:wrong|incorrect|inaccurate|mistakes?|errors?)\b", re.I)
_REPEATS = re.compile(
    rf"^(?:it|that|this|they|the\s+(?:article|report|story|piece|column|text))\s+(?:had\s+)?{_SAID}\b", re.I
)
_RIGHT_HERE = re.compile(r"[;:]\s*(?:it|he|she|they|there)\b|,\s+not\s", re.I)  # it corrects itself
_ASKED = re.compile(
    r"\b(?:wrong\w*|incorrect\w*|mistak\w*|errors?|erroneous\w*|correct\w*|mis(?:stat|identif|report)\w*)\b", re.I
)


def asks_for_an_error(question: str) -> bool:
    return _ASKED.search(question) is not None


def repeated(text: str) -> dict[Span, Span | None]:
    """Sentences of ``text`` that repeat what was said wrongly, each with the next, which sets it right, if any."""
    spans = sentences(text)
    found: dict[Span, Span | None] = {}
    for n, span in enumerate(spans):
        own = span.of(text)
        announced = n > 0 and _WRONG.search(spans[n - 1].of(text)) and _REPEATS.match(own)
        if (announced or _WRONGLY.search(own)) and not _RIGHT_HERE.search(own):
            found[span] = spans[n + 1] if n + 1 < len(spans) else None
    return found
