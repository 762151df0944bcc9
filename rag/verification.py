"""Anybody's citations against the library: does each quote stand there, and does it bear the statement out?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rag.chunks import sentences
from rag.errors import NotFound
from rag.quotes import Located, locate
from rag.statements import missing
from rag.types import Article, Reading, Span

Reason = Literal[
    "no_quote",  # nothing to look for
    "no_such_article",
    "no_such_revision",
    "elsewhere",  # the article has it, but not at the characters named
    "other_article",  # another article has it
    "altered",  # the article does not have it
    "not_found",  # no article has it
]
_MARK = re.compile(r"\s*\[(\d+)\]")
_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class Claim:
    """A citation as somebody gives it. What is None is not claimed; ``answer_span`` is in code points of the answer."""

    quote: str
    number: int | None = None
    article_id: str | None = None
    revision: str | None = None
    url: str | None = None
    title: str | None = None
    span: Span | None = None
    answer_span: Span | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quote stands: ``quote`` is cut from the article."""

    article: Article
    span: Span

    @property
    def quote(self) -> str:
        return self.span.of(self.article.text)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one claim. ``place`` is where the quote stands, if anywhere, also where that is not what was claimed.

    ``newest`` tells whether that is the article's newest revision.
    """

    claim: Claim
    status: Literal["exact", "normalized", "absent"]
    reason: Reason | None = None
    place: Place | None = None
    newest: bool = True

    @property
    def holds(self) -> bool:
        return self.status != "absent"


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of an answer. ``lacking`` is what its quotes do not say: figures, names, or "not"."""

    span: Span
    text: str
    status: Literal["proved", "unsupported", "uncited"]
    citations: tuple[int, ...]
    lacking: tuple[str, ...] = ()


def check(claim: Claim, library: Reading) -> Verdict:
    """Whether the quote stands in the library as claimed."""
    if not claim.quote.strip():
        return Verdict(claim, "absent", "no_quote")
    if claim.article_id is None:
        return _anywhere(claim, library)
    try:
        newest = library.article(claim.article_id)
    except NotFound:
        return _missed(claim, "no_such_article", _anywhere(claim, library))
    try:
        article = library.article(claim.article_id, claim.revision) if claim.revision else newest
    except NotFound:
        return _missed(claim, "no_such_revision", _in(claim, newest, True))
    return _in(claim, article, article.revision == newest.revision)


def _in(claim: Claim, article: Article, newest: bool) -> Verdict:
    near = claim.span.start if claim.span else 0
    found = locate(claim.quote, article.text, near)
    if found is None:
        return Verdict(claim, "absent", "altered", newest=newest)
    place = Place(article, found.span)
    if claim.span is not None and not _same(found, claim.span, article.text):
        return Verdict(claim, "absent", "elsewhere", place, newest)
    return Verdict(claim, found.status, None, place, newest)


def _same(found: Located, span: Span, text: str) -> bool:
    """Whether it is at the characters named; spaces at the ends of these do not count where typography differs."""
    if found.status == "exact" or span.end > len(text):
        return found.span == span
    inside = span.of(text)
    trimmed = Span(span.start + len(inside) - len(inside.lstrip()), span.end - len(inside) + len(inside.rstrip()))
    return found.span in (span, trimmed) if inside.strip() else False


def _anywhere(claim: Claim, library: Reading) -> Verdict:
    """In any article, those first that the claim's address or title names, then by the words of the quote."""
    found = [
        Verdict(claim, located.status, None, Place(article, located.span))
        for article in _likely(claim.quote, library)
        if (located := locate(claim.quote, article.text)) is not None
    ]
    found.sort(key=lambda one: (not _named(claim, one.place), one.status != "exact"))
    if not found:
        return Verdict(claim, "absent", "not_found")
    if (claim.url or claim.title) and not _named(claim, found[0].place):
        return Verdict(claim, "absent", "other_article", found[0].place)
    return found[0]


def _likely(quote: str, library: Reading) -> Iterator[Article]:
    ids = [chunk_id for chunk_id, _ in library.search_text(quote, _CANDIDATES)]
    for article_id in dict.fromkeys(chunk.article_id for chunk in library.chunks(ids)):
        yield library.article(article_id)


def _named(claim: Claim, place: Place | None) -> bool:
    if place is None:
        return False
    by_url = claim.url is not None and claim.url.partition("#")[0] == (place.article.url or "").partition("#")[0]
    return by_url or (claim.title is not None and claim.title == place.article.title)


def _missed(claim: Claim, reason: Reason, elsewhere: Verdict) -> Verdict:
    return Verdict(claim, "absent", reason, elsewhere.place, elsewhere.newest)


def statements(answer: str, verdicts: Sequence[Verdict]) -> list[Statement]:
    """The sentences of ``answer``, and what the citations that hold prove of each.

    A citation belongs to the sentences that its ``answer_span`` touches or whose ``[n]`` names it, and to all where
    none of the citations says to which.
    """
    spans = _joined(answer)
    placed = any(v.claim.answer_span for v in verdicts) or bool(_MARK.search(answer))
    made = []
    for span in spans:
        text = span.of(answer)
        numbers = {int(number) for number in _MARK.findall(text)}
        mine = [
            (n, verdict)
            for n, verdict in enumerate(verdicts)
            if not placed or _touches(verdict.claim.answer_span, span) or (verdict.claim.number or n + 1) in numbers
        ]
        told = _MARK.sub("", text).strip()
        quotes = [verdict.place.quote for _, verdict in mine if verdict.holds and verdict.place]
        lacking = tuple(missing(told, quotes)) if quotes else ()
        status: Literal["proved", "unsupported", "uncited"] = "uncited"
        if mine:
            status = "proved" if quotes and not lacking else "unsupported"
        made.append(Statement(span, told, status, tuple(n for n, _ in mine), lacking))
    return made


def _joined(answer: str) -> list[Span]:
    """Sentences; marks such as [1] after a full stop belong to the sentence before them."""
    spans: list[Span] = []
    for span in sentences(answer):
        text = span.of(answer)
        marks = re.match(r"(?:\s*\[\d+\])+\s*", text)
        if marks and spans:
            spans[-1] = Span(spans[-1].start, span.start + len(marks.group().rstrip()))
            span = Span(span.start + marks.end(), span.end)
        if span.of(answer).strip():
            spans.append(span)
    return spans


def _touches(one: Span | None, other: Span) -> bool:
    return one is not None and one.start < other.end and other.start < one.end
