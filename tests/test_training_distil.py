"""What a larger model finds in its own word pieces reaches the reader at the same characters."""

from __future__ import annotations

import dataclasses
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.build import MODELS
from rag.models.onnx import OnnxModel
from rag.training.examples import Example, Group, Source
from rag.types import Span

torch = pytest.importorskip("torch", reason="training needs it")
for needed in ("lemminflect", "onnx", "zstandard"):
    pytest.importorskip(needed, reason="training needs it")
states = pytest.importorskip("rag.training.encoder").states
asker, distil, lessons, reader, ship_reader, smollm, teacher = (
    pytest.importorskip(f"rag.training.{name}")
    for name in ("asker", "distil", "lessons", "reader", "ship_reader", "smollm", "teacher")
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
    return teacher.pair(example, read, found.offsets, [4, 5, 6], passage), found.offsets, passage.offsets


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


def test_the_reader_is_asked_in_other_words_than_the_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the answer is marked at the same characters for both, though the question has grown."""

    class Bytewise:
        def encode_batch(self, texts: list[str]) -> list[Pieces]:
            return [Pieces(text) for text in texts]

    monkeypatch.setattr(smollm, "tokenizer", Bytewise)
    told = teacher.paired(([ANSWERED] * 40, 0), {"opened": ["unbarricaded"]})
    plain = teacher.paired(([ANSWERED] * 40, 0), {})
    assert set(plain.read.lengths) == {min(told.read.lengths)} < set(told.read.lengths)
    assert set(told.told.lengths) == set(plain.told.lengths)
    words = reader.tokenizer()
    for at, start, end in zip(told.read.at, told.read.start, told.read.end, strict=True):
        assert words.decode(told.read.pieces[at + start : at + end + 1].tolist()) == "17 november 1869"


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


def stock_of(*examples: Example) -> teacher.Packed:
    return teacher.stock([teacher.packed([pair_of(one)[0]]) for one in examples], "cpu")


ANSWERED = Example(QUESTION, TEXT, (Span(45, 61),))


def test_the_reader_learns_what_the_teacher_says() -> None:
    """The set says that the question is answered, the teacher is sure that it is not."""
    given = stock_of(*[ANSWERED] * 8)
    model = ship_reader.shipped(MODELS / "reader" / "model.onnx")
    before = float(distil.heard(model.eval(), given.read, 512).answered[0])
    assert learnt(model, given, []) < before - 0.1


def test_of_a_made_up_question_the_teacher_s_word_alone_counts() -> None:
    made_up = stock_of(*[dataclasses.replace(ANSWERED, answers=(), kind=teacher.MADE_UP)] * 8)
    known = stock_of(*[dataclasses.replace(ANSWERED, answers=())] * 8)
    answered = [made_up.starts.tolist().index(made_up.starts.max())]  # any place but the first: it is answered
    models = [ship_reader.shipped(MODELS / "reader" / "model.onnx") for _ in range(2)]
    assert learnt(models[0], made_up, answered) > learnt(models[1], known, answered) + 0.1


def learnt(model: reader.Reader, given: teacher.Packed, answered: list[int]) -> float:
    """How sure the reader is after a few steps with a teacher who is sure of an answer at that place, or of none."""
    places = torch.full((8, 2, teacher.KEPT), int(given.starts[answered[0]]) if answered else 0)
    said = teacher.Told(places, torch.full(places.shape, 1 / teacher.KEPT), torch.full((8,), float(bool(answered))))
    torch.manual_seed(0)
    lesson = distil.Lesson(given.read, given.answered, given.known, said, np.arange(8))
    distil.learn(model.train(), lesson, tokens=512, rate=1e-4, seed=0, seconds=2)
    return float(distil.heard(model.eval(), given.read, 512).answered[0])


class Oracle(torch.nn.Module):  # type: ignore[misc]
    """A teacher who knows where the answer stands in its own word pieces."""

    def __init__(self, given: teacher.Packed) -> None:
        super().__init__()
        self.span = torch.nn.Linear(1, 1)
        self._known = {
            tuple(given.told.pieces[at : at + length].tolist()): (start, end)
            for at, length, start, end in zip(
                given.told.at.tolist(), given.told.lengths, given.told.start, given.told.end, strict=True
            )
        }

    def forward(self, ids: Any, allowed: Any) -> tuple[Any, Any]:
        found = torch.tensor([self._known[tuple(row)] for row in ids.tolist()])
        spans = torch.nn.functional.one_hot(found, ids.shape[1]).transpose(1, 2).float() * 50
        return spans.masked_fill(~allowed.unsqueeze(-1), -1e4), found[:, 0].float() * 9 - 4


def test_what_the_teacher_says_of_many_examples_reaches_each_at_its_own_places() -> None:
    given = stock_of(ANSWERED, Example(QUESTION, TEXT[:40], ()), Example(QUESTION, TEXT + " So.", (Span(16, 24),)))
    said = teacher.told(Oracle(given), given, 4096, np.arange(3))
    assert said.places[:, 0, 0].tolist() == given.read.start.tolist()
    assert said.places[:, 1, 0].tolist() == given.read.end.tolist()
    assert [round(float(p)) for p in said.answered] == [1, 0, 1]


@given(st.lists(st.integers(3, 9), min_size=1, max_size=40), st.integers(9, 40))
def test_batches_are_of_one_length_and_hold_everything(lengths: list[int], tokens: int) -> None:
    found = teacher.alike(np.arange(len(lengths)), np.array(lengths), tokens)
    assert {int(n) for batch in found for n in batch} == set(range(len(lengths)))
    assert all(len({lengths[n] for n in batch}) == 1 for batch in found)
    assert all(len(batch) >= 2 for batch in found)


@pytest.fixture(scope="module")
def small() -> Any:
    """A language model of one layer that knows nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(smollm, "LAYERS", 1)
        torch.manual_seed(0)
        model = smollm.SmolLM()
        with torch.no_grad():
            for weight in model.parameters():
                torch.nn.init.ones_(weight) if weight.ndim < 2 else torch.nn.init.normal_(weight, 0, 0.05)
        return model.eval()


def test_a_text_is_written_on_from_memory_as_from_the_whole_text(small: Any) -> None:
    """Shorter texts stand behind blanks beside longer ones; each is continued as if it stood alone."""
    begun = [[1, 40, 50, 60, 70], [1, 80]]
    layers = [dict(layer) for layer in small.layers]
    ids = torch.tensor([begun[0], [2, 2, 2, *begun[1]]])
    seen = torch.tensor([[True] * 5, [False] * 3 + [True] * 2])
    memory = [asker.Memory(2, 6, small.words.weight) for _ in layers]
    with torch.no_grad():
        first = asker.through(small, layers, memory, ids, seen)[:, -1]
        more = torch.cat([seen, torch.ones(2, 1, dtype=torch.bool)], 1)
        second = asker.through(small, layers, memory, torch.tensor([[90], [91]]), more)[:, -1]
        for row, (text, new) in enumerate(zip(begun, (90, 91), strict=True)):
            plain = small(torch.tensor([[*text, new]]), causal=True)[0]
            assert torch.allclose(small.normed(first[row]), plain[-2], atol=1e-4)
            assert torch.allclose(small.normed(second[row]), plain[-1], atol=1e-4)


def test_each_text_gets_its_own_continuation(small: Any) -> None:
    found = asker.continued(small, [[1, 5, 6, 7], [1, 8]], 4, 2, 1)
    assert [len(pieces) for pieces in found] == [4, 4]
    assert found == asker.continued(small, [[1, 5, 6, 7], [1, 8]], 4, 2, 1)


def test_asking_is_learnt_from_the_questions_alone(small: Any) -> None:
    """Whatever the passage's pieces, the loss is that of the pieces after it."""
    rows = [[1, 30, 31, 2, 40, 2], [1, 30, 2, 41, 42, 43, 2]]
    with torch.no_grad():
        found, pieces = asker.loss_of(small, rows, "cpu")
        alone = []
        for row in rows:
            logits = small.next(small(torch.tensor([row]), causal=True))[0].log_softmax(-1)
            alone += [-float(logits[n - 1, row[n]]) for n in range(row.index(2) + 1, len(row))]
    assert pieces == 14
    assert float(found) == pytest.approx(sum(alone) / len(alone), abs=1e-3)


def test_a_run_without_time_left_learns_nothing() -> None:
    with pytest.raises(ValueError, match="seconds"):
        teacher.steps_of([], [], 1e-4, None, "learn", -1.0)


def test_what_the_teacher_said_outlasts_a_run_that_was_stopped(tmp_path: Path) -> None:
    given = stock_of(ANSWERED, Example(QUESTION, TEXT[:40], ()))
    said = teacher.told(Oracle(given), given, 4096, np.arange(2))
    lesson = distil.Lesson(given.read, given.answered, given.known, said, np.arange(2))
    distil.save(lesson, tmp_path / "said.pt")
    found = distil.loaded(tmp_path / "said.pt", "cpu")
    assert found.said.places.tolist() == said.places.tolist()
    assert found.read.pieces.tolist() == given.read.pieces.tolist()
    assert found.read.lengths.tolist() == given.read.lengths.tolist()
    assert found.of.tolist() == [0, 1]


def test_what_is_kept_lies_most_of_the_way_to_what_was_learnt() -> None:
    before, after = (ship_reader.shipped(MODELS / "reader" / "model.onnx") for _ in range(2))
    with torch.no_grad():
        after.answerable.bias += 1.0
    kept = distil.between(before, after, 0.7)
    assert float((kept["answerable.bias"] - before.answerable.bias).detach()) == pytest.approx(0.7)
    assert torch.equal(kept["span.weight"], before.span.weight)


def test_lessons_are_read_as_they_were_written(tmp_path: Path) -> None:
    told = [
        Example(QUESTION, TEXT, (Span(45, 61), Span(4, 14)), "reworded"),
        Example("It is long.", TEXT, (), "given", holds=True),
    ]
    lessons.written(tmp_path / "lessons.jsonl.zst", map(lessons.row_of, told))
    assert lessons.examples(tmp_path / "lessons.jsonl.zst") == told


def test_passages_to_ask_about_know_their_questions_and_those_like_them() -> None:
    other = (
        "Panama's locks were widened in 2016. The canal there has three sets of locks, and the work took nine years. "
    )
    text = TEXT + " The canal was widened in 2015, and the new lane is 35 kilometres long; it cost 8 billion dollars."
    group = Group([text, other * 2, other], [(0, Example(QUESTION, text, (Span(45, 61),), title="Canals"))])
    found = list(lessons.asked_about([Source("a set", "CC0", [group])], random.Random(0)))
    assert [one.questions for one in found if one.text.startswith("The Suez")] == [(QUESTION,)]
    assert {one.title for one in found} == {"Canals"}
    assert all(text.find(one.text) >= 0 or (other * 2).find(one.text) >= 0 for one in found)
    for n, one in enumerate(found):
        assert n not in one.near
        assert all(0 <= near < len(found) for near in one.near)
