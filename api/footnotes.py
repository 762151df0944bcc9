"""Citations marked in the text itself, for programs that show a model's text and little else. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace

from api.conversations import Annotations
from rag.types import Answer, Citation, Delta, Span

_ACTIVE = re.compile(r"([\\`*_\[\]()<>!|#~])")


def footnoted(pieces: Generator[Delta | Answer], annotations: Annotations) -> Generator[Delta | Answer]:
    """The same, with a mark behind each statement and the notes at the end; what citations point at moves along."""
    return _marked(pieces, "[^{}]", lambda cited: "\n\n" + "\n".join(_note(one, annotations) for one in cited))


def numbered(pieces: Generator[Delta | Answer]) -> Generator[Delta | Answer]:
    """The same, with [1] behind each statement, for programs that make links of such numbers."""
    return _marked(pieces, "[{}]", lambda cited: "")


def _marked(
    pieces: Generator[Delta | Answer], mark: str, notes: Callable[[Sequence[Citation]], str]
) -> Generator[Delta | Answer]:
    text = ""
    told = 0  # characters of the answer as it came
    cited: list[Citation] = []
    with closing(pieces):
        for piece in pieces:
            if isinstance(piece, Answer):
                if last := notes(cited) if cited else "":
                    text += last
                    yield Delta(last)
                yield replace(piece, text=text or piece.text, citations=tuple(cited))
                continue
            moved = len(text) - told
            found = tuple(
                replace(one, answer_span=Span(one.answer_span.start + moved, one.answer_span.end + moved))
                for one in piece.citations
            )
            marked = piece.text + "".join(mark.format(one.number) for one in found)
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
