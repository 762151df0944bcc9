"""A web page → Article, every character of whose text can be found again in the page."""

from __future__ import annotations

import re
from collections.abc import Iterable

from justhtml import JustHTML

from rag.readers.blocks import Block, read_blocks
from rag.readers.clean import canonical_runs
from rag.readers.main_text import choose
from rag.readers.offsets import Run, merged, moved
from rag.readers.page import read_facts
from rag.readers.records import Draft, Origin, finish
from rag.types import Article

_CHARSET = re.compile(rb"""<meta[^>]{1,200}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([A-Za-z0-9_-]{1,30})""", re.IGNORECASE)


def read_html(raw: str, origin: Origin, *, max_chars: int) -> Article:
    """The main text of a page: its blocks parted by blank lines, ``<br>`` a line end, other white space one space.

    ``metadata["html_offsets"]`` is a list of ``[start, raw_start, length]``: ``article.text[start:start + length]`` is
    exactly ``raw[raw_start:raw_start + length]``, in code points of the decoded page without its byte order mark. What
    the page writes otherwise than it reads (an entity, a line end) is in no run. Text that the page hides is left out.
    Raises ReadError for a page without text, TooLarge for too much of it.
    """
    root = JustHTML(raw, sanitize=False, track_node_locations=True).root
    facts = read_facts(root, origin.landed)
    text, runs = join(choose(read_blocks(root, raw), root, raw))
    draft = Draft(
        text=text,
        title=facts.title,
        url=facts.url,
        published_at=facts.published_at,
        publisher=facts.publisher,
        language=facts.language,
        metadata={"html_offsets": [list(run) for run in exact(runs, text, raw)]},
    )
    return finish(draft, origin, max_chars=max_chars)


def join(blocks: Iterable[Block]) -> tuple[str, list[Run]]:
    """The canonical text of the blocks, and its runs."""
    texts: list[str] = []
    runs: list[Run] = []
    at = 0
    for block in blocks:
        texts.append(block.text)
        runs += moved(block.runs, at)
        at += len(block.text) + 2
    return canonical_runs("\n\n".join(texts), runs)


def exact(runs: Iterable[Run], text: str, raw: str) -> list[Run]:
    """The runs, neighbours made one, without any that would not hold: null, never wrong."""
    return [
        (start, origin, length)
        for start, origin, length in merged(runs)
        if text[start : start + length] == raw[origin : origin + length]
    ]


def charset_of(data: bytes) -> str | None:
    """The charset that a page's ``<meta>`` names in its first 4,096 bytes."""
    match = _CHARSET.search(data[:4096])
    return match[1].decode("ascii") if match else None
