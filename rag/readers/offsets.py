"""Where each character of a text came from, kept true while the text is edited. Pure.

A run ``(start, origin, length)`` says that ``text[start:start + length]`` is, character for character,
``raw[origin:origin + length]``. An edit ``(start, end, new)`` puts ``new`` in the place of ``text[start:end]``.
Lists of either are sorted and do not overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Run = tuple[int, int, int]
Edit = tuple[int, int, str]


def apply(text: str, edits: Iterable[Edit]) -> str:
    """``text`` with every edit made."""
    parts: list[str] = []
    at = 0
    for start, end, new in edits:
        parts += (text[at:start], new)
        at = end
    return "".join(parts) + text[at:] if parts else text


def carry(runs: Iterable[Run], edits: Sequence[Edit]) -> list[Run]:
    """The runs after ``edits``: what an edit replaced belongs to no run, the rest has moved along."""
    out: list[Run] = []
    i = shift = 0
    for start, origin, length in runs:
        at, end = start, start + length
        while i < len(edits) and edits[i][1] <= at:
            shift += _growth(edits[i])
            i += 1
        while i < len(edits) and edits[i][0] < end:
            if edits[i][0] > at:
                out.append((at + shift, origin + at - start, edits[i][0] - at))
            at = edits[i][1]
            if at > end:  # it reaches into the next run, which must see it too
                break
            shift += _growth(edits[i])
            i += 1
        if at < end:
            out.append((at + shift, origin + at - start, end - at))
    return out


def _growth(edit: Edit) -> int:
    return len(edit[2]) - (edit[1] - edit[0])


def moved(runs: Iterable[Run], by: int) -> list[Run]:
    """The same runs in a text that has ``by`` more characters before them."""
    return [(start + by, origin, length) for start, origin, length in runs]


def merged(runs: Iterable[Run]) -> list[Run]:
    """The same runs with neighbours that touch in the text and in the origin made one."""
    out: list[Run] = []
    for start, origin, length in runs:
        if out and out[-1][0] + out[-1][2] == start and out[-1][1] + out[-1][2] == origin:
            out[-1] = (out[-1][0], out[-1][1], out[-1][2] + length)
        else:
            out.append((start, origin, length))
    return out
