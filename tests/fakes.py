"""Stand-ins with the same promises as the real rooms: no model, no file, no socket."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

import numpy as np

from rag.types import Answer, Article, Changes, Delta, Matrix, Passage, Turn


class HashEmbedder:
    """A bag of hashed words, unit length; a word is a word piece. Equal texts have equal vectors."""

    name = "hash"
    fingerprint = "hash/1"

    def __init__(self, dim: int = 64, window: int = 40) -> None:
        self.dim, self.window = dim, window
        self.embedded: list[str] = []

    def count_pieces(self, texts: Sequence[str]) -> list[int]:
        return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        self.embedded.extend(texts)
        return self.embed_queries(texts)

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                digest = hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()
                row[digest[0] % self.dim] += 1.0
            row[0] += 0.01
            row /= np.linalg.norm(row)
        return rows


class ListIndex:
    """The oracle of an index: every vector in a dictionary, every score computed."""

    def __init__(self) -> None:
        self.seq = 0
        self.rows: dict[int, Matrix] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def apply(self, changes: Changes) -> None:
        for n in changes.removed:
            self.rows.pop(n, None)
        self.rows.update(zip(changes.added, changes.vectors, strict=True))
        self.seq = changes.seq

    def search(self, vector: Matrix, k: int, allowed: Sequence[int] | None = None) -> list[tuple[int, float]]:
        ids = self.rows if allowed is None else [n for n in allowed if n in self.rows]
        return sorted(((n, float(self.rows[n] @ vector)) for n in ids), key=lambda pair: -pair[1])[:k]

    def similarities(self, vector: Matrix, ids: Sequence[int]) -> list[float]:
        return [float(self.rows[n] @ vector) if n in self.rows else -1.0 for n in ids]

    def save(self) -> None: ...

    def close(self) -> None: ...


class QueueAnswerer:
    """Yields what it was given, whatever is asked."""

    def __init__(self, *pieces: Delta | Answer) -> None:
        self.pieces = pieces

    def answer(
        self, question: str, passages: Sequence[Passage], history: Sequence[Turn] = ()
    ) -> Iterator[Delta | Answer]:
        yield from self.pieces


def article(article_id: str, text: str, title: str = "", **more: str) -> Article:
    return Article(article_id, title, text, **more)  # type: ignore[arg-type]
