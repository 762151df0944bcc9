"""The built-in embedder: all-MiniLM-L6-v2 as int8 ONNX, shipped in ``rag/models/minilm``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from rag.errors import TooLarge
from rag.models.onnx import OnnxModel
from rag.types import Matrix

_BATCH = 512


class OnnxEmbedder:
    """Mean-pooled unit vectors of the encoder in ``folder``. ``window`` counts the two special pieces."""

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        self._model = OnnxModel(folder, threads=threads)
        self._tokenizer = self._model.tokenizer
        self.name: str = self._model.name
        self.dim: int = self._model.card["dim"]
        self.window: int = self._model.window
        self.fingerprint = self._model.fingerprint

    def count_pieces(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each text, without the two special ones."""
        counts: list[int] = []
        for start in range(0, len(texts), _BATCH):
            batch = self._tokenizer.encode_batch_fast(list(texts[start : start + _BATCH]), add_special_tokens=False)
            counts.extend(len(encoding.ids) for encoding in batch)
        return counts

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        """Shape ``(len(texts), dim)``. Raises TooLarge for a text over the window: nothing is clipped."""
        pieces = list(self._encode(texts))
        longest = max((len(ids) for ids in pieces), default=0)
        if longest > self.window:
            raise TooLarge(
                expected=f"at most {self.window} word pieces a passage",
                found=str(longest),
                remedy="split it with the splitter of this embedder",
            )
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, vector in enumerate(self._model.side_by_side(self._embed, pieces)):
            vectors[row] = vector
        return vectors

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        """Shape ``(len(texts), dim)``. A query over the window is the mean of its windows."""
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, vector in enumerate(self._model.side_by_side(self._in_windows, list(self._encode(texts)))):
            vectors[row] = vector
        return vectors

    def _in_windows(self, ids: list[int]) -> Matrix:
        body, step = ids[1:-1], self.window - 2
        windows = [[ids[0], *body[start : start + step], ids[-1]] for start in range(0, max(1, len(body)), step)]
        mean: Matrix = np.mean([self._embed(window) for window in windows], axis=0)
        return mean / np.linalg.norm(mean)

    def read(self, texts: Sequence[str]) -> list[tuple[NDArray[np.int64], Matrix]]:
        """Of each text where its word pieces stand, ``(n, 2)``, and their vectors in context, ``(n, dim)``.

        A text over the window is read in windows one after the other.
        """
        return list(self._model.side_by_side(self._read, [self._tokenizer.encode(text) for text in texts]))

    def _read(self, encoding: Encoding) -> tuple[NDArray[np.int64], Matrix]:
        first, *body, last = encoding.ids
        hidden = [
            self._model.run([first, *body[start : start + self.window - 2], last])[0][1:-1]
            for start in range(0, len(body), self.window - 2)
        ]
        places = np.array(encoding.offsets[1:-1], np.int64).reshape(-1, 2)
        return places, np.concatenate(hidden) if hidden else np.zeros((0, self.dim), np.float32)

    def _encode(self, texts: Sequence[str]) -> Iterator[list[int]]:
        for text in texts:
            yield self._tokenizer.encode(text).ids

    def _embed(self, ids: list[int]) -> Matrix:
        mean: Matrix = self._model.run(ids)[0].mean(axis=0)
        return mean / np.linalg.norm(mean)
