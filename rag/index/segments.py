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

LINKS, BUILD_BREADTH = 24, 100  # of the graph: M and efConstruction
_BREADTH = 160  # efSearch
_FEW = 0.1  # share of rows let through, under which all of them are compared and the graph is left alone
_BLOCK = 50_000


@dataclass(frozen=True)
class Segment:
    """``ids`` (ascending) name the rows of ``flat``. ``alive`` is None where all are."""

    ids: Numbers
    flat: faiss.IndexFlatIP
    alive: Mask | None = None
    graph: faiss.IndexHNSWFlat | None = None
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
        if self.graph is None or count < _FEW * self.rows:
            index, params = self.flat, faiss.SearchParameters()
        else:
            index, params = self.graph, faiss.SearchParametersHNSW(efSearch=max(_BREADTH, 2 * k))
        if mask is not None:
            bits = np.packbits(mask, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)  # both must outlive the search
            params.sel = selector
        scores, places = index.search(vector.reshape(1, -1), min(k, count), params=params)
        return [
            (int(self.ids[place]), float(score))
            for place, score in zip(places[0], scores[0], strict=True)
            if place >= 0
        ]

    def score(self, vector: Matrix, wanted: Numbers, scores: NDArray[np.float32]) -> None:
        """Fills in the similarities of those of ``wanted`` that are alive here."""
        places = np.minimum(np.searchsorted(self.ids, wanted), self.rows - 1)
        here = self.ids[places] == wanted
        if self.alive is not None:
            here &= self.alive[places]
        if here.any():
            scores[here] = self.flat.reconstruct_batch(places[here]) @ vector

    def graphed(self) -> Segment:
        """The same rows with a graph, which takes about a minute for each 100,000 rows and thread."""
        graph = faiss.IndexHNSWFlat(self.flat.d, LINKS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = BUILD_BREADTH
        for start in range(0, self.rows, _BLOCK):
            graph.add(self.flat.reconstruct_n(start, min(_BLOCK, self.rows - start)))
        return replace(self, graph=graph)

    def blanked(self) -> Segment:
        """The same places, with zeros for the vectors of dead rows."""
        flat = faiss.IndexFlatIP(self.flat.d)
        for start in range(0, self.rows, _BLOCK):
            block = self.flat.reconstruct_n(start, min(_BLOCK, self.rows - start))
            if self.alive is not None:
                block[~self.alive[start : start + _BLOCK]] = 0
            flat.add(block)
        return replace(self, flat=flat)


def joined(segments: Sequence[Segment], dim: int | None = None) -> Segment:
    """The living rows of all, in one segment, without a graph; ``dim`` is needed where there are none."""
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
