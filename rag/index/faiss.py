"""The view: exact search by inner product over the library's vectors, with FAISS."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np

from rag.types import Changes, Matrix

_FORMAT = 1

# One question is one pass over memory: more threads gain little, and while ONNX Runtime's own threads
# still spin after embedding the question, waiting for FAISS's costs 2 ms.
faiss.omp_set_num_threads(1)


class FaissIndex:
    """A flat index in ``folder/index.faiss``, described by ``folder/index.json``.

    The description holds the library's ``identity``, the sequence number and a SHA-256 over all, and is
    read first: FAISS itself notices almost no corruption. An index that does not fit in any of these
    is ignored and starts empty at ``seq`` 0; ``apply`` of the library's changes rebuilds it.
    """

    def __init__(self, folder: Path, *, dim: int, identity: str) -> None:
        self._path, self._card = folder / "index.faiss", folder / "index.json"
        self._dim, self._identity = dim, identity
        self._lock = threading.Lock()
        self._index = self._load() or self._empty()

    @property
    def seq(self) -> int:
        return self._seq

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def _empty(self) -> faiss.IndexIDMap2:
        self._seq = self._saved = 0
        return faiss.IndexIDMap2(faiss.IndexFlatIP(self._dim))

    def _load(self) -> faiss.IndexIDMap2 | None:
        try:
            card = json.loads(self._card.read_text(encoding="utf-8"))
            data = self._path.read_bytes()
        except (OSError, ValueError):
            return None  # never saved, or half of it: a view can be made again
        if not isinstance(card, dict) or card.pop("sha256", None) != _digest(card, data):
            return None
        if (card.get("format"), card.get("identity"), card.get("dim")) != (_FORMAT, self._identity, self._dim):
            return None
        index = faiss.deserialize_index(np.frombuffer(data, np.uint8))
        self._seq = self._saved = int(card["seq"])
        return index

    def apply(self, changes: Changes) -> None:
        """Forgets what was removed, then takes in what was added. Older changes do nothing."""
        with self._lock:
            if changes.seq < self._seq:
                return
            gone = np.array([*changes.removed, *changes.added], np.int64)
            if len(gone) and self._index.ntotal:
                self._index.remove_ids(gone)
            if changes.added:
                self._index.add_with_ids(np.ascontiguousarray(changes.vectors), np.array(changes.added, np.int64))
            self._seq = changes.seq

    def search(self, vector: Matrix, k: int, allowed: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """The ``k`` ids most similar to ``vector`` (shape ``(dim,)``), best first, of ``allowed`` if given."""
        with self._lock:
            if not self._index.ntotal or (allowed is not None and not len(allowed)):
                return []
            k = min(k, self._index.ntotal)
            params = None
            if allowed is not None:
                params = faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.array(allowed, np.int64)))
            scores, ids = self._index.search(vector.reshape(1, -1), k, params=params)
        return [(int(n), float(score)) for n, score in zip(ids[0], scores[0], strict=True) if n != -1]

    def similarities(self, vector: Matrix, ids: Sequence[int]) -> list[float]:
        """The similarity of each of ``ids`` to ``vector``; -1 for one that is not there."""
        found = []
        with self._lock:
            for n in ids:
                try:
                    found.append(float(self._index.reconstruct(int(n)) @ vector))
                except RuntimeError:  # FAISS says so of an id that was removed
                    found.append(-1.0)
        return found

    def save(self) -> None:
        """Writes beside and renames, data before description: a stop in between costs a rebuild only."""
        with self._lock:
            if self._seq == self._saved and self._card.exists():
                return
            data = faiss.serialize_index(self._index).tobytes()
            card = {
                "format": _FORMAT,
                "identity": self._identity,
                "dim": self._dim,
                "seq": self._seq,
            }
            _replace(self._path, data)
            _replace(self._card, json.dumps(card | {"sha256": _digest(card, data)}).encode())
            self._saved = self._seq

    def close(self) -> None:
        """Nothing is lost by closing without ``save``: the library has it all."""


def _digest(card: dict[str, object], data: bytes) -> str:
    """Over the vectors and what the description says of them: a wrong ``seq`` would hide changes."""
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode() + data).hexdigest()


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
