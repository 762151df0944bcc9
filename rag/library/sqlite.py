"""The truth: one SQLite file, one transaction a batch. The commit is the only acknowledgement."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from rag.errors import IndexMismatch, LibraryCorrupt
from rag.library.backups import back_up, remove_files, replace, restored
from rag.library.connections import Connections, create, explained, hurried, remove_leftovers
from rag.library.frequencies import Frequencies
from rag.library.reading import SQLiteReading, no_article
from rag.library.schema import FORMAT, SCHEMA
from rag.library.upgrades import upgrade
from rag.library.witness import Witness
from rag.library.writing import insert, remove
from rag.types import Article, Changes, Chunk, Entry, Mark, Matrix, Numbers, Stats, Where


class SQLiteLibrary:
    """Articles, revisions, chunks, vectors and full text in ``folder/library.db``.

    ``fingerprints`` say how chunks and vectors were made; a library that holds chunks made otherwise
    raises IndexMismatch. Safe for threads and processes: WAL lets any number read while one writes,
    and others that want to write wait for it. Each page carries a checksum, so damage raises
    LibraryCorrupt instead of being read; each text is checked against its revision.
    """

    def __init__(self, folder: Path, *, dim: int, fingerprints: dict[str, str]) -> None:
        self.path = folder / "library.db"
        self._dim, self._fingerprints = dim, fingerprints
        self._connections = Connections(self.path)
        self._frequencies = Frequencies()
        self._witness = Witness(folder / "library.seq")
        try:
            self._open(folder)
        except BaseException:
            self.close()
            raise

    def _open(self, folder: Path) -> None:
        with explained(self.path):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self.path.exists():
                create(self.path, _fill)
            remove_leftovers(folder)
        upgrade(self._connections)
        noted = self._witness.read()
        with self._connections.writing() as db:
            _check(db, self._fingerprints, self.path)
        self._witness.check(noted, self.mark)

    def close(self) -> None:
        self._connections.close()

    # -- writing ---------------------------------------------------------------------------------

    @contextmanager
    def _changing(self) -> Iterator[tuple[apsw.Connection, Mark]]:
        """A transaction that is one change: all of it, or nothing."""
        with self._connections.writing() as db:
            mark = _commit(db)
            yield db, mark
            db.execute(
                "UPDATE commits SET number = (SELECT coalesce(max(seq), 0) FROM sqlite_sequence) WHERE seq = ?",
                (mark.seq,),
            )
        self._witness.write(mark)

    def put(self, batch: Sequence[Entry]) -> Mark:
        """Stores each article as its current revision, in one transaction."""
        with self._changing() as (db, mark):
            for entry in batch:
                remove(db, entry.article.id, mark)
                insert(db, entry, mark)
        return mark

    def delete(self, article_ids: Sequence[str]) -> Mark:
        """Removes these articles with all revisions, in one transaction, out of the file. Raises NotFound."""
        with self._changing() as (db, mark):
            for article_id in article_ids:
                if not remove(db, article_id, mark):
                    raise no_article(article_id)
                db.execute("DELETE FROM revisions WHERE article_id = ?", (article_id,))
        self._empty_log()
        return mark

    def prune(self, keep: int = 0) -> int:
        """Removes all but the newest ``keep`` earlier revisions of each article, and gives the space back.

        Returns how many revisions were removed.
        """
        with self._changing() as (db, _):
            db.execute(
                "DELETE FROM revisions WHERE rowid IN (SELECT rowid FROM (SELECT r.rowid, row_number() OVER "
                "(PARTITION BY r.article_id ORDER BY r.seq DESC) AS age FROM revisions r JOIN articles a "
                "ON a.id = r.article_id WHERE a.revision != r.revision) WHERE age > ?)",
                (keep,),
            )
            count = db.changes()
        with self._connections.one() as db:
            db.execute("VACUUM")
        self._empty_log()
        return count

    def _empty_log(self) -> None:
        """What was removed goes out of the write-ahead log too, unless somebody still reads that state."""
        with self._connections.one() as db, hurried(db):
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def back_up(self, path: Path) -> None:
        """Writes the newest state to one file, while others read and write."""
        back_up(self._connections, path)

    def restore(self, path: Path) -> Mark:
        """Takes the state of a backup for the newest one, while others read: they see this or that, whole."""
        beside = self.path.with_name(f".restore-{secrets.token_hex(8)}")
        try:
            copy = restored(self._connections, path, beside)
            try:
                with copy.writing() as db:
                    _check(db, self._fingerprints, path)
                mark = replace(self._connections, copy)
            finally:
                copy.close()
        finally:
            remove_files(beside)
        self._witness.write(mark)
        return mark

    def rebuild(self) -> None:
        """Makes the full text anew, and takes this state for the newest that there was."""
        with self._changing() as (db, _):
            db.execute("INSERT INTO fulltext (fulltext) VALUES ('rebuild')")

    # -- reading ---------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[SQLiteReading]:
        """One state, however long the block lasts and whatever is written meanwhile."""
        with self._connections.one() as db:
            db.execute("BEGIN")
            yield SQLiteReading(db, self._dim, self._frequencies)

    @property
    def mark(self) -> Mark:
        with self.reading() as now:
            return now.mark

    def article(self, article_id: str, revision: str | None = None) -> Article:
        with self.reading() as now:
            return now.article(article_id, revision)

    def articles(
        self,
        *,
        limit: int,
        after: str | None = None,
        where: Where | None = None,
        words: str = "",
        latest: bool = False,
    ) -> list[Article]:
        with self.reading() as now:
            return now.articles(limit=limit, after=after, where=where, words=words, latest=latest)

    def publishers(self, limit: int) -> list[str]:
        with self.reading() as now:
            return now.publishers(limit)

    def revisions_of(self, article_id: str) -> list[Article]:
        with self.reading() as now:
            return now.revisions_of(article_id)

    def chunks(self, ids: Sequence[int]) -> list[Chunk]:
        with self.reading() as now:
            return now.chunks(ids)

    def stored(self, article_id: str) -> tuple[list[Chunk], Matrix]:
        with self.reading() as now:
            return now.stored(article_id)

    def copies(self, article_id: str) -> list[Article]:
        with self.reading() as now:
            return now.copies(article_id)

    def search_text(self, query: str, k: int, allowed: Numbers | None = None) -> list[tuple[int, float]]:
        with self.reading() as now:
            return now.search_text(query, k, allowed)

    def allowed(self, where: Where) -> Numbers:
        with self.reading() as now:
            return now.allowed(where)

    def changes(self, after: Mark) -> Changes:
        with self.reading() as now:
            return now.changes(after)

    def stats(self) -> Stats:
        with self.reading() as now:
            return now.stats()

    def problems(self) -> list[str]:
        """What contradicts itself, a line each: pages, references, full text, vectors, spans."""
        with self.reading() as now:
            found = list(now.problems())
        try:
            with self._connections.writing() as db:
                db.execute("INSERT INTO fulltext (fulltext, rank) VALUES ('integrity-check', 1)")
        except LibraryCorrupt:
            found.append("the full text does not fit the chunks")
        return found


def _fill(db: apsw.Connection) -> None:
    db.execute(SCHEMA)
    db.execute("INSERT INTO meta VALUES ('format', ?)", (str(FORMAT),))
    _commit(db)


def _commit(db: apsw.Connection) -> Mark:
    last = db.execute("SELECT coalesce(max(seq), -1) FROM commits").get
    mark = Mark(last + 1, secrets.randbits(62))
    db.execute("INSERT INTO commits VALUES (?, ?, 0)", mark)
    return mark


def _check(db: apsw.Connection, fingerprints: dict[str, str], path: Path) -> None:
    """Raises IndexMismatch when chunks are there that were made otherwise; an empty library takes any."""
    empty = not db.execute("SELECT 1 FROM articles LIMIT 1").get
    for key, expected in fingerprints.items():
        found = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).get
        if found is None or (empty and found != expected):
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, expected))
        elif found != expected:
            raise IndexMismatch(
                expected=f"a library whose {key} is {expected}",
                found=f"{found} in {path.parent}",
                remedy="set QUOTEWELL_EMBEDDER as it was, or ingest into another home",
            )
