"""Raw text → canonical text: the one that is stored, cut into chunks and quoted. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from rag.readers.offsets import Edit, Run, apply, carry

_LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x85]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Names that WordPress and its advertisement plug-ins give their shortcodes. A name that is also a word
# ("[video plays]") counts only with an attribute, so that what an editor put in brackets stays.
_ATTRIBUTES = r"[ \t]+[\w-]+[ \t]*=[^\[\]\n]*"
_SHORTCODE = re.compile(
    rf"\[embed(?:{_ATTRIBUTES})?[ \t]*\][ \t]*https?://[^\s\[\]]+[ \t]*\[/embed\]"
    r"|\[(?:ad_\d{1,3}|gallery|embed|playlist"
    r"|/(?:wp_caption|caption|gallery|embed|playlist|audio|video)"
    rf"|(?:wp_caption|caption|gallery|embed|playlist|audio|video){_ATTRIBUTES})[ \t]*/?\]"
)
_SOURCE_LINK = re.compile(r"[^\S\n]*Source link[ \t]*=?[ \t]*(?:https?://\S+)?")
_LINE_TAIL = re.compile(r"(?<![^\S\n])[^\S\n]++(?=\n|\Z)")  # the look-behind keeps it linear
_BLANK_LINES = re.compile(r"\n{3,}")


def canonical(raw: str) -> str:
    """The canonical text of ``raw``. ``canonical(canonical(x)) == canonical(x)`` for every string. In this order:

    1. CR LF, CR, vertical tab, form feed and NEL become LF.
    2. Every other C0 or C1 control character but the tab, and U+FEFF (the byte order mark), is removed.
    3. A lone surrogate becomes U+FFFD, so that the text has a UTF-8.
    4. Shortcode debris is removed: ``[ad_1]``, ``[caption id=…]``, ``[/caption]``, ``[gallery ids=…]``,
       ``[embed]URL[/embed]`` and their like, by name. Other bracketed text, ``[sic]`` or ``[1]``, stays, and so does
       a shortcode inside another bracket.
    5. Lines at the end that say only ``Source link`` or ``Source link=`` (and a URL) are removed.
    6. White space at the end of each line is removed. Inside a line every space stays as it is.
    7. A run of blank lines becomes one.
    8. White space at the start and the end is removed.

    There is no Unicode normalisation: a quote keeps the very characters of its source.
    """
    for step in _STEPS:
        raw = apply(raw, step(raw))
    return raw


def canonical_runs(raw: str, runs: Iterable[Run]) -> tuple[str, list[Run]]:
    """``canonical(raw)``, and ``runs`` of ``raw`` carried over to it."""
    kept = list(runs)
    for step in _STEPS:
        edits = list(step(raw))
        raw, kept = apply(raw, edits), carry(kept, edits)
    return raw, kept


def one_line(raw: str) -> str:
    """``raw`` cleaned and on one line, its words parted by single spaces: for titles and names."""
    return " ".join(canonical(raw).split())


def _replace(pattern: re.Pattern[str], new: str) -> Callable[[str], Iterator[Edit]]:
    return lambda text: ((m.start(), m.end(), new) for m in pattern.finditer(text))


def _shortcodes(text: str) -> Iterator[Edit]:
    """Inside an open bracket nothing is cut: that could make a shortcode of what was none."""
    before = 0
    for match in _SHORTCODE.finditer(text):
        start, end = match.span()
        closed = max(text.rfind("]", before, start), text.rfind("\n", before, start))
        inside = text.rfind("[", before, start) > closed
        before = end
        if inside:
            continue
        if start == 0 or text[start - 1].isspace():
            while text[end : end + 1] in (" ", "\t"):
                end += 1
        yield start, end, ""


def _source_link(text: str) -> Iterator[Edit]:
    end = cut = len(text)
    while end:
        while end and text[end - 1].isspace():
            end -= 1
        line = text.rfind("\n", 0, end) + 1
        if not _SOURCE_LINK.fullmatch(text, line, end):
            break
        end = cut = line
    if cut < len(text):
        yield cut, len(text), ""


def _edges(text: str) -> Iterator[Edit]:
    body = text.strip()
    start = text.find(body) if body else len(text)
    if start:
        yield 0, start, ""
    if start + len(body) < len(text):
        yield start + len(body), len(text), ""


_STEPS: tuple[Callable[[str], Iterator[Edit]], ...] = (
    _replace(_LINE_END, "\n"),
    _replace(_CONTROL, ""),
    _replace(_SURROGATE, "\ufffd"),
    _shortcodes,
    _source_link,
    _replace(_LINE_TAIL, ""),
    _replace(_BLANK_LINES, "\n\n"),
    _edges,
)
