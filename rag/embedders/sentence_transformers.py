"""Any sentence-transformers model that the user names; torch is imported when it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from rag.errors import ModelMissing
from rag.types import Matrix


class SentenceTransformerEmbedder:
    """A model by hub id or folder, with its own query prompt where it has one."""

    def __init__(self, model: str) -> None:
        if find_spec("sentence_transformers") is None:
            raise ModelMissing(
                expected=f"sentence-transformers, for the embedder {model!r}",
                found="no such package",
                remedy="pip install 'quotewell[models]', or unset QUOTEWELL_EMBEDDER",
            )
        from sentence_transformers import SentenceTransformer

        try:
            self._model = SentenceTransformer(model, device="cpu", trust_remote_code=False)
        except (OSError, ValueError) as err:
            raise ModelMissing(
                expected=f"a sentence-transformers model at {model!r}",
                found=str(err).splitlines()[0][:200],
                remedy="name a folder that holds one, or a model id that can be downloaded",
            ) from err
        self.name = Path(model).name
        self.dim: int = self._model.get_embedding_dimension()
        self.window: int = self._model.max_seq_length or 256
        probe = np.round(self.embed_passages(["Quotewell asks who made these vectors."]), 3)
        self.fingerprint = f"{self.name} vectors:{hashlib.sha256(probe.tobytes()).hexdigest()[:16]}"

    def count_pieces(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each text, without special ones."""
        if not texts:
            return []
        encoded = self._model.tokenizer(list(texts), add_special_tokens=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        """Shape ``(len(texts), dim)``, unit length."""
        return self._encode(texts, query=False)

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        """Shape ``(len(texts), dim)``, unit length."""
        return self._encode(texts, query=True)

    def _encode(self, texts: Sequence[str], *, query: bool) -> Matrix:
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        encode = self._model.encode_query if query else self._model.encode_document
        vectors = encode(list(texts), normalize_embeddings=True, show_progress_bar=False, batch_size=8)
        return np.asarray(vectors, np.float32)
