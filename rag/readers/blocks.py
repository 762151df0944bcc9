"""A page's tree → its blocks of text, each character with its place in the raw page."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rag.readers.offsets import Edit, Run, apply, carry, moved

# What a reader of the page does not read as its text.
_SKIPPED = frozenset(
    "head script style noscript template iframe object embed svg canvas audio video map select option datalist button "
    "textarea title dialog annotation annotation-xml noembed noframes xmp plaintext".split()
)
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dir div dl dt fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre search section summary table tbody "
    "tfoot thead tr ul".split()
)
_ZONES = frozenset("article main nav header footer aside form".split())
_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\f\r]+")
_SPECIAL = re.compile(r"[&<\r\x00]")
_REFERENCE = re.compile(r"&(?:#[xX][0-9a-fA-F]{1,12}|#[0-9]{1,12}|[A-Za-z][A-Za-z0-9]{0,40});?")

Zones = frozenset[str]
_Piece = tuple[str, int | None]  # a text node's characters, and where its first one is in the raw page


class Node(Protocol):
    """What is used of a node of justhtml's tree."""

    @property
    def name(self) -> str: ...
    @property
    def data(self) -> str | None: ...
    @property
    def attrs(self) -> Mapping[str, str | None] | None: ...
    @property
    def children(self) -> Sequence[Node] | None: ...
    @property
    def origin_offset(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a heading, a list item, a table row: ``runs`` are over ``text``; ``zones`` are the elements around
    it that say what it is for; ``parts`` are the stretches of text between its inline tags.
    """

    text: str
    runs: tuple[Run, ...]
    zones: Zones
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Stop:
    """In the place of a text node: a new block (with its zones), a new line in the block, or a gap between cells."""

    kind: str
    zones: Zones = frozenset()


def read_blocks(root: Node, raw: str) -> list[Block]:
    """The blocks of a page that was parsed with ``track_node_locations=True``, in order; empty ones are left out."""
    blocks: list[Block] = []
    lines: list[tuple[list[_Piece], bool]] = [([], False)]
    zones: Zones = frozenset()
    for event in _events(root):
        if isinstance(event, tuple):
            pieces, pre = lines[-1]
            pieces.append(event[0])
            lines[-1] = (pieces, pre or event[1])
        elif event.kind == "line":
            lines.append(([], False))
        elif event.kind == "gap":
            lines[-1][0].append((" ", None))
        else:
            blocks += _block(lines, raw, zones)
            lines, zones = [([], False)], event.zones
    return blocks + _block(lines, raw, zones)


def _events(root: Node) -> Iterator[tuple[_Piece, bool] | _Stop]:
    """Text nodes and what parts them, without recursion: a hostile page nests 100,000 deep."""
    none: Zones = frozenset()
    stack: list[tuple[Node | _Stop, Zones, bool]] = [(root, none, False)]
    while stack:
        node, zones, pre = stack.pop()
        if isinstance(node, _Stop):
            yield node
            continue
        name = node.name
        if name == "#text":
            yield (node.data or "", node.origin_offset), pre
            continue
        if name in _SKIPPED or _is_hidden(node):
            continue
        if name == "br":
            yield _Stop("line")
        inner = _zones(node, name, zones)
        if name in _BLOCKS:
            yield _Stop("block", inner)
            stack.append((_Stop("block", zones), zones, pre))
        elif name in ("td", "th"):
            yield _Stop("gap")
        pre = pre or name == "pre"
        stack += ((child, inner, pre) for child in reversed(node.children or ()))


def _zones(node: Node, name: str, zones: Zones) -> Zones:
    role = (node.attrs or {}).get("role")
    zone = {"main": "main", "navigation": "nav", "article": "article"}.get(role or "", name)
    return zones | {zone} if zone in _ZONES and zone not in zones else zones


def _is_hidden(node: Node) -> bool:
    """Text that a page hides from its readers is no article; it may be written for machines like us."""
    attrs = node.attrs or {}
    return "hidden" in attrs or _HIDDEN.search(attrs.get("style") or "") is not None


def _block(lines: list[tuple[list[_Piece], bool]], raw: str, zones: Zones) -> list[Block]:
    """One block or, where there is no text, none."""
    text, runs = "", list[Run]()
    for number, (pieces, pre) in enumerate(lines):
        line, found = _line(pieces, raw, pre)
        text += "\n" if number else ""
        runs += moved(found, len(text))
        text += line
    if not text.strip():
        return []
    parts = tuple(data for pieces, _ in lines for data, _ in pieces)
    return [Block(text, tuple(runs), zones, parts)]


def _line(pieces: list[_Piece], raw: str, pre: bool) -> tuple[str, list[Run]]:
    text = "".join(data for data, _ in pieces)
    runs: list[Run] = []
    at = 0
    for data, origin in pieces:
        if origin is not None:
            runs += moved(locate(data, raw, origin), at)
        at += len(data)
    edits = [] if pre else _collapse(text)
    return apply(text, edits), carry(runs, edits)


def _collapse(text: str) -> list[Edit]:
    """White space as a browser shows it: one space, none at the ends."""
    edits: list[Edit] = []
    for match in _SPACE.finditer(text):
        start, end = match.span()
        new = "" if start == 0 or end == len(text) else " "
        if match[0] != new:
            edits.append((start, end, new))
    return edits


def locate(data: str, raw: str, at: int) -> list[Run]:
    """Which characters of a text node are those of the raw page from ``at`` on. What an entity or a line ending made
    belongs to no run; where the two part for a reason not understood, the rest belongs to none either.
    """
    runs: list[Run] = []
    i = 0
    if data[:1] != raw[at : at + 1] == "\n":  # the line end right after <pre> is no part of its text
        at += 1
    while i < len(data):
        match = _SPECIAL.search(raw, at, at + len(data) - i)
        length = min((match.start() if match else len(raw)) - at, len(data) - i)
        if length > 0:
            if data[i : i + length] != raw[at : at + length]:
                break
            runs.append((i, at, length))
            i, at = i + length, at + length
        if match is None:
            break
        step = _special(data, i, raw, at)
        if step is None:
            break
        taken, passed, exact = step
        if exact:
            runs.append((i, at, taken))
        i, at = i + taken, at + passed
    return runs


def _special(data: str, i: int, raw: str, at: int) -> tuple[int, int, bool] | None:
    """Characters of ``data`` and of ``raw`` that belong together, and whether they are the same; None for not known."""
    char = raw[at]
    if char == "\r":
        return (1, 2 if raw[at + 1 : at + 2] == "\n" else 1, False) if data[i] == "\n" else None
    if char == "\x00":
        return (1, 1, False) if data[i] == "\ufffd" else (0, 1, False)
    if char == "&":
        reference = _REFERENCE.match(raw, at)
        meaning = html.unescape(reference[0]) if reference else "&"
        if reference and meaning != reference[0]:
            return (len(meaning), len(reference[0]), False) if meaning and data.startswith(meaning, i) else None
        return (1, 1, True) if data[i] == "&" else None
    following = raw[at + 1 : at + 2]  # "a < b" is text; what could be a tag ends what is known
    return (1, 1, True) if data[i] == "<" and not (following.isalpha() or following in ("/", "!", "?")) else None
