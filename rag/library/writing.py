"""What one article is in the tables: put there, and taken away, inside a transaction."""

from __future__ import annotations

import json
from typing import Any

import apsw

from rag.copies import alike, bands, nearest, runs, signature
from rag.errors import LibraryError
from rag.library.connections import row
from rag.library.reading import ids_of
from rag.types import ARTICLE_BITS, Article, Entry, Mark, tags

_LIKELY = 500  # possible near duplicates whose signatures are compared,
_CANDIDATES = 10  # and those whose texts are


def insert(db: apsw.Connection, entry: Entry, mark: Mark) -> None:
    """Stores an article that is not there, or no longer, with its chunks and vectors."""
    article, chunks, vectors = entry
    if len(chunks) >= 1 << ARTICLE_BITS:
        raise LibraryError(
            expected=f"fewer than {1 << ARTICLE_BITS} chunks in an article",
            found=f"{len(chunks)} in {article.id}",
            remedy="put it in in parts",
        )
    facts = (article.url, article.published_at, article.publisher, article.language)
    metadata = json.dumps(dict(article.metadata))
    db.execute(
        "INSERT OR REPLACE INTO revisions (article_id, revision, title, url, published_at, publisher, language, "
        "metadata, seq, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            article.id,
            article.revision,
            article.title,
            *facts,
            metadata,
            mark.seq,
            article.text,
        ),
    )
    signed = signature(runs(article.text))
    keys = bands(signed)
    cluster = _cluster(db, article, signed, keys)
    url, published_at, *rest = facts
    day = published_at[:10] if published_at else None
    db.execute(
        "INSERT INTO articles (id, revision, url, published_at, day, publisher, language, cluster, chunks) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (article.id, article.revision, url, published_at, day, *rest, cluster, len(chunks)),
    )
    number = db.last_insert_rowid()
    db.execute("INSERT INTO sketches VALUES (?, ?)", (number, signed))
    db.executemany("INSERT OR IGNORE INTO bands VALUES (?, ?)", [(key, number) for key in keys])
    db.executemany("INSERT INTO tags VALUES (?, ?)", [(tag, number) for tag in tags(article)])
    first, _ = ids_of(number)
    rows = [(first + n, c.span.start, c.span.end, c.title, c.text) for n, c in enumerate(chunks)]
    db.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?, ?)", rows)
    db.executemany("INSERT INTO fulltext (rowid, title, text) VALUES (?, ?, ?)", [(r[0], r[3], r[4]) for r in rows])
    db.executemany(
        "INSERT INTO vectors VALUES (?, ?)",
        [(row[0], vector.astype("<f4").tobytes()) for row, vector in zip(rows, vectors, strict=True)],
    )


def _cluster(db: apsw.Connection, article: Article, signed: bytes, keys: list[int]) -> int:
    """The cluster of the stored article that ``article`` is a near duplicate of; 0 if there is none."""
    likely: Any = db.execute(
        "SELECT number, signature FROM sketches WHERE number IN "
        f"(SELECT DISTINCT number FROM bands WHERE band IN ({','.join('?' * len(keys))}) LIMIT {_LIKELY})",
        keys,
    ).fetchall()
    for number in nearest(signed, likely, _CANDIDATES):
        cluster, text = row(
            db,
            "SELECT a.cluster, r.text FROM articles a JOIN revisions r "
            "ON r.article_id = a.id AND r.revision = a.revision WHERE a.number = ?",
            (number,),
        )
        if alike(article.text, text):
            if not cluster:
                db.execute("UPDATE articles SET cluster = number WHERE number = ?", (number,))
            return int(cluster or number)
    return 0


def remove(db: apsw.Connection, article_id: str, mark: Mark) -> bool:
    """Removes all of the current revision but its text; False when there is no such article."""
    number = db.execute("SELECT number FROM articles WHERE id = ?", (article_id,)).get
    if number is None:
        return False
    span = ids_of(number)
    rows = db.execute("SELECT id, title, text FROM chunks WHERE id BETWEEN ? AND ?", span).fetchall()
    db.executemany("INSERT INTO fulltext (fulltext, rowid, title, text) VALUES ('delete', ?, ?, ?)", rows)
    db.execute("DELETE FROM vectors WHERE chunk_id BETWEEN ? AND ?", span)
    db.execute("DELETE FROM chunks WHERE id BETWEEN ? AND ?", span)
    db.execute("DELETE FROM tags WHERE number = ?", (number,))
    signed = db.execute("SELECT signature FROM sketches WHERE number = ?", (number,)).get
    db.executemany("DELETE FROM bands WHERE band = ? AND number = ?", [(key, number) for key in bands(signed)])
    db.execute("DELETE FROM sketches WHERE number = ?", (number,))
    db.execute("DELETE FROM articles WHERE number = ?", (number,))
    db.execute("INSERT INTO removals VALUES (?, ?)", (mark.seq, number))
    return True
