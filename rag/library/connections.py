"""Connections to one SQLite file, each of whose pages carries a checksum; SQLite's errors as ours."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import apsw
import apsw.sqlite_extra

from rag.errors import LibraryCorrupt, LibraryError
from rag.library.schema import CHECKSUM, PAGE

_VFS = "cksmvfs"
_BUSY_MS = 30_000
_HURRIED_MS = 250
_DAY = 86_400  # seconds
_DAMAGED = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)
_DAMAGED_READS = (apsw.SQLITE_IOERR_DATA, apsw.SQLITE_IOERR_SHORT_READ, apsw.SQLITE_IOERR_CORRUPTFS)


@cache
def _register_checksums() -> None:
    """SQLite's checksum VFS: it writes a checksum on each page, and verifies it on each read."""
    with apsw.Connection(":memory:") as db:
        apsw.sqlite_extra.load(db, "cksumvfs")


def connect(path: Path) -> apsw.Connection:
    """A connection that waits for other writers, and is told on commit that the disk has it."""
    _register_checksums()
    db = apsw.Connection(str(path), vfs=_VFS)
    db.set_busy_timeout(_BUSY_MS)
    for pragma in (
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
        "cache_size = -32000",
        "journal_size_limit = 16000000",
    ):
        db.execute(f"PRAGMA {pragma}")
    return db


def create(path: Path, fill: Callable[[apsw.Connection], None]) -> None:
    """Makes the file, filled, in one step, unless it is there: of several who try, one does it."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        db = connect(beside)
        try:
            db.reserve_bytes(reserve=CHECKSUM)
            db.execute(f"PRAGMA page_size = {PAGE}")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("BEGIN IMMEDIATE")
            fill(db)
            db.execute("COMMIT")
        finally:
            db.close()
        with contextlib.suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Removes what a process that was killed a day ago or earlier had begun to write beside the library."""
    for path in folder.glob(".*"):
        with contextlib.suppress(OSError):  # somebody else was quicker
            if path.name.startswith((".library.db.", ".restore-")) and time.time() - path.stat().st_mtime > _DAY:
                path.unlink()


@contextmanager
def hurried(db: apsw.Connection) -> Iterator[None]:
    """Waits hardly at all for others in the block, and goes without what they keep from being done."""
    db.set_busy_timeout(_HURRIED_MS)
    try:
        with contextlib.suppress(apsw.BusyError):
            yield
    finally:
        db.set_busy_timeout(_BUSY_MS)


def row(db: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> Any:
    """The first row, a tuple; None where there is none."""
    return db.execute(sql, values).fetchone()


class Connections:
    """Connections to one file, given out one at a time to whoever asks, and kept for the next."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[apsw.Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def one(self) -> Iterator[apsw.Connection]:
        """A connection for as long as the block lasts. SQLite's errors in it become ours."""
        with explained(self.path):
            with self._lock:
                if self._closed:
                    raise LibraryError(expected="an open library", found="a closed one", remedy="open it anew")
                db = self._idle.pop() if self._idle else None
            db = db or connect(self.path)
            try:
                yield db
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                with self._lock:
                    if self._closed:
                        db.close()
                    else:
                        self._idle.append(db)

    @contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """All that is done in the block, or none of it; committed when the block ends."""
        with self.one() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")

    def close(self) -> None:
        self._closed = True
        self.close_idle()

    def close_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for db in idle:
            db.close()


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """SQLite's and the system's errors as ours: one line with the remedy."""
    try:
        yield
    except apsw.Error as err:
        found = _message(err)
        if isinstance(err, _DAMAGED) or getattr(err, "extendedresult", 0) in _DAMAGED_READS:
            raise LibraryCorrupt(
                expected=f"a sound library at {path}",
                found=found,
                remedy="see quotewell doctor --deep, restore a backup with quotewell restore, or ingest anew",
            ) from err
        raise LibraryError(expected=f"to use the library {path}", found=found, remedy=_remedy(err)) from err
    except OSError as err:
        raise LibraryError(
            expected=f"a folder that can be written at {path.parent}",
            found=err.strerror or str(err),
            remedy="choose another with --home or QUOTEWELL_HOME",
        ) from err


def _message(err: apsw.Error) -> str:
    if getattr(err, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA:
        return "a page whose checksum is wrong"
    return str(err)


def _remedy(err: apsw.Error) -> str:
    if isinstance(err, apsw.FullError):
        return "free some space; nothing that was stored is lost"
    if isinstance(err, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError):
        return "make the folder writable, or choose another --home"
    if isinstance(err, apsw.BusyError):
        return "wait until the other writer has finished, then try again"
    return "look at the disk, then run quotewell doctor"
