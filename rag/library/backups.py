"""A library in one file, made and taken back while others use it."""

from __future__ import annotations

import secrets
from pathlib import Path

import apsw

from rag.errors import LibraryCorrupt, LibraryError, NotFound
from rag.library.connections import Connections, connect, explained
from rag.library.upgrades import upgrade
from rag.types import Mark


def back_up(connections: Connections, path: Path) -> None:
    """Writes the newest state to ``path``, checked, in one step: a stop leaves what was there."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with explained(path), connections.one() as db:
            _copy(db, beside)
            beside.replace(path)
    finally:
        remove_files(beside)


def restored(live: Connections, path: Path, beside: Path) -> Connections:
    """A copy of the backup ``path`` in the file ``beside``: sound, of today's format, and later than ``live``.

    Raises NotFound, LibraryCorrupt, or LibraryError where it cannot take the place of ``live``.
    """
    if not path.is_file():
        raise NotFound(expected=f"a backup at {path}", found="none", remedy="name the file that quotewell backup made")
    with explained(path):
        source = connect(path)
        try:
            _copy(source, beside)
        finally:
            source.close()
    copy = Connections(beside)
    upgrade(copy)
    with live.one() as now, copy.writing() as db:
        sizes = [one.execute("PRAGMA page_size").get for one in (now, db)]
        if sizes[0] != sizes[1]:
            raise LibraryError(
                expected=f"a home whose file has pages of {sizes[1]} bytes",
                found=str(sizes[0]),
                remedy="restore into a home that is not there yet",
            )
        newest = max(one.execute("SELECT max(seq) FROM commits").get for one in (now, db))
        number = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").get
        db.execute("INSERT INTO commits VALUES (?, ?, ?)", (newest + 1, secrets.randbits(62), number))
    return copy


def replace(live: Connections, copy: Connections) -> Mark:
    """Puts ``copy`` in the place of what ``live`` holds, in one transaction: who reads sees either, whole."""
    with live.one() as db, copy.one() as source:
        with db.backup("main", source, "main") as job:
            job.step()
        return Mark(*db.execute("SELECT seq, token FROM commits ORDER BY seq DESC LIMIT 1").fetchone())  # type: ignore[misc]


def _copy(source: apsw.Connection, path: Path) -> None:
    copy = connect(path)
    try:
        with copy.backup("main", source, "main") as job:
            job.step()
        copy.execute("PRAGMA journal_mode = DELETE")  # all of it in the one file
        found = copy.execute("PRAGMA integrity_check").get
        if found != "ok":
            raise LibraryCorrupt(expected="a sound library", found=str(found), remedy="see quotewell doctor --deep")
    finally:
        copy.close()


def remove_files(path: Path) -> None:
    """Removes a database with the files that SQLite keeps beside it."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-journal"):
        path.with_name(name).unlink(missing_ok=True)
