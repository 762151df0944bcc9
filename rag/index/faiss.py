"""The view: search by inner product over the library's vectors, with FAISS.

An index is a list of segments that never change, the oldest and largest first. A change of the library
adds a small segment and marks rows of others as dead, so a view that somebody searches stays what it is.
Small segments are joined as they come, as in a log-structured merge tree. The first is what was last saved,
mapped from its file, with a coarse copy when it is large.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np

from rag.errors import LibraryError
from rag.index.segments import Segment, allowed_table, joined
from rag.index.snapshots import Snapshots
from rag.types import Changes, Mark, Matrix, Numbers, Reading

_NOTHING = Mark(0, 0)
_STALE = 0.2  # share of rows that were added or removed since they were saved, above which all are saved anew,
_MANY = 50_000  # and so many of them however small their share
_SMALL = 10_000  # rows that are saved anew at any change

# One question is one pass over memory: more threads gain little, and while ONNX Runtime's own threads
# still spin after embedding the question, waiting for FAISS's costs 2 ms.
faiss.omp_set_num_threads(1)


@dataclass(frozen=True)
class FaissView:
    """The vectors of one state of the library. See ``rag.types.View``."""

    mark: Mark
    segments: tuple[Segment, ...]

    def __len__(self) -> int:
        return sum(segment.living for segment in self.segments)

    def search(self, vector: Matrix, k: int, allowed: Numbers | None = None) -> list[tuple[int, float]]:
        """The ``k`` chunk ids most similar to ``vector`` (shape ``(dim,)``), best first, of allowed articles."""
        table = None if allowed is None else allowed_table(allowed)
        found = [pair for segment in self.segments for pair in segment.search(vector, k, table)]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:k]

    def similarities(self, vector: Matrix, ids: Sequence[int]) -> list[float]:
        """The similarity of each of ``ids`` to ``vector``; -1 for one that is not there."""
        wanted = np.array(ids, np.int64)
        scores = np.full(len(wanted), -1.0, np.float32)
        for segment in self.segments:
            segment.score(vector, wanted, scores)
        return [float(score) for score in scores]

    def ids(self) -> Numbers:
        """The ids of all, ascending."""
        living = [s.ids if s.alive is None else s.ids[s.alive] for s in self.segments]
        return np.sort(np.concatenate([np.empty(0, np.int64), *living]))

    def vectors(self, ids: Numbers) -> Matrix:
        """The vectors of ``ids``, all of which must be there."""
        found = np.empty((len(ids), self.segments[0].flat.d), np.float32)
        for segment in self.segments:
            here, places = segment.places(ids)
            found[here] = segment.flat.reconstruct_batch(places[here])
        return found

    def after(self, changes: Changes) -> FaissView:
        """The view that ``changes`` lead to."""
        kept = () if changes.whole else self.segments
        segments = [segment.without(changes.removed) for segment in kept]
        if len(changes.ids):
            segments.append(Segment.of(changes.ids, changes.vectors))
        segments = [segment for segment in segments if segment.living]
        while len(segments) > 1 and not segments[-2].mapped and segments[-2].rows < 2 * segments[-1].rows:
            segments[-2:] = [joined(segments[-2:])]
        return FaissView(changes.mark, tuple(segments))


class FaissIndex:
    """The views of a library, saved in ``folder`` as ``index.json`` and the files that it names.

    What was saved is used where its checksums hold and its mark is one of the library's past; otherwise
    the index is made anew from the library. Safe for threads; of several processes each has its own.
    """

    def __init__(self, folder: Path, *, dim: int) -> None:
        self._dim = dim
        self._snapshots = Snapshots(folder, dim)
        self._lock = threading.Lock()
        self._saving = threading.Lock()
        self._view = FaissView(_NOTHING, ())
        self._saved = _NOTHING
        self._load()

    def _load(self) -> bool:
        """Takes what is saved, if that is newer than what was loaded or saved here last."""
        if self._snapshots.mark() in (None, self._saved):
            return False
        found = self._snapshots.load()
        if found is None:
            return False
        mark, segment = found
        with self._lock:
            if mark.seq >= self._saved.seq:
                self._saved = mark
                self._view = FaissView(mark, (segment,) if segment.living else ())
        return True

    def at(self, reading: Reading) -> FaissView | None:
        """The view of ``reading``'s state, made if need be; None when a newer one has been seen."""
        with self._lock:
            if self._view.mark != reading.mark:
                if self._view.mark.seq > reading.mark.seq:
                    return None
                self._view = self._view.after(reading.changes(self._view.mark))
            return self._view

    def save(self, reading: Reading, *, purge: bool = False) -> None:
        """Writes the state of ``reading`` down, if much has changed; with ``purge`` if anything was removed.

        What is not written is read from the library when the index is next opened.
        """
        with self._saving:
            view = self.at(reading)
            if view is None or view.mark == self._saved:
                return
            first = view.segments[0] if view.segments else None
            saved = first if first is not None and first.mapped else None
            removed = saved.rows - saved.living if saved else 0
            changed = len(view) - (saved.living if saved else 0) + removed
            if saved is None or len(view) < _SMALL or changed > min(_MANY, _STALE * len(view)):
                self._write(view.mark, joined(view.segments, self._dim).with_coarse())
            elif purge and removed:
                self._write(self._saved, joined([saved]).with_coarse(saved.coarse))

    def _write(self, mark: Mark, segment: Segment) -> None:
        try:
            mapped = self._snapshots.write(mark, segment)
        except OSError as err:
            raise LibraryError(
                expected="to save the index beside the library",
                found=err.strerror or str(err),
                remedy="free some space or make the folder writable; the library has all that was stored",
            ) from err
        with self._lock:
            self._saved = mark
            self._view = FaissView(mark, (mapped,) if mapped.living else ())

    def maintain(self, reading: Reading) -> None:
        """What a service does now and then: takes what another process saved, and saves when much has changed."""
        self._load()
        self.save(reading)

    def close(self) -> None:
        """Nothing is lost by closing without ``save``: the library has it all."""
