"""The built-in embedder: all-MiniLM-L6-v2 as int8 ONNX, shipped in ``rag/models/minilm``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from rag.errors import ModelMissing, TooLarge
from rag.types import Matrix

T = TypeVar("T")

_BATCH = 512


class OnnxEmbedder:
    """Mean-pooled unit vectors of a BERT-like encoder in ``folder``.

    Texts go through one by one: dynamic int8 takes one scale for all activations of a run, so in
    a batch a text's vector would depend on its neighbours (cosine down to 0.993), and on a CPU a
    batch is no faster. ``window`` counts the two special pieces.
    """

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        card = folder / "card.json"
        if not card.is_file():
            raise ModelMissing(
                expected=f"the built-in model in {folder.name}/",
                found="no card.json there",
                remedy="reinstall quotewell, or run make models in a checkout",
            )
        self._card = json.loads(card.read_text(encoding="utf-8"))
        self.name: str = self._card["name"]
        self.dim: int = self._card["dim"]
        self.window: int = self._card["window"]
        self.fingerprint = f"{self.name} sha256:{self._card['files']['model.onnx'][:16]}"
        self._folder, self._threads = folder, threads
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        """All threads on one text: the quickest way to read a question."""
        return self._load(self._threads)

    @cached_property
    def _lone_session(self) -> onnxruntime.InferenceSession:
        """One thread a text: the quickest way through many, for the threads need not wait for each other."""
        return self._load(1)

    def _load(self, threads: int) -> onnxruntime.InferenceSession:
        model = (self._folder / "model.onnx").read_bytes()
        found = hashlib.sha256(model).hexdigest()
        if found != self._card["files"]["model.onnx"]:
            raise ModelMissing(
                expected=f"model.onnx with SHA-256 {self._card['files']['model.onnx'][:16]}…",
                found=f"{found[:16]}…",
                remedy="reinstall quotewell: the file is damaged",
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.enable_cpu_mem_arena = False  # passages differ in length: an arena only grows
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

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
        for row, vector in enumerate(self._side_by_side(self._embed, pieces)):
            vectors[row] = vector
        return vectors

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        """Shape ``(len(texts), dim)``. A query over the window is the mean of its windows."""
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, ids in enumerate(self._encode(texts)):
            body, step = ids[1:-1], self.window - 2
            windows = [[ids[0], *body[start : start + step], ids[-1]] for start in range(0, max(1, len(body)), step)]
            mean = np.mean([self._embed(window, self._session) for window in windows], axis=0)
            vectors[row] = mean / np.linalg.norm(mean)
        return vectors

    def read(self, texts: Sequence[str]) -> list[tuple[NDArray[np.int64], Matrix]]:
        """Of each text where its word pieces stand, ``(n, 2)``, and their vectors in context, ``(n, dim)``.

        A text over the window is read in windows one after the other.
        """
        return list(self._side_by_side(self._read, [self._tokenizer.encode(text) for text in texts]))

    def _side_by_side(self, work: Callable[[Any, onnxruntime.InferenceSession], T], given: Sequence[Any]) -> list[T]:
        """A thread for each of many texts, all threads for the one of few; see the sessions."""
        if len(given) < 2 * self._threads:
            return [work(one, self._session) for one in given]
        session = self._lone_session
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(lambda one: work(one, session), given))

    def _read(self, encoding: Encoding, session: onnxruntime.InferenceSession) -> tuple[NDArray[np.int64], Matrix]:
        first, *body, last = encoding.ids
        hidden = [
            self._hidden([first, *body[start : start + self.window - 2], last], session)[1:-1]
            for start in range(0, len(body), self.window - 2)
        ]
        places = np.array(encoding.offsets[1:-1], np.int64).reshape(-1, 2)
        return places, np.concatenate(hidden) if hidden else np.zeros((0, self.dim), np.float32)

    def _encode(self, texts: Sequence[str]) -> Iterator[list[int]]:
        for text in texts:
            yield self._tokenizer.encode(text).ids

    def _embed(self, ids: list[int], session: onnxruntime.InferenceSession) -> Matrix:
        mean: Matrix = self._hidden(ids, session).mean(axis=0)
        return mean / np.linalg.norm(mean)

    def _hidden(self, ids: list[int], session: onnxruntime.InferenceSession) -> Matrix:
        row = np.array([ids], np.int64)
        given = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        hidden: Matrix = session.run(None, given)[0][0]
        return hidden
