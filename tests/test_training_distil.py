"""What a larger model finds in its own word pieces reaches the reader at the same characters."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.build import MODELS
from rag.models.onnx import OnnxModel
from rag.training.examples import Example
from rag.types import Span

torch = pytest.importorskip("torch", reason="training needs it")
for needed in ("lemminflect", "onnx", "zstandard"):
    pytest.importorskip(needed, reason="training needs it")
states = pytest.importorskip("rag.training.encoder").states
distil, lessons, reader, ship_reader, teacher = (
    pytest.importorskip(f"rag.training.{name}") for name in ("distil", "lessons", "reader", "ship_reader", "teacher")
)

QUESTION = "When was the canal opened?"
TEXT = "The Suez Canal, 193.3 km long, was opened on 17 November 1869. Its digging took ten years — “a marvel”."


@dataclass
class Pieces:
    """As a byte-level tokenizer gives them: a piece begins with the space before it."""

    text: str

    @property
    def offsets(self) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\s?\w{1,4}|\s?[^\w\s]|\s+", self.text)]

    @property
    def ids(self) -> list[int]:
        return list(range(10, 10 + len(self.offsets)))


def pair_of(example: Example) -> tuple[teacher.Pair, list[tuple[int, int]], list[tuple[int, int]]]:
    found = reader.tokenizer().encode(example.question, example.passage)
    read = reader.encoded(example, found, random.Random(0))
    passage = Pieces(example.passage)
    return teacher._pair(example, read, found.offsets, [4, 5, 6], passage), found.offsets, passage.offsets


@given(st.sampled_from([m.span() for m in re.finditer(r"\w+", TEXT)]), st.integers(0, 2))
def test_an_answer_s_places_lead_to_its_places_in_the_reader_s_pieces(word: tuple[int, int], more: int) -> None:
    end = [m.end() for m in re.finditer(r"\w+", TEXT[word[0] :])][: more + 1][-1] + word[0]
    pair, _, _ = pair_of(Example(QUESTION, TEXT, (Span(word[0], end),)))
    assert pair.starts[pair.start] == pair.read.start
    assert pair.ends[pair.end] == pair.read.end


@given(st.text("ab é\n.,’1𝔞", min_size=3, max_size=60).filter(lambda text: re.search(r"\w", text) is not None))
def test_every_place_leads_to_a_piece_of_the_passage_with_the_same_characters(text: str) -> None:
    pair, small, large = pair_of(Example(QUESTION, text, ()))
    assert list(pair.starts[: pair.question]) == [0] * pair.question
    for place, (start, end) in enumerate(large[: len(pair.ids) - pair.question - 1], pair.question):
        a, b = small[pair.starts[place]], small[pair.ends[place]]
        assert pair.read.question <= pair.starts[place] < len(pair.read.ids) - 1
        if text[start:end].isalnum():
            assert a[0] <= start < a[1]
            assert b[0] < end <= b[1]


def test_what_does_not_fit_the_reader_s_window_is_not_shown_to_the_teacher() -> None:
    pair, small, large = pair_of(Example(QUESTION, "word " * 400, ()))
    shown = large[len(pair.ids) - pair.question - 2]
    assert len(pair.read.ids) == reader.WINDOW
    assert shown[1] == small[reader.WINDOW - 2][1]


def test_the_shipped_file_undone_says_what_the_file_says() -> None:
    model = ship_reader.shipped(MODELS / "reader" / "model.onnx").eval()
    found = reader.tokenizer().encode(QUESTION, TEXT)
    edges, answer = OnnxModel(MODELS / "reader").run(found.ids, found.type_ids.index(1))
    with torch.no_grad():
        spans, answerable = model.heads(
            states(model.bert, torch.tensor([found.ids]), torch.tensor([found.type_ids]), torch.float32)
        )
    assert answerable.item() == pytest.approx(float(answer), abs=0.3)
    assert np.corrcoef(spans[0].numpy().ravel(), edges.ravel())[0, 1] > 0.995


def test_the_reader_learns_what_the_teacher_says() -> None:
    """The set says that the question is answered, the teacher is sure that it is not."""
    pair, _, _ = pair_of(Example(QUESTION, TEXT, (Span(45, 61),)))
    model = ship_reader.shipped(MODELS / "reader" / "model.onnx")
    ids, types, _ = reader.tensors([pair.read], np.random.default_rng(0))

    def sure() -> float:
        with torch.no_grad():
            return model.eval().heads(states(model.bert, ids, types, torch.float32))[1].item()

    before = sure()
    nowhere = np.zeros((8, 2, teacher.KEPT), np.uint16)
    said = teacher.Told(nowhere, np.full(nowhere.shape, 1 / teacher.KEPT, np.float16), np.zeros(8, np.float16))
    distil.learn(model.train(), [pair] * 8, said, tokens=64, passes=1, rate=1e-4, seed=0)
    assert sure() < before - 0.5


def test_lessons_are_read_as_they_were_written(tmp_path: Path) -> None:
    told = [
        Example(QUESTION, TEXT, (Span(45, 61), Span(4, 14)), "reworded"),
        Example("It is long.", TEXT, (), "given", holds=True),
    ]
    lessons.written(tmp_path / "lessons.jsonl.zst", iter(told))
    assert lessons.read(tmp_path / "lessons.jsonl.zst") == told
