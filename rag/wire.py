"""The JSON form of our nouns, the same on the command line, over HTTP and in saved runs. Pure."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from rag.citations import utf16_length
from rag.types import Answer, Article, Citation, Copy, Passage, Receipt

Wire = dict[str, Any]


def article_out(article: Article, *, text: bool = True) -> Wire:
    """An article as it can be put in again, and its revision; without its text for lists."""
    out: Wire = {
        "id": article.id,
        "revision": article.revision,
        "title": article.title,
        "url": article.url,
        "published_at": article.published_at,
        "publisher": article.publisher,
        "language": article.language,
        "metadata": dict(article.metadata),
    }
    return out | {"text": article.text} if text else out


def permalink(article_id: str, revision: str, start: int, end: int) -> str:
    """The path, on our own service, of these characters of this revision."""
    return f"/articles/{quote(article_id, safe='')}@{revision}#char={start},{end}"


def citation_out(citation: Citation) -> Wire:
    """A citation, with Anthropic's field names for the span in the article."""
    span = citation.span
    return {
        "number": citation.number,
        "answer_start": citation.answer_span.start,
        "answer_end": citation.answer_span.end,
        "article_id": citation.article_id,
        "revision": citation.revision,
        "title": citation.title,
        "url": citation.url,
        "published_at": citation.published_at,
        "start_char_index": span.start,
        "end_char_index": span.end,
        "start_utf16": citation.start_utf16,
        "end_utf16": citation.start_utf16 + utf16_length(citation.quote),
        "cited_text": citation.quote,
        "prefix": citation.prefix,
        "suffix": citation.suffix,
        "permalink": permalink(citation.article_id, citation.revision, span.start, span.end),
        "verification": {"status": citation.verification.status, "score": citation.verification.score},
        "copies": [_copy_out(copy) for copy in citation.copies],
    }


def _copy_out(copy: Copy) -> Wire:
    """Where a near duplicate has the same quote."""
    span = copy.span
    return {
        "article_id": copy.article_id,
        "revision": copy.revision,
        "title": copy.title,
        "url": copy.url,
        "published_at": copy.published_at,
        "publisher": copy.publisher,
        "start_char_index": span.start,
        "end_char_index": span.end,
        "permalink": permalink(copy.article_id, copy.revision, span.start, span.end),
    }


def passage_out(passage: Passage) -> Wire:
    chunk = passage.chunk
    return {
        "article_id": chunk.article_id,
        "revision": chunk.revision,
        "title": chunk.title,
        "url": chunk.url,
        "published_at": chunk.published_at,
        "start_char_index": chunk.span.start,
        "end_char_index": chunk.span.end,
        "text": chunk.text,
        "score": round(passage.score, 6),
    }


def answer_out(answer: Answer) -> Wire:
    return {
        "question": answer.question,
        "status": answer.status,
        "text": answer.text,
        "short": answer.short,
        "citations": [citation_out(citation) for citation in answer.citations],
        "passages": [passage_out(passage) for passage in answer.passages],
        "confidence": round(answer.confidence, 4),
        "timings_ms": {stage: round(ms, 3) for stage, ms in answer.timings.items()},
    }


def receipt_out(receipt: Receipt) -> Wire:
    out: Wire = {
        "source": receipt.source,
        "id": receipt.article_id,
        "revision": receipt.revision,
        "outcome": receipt.outcome,
        "chunks": receipt.chunks,
    }
    return out | {"reason": receipt.reason, "code": receipt.code} if receipt.outcome == "refused" else out
