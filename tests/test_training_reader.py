"""The reader's training examples: what is made of a question and a passage stays true to them."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.training import wordnet
from rag.training.examples import Example, Group, Source, _joined, _squad, parted
from rag.training.negatives import (
    altered,
    crossed,
    denied,
    moved,
    names,
    negated,
    opposite,
    removed,
    renamed,
    reworded,
    sister,
    swapped,
    turned,
    unheard,
)
from rag.training.neighbours import neighbours, others
from rag.training.noise import in_other_words, noisy
from rag.training.substitutes import OPPOSITES
from rag.types import Span

reader = pytest.importorskip("rag.training.reader", reason="training needs torch")
states = pytest.importorskip("rag.training.encoder").states
pytest.importorskip("lemminflect", reason="training needs it")
if not wordnet.FOLDER.is_dir():
    pytest.skip("training needs Debian's wordnet-base", allow_module_level=True)

PASSAGE = (
    "The Ardent Bridge was opened on 4 May 1931 by Queen Maud. Its builder, Jonas Lind, had 1,200 workers. "
    "Two of them died before the opening. A second bridge followed in 1954."
)
COMMON = frozenset("after before lived few less smaller visitors guards employees".split())
ASKED = Example("When was the Ardent Bridge opened by Queen Maud?", PASSAGE, (Span(32, 42),), title="Bridges of Norham")


def seeds(count: int = 60) -> list[random.Random]:
    return [random.Random(n) for n in range(count)]


def test_the_example_is_what_it_seems() -> None:
    assert PASSAGE[32:42] == "4 May 1931"


def test_noise_moves_answers_along() -> None:
    letters = list("4May1931")
    for rng in seeds(300):
        example = noisy(ASKED, rng)
        (answer,) = example.answers
        assert [c for c in example.passage[answer.start : answer.end] if c.isalnum()] == letters
        assert example.title == ASKED.title


def test_noise_is_seen() -> None:
    assert any(noisy(ASKED, rng).passage != PASSAGE for rng in seeds())
    assert any(noisy(ASKED, rng).question == ASKED.question.lower() for rng in seeds())


def test_other_words_say_the_same_in_the_same_form() -> None:
    found = others()
    assert "purchasing" in found["buying"]
    assert not {"before", "after"} & found.keys()
    assert all(word not in same for word, same in found.items())
    asked = {in_other_words("Who was buying the Factory?", {"buying": ["purchasing"]}, rng) for rng in seeds()}
    assert asked == {"Who was buying the Factory?", "Who was purchasing the Factory?"}


def test_a_title_moves_answers_along() -> None:
    found = [reader.titled(ASKED, rng) for rng in seeds()]
    assert {e.passage.startswith("Bridges of Norham\n") for e in found} == {True, False}
    assert {e.passage[a.start : a.end] for e in found for a in e.answers} == {"4 May 1931"}


@given(st.integers(0, 10_000), st.integers(0, 30))
def test_a_cut_keeps_an_answer_and_whole_sentences(seed: int, fillers: int) -> None:
    before = "".join(f"Sentence {n} says nothing of it. " for n in range(fillers))
    long = Example("When?", f"{before}{PASSAGE} {before}", (Span(len(before) + 32, len(before) + 42),))
    example = reader.cut(long, random.Random(seed))
    assert example.passage in long.passage
    assert [example.passage[a.start : a.end] for a in example.answers] == ["4 May 1931"]


def test_a_cut_may_leave_the_sentence_of_the_answer_alone() -> None:
    first = PASSAGE[: PASSAGE.index(". ") + 1]
    assert {reader.cut(ASKED, rng, 1.0).passage.strip() for rng in seeds()} == {first}
    near = Example("When?", PASSAGE, (), near=Span(32, 42))
    assert {reader.cut(near, rng, 1.0).passage.strip() for rng in seeds()} == {first}
    assert all(reader.cut(Example("When?", PASSAGE, ()), rng, 1.0).passage.count(". ") for rng in seeds())


def test_swapped_questions_ask_for_what_the_passage_does_not_say() -> None:
    found = {example.question for rng in seeds() if (example := swapped(ASKED, rng))}
    assert "When was the Ardent Bridge opened by Jonas Lind?" in found
    assert ASKED.question not in found
    years = Example("What was opened in 1931?", PASSAGE, (Span(4, 17),))
    assert "What was opened in 1954?" in {e.question for rng in seeds() if (e := swapped(years, rng))}
    assert all(not e.answers for rng in seeds() if (e := swapped(years, rng)))


def test_a_swap_never_asks_for_the_answer_itself() -> None:
    who = Example("Who opened what Jonas Lind built?", PASSAGE, (Span(46, 56),))
    assert PASSAGE[46:56] == "Queen Maud"
    assert all("Queen Maud" not in e.question for rng in seeds() if (e := swapped(who, rng)))


def test_opposites_are_mutual() -> None:
    assert all(word in OPPOSITES[other] for word, others in OPPOSITES.items() for other in others)
    assert all(word not in others for word, others in OPPOSITES.items())


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who died before the opening?", {"Who died after the opening?", "Who lived before the opening?"}),
        ("How many workers had Jonas Lind?", {"How few workers had Jonas Lind?"}),
    ],
)
def test_opposite(question: str, expected: set[str]) -> None:
    example = Example(question, PASSAGE, (Span(0, 3),))
    assert expected <= {e.question for rng in seeds() if (e := opposite(example, rng, COMMON))}


def test_contrasts_have_the_same_form() -> None:
    assert "weak" in wordnet.contrasts("strong", opposite=True)
    assert "smallest" in wordnet.contrasts("largest", opposite=True)
    assert "forbade" in wordnet.contrasts("allowed", opposite=True)
    assert "mustard" in wordnet.contrasts("vinegar", opposite=False)
    assert all(word != "vinegar" for word in wordnet.contrasts("vinegar", opposite=False))
    assert wordnet.contrasts("qwertz", opposite=False) == ()


def test_sister_changes_one_word_that_the_passage_has() -> None:
    example = Example("How many workers had the builder of it?", PASSAGE, (Span(87, 92),))
    assert PASSAGE[87:92] == "1,200"
    found = {e.question for rng in seeds() if (e := sister(example, rng, COMMON))}
    assert found
    for question in found:
        changed = [(a, b) for a, b in zip(example.question.split(), question.split(), strict=True) if a != b]
        assert len(changed) == 1
        assert changed[0][0] in ("workers", "builder")


def test_negated() -> None:
    found = {e.question for rng in seeds() if (e := negated(ASKED, rng))}
    assert found == {
        "When was not the Ardent Bridge opened by Queen Maud?",
        "When was never the Ardent Bridge opened by Queen Maud?",
        "When wasn't the Ardent Bridge opened by Queen Maud?",
    }


def test_removed_leaves_no_answer() -> None:
    example = removed(ASKED, random.Random(1))
    assert example is not None
    assert "1931" not in example.passage
    assert "Jonas Lind" in example.passage
    assert example.answers == ()


def test_moved_asks_another_question_about_these_names() -> None:
    other = Example("Where did Anna Berg study?", "Anna Berg studied in Lund.", (Span(21, 25),))
    found = {e.question for rng in seeds() if (e := moved(ASKED, other, rng))}
    assert "Where did Jonas Lind study?" in found
    assert all("Anna Berg" not in question for question in found)


def test_altered_passages_no_longer_say_so() -> None:
    found = [e for rng in seeds() if (e := altered(ASKED, rng, COMMON))]
    assert {e.question for e in found} == {ASKED.question}
    assert all(e.answers == () for e in found)
    assert any("Jonas Lind was opened on" in e.passage for e in found)
    assert all(e.passage != PASSAGE for e in found)
    assert all(e.near is None or e.passage[e.near.start : e.near.end] == "4 May 1931" for e in found)


def test_renamed_questions_are_still_answered() -> None:
    found = [e for rng in seeds() if (e := renamed(ASKED, "In Lund the old Silver Tower stands.", rng))]
    assert found
    for example in found:
        assert [example.passage[a.start : a.end] for a in example.answers] == ["4 May 1931"]
        (new,) = {"Lund", "Silver Tower"} & set(names(example.question, sentence_start=False))
        assert new in example.passage


def test_reworded_questions_are_still_answered() -> None:
    """Question and passage have the same new word or year; so no odd word by itself tells that there is no answer."""
    builder = Example("How many workers had the builder in 1931?", PASSAGE, (Span(87, 92),))
    found = [e for rng in seeds() if (e := reworded(builder, rng, COMMON))]
    assert found
    for example in found:
        assert [example.passage[a.start : a.end] for a in example.answers] == ["1,200"]
        (new,) = set(example.question.rstrip("?").split()) - set(builder.question.rstrip("?").split())
        assert new in example.passage
        assert new not in PASSAGE


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who defeated Montcalm at Quebec?", "Who was defeated by Montcalm at Quebec?"),
        ("Which king was betrayed by the council?", "Which king betrayed the council?"),
        ("Who did Queen Maud betray in 1931?", "Who betrayed Queen Maud in 1931?"),
        ("When was it opened?", None),
    ],
)
def test_who_did_it_to_whom_is_turned(question: str, expected: str | None) -> None:
    made = turned(Example(question, PASSAGE, (Span(0, 3),)), random.Random(0))
    assert (made.question if made else None) == expected
    assert made is None or made.answers == ()


def test_crossed_names_stand_in_each_other_s_place() -> None:
    example = Example("When did Jonas Lind build it for Queen Maud?", PASSAGE, (Span(32, 42),))
    assert {e.question for rng in seeds() if (e := crossed(example, rng))} == {
        "When did Queen Maud build it for Jonas Lind?"
    }
    together = Example("What is between Jonas Lind and Queen Maud?", PASSAGE, (Span(32, 42),))
    assert all(crossed(together, rng) is None for rng in seeds())


def test_what_is_denied_answers_only_a_question_that_denies_it() -> None:
    found = {e.passage for rng in seeds() if (e := denied(ASKED, rng)) and not e.answers}
    assert found == {PASSAGE.replace("was opened", f"was {no} opened") for no in ("not", "never")}
    not_so = Example(ASKED.question, PASSAGE.replace("was opened", "was not opened"), (Span(36, 46),))
    heard = {e.passage for rng in seeds() if (e := denied(not_so, rng))}
    assert heard == {PASSAGE}
    both = [e for rng in seeds() if (e := unheard(ASKED, rng))]
    assert both
    for example in both:
        assert [example.passage[a.start : a.end] for a in example.answers] == ["4 May 1931"]
        assert re.search(r"not|n't|never", example.question)


def test_neighbours_are_of_one_form_and_no_synonyms() -> None:
    assert {"smallest", "longest"} <= set(neighbours("largest"))
    assert "biggest" not in neighbours("largest")
    assert "doctor" not in neighbours("physician")
    assert neighbours("qwertz") == ()


def test_the_encoder_that_trains_is_the_one_that_is_exported() -> None:
    torch = pytest.importorskip("torch")
    model = _small_model().eval()
    ids = torch.randint(1000, 3000, (3, 40), generator=torch.Generator().manual_seed(0))
    types = (torch.arange(40) > 9).long().expand(3, 40)
    with torch.no_grad():
        theirs = model(ids, torch.ones_like(ids), types)
        ours = model.heads(states(model.bert, ids, types, torch.float32))
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, other, atol=1e-5)


def test_held_out_articles_are_whole_and_apart() -> None:
    groups = [Group([PASSAGE], [(0, replace(ASKED, title=f"Article {n}"))]) for n in range(200)]
    groups.append(Group([PASSAGE], [(0, replace(ASKED, title=""))]))
    trained, held = (parted([Source("made", "none", groups)], held=held)[0].groups for held in (False, True))
    assert len(trained) + len(held) == len(groups)
    assert not {id(g) for g in trained} & {id(g) for g in held}
    assert 5 < len(held) < 35
    assert groups[-1] in trained


def test_names() -> None:
    assert names("When did Queen Maud open the Ardent Bridge?", sentence_start=False) == ["Queen Maud", "Ardent Bridge"]


def test_joined_tokens_stand_where_they_are_said_to() -> None:
    tokens = "`` Yes , '' she said -LRB- in 1931 -RRB- , and did n't .".split()
    text, spans = _joined(tokens)
    assert text == '"Yes," she said (in 1931), and didn\'t.'
    assert [text[s.start : s.end] for s in spans][:4] == ['"', "Yes", ",", '"']


def test_answers_that_do_not_stand_where_a_set_says_are_left_out() -> None:
    answers = [{"text": "1931", "answer_start": 38}, {"text": "1931", "answer_start": 3}]
    asked = {"question": "When?", "answers": answers}
    content = {"data": [{"title": "A_B", "paragraphs": [{"context": PASSAGE, "qas": [asked]}]}]}
    ((place, example),) = _squad(content, titled=True)[0].examples
    assert (place, example.title, example.answers) == (0, "A B", (Span(38, 42),))


def test_encoded_word_pieces_are_those_of_the_answer() -> None:
    example = Example(ASKED.question, f"{PASSAGE} {PASSAGE}", ASKED.answers)
    (encoded,) = reader.encode([example], random.Random(0))
    assert reader.tokenizer().decode(encoded.ids[encoded.start : encoded.end + 1]) == "4 may 1931"
    (silent,) = reader.encode([Example("Why?", PASSAGE, ())], random.Random(0))
    assert (silent.start, silent.end, silent.answered) == (0, 0, False)


def test_what_does_not_fit_the_window_is_left_out() -> None:
    before = "Nothing. " * 300
    late = Example("When?", before + PASSAGE, (Span(len(before) + 32, len(before) + 42),))
    assert reader.encode([late], random.Random(0)) == []


def test_batches_hold_every_example_once() -> None:
    encoded = [reader.Encoded([1] * n, 2, 0, 0, False) for n in range(5, 200) for _ in range(20)]
    rounds = reader.batches(encoded, random.Random(0))
    assert sorted(map(id, (one for batch in rounds for one in batch))) == sorted(map(id, encoded))
    assert all(len(batch) * max(len(e.ids) for e in batch) <= reader.BATCH_TOKENS for batch in rounds)
    assert all(len({len(one.ids) for one in batch}) == 1 for batch in rounds)


def test_the_learning_rate_rises_stays_and_falls() -> None:
    rates = [reader.rate_at(step, 5000, 2e-4) for step in range(5000)]
    assert rates[0] < rates[100] < rates[299] == rates[2999] == 2e-4
    assert rates[4000] == pytest.approx(1e-4)
    assert rates[-1] < 1e-6


def test_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """The same seed gives the same losses, and a stop in between changes none of them."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("sklearn", reason="lookalikes need scikit-learn")
    for out, stops in (("whole", [60]), ("parts", [23, 60])):
        for stop in stops:
            examples = reader.Epochs([_source()], seed=3).examples
            reader.train(examples, _small_model(), tmp_path / out, steps=60, stop=stop, rate=1e-3, seed=3, every=10)
    whole, parts = (_losses(tmp_path / name / "log.jsonl") for name in ("whole", "parts"))
    assert [step for step, *_ in whole] == [20, 40, 60]
    assert parts == whole
    first, second = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("whole", "parts"))
    for mine, theirs in zip(first["average"], second["average"], strict=True):
        assert torch.equal(mine, theirs)
    last = list(first["model"].values())
    assert any(not torch.equal(mine, own) for mine in first["average"] for own in last if mine.shape == own.shape)


def fingerprint() -> str:
    """Of two epochs of examples."""
    epochs = reader.Epochs([_source()], seed=5)
    return hashlib.sha256(repr([epochs.examples(epoch) for epoch in (0, 1)]).encode()).hexdigest()


def test_the_same_seed_gives_the_same_examples_in_every_process() -> None:
    """Sets are ordered otherwise in each: nothing may be drawn from one."""
    pytest.importorskip("sklearn", reason="lookalikes need scikit-learn")
    script = "from tests.test_training_reader import fingerprint; print(fingerprint())"
    found = [
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    ]
    assert found == [fingerprint()] * 2


def _small_model() -> Any:
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    return reader.Reader(BertModel(config, add_pooling_layer=False))


def _source() -> Source:
    asked = [ASKED, replace(ASKED, question="Who opened the bridge?", answers=(Span(46, 56),))]
    group = Group([PASSAGE, "Jonas Lind was born in Norham."], [(0, example) for example in asked * 20])
    return Source("made", "none", [group])


def _losses(log: Path) -> list[tuple[int, float, float]]:
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    return [(line["step"], line["span"], line["answer"]) for line in lines]
