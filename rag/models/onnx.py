"""The models that ship: a folder with ``model.onnx``, ``tokenizer.json`` and a card that tells their hashes."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from rag.errors import ModelMissing
from rag.types import Matrix

S = TypeVar("S")
T = TypeVar("T")


_PRODUCT = base64.b85decode(
    "2nafK3K$9jcnSe`5&?N44NYNmO?7NZZggd5WpWY$a4IVZ2nYla1403JN+5rKe}8{}e}8{}e}8{}e}8{}e}8{}e}8{}e}8{}e}7sN3ITW$4hj"
    "qi0ul%c0tf^O0tg6V6AA%&5)KLs2nG@e3IYfO3IYfOLIer`5Df"
)
"""A model of one node: ``x``, uint8, ``(4, 8)``, times a matrix of 127, int8, ``(8, 4)``."""


@cache
def overflows() -> bool:
    """Whether sums of int8 products overflow on this processor. They do on x86 without VNNI or AMX."""
    session = onnxruntime.InferenceSession(_PRODUCT, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.full((4, 8), 255, np.uint8)})
    return bool((found != 8 * 255 * 127).any())


class OnnxModel:
    """A BERT-like encoder. Texts go through one by one, each on one thread, as many side by side as there are threads.

    Dynamic int8 takes one scale for all activations of a run, so in a batch a text's numbers would depend on
    its neighbours (cosine down to 0.993), and on a CPU a batch is no faster.
    """

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        card = folder / "card.json"
        if not card.is_file():
            raise ModelMissing(
                expected=f"the built-in model in {folder.name}/",
                found="no card.json there",
                remedy="reinstall quotewell, or run make models in a checkout",
            )
        self.card: dict[str, Any] = json.loads(card.read_text(encoding="utf-8"))
        self.name: str = self.card["name"]
        self.window: int = self.card["window"]
        self.fingerprint = f"{self.name} sha256:{self.card['files']['model.onnx'][:16]}"
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self._folder, self._threads = folder, threads

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        model = (self._folder / "model.onnx").read_bytes()
        found = hashlib.sha256(model).hexdigest()
        if found != self.card["files"]["model.onnx"]:
            raise ModelMissing(
                expected=f"model.onnx with SHA-256 {self.card['files']['model.onnx'][:16]}…",
                found=f"{found[:16]}…",
                remedy="reinstall quotewell: the file is damaged",
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # passages differ in length: an arena only grows
        if overflows():  # where they don't, minding it would cost two thirds of the speed
            options.add_session_config_entry("session.x64quantprecision", "1")
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(self, ids: Sequence[int], second: int | None = None) -> list[Matrix]:
        """The outputs for one text of word pieces; those from ``second`` on are of another text than those before."""
        row = np.array([ids], np.int64)
        types = np.zeros_like(row)
        if second is not None:
            types[0, second:] = 1
        given = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": types}
        return [output[0] for output in self._session.run(None, given)]

    def side_by_side(self, work: Callable[[S], T], given: Sequence[S]) -> Iterable[T]:
        """``work`` of each, in order, each on a thread of its own."""
        if len(given) < 2 or self._threads < 2:
            return map(work, given)
        _ = self._session  # loaded once, before the threads ask for it
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(work, given))
