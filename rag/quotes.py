"""Where a quote stands in a text, character for character or but for typography. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from rag.types import Span

_SAME = {
    **dict.fromkeys("‘’‚‛′`´ʼ＇", "'"),
    **dict.fromkeys("“”„‟″«»＂", '"'),
    **dict.fromkeys("‐‑‒–—―−－", "-"),
    "…": "...",
    "\u00ad": "",  # soft hyphen
    "\u200b": "",
    "\u200c": "",
    "\u200d": "",
    "\u2060": "",
    "\ufeff": "",
}


class Located(NamedTuple):
    """``exact``: the text's own characters; ``normalized``: they differ in quotes, dashes, spaces or ligatures only."""

    span: Span
    status: Literal["exact", "normalized"]


def locate(quote: str, text: str, near: int = 0) -> Located | None:
    """The place of ``quote`` in ``text`` that begins closest to ``near``; None where it does not stand there."""
    if not quote.strip():
        return None
    exact = _closest(list(_places(quote, text)), near)
    if exact is not None:
        return Located(Span(exact, exact + len(quote)), "exact")
    plain, starts = _plain(text)
    wanted = _plain(quote)[0].strip()
    spans = [
        (starts[at], starts[at + len(wanted) - 1] + 1)
        for at in (_places(wanted, plain) if wanted else ())
        if _whole_characters(starts, at, at + len(wanted))
    ]
    best = _closest([start for start, _ in spans], near)
    return None if best is None else Located(Span(*next(span for span in spans if span[0] == best)), "normalized")


def _places(quote: str, text: str) -> Iterator[int]:
    at = text.find(quote)
    while at >= 0:
        yield at
        at = text.find(quote, at + 1)


def _closest(places: list[int], near: int) -> int | None:
    return min(places, key=lambda place: (abs(place - near), place), default=None)


def _whole_characters(starts: tuple[int, ...], first: int, end: int) -> bool:
    """Whether a match begins and ends at characters of the text, not inside one that stands for several."""
    begins = first == 0 or starts[first - 1] != starts[first]
    return begins and (end == len(starts) or starts[end] != starts[end - 1])


@lru_cache(maxsize=64)
def _plain(text: str) -> tuple[str, tuple[int, ...]]:
    """The text with plain quotes, dashes and single spaces, and of each of its characters where it comes from."""
    made: list[str] = []
    starts: list[int] = []
    for place, char in enumerate(text):
        for one in _SAME.get(char, char if char.isascii() else unicodedata.normalize("NFKC", char)):
            one = " " if one.isspace() else one
            if one == " " and made and made[-1] == " ":
                continue
            made.append(one)
            starts.append(place)
    return "".join(made), tuple(starts)
