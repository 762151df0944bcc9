"""The built-in model itself: what it promises, on values."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from rag.build import MODELS
from rag.embedders.onnx import OnnxEmbedder
from rag.errors import ModelMissing, TooLarge
from rag.models.onnx import _PRODUCT, OnnxModel

TEXTS = [
    "The bridge was closed because its piers had cracked.",
    "The crossing shut after fissures were found in the supports.",
    "Penicillin was discovered in 1928.",
]


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return OnnxEmbedder(MODELS / "minilm")


def test_vectors_are_unit_length_and_like_meanings_are_near(embedder: OnnxEmbedder) -> None:
    vectors = embedder.embed_passages(TEXTS)
    assert vectors.shape == (3, embedder.dim) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_a_vector_does_not_depend_on_its_neighbours(embedder: OnnxEmbedder) -> None:
    alone = embedder.embed_passages(TEXTS[:1])[0]
    np.testing.assert_allclose(embedder.embed_passages(TEXTS[::-1])[2], alone, atol=1e-6)


def test_vectors_are_those_of_the_model_in_fp32_on_any_processor(embedder: OnnxEmbedder) -> None:
    """Where a processor has no VNNI, sums of int8 products overflow unless ONNX Runtime is told to mind it."""
    vectors = embedder.embed_passages(
        [
            "Why was the bridge shut?",
            "The bridge was closed because inspectors found cracks in two of its piers.",
            "A storm took the roof of the library off on Sunday night.",
            "The council expects to open it again on 15 February 2019.",
        ]
    )
    fp32 = [0.5473, 0.2824, 0.1860]  # cosines by sentence-transformers with the weights of the card
    np.testing.assert_allclose(vectors[1:] @ vectors[0], fp32, atol=0.01)


def test_the_product_that_asks_the_processor_is_what_it_says() -> None:
    """Of 255 and 127, so that two products sum to more than 16 bits hold."""
    model = onnx.load_from_string(_PRODUCT)
    (node,), (weight,) = model.graph.node, map(onnx.numpy_helper.to_array, model.graph.initializer)
    assert (node.op_type, node.input, weight.dtype) == ("MatMulInteger", ["x", "w"], np.int8)
    np.testing.assert_array_equal(weight, np.full((8, 4), 127))


def test_overflow_is_minded_where_products_overflow_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[onnxruntime.SessionOptions] = []
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda model, options, providers: given.append(options))
    for answer in (True, False):
        monkeypatch.setattr("rag.models.onnx.overflows", lambda answer=answer: answer)
        _ = OnnxModel(MODELS / "minilm")._session
    minds, does_not = given
    assert minds.get_session_config_entry("session.x64quantprecision") == "1"
    with pytest.raises(RuntimeError, match="not have configuration"):
        does_not.get_session_config_entry("session.x64quantprecision")


def test_no_passage_is_clipped_silently(embedder: OnnxEmbedder) -> None:
    fits = "word " * (embedder.window - 2)
    embedder.embed_passages([fits])
    with pytest.raises(TooLarge, match="at most 256 word pieces"):
        embedder.embed_passages([fits + "word"])


def test_a_long_question_is_read_to_its_end(embedder: OnnxEmbedder) -> None:
    long = "word " * 300
    a, b = embedder.embed_queries([long + "volcano", long + "penicillin"])
    assert not np.allclose(a, b, atol=1e-3)
    assert np.linalg.norm(a) == pytest.approx(1, abs=1e-5)


def test_the_card_tells_the_truth() -> None:
    folder = MODELS / "minilm"
    card = json.loads((folder / "card.json").read_text())
    for name, digest in card["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 25_000_000


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(MODELS / "minilm", tmp_path / "minilm")
    model = folder / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(ModelMissing, match="the file is damaged"):
        OnnxEmbedder(folder).embed_queries(["x"])


def test_a_missing_model_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="run make models"):
        OnnxEmbedder(tmp_path)
