"""Segments on disk: files that are written once, and ``index.json``, which names them with their checksums.

FAISS notices almost no corruption, so no file is read before its SHA-256 has been compared. Files are
written beside and the description is replaced last, in one step: a stop in between leaves the old state.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import faiss
import numpy as np

from rag.index.segments import Segment
from rag.types import Mark

try:
    import fcntl
except ImportError:  # not a POSIX system: two processes that save at once may cost a rebuild
    fcntl = None  # type: ignore[assignment]

_FORMAT = 3
_BUFFER = 1 << 20


class Snapshots:
    """The last saved segment in ``folder``, and how it is replaced."""

    def __init__(self, folder: Path, dim: int) -> None:
        self._folder, self._dim = folder, dim
        self._card = folder / "index.json"

    def mark(self) -> Mark | None:
        """The state that is saved; None where there is none that can be used."""
        card = self._read_card()
        return Mark(*card["mark"]) if card else None

    def _read_card(self) -> dict[str, Any] | None:
        try:
            card = json.loads(self._card.read_text(encoding="utf-8"))
            if card.pop("sha256") != _digest(card) or (card["format"], card["dim"]) != (_FORMAT, self._dim):
                return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # never saved, by an older Quotewell, or damaged: a view can be made again
        return dict(card)

    def load(self) -> tuple[Mark, Segment] | None:
        """What was saved last, where all of it is as it was written; vectors stay in the file, mapped.

        Another process may replace the files while they are read: then what it saved is read.
        """
        while (card := self._read_card()) is not None:
            with contextlib.suppress(OSError, RuntimeError):  # what Python and FAISS raise for a file that is gone
                if all(self._sound(name, found) for name, found in card["files"].items()):
                    return Mark(*card["mark"]), self._open(card["files"])
            if self._read_card() == card:
                return None
        return None

    def _open(self, files: Iterable[str]) -> Segment:
        names = {name.rpartition(".")[2]: self._folder / name for name in files}
        flat = faiss.read_index(str(names["vectors"]), faiss.IO_FLAG_MMAP_IFC)
        ids = np.frombuffer(names["ids"].read_bytes(), "<i8")
        coarse = faiss.read_index(str(names["coarse"])) if "coarse" in names else None
        return Segment(ids, flat, coarse=coarse, mapped=True)

    def _sound(self, name: str, expected: str) -> bool:
        try:
            with (self._folder / name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == expected
        except OSError:
            return False

    def write(self, mark: Mark, segment: Segment) -> Segment:
        """Saves ``segment``, all of whose rows live, as the state ``mark``; returns it as it is when it is loaded."""
        with self._alone():
            stem = f"index-{mark.seq}-{secrets.token_hex(4)}"
            files = {
                f"{stem}.vectors": self._put(f"{stem}.vectors", lambda file: _write_index(segment.flat, file)),
                f"{stem}.ids": self._put(f"{stem}.ids", lambda file: file.write(segment.ids.astype("<i8").tobytes())),
            }
            if segment.coarse is not None:
                name = f"{stem}.coarse"
                files[name] = self._put(name, lambda file: _write_index(segment.coarse, file))
            card = {"format": _FORMAT, "dim": self._dim, "mark": list(mark), "files": files}
            text = json.dumps(card | {"sha256": _digest(card)})
            self._put("index.json.new", lambda file: file.write(text.encode()))
            (self._folder / "index.json.new").replace(self._card)
            self._sync_folder()
            self._remove_all_but(files)
        found = self.load()
        return found[1] if found is not None and found[0] == mark else segment

    def _put(self, name: str, write: Callable[[BinaryIO], object]) -> str:
        """Writes a file to the disk; returns the SHA-256 of what was meant to be written."""
        path = self._folder / name
        try:
            with path.open("wb", buffering=0) as raw:
                file = _Hashed(raw)
                write(file)  # type: ignore[arg-type]
                os.fsync(raw.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return file.hexdigest()

    def _sync_folder(self) -> None:
        with contextlib.suppress(OSError):  # not all systems can
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _remove_all_but(self, files: dict[str, str]) -> None:
        """Whoever has an older file mapped keeps it until it is done."""
        for path in [*self._folder.glob("index-*.*"), *self._folder.glob("index.faiss")]:
            if path.name not in files:
                path.unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self._folder / "index.lock").open("w") as lock:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class _Hashed:
    """A file that keeps a hash of what was written to it, and writes all that it is given."""

    def __init__(self, raw: Any) -> None:
        self._raw, self._hash = raw, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        left = memoryview(data)
        while left:
            left = left[self._raw.write(left) :]
        return len(data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _write_index(index: Any, file: BinaryIO) -> None:
    faiss.write_index(index, faiss.BufferedIOWriter(faiss.PyCallbackIOWriter(file.write, _BUFFER), _BUFFER))


def _digest(card: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()
