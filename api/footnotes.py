"""Citations as markdown footnotes, for programs that show a model's text and nothing else. Pure."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace

from api.conversations import Annotations
from rag.types import Answer, Citation, Delta, Span

_ACTIVE = re.compile(r"([\\`*_\[\]()<>!|#~])")


def footnoted(pieces: Generator[Delta | Answer], annotations: Annotations) -> Generator[Delta | Answer]:
    """The same, with a mark behind each statement and the notes at the end; what citations point at moves along."""
    text = ""
    told = 0  # characters of the answer as it came
    cited: list[Citation] = []
    with closing(pieces):
        for piece in pieces:
            if isinstance(piece, Answer):
                if cited:
                    notes = "\n\n" + "\n".join(_note(one, annotations) for one in cited)
                    text += notes
                    yield Delta(notes)
                yield replace(piece, text=text or piece.text, citations=tuple(cited))
                continue
            moved = len(text) - told
            found = tuple(
                replace(one, answer_span=Span(one.answer_span.start + moved, one.answer_span.end + moved))
                for one in piece.citations
            )
            marked = piece.text + "".join(f"[^{one.number}]" for one in found)
            told += len(piece.text)
            text += marked
            cited += found
            yield Delta(marked, found)


def _note(citation: Citation, annotations: Annotations) -> str:
    told = annotations.of(citation)
    quote = _plain(citation.quote)
    dated = f" ({citation.published_at[:10]})" if citation.published_at else ""
    return f"[^{citation.number}]: “{quote}” [{_plain(citation.title) or 'article'}]({told['url']}){dated}"


def _plain(text: str) -> str:
    """Text that markdown shows as it is, on one line."""
    return _ACTIVE.sub(r"\\\1", " ".join(text.split()))
