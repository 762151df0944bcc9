"""Steps from each stored format to the next, each in one transaction."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import apsw
import numpy as np

from rag.errors import LibraryCorrupt, LibraryError
from rag.library.connections import Connections
from rag.library.schema import CHECKSUM, FORMAT, SCHEMA
from rag.library.writing import insert
from rag.types import Article, Chunk, Entry, Mark, Span


def upgrade(connections: Connections) -> None:
    """Brings the file to ``FORMAT``. Raises LibraryError when it was written by a newer Quotewell."""
    with connections.writing() as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").get:
            raise LibraryCorrupt(
                expected=f"a library in {connections.path}",
                found="a file without its tables",
                remedy="restore a backup with quotewell restore, or move the file away",
            )
        while (found := int(db.execute("SELECT value FROM meta WHERE key = 'format'").get)) != FORMAT:
            if found not in _STEPS:
                raise LibraryError(
                    expected=f"stored format {FORMAT} or older",
                    found=str(found),
                    remedy="open it with a newer Quotewell",
                )
            _STEPS[found](db)
            db.execute("UPDATE meta SET value = ? WHERE key = 'format'", (str(found + 1),))
        checked = db.reserve_bytes() == CHECKSUM
    if not checked:
        _add_checksums(connections)


def _add_checksums(connections: Connections) -> None:
    connections.close_idle()
    with connections.one() as db:
        try:
            db.execute("PRAGMA journal_mode = DELETE")
        except apsw.BusyError:  # somebody else has it open: the next who opens it will do it
            return
        db.reserve_bytes(reserve=CHECKSUM)
        db.execute("VACUUM")  # with another page size besides, the checksums would come out wrong
        db.execute("PRAGMA journal_mode = WAL")
    connections.close_idle()  # checksums are written and verified from the next opening on


def _to_2(db: apsw.Connection) -> None:
    """Numbered articles, random marks of states, tags, sketches of near duplicates; chunks numbered by article."""
    db.execute("DROP TABLE fulltext")
    for name in ("meta", "revisions", "articles", "chunks", "vectors", "removals"):
        db.execute(f"ALTER TABLE {name} RENAME TO old_{name}")
    db.execute(SCHEMA)
    db.execute("INSERT INTO meta SELECT * FROM old_meta WHERE key NOT IN ('identity', 'seq')")
    columns = "article_id, revision, title, url, published_at, publisher, language, metadata, seq, text"
    db.execute(f"INSERT INTO revisions ({columns}) SELECT {columns} FROM old_revisions")
    seq = int(db.execute("SELECT value FROM old_meta WHERE key = 'seq'").get)
    mark = Mark(seq + 1, secrets.randbits(62))
    current: Any = db.execute(
        "SELECT r.article_id, r.title, r.text, r.url, r.published_at, r.publisher, r.language, r.metadata, r.seq "
        "FROM old_articles a JOIN old_revisions r ON r.article_id = a.id AND r.revision = a.revision "
        "ORDER BY r.seq, a.id"
    ).fetchall()
    for found in current:
        name, title, text, url, published_at, publisher, language, metadata, stored = found
        article = Article(name, title, text, url, published_at, publisher, language, json.loads(metadata))
        rows: Any = db.execute(
            "SELECT c.span_start, c.span_end, c.title, c.text, v.vector FROM old_chunks c "
            "JOIN old_vectors v ON v.chunk_id = c.id WHERE c.article_id = ? ORDER BY c.span_start",
            (article.id,),
        ).fetchall()
        chunks = [Chunk(article.id, article.revision, Span(a, b), text, title) for a, b, title, text, _ in rows]
        vectors = np.array([np.frombuffer(row[4], "<f4") for row in rows], np.float32)
        insert(db, Entry(article, chunks, vectors), Mark(stored, mark.token))
    for name in ("vectors", "chunks", "articles", "revisions", "removals", "meta"):  # children first
        db.execute(f"DROP TABLE old_{name}")
    number = db.execute("SELECT coalesce(max(number), 0) FROM articles").get
    db.execute("INSERT INTO commits VALUES (?, ?, ?)", (*mark, number))


def _to_3(db: apsw.Connection) -> None:
    """How often each word stands in the full text, and one index for filters. (A step from 1 has made both.)"""
    db.execute(
        "DROP INDEX IF EXISTS articles_day; DROP INDEX IF EXISTS articles_publisher;"
        "CREATE INDEX IF NOT EXISTS articles_facts ON articles (day, publisher, language);"
        "CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary USING fts5vocab (fulltext, row);"
    )


_STEPS: dict[int, Callable[[apsw.Connection], None]] = {1: _to_2, 2: _to_3}
