"""The truth: one SQLite file, one transaction a batch. The commit is the only acknowledgement."""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from rag.errors import IndexMismatch, LibraryCorrupt, LibraryError, NotFound
from rag.library.query import match_expression, where_clause
from rag.library.schema import FORMAT, SCHEMA
from rag.types import Article, Changes, Chunk, Entry, Matrix, Span, Stats, Where

_ARTICLE = "r.article_id, r.title, r.text, r.url, r.published_at, r.publisher, r.language, r.metadata"
_CURRENT = "FROM articles a JOIN revisions r ON r.article_id = a.id AND r.revision = a.revision"
_SLICE = 500  # ids in one statement: SQLite's oldest limit on parameters is 999


class SQLiteLibrary:
    """Articles, revisions, chunks, vectors and full text in ``folder/library.db``.

    ``fingerprints`` say how chunks and vectors were made; a library that holds chunks made otherwise
    raises IndexMismatch. Safe for threads: each has its own connection, and WAL lets them read
    while one writes.
    """

    def __init__(self, folder: Path, *, dim: int, fingerprints: dict[str, str]) -> None:
        self.path = folder / "library.db"
        self._dim = dim
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        with _explained(self.path):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._create()
        self._check(fingerprints)
        self.identity = self._meta("identity")

    # -- opening ---------------------------------------------------------------------------------

    @property
    def _db(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
            self._local.db = db
            with self._lock:
                self._opened.append(db)
        return db

    def _create(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        with self._transaction("IMMEDIATE") as db:
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
                return
            for statement in SCHEMA.split(";\n"):
                if statement.strip():
                    db.execute(statement)
            rows = {"format": str(FORMAT), "identity": uuid.uuid4().hex, "seq": "0"}
            db.executemany("INSERT INTO meta VALUES (?, ?)", rows.items())

    def _check(self, fingerprints: dict[str, str]) -> None:
        with _explained(self.path):
            if (found := self._meta("format")) != str(FORMAT):
                raise LibraryError(
                    expected=f"stored format {FORMAT}", found=found, remedy="open it with a newer Quotewell"
                )
            empty = self._db.execute("SELECT 1 FROM chunks LIMIT 1").fetchone() is None
            for key, expected in fingerprints.items():
                row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
                if row is None or (empty and row[0] != expected):
                    self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, expected))
                elif row[0] != expected:
                    raise IndexMismatch(
                        expected=f"a library whose {key} is {expected}",
                        found=f"{row[0]} in {self.path.parent}",
                        remedy="set QUOTEWELL_EMBEDDER as it was, or ingest into another home",
                    )

    def _meta(self, key: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise LibraryCorrupt(
                expected=f"{key} in the table meta", found="none", remedy="restore the home from a copy"
            )
        return str(row[0])

    @contextmanager
    def _transaction(self, kind: str = "DEFERRED") -> Iterator[sqlite3.Connection]:
        """DEFERRED reads one state throughout; IMMEDIATE writes, all or nothing."""
        with _explained(self.path):
            db = self._db
            db.execute(f"BEGIN {kind}")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with self._lock:
            for db in self._opened:
                db.close()
            self._opened.clear()

    # -- writing ---------------------------------------------------------------------------------

    def put(self, batch: Sequence[Entry]) -> int:
        """Stores each article as its current revision, in one transaction; returns its number."""
        with self._transaction("IMMEDIATE") as db:
            seq = self._next_seq(db)
            for entry in batch:
                _remove_chunks(db, entry.article.id, seq)
                _insert_article(db, entry.article, seq)
                _insert_chunks(db, entry.chunks, entry.vectors, seq)
        return seq

    def delete(self, article_id: str) -> int:
        """Removes the article with all revisions, in one transaction. Raises NotFound."""
        with self._transaction("IMMEDIATE") as db:
            seq = self._next_seq(db)
            _remove_chunks(db, article_id, seq)
            if not db.execute("DELETE FROM articles WHERE id = ?", (article_id,)).rowcount:
                raise _no_article(article_id)
            db.execute("DELETE FROM revisions WHERE article_id = ?", (article_id,))
        return seq

    def _next_seq(self, db: sqlite3.Connection) -> int:
        seq = int(self._meta("seq")) + 1
        db.execute("UPDATE meta SET value = ? WHERE key = 'seq'", (str(seq),))
        return seq

    # -- reading ---------------------------------------------------------------------------------

    def article(self, article_id: str, revision: str | None = None) -> Article:
        """The current revision, or the one named, by at least 12 of its first digits. Raises NotFound."""
        with _explained(self.path):
            row = self._db.execute(
                f"SELECT {_ARTICLE} FROM articles a JOIN revisions r ON r.article_id = a.id "
                "WHERE a.id = ?1 AND (r.revision = coalesce(?2, a.revision) "
                "OR (length(?2) >= 12 AND substr(r.revision, 1, length(?2)) = ?2))",
                (article_id, revision),
            ).fetchone()
        if row is None:
            raise _no_article(article_id, revision)
        return _article(row)

    def articles(self, *, limit: int, after: str | None = None) -> list[Article]:
        """Current revisions in the order of their ids, those after ``after``."""
        with _explained(self.path):
            rows = self._db.execute(
                f"SELECT {_ARTICLE} {_CURRENT} WHERE a.id > ? ORDER BY a.id LIMIT ?",
                (after or "", limit),
            ).fetchall()
        return [_article(row) for row in rows]

    def chunks(self, ids: Sequence[int]) -> list[Chunk]:
        """The chunks with these ids, in their order; one that is no longer there is left out."""
        found: dict[int, Chunk] = {}
        with self._transaction() as db:
            for start in range(0, len(ids), _SLICE):
                some = ids[start : start + _SLICE]
                rows = db.execute(
                    "SELECT c.id, c.article_id, a.revision, c.span_start, c.span_end, c.text, c.title, "
                    "r.url, r.published_at "
                    "FROM chunks c JOIN articles a ON a.id = c.article_id "
                    "JOIN revisions r ON r.article_id = a.id AND r.revision = a.revision "
                    f"WHERE c.id IN ({','.join('?' * len(some))})",
                    some,
                )
                for row in rows:
                    found[row[0]] = Chunk(row[0], row[1], row[2], Span(row[3], row[4]), *row[5:])
        return [found[n] for n in ids if n in found]

    def search_text(self, query: str, k: int, where: Where | None = None) -> list[tuple[int, float]]:
        """The ``k`` best chunks by BM25 (Robertson's, as in FTS5), any word of the query matching."""
        match = match_expression(query)
        if not match:
            return []
        condition, values = where_clause(where)
        with _explained(self.path):
            rows = self._db.execute(
                "SELECT fulltext.rowid, -bm25(fulltext, 0.5, 1.0) AS score FROM fulltext "
                + (
                    f"WHERE fulltext MATCH ? AND fulltext.rowid IN ({condition}) "
                    if condition
                    else "WHERE fulltext MATCH ? "
                )
                + "ORDER BY score DESC LIMIT ?",
                (match, *values, k),
            ).fetchall()
        return [(int(row[0]), float(row[1])) for row in rows]

    def allowed(self, where: Where) -> list[int]:
        """The ids of all chunks that ``where`` lets through."""
        condition, values = where_clause(where)
        with _explained(self.path):
            rows = self._db.execute(condition or "SELECT id FROM chunks", values).fetchall()
        return [int(row[0]) for row in rows]

    def seq(self) -> int:
        """The number of the last change."""
        with _explained(self.path):
            return int(self._meta("seq"))

    def changes(self, after: int) -> Changes:
        """What happened after the change numbered ``after``; ``vectors`` go with ``added``."""
        with self._transaction() as db:
            seq = int(self._meta("seq"))
            removed = [int(row[0]) for row in db.execute("SELECT chunk_id FROM removals WHERE seq > ?", (after,))]
            rows = db.execute(
                "SELECT c.id, v.vector FROM chunks c JOIN vectors v ON v.chunk_id = c.id "
                "WHERE c.seq > ? ORDER BY c.seq, c.id",
                (after,),
            ).fetchall()
        vectors = np.frombuffer(b"".join(row[1] for row in rows), np.float32).reshape(len(rows), self._dim)
        return Changes(seq, removed, [int(row[0]) for row in rows], vectors)

    def stats(self) -> Stats:
        with self._transaction() as db:
            articles, revisions, chunks = (
                int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
                for table in ("articles", "revisions", "chunks")
            )
            pages, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
            return Stats(articles, revisions, chunks, seq=int(self._meta("seq")), bytes=pages * size)

    def problems(self) -> list[str]:
        """What contradicts itself, a line each: pages, references, full text, vectors, spans."""
        with self._transaction() as db:
            found = [str(row[0]) for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"]
            found += [f"{row[0]} row {row[1]} refers to nothing" for row in db.execute("PRAGMA foreign_key_check")]
            odd = db.execute(
                "SELECT c.id FROM chunks c LEFT JOIN vectors v ON v.chunk_id = c.id "
                "WHERE v.vector IS NULL OR length(v.vector) != ?",
                (4 * self._dim,),
            ).fetchall()
            found += [f"chunk {row[0]} has no vector of {self._dim} numbers" for row in odd]
            for row in db.execute(
                "SELECT c.id, c.article_id FROM chunks c JOIN articles a ON a.id = c.article_id "
                "JOIN revisions r ON r.article_id = a.id AND r.revision = a.revision "
                "WHERE substr(r.text, c.span_start + 1, c.span_end - c.span_start) != c.text"
            ):
                found.append(f"chunk {row[0]} of {row[1]} is not what its article says")
        try:
            with self._transaction("IMMEDIATE") as db:
                db.execute("INSERT INTO fulltext (fulltext, rank) VALUES ('integrity-check', 1)")
        except LibraryCorrupt:
            found.append("the full text does not fit the chunks")
        return found


def _insert_article(db: sqlite3.Connection, article: Article, seq: int) -> None:
    db.execute(
        "INSERT OR REPLACE INTO revisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            article.id, article.revision, article.title, article.text, article.url, article.published_at,
            article.publisher, article.language, json.dumps(dict(article.metadata)), seq,
        ),
    )  # fmt: skip
    db.execute("INSERT OR REPLACE INTO articles VALUES (?, ?)", (article.id, article.revision))


def _insert_chunks(db: sqlite3.Connection, chunks: Sequence[Chunk], vectors: Matrix, seq: int) -> None:
    rows = [(c.id, c.article_id, c.span.start, c.span.end, c.title, c.text, seq) for c in chunks]
    db.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    db.executemany(
        "INSERT INTO vectors VALUES (?, ?)",
        [(chunk.id, vector.astype(np.float32).tobytes()) for chunk, vector in zip(chunks, vectors, strict=True)],
    )
    db.executemany(
        "INSERT INTO fulltext (rowid, title, text) VALUES (?, ?, ?)", [(c.id, c.title, c.text) for c in chunks]
    )


def _remove_chunks(db: sqlite3.Connection, article_id: str, seq: int) -> None:
    rows = db.execute("SELECT id, title, text FROM chunks WHERE article_id = ?", (article_id,)).fetchall()
    db.executemany("INSERT INTO fulltext (fulltext, rowid, title, text) VALUES ('delete', ?, ?, ?)", rows)
    ids = [(row[0],) for row in rows]
    db.executemany("DELETE FROM vectors WHERE chunk_id = ?", ids)
    db.executemany("DELETE FROM chunks WHERE id = ?", ids)
    db.executemany("INSERT INTO removals VALUES (?, ?)", [(seq, *row) for row in ids])


def _article(row: Sequence[str]) -> Article:
    article_id, title, text, url, published_at, publisher, language, metadata = row
    return Article(article_id, title, text, url, published_at, publisher, language, json.loads(metadata))


def _no_article(article_id: str, revision: str | None = None) -> NotFound:
    return NotFound(
        expected="an article in the library",
        found=f"none with id {article_id!r}" + (f" and revision {revision!r}" if revision else ""),
        remedy="list them with quotewell articles list, or GET /api/articles",
    )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """SQLite's and the system's errors as ours: one line with the remedy."""
    try:
        yield
    except sqlite3.DatabaseError as err:
        text = str(err)
        if isinstance(err, sqlite3.OperationalError):
            remedy = {
                "database or disk is full": "free some space; nothing that was stored is lost",
                "attempt to write a readonly database": "make the folder writable, or choose another --home",
                "unable to open database file": "make the folder writable, or choose another --home",
                "database is locked": "wait until the other writer has finished, then try again",
            }.get(text, "run quotewell doctor")
            raise LibraryError(expected=f"to use the library {path}", found=text, remedy=remedy) from err
        raise LibraryCorrupt(
            expected=f"a sound library at {path}", found=text, remedy="restore the home from a copy, or ingest anew"
        ) from err
    except OSError as err:
        raise LibraryError(
            expected=f"a folder that can be written at {path.parent}",
            found=err.strerror or str(err),
            remedy="choose another with --home or QUOTEWELL_HOME",
        ) from err
