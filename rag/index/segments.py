"""A segment: vectors and ids that never change, and which of them are alive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import faiss
import numpy as np
from numpy.typing import NDArray

from rag.types import ARTICLE_BITS, Matrix, Numbers

Mask = NDArray[np.bool_]

COARSE_ROWS = 20_000
"""From here on a saved segment is searched in two steps: all rows coarsely, the best of them again, exactly."""

_PARTS, _BITS = 96, 4  # of the coarse copy: 48 bytes a row instead of 1,536
_SAMPLE = 20_000  # rows that it is fitted on
_AGAIN = 1000  # rows that are compared again
_FEW = 0.1  # share of rows let through, under which those are compared exactly at once
_BLOCK = 50_000


@dataclass(frozen=True)
class Segment:
    """``ids`` (ascending) name the rows of ``flat``. ``alive`` is None where all are.

    ``coarse`` has the same rows in product-quantised form, which registers can go through 30 times as fast
    (André, Kermarrec and Le Scouarnec, 2015).
    """

    ids: Numbers
    flat: faiss.IndexFlatIP
    alive: Mask | None = None
    coarse: faiss.IndexPQFastScan | None = None
    mapped: bool = False

    @classmethod
    def of(cls, ids: Numbers, vectors: Matrix) -> Segment:
        flat = faiss.IndexFlatIP(vectors.shape[1])
        flat.add(np.ascontiguousarray(vectors))
        return cls(ids, flat)

    @property
    def rows(self) -> int:
        return len(self.ids)

    @cached_property
    def living(self) -> int:
        return self.rows if self.alive is None else int(self.alive.sum())

    @cached_property
    def owners(self) -> Numbers:
        """The number of the article that each row belongs to."""
        return self.ids >> ARTICLE_BITS

    def without(self, numbers: Numbers) -> Segment:
        """Rows of the articles so numbered are dead in the segment returned."""
        if not len(numbers):
            return self
        starts = np.searchsorted(self.ids, numbers << ARTICLE_BITS)
        ends = np.searchsorted(self.ids, (numbers + 1) << ARTICLE_BITS)
        if not (starts < ends).any():
            return self
        alive = np.ones(self.rows, np.bool_) if self.alive is None else self.alive.copy()
        for start, end in zip(starts, ends, strict=True):
            alive[start:end] = False
        return replace(self, alive=alive)

    def search(self, vector: Matrix, k: int, allowed: Mask | None) -> list[tuple[int, float]]:
        """The ``k`` living rows most similar to ``vector`` whose articles are allowed: ids and similarities."""
        mask = self.alive
        count = self.living
        if allowed is not None:
            table = np.zeros(max(len(allowed), int(self.owners[-1]) + 1), np.bool_)
            table[: len(allowed)] = allowed
            mask = table[self.owners] if mask is None else table[self.owners] & mask
            count = int(mask.sum())
        if not count:
            return []
        if self.coarse is None or count < _FEW * self.rows:
            places, scores = self._exactly(vector, min(k, count), mask)
        else:
            places, scores = self._in_two_steps(vector, k, mask, count)
        return [(int(n), float(score)) for n, score in zip(self.ids[places], scores, strict=True)]

    def _exactly(self, vector: Matrix, k: int, mask: Mask | None) -> tuple[Numbers, Matrix]:
        params = faiss.SearchParameters()
        if mask is not None:
            bits = np.packbits(mask, bitorder="little")  # both must outlive the search
            params.sel = selector = faiss.IDSelectorBitmap(bits)  # noqa: F841
        scores, places = self.flat.search(vector.reshape(1, -1), k, params=params)
        return places[0], scores[0]

    def _in_two_steps(self, vector: Matrix, k: int, mask: Mask | None, count: int) -> tuple[Numbers, Matrix]:
        wanted = max(_AGAIN, 4 * k)
        assert self.coarse is not None
        _, found = self.coarse.search(vector.reshape(1, -1), min(self.rows, wanted * self.rows // count))
        places = found[0][found[0] >= 0]
        if mask is not None:
            places = places[mask[places]][:wanted]
        scores = self.flat.reconstruct_batch(places) @ vector
        best = np.argsort(-scores, kind="stable")[:k]
        return places[best], scores[best]

    def score(self, vector: Matrix, wanted: Numbers, scores: NDArray[np.float32]) -> None:
        """Fills in the similarities of those of ``wanted`` that are alive here."""
        here, places = self.places(wanted)
        if here.any():
            scores[here] = self.flat.reconstruct_batch(places[here]) @ vector

    def places(self, wanted: Numbers) -> tuple[Mask, Numbers]:
        """Which of ``wanted`` are alive here, and in which rows those are."""
        places = np.minimum(np.searchsorted(self.ids, wanted), self.rows - 1)
        here = self.ids[places] == wanted
        return (here if self.alive is None else here & self.alive[places]), places

    def with_coarse(self, fitted: faiss.IndexPQFastScan | None = None) -> Segment:
        """The same with its coarse copy, if it is large; as one that is ``fitted`` to such vectors makes it."""
        if self.rows < COARSE_ROWS:
            return self
        coarse = faiss.IndexPQFastScan(self.flat.d, _PARTS, _BITS, faiss.METRIC_INNER_PRODUCT)
        if fitted is not None:
            coarse = faiss.clone_index(fitted)
            coarse.reset()
        else:
            sample = np.linspace(0, self.rows - 1, _SAMPLE).astype(np.int64)
            coarse.train(self.flat.reconstruct_batch(sample))
        for start in range(0, self.rows, _BLOCK):
            coarse.add(self.flat.reconstruct_n(start, min(_BLOCK, self.rows - start)))
        return replace(self, coarse=coarse)


def joined(segments: Sequence[Segment], dim: int | None = None) -> Segment:
    """The living rows of all, in one segment, without a coarse copy; ``dim`` is needed where there are none."""
    flat = faiss.IndexFlatIP(dim or segments[0].flat.d)
    ids = [np.empty(0, np.int64)]
    for segment in segments:
        ids.append(segment.ids if segment.alive is None else segment.ids[segment.alive])
        for start in range(0, segment.rows, _BLOCK):
            block = segment.flat.reconstruct_n(start, min(_BLOCK, segment.rows - start))
            flat.add(block if segment.alive is None else block[segment.alive[start : start + _BLOCK]])
    return Segment(np.concatenate(ids), flat)


def allowed_table(numbers: Numbers) -> Mask:
    """Whether an article may be searched, by its number, as far as the highest that may."""
    table = np.zeros(int(numbers[-1]) + 1 if len(numbers) else 0, np.bool_)
    table[numbers] = True
    return table
