"""The JSON form of our nouns, the same on the command line, over HTTP and in saved runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from rag.citations import utf16_length
from rag.errors import UsageError
from rag.types import Answer, Article, Citation, Copy, Passage, Receipt, Span
from rag.verification import Claim, Statement, Verdict

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
        "asked": answer.asked or answer.question,
        "status": answer.status,
        "text": answer.text,
        "short": answer.short,
        "citations": [citation_out(citation) for citation in answer.citations],
        "passages": [passage_out(passage) for passage in answer.passages],
        "confidence": round(answer.confidence, 4),
        "model": answer.model,
        "instead": list(answer.instead),
        "timings_ms": {stage: round(ms, 3) for stage, ms in answer.timings.items()},
    }


def receipt_out(receipt: Receipt) -> Wire:
    out: Wire = {
        "source": receipt.source,
        "id": receipt.article_id,
        "revision": receipt.revision,
        "outcome": receipt.outcome,
        "chunks": receipt.chunks,
        "title": receipt.title,
    }
    return out | {"reason": receipt.reason, "code": receipt.code} if receipt.outcome == "refused" else out


_QUOTES = ("cited_text", "quote", "text")


def claim_in(record: Mapping[str, Any]) -> Claim:
    """A citation of ours, of Anthropic's, an annotation of OpenAI's, or any object with a quote. Raises UsageError."""
    nested = record.get("url_citation")
    flat = {**record, **nested} if isinstance(nested, Mapping) else record
    try:
        article_id = _text(flat.get("article_id"))
        return Claim(
            quote=next((_text(flat[key]) or "" for key in _QUOTES if flat.get(key)), ""),
            number=_count(flat.get("number")),
            article_id=article_id,
            revision=_text(flat.get("revision")) if article_id else None,
            url=_text(flat.get("url")),
            title=_text(flat.get("title") or flat.get("document_title")),
            span=_span(flat, "start_char_index", "end_char_index") if article_id else None,
            answer_span=_span(flat, "answer_start", "answer_end") or _span(flat, "start_index", "end_index"),
        )
    except (TypeError, ValueError) as err:
        raise UsageError(
            expected="a citation, such as an answer has", found=str(err), remedy="see /docs for its fields"
        ) from err


def _text(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{value!r:.60} where text belongs")
    if value and not value.isascii():
        value.encode("utf-8")  # JSON's escapes can spell half a character
    return value or None


def _count(value: object) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise TypeError(f"{value!r:.60} where a whole number belongs")
    return value


def _span(record: Mapping[str, Any], start: str, end: str) -> Span | None:
    first, last = _count(record.get(start)), _count(record.get(end))
    return None if first is None or last is None else Span(first, last)


def verdict_out(verdict: Verdict) -> Wire:
    """What was found of one citation; where its quote stands, as in a citation of ours, or None."""
    place, claim = verdict.place, verdict.claim
    out: Wire = {
        "number": claim.number,
        "verification": {"status": verdict.status, "score": 1.0 if verdict.holds else 0.0},
        "reason": verdict.reason,
        "newest": verdict.newest,
        "found": None,
    }
    if place is not None:
        article, span = place.article, place.span
        out["found"] = {
            "article_id": article.id,
            "revision": article.revision,
            "title": article.title,
            "url": article.url,
            "published_at": article.published_at,
            "start_char_index": span.start,
            "end_char_index": span.end,
            "cited_text": place.quote,
            "permalink": permalink(article.id, article.revision, span.start, span.end),
        }
    return out


def verification_out(verdicts: Sequence[Verdict], told: Sequence[Statement]) -> Wire:
    """``verified``: every citation holds, and where there is an answer, its citations prove every sentence."""
    return {
        "verified": bool(verdicts) and all(v.holds for v in verdicts) and all(s.status == "proved" for s in told),
        "citations": [verdict_out(verdict) for verdict in verdicts],
        "statements": [
            {
                "answer_start": one.span.start,
                "answer_end": one.span.end,
                "text": one.text,
                "status": one.status,
                "citations": list(one.citations),
                "lacking": list(one.lacking),
            }
            for one in told
        ],
    }
