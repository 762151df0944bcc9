"""Spans and quotes: made, verified and anchored here, and nowhere else. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag.errors import CitationError
from rag.types import Article, Citation, Copy, Passage, Span, Verification

_CONTEXT = 32


def utf16_length(text: str) -> int:
    """The length of ``text`` in UTF-16 code units, as JavaScript counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cite(passage: Passage, span: Span, *, number: int, answer_span: Span) -> Citation:
    """The citation of ``span``, in code points of the passage's article and inside the passage.

    Raises CitationError when the span is not inside the passage.
    """
    chunk = passage.chunk
    if not chunk.span.covers(span):
        raise CitationError(
            expected=f"a span inside [{chunk.span.start}, {chunk.span.end}) of {chunk.article_id}",
            found=f"[{span.start}, {span.end})",
            remedy="report this: an answerer cited what it was not given",
        )
    start, end = span.start - chunk.span.start, span.end - chunk.span.start
    return Citation(
        number=number,
        answer_span=answer_span,
        article_id=chunk.article_id,
        revision=chunk.revision,
        title=chunk.title,
        url=chunk.url,
        published_at=chunk.published_at,
        span=span,
        quote=chunk.text[start:end],
        verification=Verification("exact", 1.0),
    )


def prove(citation: Citation, text: str) -> Citation:
    """The citation, anchored in the article's ``text``; the last check before an answer leaves.

    Raises CitationError unless ``text[span] == quote``, character for character.
    """
    span = citation.span
    if span.end > len(text) or span.of(text) != citation.quote:
        raise CitationError(
            expected=f"citation {citation.number} to be the characters [{span.start}, {span.end}) "
            f"of {citation.article_id}@{citation.revision[:12]}",
            found="other characters there",
            remedy="run quotewell doctor: the answer is withheld, not sent",
        )
    return replace(
        citation,
        prefix=text[max(0, span.start - _CONTEXT) : span.start],
        suffix=text[span.end : span.end + _CONTEXT],
        start_utf16=utf16_length(text[: span.start]),
        verification=Verification("exact", 1.0),
    )


def copies(quote: str, articles: Sequence[Article]) -> tuple[Copy, ...]:
    """Where ``articles`` have ``quote`` too, character for character."""
    places = [(article, article.text.find(quote)) for article in articles]
    return tuple(
        Copy(
            article_id=article.id,
            revision=article.revision,
            title=article.title,
            url=article.url,
            published_at=article.published_at,
            publisher=article.publisher,
            span=Span(start, start + len(quote)),
        )
        for article, start in places
        if start >= 0
    )
