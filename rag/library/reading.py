"""What can be read of a library, all of it of one committed state."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import apsw
import numpy as np

from rag.copies import alike
from rag.errors import LibraryCorrupt, NotFound
from rag.library.connections import row
from rag.library.frequencies import Frequencies
from rag.library.query import condition, match_expression, mistaken, query_words, starting
from rag.types import ARTICLE_BITS, Article, Changes, Chunk, Mark, Matrix, Numbers, Span, Stats, Where

_ARTICLE = "r.article_id, r.title, r.text, r.url, r.published_at, r.publisher, r.language, r.metadata, r.revision"
_CURRENT = "FROM articles a JOIN revisions r ON r.article_id = a.id AND r.revision = a.revision"
_CHUNK = (
    "SELECT c.id, a.id, a.revision, c.span_start, c.span_end, c.text, c.title, a.url, a.published_at, a.cluster "
    f"FROM chunks c JOIN articles a ON a.number = c.id >> {ARTICLE_BITS} "
)
_SLICE = 500  # ids in one statement
_COPIES = 20  # of one article that are looked at


class SQLiteReading:
    """A transaction on ``db`` that sees one state. See ``rag.types.Reading``."""

    def __init__(self, db: apsw.Connection, dim: int, frequencies: Frequencies) -> None:
        self._db, self._dim, self._frequencies = db, dim, frequencies
        self.mark = Mark(*row(db, "SELECT seq, token FROM commits ORDER BY seq DESC LIMIT 1"))

    def article(self, article_id: str, revision: str | None = None) -> Article:
        """The current revision, or the one named, by at least 12 of its first digits. Raises NotFound."""
        found = row(
            self._db,
            f"SELECT {_ARTICLE} FROM articles a JOIN revisions r ON r.article_id = a.id "
            "WHERE a.id = ?1 AND (r.revision = coalesce(?2, a.revision) "
            "OR (length(?2) >= 12 AND substr(r.revision, 1, length(?2)) = ?2))",
            (article_id, revision),
        )
        if found is None:
            raise no_article(article_id, revision)
        return _article(found)

    def articles(
        self,
        *,
        limit: int,
        after: str | None = None,
        where: Where | None = None,
        words: str = "",
        latest: bool = False,
    ) -> list[Article]:
        """Current revisions in the order of their ids, those after ``after``; only such as ``where`` lets through and
        have all of ``words`` in one passage or its heading, of which the last may be but begun.
        With ``latest`` the last put come first: that order, unlike the other, changes under who pages through it."""
        text, values = condition(where) if where else ("1", [])
        sought = starting(words)
        if sought:
            whole = mistaken(words)
            exact = " AND instr(lower(f.title || ' ' || f.text), ?)" * len(whole)
            text = (
                f"({text}) AND a.number IN "
                f"(SELECT f.rowid >> {ARTICLE_BITS} FROM fulltext f WHERE f.fulltext MATCH ?{exact})"
            )
            values = [*values, sought, *whole]
        follows, order = "a.id > ?", "a.id"
        if latest:
            follows = "a.number < coalesce((SELECT number FROM articles WHERE id = ?), 9223372036854775807)"
            order = "a.number DESC"
        rows = self._db.execute(
            f"SELECT {_ARTICLE} {_CURRENT} WHERE {follows} AND ({text}) ORDER BY {order} LIMIT ?",
            (after or "", *values, limit),
        )
        return [_article(found) for found in rows]

    def publishers(self, limit: int) -> list[str]:
        """Those of current revisions, the ones with most articles first."""
        rows = self._db.execute(
            "SELECT publisher FROM articles WHERE publisher IS NOT NULL GROUP BY publisher "
            "ORDER BY count(*) DESC, publisher LIMIT ?",
            (limit,),
        )
        return [one for (one,) in rows]

    def revisions_of(self, article_id: str) -> list[Article]:
        """All revisions that are kept, the latest put first. Raises NotFound."""
        rows = self._db.execute(
            f"SELECT {_ARTICLE} FROM articles a JOIN revisions r ON r.article_id = a.id WHERE a.id = ? "
            "ORDER BY r.revision = a.revision DESC, r.seq DESC",
            (article_id,),
        )
        found = [_article(one) for one in rows]
        if not found:
            raise no_article(article_id, None)
        return found

    def chunks(self, ids: Sequence[int]) -> list[Chunk]:
        """The chunks with these ids, in their order; one that is not there is left out."""
        found: dict[int, Chunk] = {}
        for start in range(0, len(ids), _SLICE):
            some = [int(n) for n in ids[start : start + _SLICE]]
            for one in self._db.execute(f"{_CHUNK} WHERE c.id IN ({','.join('?' * len(some))})", some):
                chunk = _chunk(one)
                found[chunk.id] = chunk
        return [found[n] for n in ids if n in found]

    def stored(self, article_id: str) -> tuple[list[Chunk], Matrix]:
        """The chunks of the current revision, in order, and their vectors; none if there is no such article."""
        number = self._db.execute("SELECT number FROM articles WHERE id = ?", (article_id,)).get
        if number is None:
            return [], np.zeros((0, self._dim), np.float32)
        first, last = ids_of(number)
        chunks = [_chunk(one) for one in self._db.execute(f"{_CHUNK} WHERE c.id BETWEEN ? AND ?", (first, last))]
        return chunks, self._vectors(first, last)[1]

    def copies(self, article_id: str) -> list[Article]:
        """Near duplicates of an article, the earliest published first; of a cluster's first 20."""
        rows = self._db.execute(
            f"SELECT {_ARTICLE} {_CURRENT} WHERE a.id != ?1 AND a.cluster != 0 AND a.cluster = "
            "(SELECT cluster FROM articles WHERE id = ?1) ORDER BY a.day IS NULL, a.day, a.id LIMIT ?2",
            (article_id, _COPIES),
        )
        likely = [_article(found) for found in rows]  # a copy of a copy need not be one
        text = self.article(article_id).text if likely else ""
        return [article for article in likely if alike(article.text, text)]

    def search_text(self, query: str, k: int, allowed: Numbers | None = None) -> list[tuple[int, float]]:
        """The ``k`` best chunks of allowed articles by BM25 (Robertson's, as in FTS5), any word of the query matching.

        In a large library words are left out that match a great many chunks: see ``Frequencies``.
        """
        words = self._frequencies.worthwhile(self._db, query_words(query), self.mark.seq)
        if not words or (allowed is not None and not len(allowed)):
            return []
        rows: Any = self._db.execute(
            "SELECT rowid, -bm25(fulltext, 0.5, 1.0) AS score FROM fulltext WHERE fulltext MATCH ? "
            "ORDER BY score DESC LIMIT ?",
            (match_expression(words), k if allowed is None else -1),
        )
        if allowed is not None:
            rows = islice(_of_articles(rows, allowed), k)
        return [(int(n), float(score)) for n, score in rows]

    def allowed(self, where: Where) -> Numbers:
        """The numbers of all articles that ``where`` lets through, ascending."""
        text, values = condition(where)
        found = self._db.execute(f"SELECT group_concat(a.number) FROM articles a WHERE {text}", values).get
        return np.sort(np.fromstring(found or "", np.int64, sep=","))  # one text is read ten times as fast as many rows

    def changes(self, after: Mark) -> Changes:
        """The way here from the state ``after``; all that there is, where that is none of this library's past."""
        number = self._db.execute("SELECT number FROM commits WHERE seq = ? AND token = ?", after).get
        whole = number is None
        first = 0 if whole else ids_of(number + 1)[0]
        since = self.mark.seq if whole else after.seq
        rows = self._db.execute("SELECT DISTINCT number FROM removals WHERE seq > ?", (since,))
        removed = np.fromiter((number for (number,) in rows), np.int64)
        ids, vectors = self._vectors(first, (1 << 63) - 1)
        return Changes(self.mark, whole, removed, ids, vectors)

    def _vectors(self, first: int, last: int) -> tuple[Numbers, Matrix]:
        between = "FROM vectors WHERE chunk_id BETWEEN ? AND ?"
        count = self._db.execute(f"SELECT count(*) {between}", (first, last)).get
        ids, vectors = np.empty(count, np.int64), np.empty((count, self._dim), np.float32)
        rows = self._db.execute(f"SELECT chunk_id, vector {between} ORDER BY chunk_id", (first, last))
        for n, (chunk_id, vector) in enumerate(rows):
            ids[n], vectors[n] = chunk_id, np.frombuffer(vector, "<f4")
        return ids, vectors

    def stats(self) -> Stats:
        articles, chunks = row(self._db, "SELECT count(*), coalesce(sum(chunks), 0) FROM articles")
        revisions = self._db.execute("SELECT count(*) FROM revisions").get
        pages, size = (self._db.execute(f"PRAGMA {name}").get for name in ("page_count", "page_size"))
        return Stats(articles, revisions, chunks, seq=self.mark.seq, bytes=pages * size)

    def problems(self) -> Iterator[str]:
        """What contradicts itself, a line each: pages, references, counts, texts, spans, vectors."""
        db = self._db
        yield from (str(one[0]) for one in db.execute("PRAGMA integrity_check") if one[0] != "ok")
        for one in db.execute("PRAGMA foreign_key_check"):
            yield f"{one[0]} row {one[1]} refers to nothing"
        counted = f"SELECT c.id >> {ARTICLE_BITS} AS number, count(*) AS n FROM chunks c GROUP BY 1"
        for one in db.execute(
            f"SELECT a.id, a.chunks, k.n FROM articles a LEFT JOIN ({counted}) k USING (number) "
            "WHERE a.chunks != coalesce(k.n, 0)"
        ):
            yield f"{one[0]} has {one[2]} chunks, not {one[1]}"
        for table, key in (("chunks", f"id >> {ARTICLE_BITS}"), ("tags", "number"), ("sketches", "number")):
            if lost := db.execute(f"SELECT count(*) FROM {table} WHERE {key} NOT IN (SELECT number FROM articles)").get:
                yield f"{lost} rows of {table} belong to no article"
        for one in db.execute(
            "SELECT coalesce(c.id, v.chunk_id) FROM chunks c FULL JOIN vectors v ON v.chunk_id = c.id "
            "WHERE c.id IS NULL OR v.vector IS NULL OR length(v.vector) != ?",
            (4 * self._dim,),
        ):
            yield f"chunk {one[0]} has no vector of {self._dim} numbers, or its vector has no chunk"
        yield from self._wrong_texts()

    def _wrong_texts(self) -> Iterator[str]:
        for one in self._db.execute(f"SELECT {_ARTICLE} FROM revisions r"):
            try:
                article = _article(one)
            except LibraryCorrupt as err:
                yield str(err)
                continue
            number = self._db.execute(
                "SELECT number FROM articles WHERE id = ? AND revision = ?", (article.id, article.revision)
            ).get
            if number is None:
                continue
            for found in self._db.execute(f"{_CHUNK} WHERE c.id BETWEEN ? AND ?", ids_of(number)):
                chunk = _chunk(found)
                if chunk.span.of(article.text) != chunk.text:
                    yield f"chunk {chunk.id} of {article.id} is not what its article says"


def _of_articles(rows: Iterator[tuple[int, float]], allowed: Numbers) -> Iterator[tuple[int, float]]:
    """Those chunks whose articles are allowed."""
    table = bytearray(int(allowed[-1]) + 1)
    for number in allowed.tolist():
        table[number] = 1
    for chunk_id, score in rows:
        number = chunk_id >> ARTICLE_BITS
        if number < len(table) and table[number]:
            yield chunk_id, score


def ids_of(number: int) -> tuple[int, int]:
    """The first and the last id that a chunk of the article numbered ``number`` can have."""
    return number << ARTICLE_BITS, ((number + 1) << ARTICLE_BITS) - 1


def no_article(article_id: str, revision: str | None = None) -> NotFound:
    return NotFound(
        expected="an article in the library",
        found=f"none with id {article_id!r}" + (f" and revision {revision!r}" if revision else ""),
        remedy="list them with quotewell articles list, or GET /api/articles",
    )


def _article(row: Any) -> Article:
    article_id, title, text, url, published_at, publisher, language, metadata, revision = row
    try:
        return Article(article_id, title, text, url, published_at, publisher, language, json.loads(metadata), revision)
    except ValueError as err:
        raise LibraryCorrupt(
            expected=f"article {article_id} as it was stored",
            found=str(err),
            remedy="restore a backup with quotewell restore, or delete the article and put it in again",
        ) from err


def _chunk(row: Any) -> Chunk:
    number, article_id, revision, start, end, text, title, url, published_at, cluster = row
    return Chunk(
        article_id,
        revision,
        Span(start, end),
        text,
        title,
        url,
        published_at,
        id=number,
        cluster=cluster,
    )
