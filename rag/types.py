"""The nouns of Quotewell, and the protocols between its rooms. Standard library and numpy only.

Positions are half-open and in Unicode code points of an article's canonical text, everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
"""Shape ``(n, dim)``, float32, each row of unit length."""

Numbers = NDArray[np.int64]

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

Status = Literal["answered", "partial", "unanswerable", "conflicting"]
Outcome = Literal["added", "updated", "unchanged", "refused"]
Role = Literal["user", "assistant"]


def text_revision(text: str) -> str:
    """The revision of a canonical text: the SHA-256 of its UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """``text[start:end]``, with ``0 <= start < end``."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"expected 0 <= start < end; found [{self.start}, {self.end})")

    def of(self, text: str) -> str:
        return text[self.start : self.end]

    def covers(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Article:
    """One revision of one article. ``text`` is canonical: cleaned once by a reader, never altered after.

    ``published_at`` is an ISO 8601 date or date and time, as precise as the source says, or None.
    """

    id: str
    title: str
    text: str
    url: str | None = None
    published_at: str | None = None
    publisher: str | None = None
    language: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    revision: str = ""

    def __post_init__(self) -> None:
        actual = text_revision(self.text)
        if self.revision not in ("", actual):
            raise ValueError(f"expected revision {actual}; found {self.revision}")
        object.__setattr__(self, "revision", actual)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A source, or one record of it, that could not be made into an article, and why (one line)."""

    source: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one source. It is yielded after its transaction has been committed."""

    source: str
    outcome: Outcome
    article_id: str | None = None
    revision: str | None = None
    chunks: int = 0
    title: str | None = None
    reason: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an article: ``article.text[span] == text``, and the headline that it stands under.

    ``id`` is 0 until a library has stored the chunk; it is never given again. Articles of one
    ``cluster`` are near duplicates of one another; 0 is an article that has none.
    """

    article_id: str
    revision: str
    span: Span
    text: str
    title: str = ""
    url: str | None = None
    published_at: str | None = None
    id: int = 0
    cluster: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that a retriever scored for a question; higher is better for every retriever."""

    chunk: Chunk
    score: float


@dataclass(frozen=True, slots=True)
class Verification:
    """``exact``; ``normalized`` (typography only; the quote was then cut from the article); ``absent``."""

    status: Literal["exact", "normalized", "absent"]
    score: float


@dataclass(frozen=True, slots=True)
class Copy:
    """Where another article, a near duplicate, has the same quote: ``article.text[span] == quote`` there too."""

    article_id: str
    revision: str
    title: str
    url: str | None
    published_at: str | None
    publisher: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class Citation:
    """The characters of an article that support ``answer.text[answer_span]``.

    **Invariant**: ``article.text[span] == quote``. ``prefix`` and ``suffix`` are the characters
    around the quote (at most 32 each), so that it can be found again in a later revision;
    ``start_utf16`` counts the span's start as JavaScript does. ``copies`` are other articles that have
    the same quote.
    """

    number: int
    answer_span: Span
    article_id: str
    revision: str
    title: str
    url: str | None
    published_at: str | None
    span: Span
    quote: str
    verification: Verification
    prefix: str = ""
    suffix: str = ""
    start_utf16: int = 0
    copies: tuple[Copy, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier message of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer under way, and the verified citations of the statements in it."""

    text: str
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. Each statement of an answered ``text`` has a citation that verifies.

    ``confidence`` is the estimated probability that the cited sentence answers the question;
    ``passages`` are those consulted, best first; ``timings`` are milliseconds by stage; ``model`` is
    the language model that worded the text, None where it is in the articles' own words; ``asked`` is the
    question as it was read, with what the conversation before says of it; ``instead`` are questions that the
    passages do answer, where they do not answer this one.
    """

    question: str
    status: Status
    text: str
    short: str | None
    citations: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    confidence: float
    timings: Mapping[str, float] = field(default_factory=dict)
    model: str | None = None
    asked: str | None = None
    instead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Published:
    """Articles published on the days ``since`` to ``until``, both inclusive, ISO; undated ones are not."""

    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class AsOf:
    """Articles that were out on this day: those published later are not, undated ones are."""

    day: str


@dataclass(frozen=True, slots=True)
class Is:
    """Articles of which ``field`` is one of ``values``; a tag matches if the article has it among its own."""

    field: Literal["id", "publisher", "language", "tag"]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Every:
    """Articles that each of ``parts`` lets through; all articles if there are none."""

    parts: tuple[Where, ...] = ()


@dataclass(frozen=True, slots=True)
class Either:
    """Articles that any of ``parts`` lets through; none if there are none."""

    parts: tuple[Where, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """Articles that ``part`` does not let through."""

    part: Where


Where = Published | AsOf | Is | Every | Either | Not
"""Which articles may be searched: a small tree. No leaf but AsOf lets through what lacks the fact that it asks for."""


def tags(article: Article) -> tuple[str, ...]:
    """The article's tags: strings listed under ``tags`` in its metadata."""
    found = article.metadata.get("tags")
    if not isinstance(found, Sequence) or isinstance(found, str):
        return (found,) if isinstance(found, str) else ()
    return tuple(dict.fromkeys(tag for tag in found if isinstance(tag, str)))


class Entry(NamedTuple):
    """An article with its chunks and their vectors, ``(len(chunks), dim)``: what one put stores."""

    article: Article
    chunks: Sequence[Chunk]
    vectors: Matrix


class Mark(NamedTuple):
    """One committed state: the number of its last change, and a random one that tells it from others so numbered."""

    seq: int
    token: int


class Changes(NamedTuple):
    """The way from one state to that of ``mark``: forget the articles numbered ``removed``, then add.

    ``whole``: the starting state is not known, so forget everything instead. ``ids`` are ascending and
    larger than any before; an id's article is numbered ``id >> ARTICLE_BITS``. ``vectors`` go with ``ids``.
    """

    mark: Mark
    whole: bool
    removed: Numbers
    ids: Numbers
    vectors: Matrix


ARTICLE_BITS = 20
"""A chunk's id is its article's number times 2^20, plus its place in the article."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What a library holds: counts, the number of its last change, and its bytes on disk."""

    articles: int
    revisions: int
    chunks: int
    seq: int
    bytes: int


class Embedder(Protocol):
    """Text to unit vectors. ``window`` is the word pieces that one passage may have, all told."""

    @property
    def name(self) -> str: ...
    @property
    def dim(self) -> int: ...
    @property
    def window(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    def count_pieces(self, texts: Sequence[str]) -> list[int]: ...
    def embed_passages(self, texts: Sequence[str]) -> Matrix: ...
    def embed_queries(self, texts: Sequence[str]) -> Matrix: ...


class TokenReader(Protocol):
    """Reads each text in one pass: where its word pieces stand, ``(n, 2)``, and their vectors in context.

    Vectors have shape ``(n, dim)`` and are not of unit length.
    """

    def read(self, texts: Sequence[str]) -> list[tuple[NDArray[np.int64], Matrix]]: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """What a reader finds in one text.

    ``odds`` is the logarithm of the odds that the text holds the answer; ``spans`` are what may be the answer, each
    with its own odds against the text's saying nothing, best first.
    """

    odds: float
    spans: tuple[tuple[Span, float], ...]


class SpanReader(Protocol):
    """Reads texts for the answer to a question; a text's heading is read with it, but never answers."""

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    def find(self, question: str, texts: Sequence[tuple[str, str]]) -> list[Finding]:
        """For each (heading, text) what is found; spans are in code points of the text."""
        ...


class Reading(Protocol):
    """What can be read of a library, all of it of one committed state, ``mark``."""

    @property
    def mark(self) -> Mark: ...
    def article(self, article_id: str, revision: str | None = None) -> Article: ...
    def articles(
        self,
        *,
        limit: int,
        after: str | None = None,
        where: Where | None = None,
        words: str = "",
        latest: bool = False,
    ) -> list[Article]: ...
    def publishers(self, limit: int) -> list[str]: ...
    def revisions_of(self, article_id: str) -> list[Article]: ...
    def chunks(self, ids: Sequence[int]) -> list[Chunk]: ...
    def stored(self, article_id: str) -> tuple[list[Chunk], Matrix]: ...
    def copies(self, article_id: str) -> list[Article]: ...
    def search_text(self, query: str, k: int, allowed: Numbers | None = None) -> list[tuple[int, float]]: ...
    def allowed(self, where: Where) -> Numbers: ...
    def changes(self, after: Mark) -> Changes: ...
    def stats(self) -> Stats: ...


class Library(Reading, Protocol):
    """The truth. What ``put`` and ``delete`` return has been committed; nothing else has.

    Read from directly, each call sees the newest state; ``reading`` holds on to one.
    """

    def reading(self) -> AbstractContextManager[Reading]: ...
    def put(self, batch: Sequence[Entry]) -> Mark: ...
    def delete(self, article_ids: Sequence[str]) -> Mark: ...
    def prune(self, keep: int = 0) -> int: ...
    def close(self) -> None: ...


class View(Protocol):
    """The vectors of one committed state, by chunk id. It never changes."""

    @property
    def mark(self) -> Mark: ...
    def __len__(self) -> int: ...
    def ids(self) -> Numbers: ...
    def vectors(self, ids: Numbers) -> Matrix: ...
    def search(self, vector: Matrix, k: int, allowed: Numbers | None = None) -> list[tuple[int, float]]: ...
    def similarities(self, vector: Matrix, ids: Sequence[int]) -> list[float]: ...


class Index(Protocol):
    """Views of a library's states, the newest kept at hand. It can be thrown away and rebuilt at any time.

    ``at`` is None when ``reading`` is of an older state than the newest seen: read anew.
    """

    def at(self, reading: Reading) -> View | None: ...
    def save(self, reading: Reading) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class State:
    """All that one question sees: a library's state, and the vectors of that same state."""

    library: Reading
    index: View


class Retriever(Protocol):
    """The best ``k`` passages for a question, sorted by score, best first."""

    def search(self, question: str, k: int, state: State, where: Where | None = None) -> list[Passage]: ...


class Answerer(Protocol):
    """Deltas whose texts join to ``Answer.text``, then the Answer, once, last."""

    def answer(
        self, question: str, passages: Sequence[Passage], history: Sequence[Turn] = ()
    ) -> Iterator[Delta | Answer]: ...
