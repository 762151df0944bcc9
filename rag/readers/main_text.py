"""Which blocks of a page are its article. trafilatura decides, the text stays ours: its own has no places."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable, Sequence

import trafilatura

from rag.readers.blocks import Block, Node

logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # it reports what is no fault of ours on stderr
logging.getLogger("htmldate").setLevel(logging.CRITICAL)

_APART = frozenset(("nav", "footer", "aside"))
_SHORT = 25  # squeezed characters under which a block must be a whole line of the article: "News" is in every one
_MOST = 0.7
_MAX_ELEMENTS, _MAX_ATTRIBUTES = 40_000, 200
_SCAN_BUDGET = 500_000_000  # characters searched in one page before only whole lines count


def choose(blocks: Sequence[Block], root: Node, raw: str) -> list[Block]:
    """The blocks that trafilatura has in its main text; where those are few, the blocks of ``<article>``, ``<main>`` or
    ``<body>`` that are in no navigation, header, footer, aside or form; where there are none, all blocks.
    """
    wanted = _Wanted(_main_text(raw) if _is_modest(root) else "")
    kept = [block for block in blocks if not block.zones & _APART and wanted.has(block)]
    if kept and 2 * sum(len(squeeze(block.text)) for block in kept) >= wanted.size:
        return kept
    plain = _APART | {"header", "form"}
    ways: tuple[Callable[[Block], bool], ...] = (
        lambda block: "article" in block.zones and not block.zones & plain,
        lambda block: "main" in block.zones and not block.zones & plain,
        lambda block: not block.zones & plain,
    )
    for is_main in ways:
        if found := [block for block in blocks if is_main(block)]:
            return found
    return list(blocks)


def _is_modest(root: Node) -> bool:
    """Whether trafilatura may see the page: it takes minutes for 500,000 line breaks or attributes."""
    elements, stack = 0, [root]
    while stack and elements < _MAX_ELEMENTS:
        node = stack.pop()
        if node.name == "#text":
            continue
        if len(node.attrs or ()) > _MAX_ATTRIBUTES:
            return False
        elements += 1
        stack += node.children or ()
    return not stack


def _main_text(raw: str) -> str:
    """trafilatura's text of a page; "" where it finds none or gives up."""
    try:
        return trafilatura.extract(raw, output_format="txt", include_comments=False, include_tables=True) or ""
    except (RecursionError, ValueError, LookupError, AttributeError, TypeError):
        # A page that breaks its heuristics has no main text for us; the blocks of <article> or <body> stand in.
        return ""


class _Wanted:
    """The main text, squeezed, and questions to it."""

    def __init__(self, text: str) -> None:
        lines = [line for row in text.split("\n") for line in (row, *row.split("|"), row.lstrip(" -"))]
        self._lines = frozenset(map(squeeze, lines)) - {""}
        self._all = squeeze(text)
        self._budget = _SCAN_BUDGET
        self.size = len(self._all)

    def has(self, block: Block) -> bool:
        """Whether the block is a line of the main text or, where it is not short, a part of it for the most part."""
        text = squeeze(block.text)
        if text in self._lines:
            return True
        if len(text) < _SHORT:
            return False
        if self._finds(text):
            return True
        parts = [squeeze(part) for part in block.parts]  # a footnote mark or a button inside may be missing there
        found = sum(len(part) for part in parts if len(part) >= _SHORT and self._finds(part))
        return found >= _MOST * len(text)

    def _finds(self, text: str) -> bool:
        self._budget -= len(self._all)
        return self._budget > 0 and text in self._all


def squeeze(text: str) -> str:
    """``text`` as both sides can be compared: NFC, without white space, table bars and what cannot be seen."""
    squeezed = "".join(unicodedata.normalize("NFC", text).split()).replace("|", "")
    return squeezed if squeezed.isprintable() else "".join(filter(str.isprintable, squeezed))
