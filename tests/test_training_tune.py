"""Invented passages that teach the reader: what is in them, and what is learned of them."""

from __future__ import annotations

import copy
import json
import random
import re
from pathlib import Path

import numpy as np
import pytest

from rag.training import answerer
from rag.training.tune import Asked, Contrasts, Version, contrasts, examples, filled, invented, words_alone
from rag.types import Span

FOLDER = Path(__file__).parents[1] / "rag" / "training" / "invented"
SETS = Path(__file__).parents[1] / "eval" / "sets"
FILES = [FOLDER / f"{name}.jsonl" for name in ("encyclopedia", "news", "twins")]
CONTRASTS = sorted(FOLDER.glob("contrasts*.jsonl"))


def test_what_is_invented_is_marked_where_it_stands() -> None:
    assert sorted(FOLDER.iterdir()) == sorted([*CONTRASTS, *FILES])
    for path in FILES:
        passages = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert len({one["text"] for one in passages}) == len(passages) > 100
        for one in passages:
            for asked in one["questions"]:
                words = asked.get("told", asked.get("near"))
                assert one["text"].count(words) == 1
                assert ("answer" in asked) is ("told" in asked) is not ("near" in asked)
        found = invented(path)
        assert all(asked.span.of(asked.text) in asked.told.of(asked.text) for asked in found)
        assert 0.4 < sum(asked.answered for asked in found) / len(found) < 0.7


def test_each_question_over_twins_is_answered_by_one_of_the_two() -> None:
    passages = [json.loads(line) for line in (FOLDER / "twins.jsonl").read_text(encoding="utf-8").splitlines()]
    for one, other in zip(passages[::2], passages[1::2], strict=True):
        told = [{asked["question"]: "answer" in asked for asked in twin["questions"]} for twin in (one, other)]
        assert told[0].keys() == told[1].keys()
        assert all(told[0][question] is not told[1][question] for question in told[0])


def test_each_question_of_contrasts_is_answered_in_one_version_and_not_in_the_other() -> None:
    assert [path.stem for path in CONTRASTS] == ["contrasts-exam", "contrasts"]
    for path in CONTRASTS:
        passages = contrasts(path)
        assert len({one.text for one in passages}) == len(passages) > 50
        for one in passages:
            assert sorted(re.findall(r"{(\d+)}", one.text), key=int) == [str(n) for n in range(len(one.pairs))]
            versions = [version for pair in one.pairs for version in pair]
            assert all(version.text.count(answer) == 1 for version in versions for _, answer in version.asked)
            first, second = (list(filled(one, [n] * len(one.pairs))) for n in (0, 1))
            assert [e.question for e in first] == [e.question for e in second]
            assert all(bool(e.answers) is not bool(other.answers) for e, other in zip(first, second, strict=True))
            assert not any(re.search(r"{\d+}", e.passage) for e in (*first, *second))


def test_a_passage_is_filled_with_the_versions_that_are_chosen() -> None:
    bridge = (
        Version("It was opened in 1911.", (("When did people first cross it?", "1911"),)),
        Version("It was planned in 1911.", (("When was it drawn up?", "1911"),)),
    )
    length = (Version("It is 40 m long.", (("Length?", "40 m"),)), Version("It is 40 m high.", (("Height?", "40 m"),)))
    one = Contrasts("Harl Bridge", "{1} The Harl is slow. {0} Trains use it.", (bridge, length))
    found = list(filled(one, [0, 1]))
    assert {e.passage for e in found} == {"It is 40 m high. The Harl is slow. It was opened in 1911. Trains use it."}
    told = {e.question: [span.of(e.passage) for span in e.answers] for e in found}
    assert told == {
        "When did people first cross it?": ["1911"],
        "When was it drawn up?": [],
        "Length?": [],
        "Height?": ["40 m"],
    }
    assert {e.near.of(e.passage) for e in found if e.near} == {"It was opened in 1911.", "It is 40 m high."}


def test_nothing_that_measures_is_among_it() -> None:
    """Neither a passage nor a question of the sets, nor of what the choice is fitted to."""
    measured = {
        line["question"]
        for name in ("news", "news-blind", "seeds", "talks", "followups")
        for line in _lines(SETS / f"{name}.jsonl")
    }
    articles, asked = answerer.news()
    measured |= {one.question for one in asked}
    texts = [
        path.read_text(encoding="utf-8") for path in (*SETS.glob("news*/*.txt"), *SETS.parents[1].glob("seeds/*.md"))
    ]
    sentences = {
        s for text in (*texts, *(a.text for a in articles)) for s in re.split(r"(?<=[.!?])\s", text) if len(s) > 60
    }
    for path in FILES:
        found = invented(path)
        assert path.stem == "twins" or not measured & {one.question for one in found}  # theirs name nobody
        assert not sentences & {s for one in found for s in re.split(r"(?<=[.!?])\s", one.text)}
    for passage in (one for path in CONTRASTS for one in contrasts(path)):
        both = [*filled(passage, [0] * len(passage.pairs)), *filled(passage, [1] * len(passage.pairs))]
        assert not measured & {one.question for one in both}
        assert not sentences & {s for one in both for s in re.split(r"(?<=[.!?])\s", one.passage)}


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _asked(count: int = 40) -> list[Asked]:
    """Of every article it is asked who, which it tells, and how old, which it does not."""
    made = []
    for n in range(count):
        text = (
            f"Ada Lund{n}, the mayor, shut it.\n\nIt rained on the fields and roofs of the town for {n + 3} days. " * 3
        )
        at = text.index("Ada")
        made.append(Asked(f"Who shut number {n}?", f"T{n}", text, Span(at, at + 8), True, Span(at, at + 20)))
        made.append(Asked(f"How old is number {n}?", f"T{n}", text, Span(at, at + 8), False, Span(at, at + 20)))
    return made


def test_what_a_question_s_words_say_alone_is_learned_of_the_others() -> None:
    pytest.importorskip("sklearn")
    asked = _asked()
    odds = words_alone(asked)
    assert all((value > 0.5) if one.answered else (value < -0.5) for one, value in zip(asked, odds, strict=True))
    mixed = [Asked(f"word{n}?", one.title, one.text, one.span, one.answered, one.told) for n, one in enumerate(asked)]
    assert np.abs(words_alone(mixed)).max() < 0.5  # the own half was never seen


def test_examples_have_their_answers_where_they_stand() -> None:
    pytest.importorskip("sklearn")
    asked = _asked()
    made = list(examples(asked, words_alone(asked), random.Random(1)))
    kinds = {(bool(one.answers), one.alone == 0.0) for one in made}
    assert kinds == {(True, False), (False, False), (False, True)}  # told, misleading, and asked of another passage
    for one in made:
        assert all(span.of(one.passage).startswith("Ada Lund") for span in one.answers)


def test_what_the_words_say_alone_stands_beside_the_reader_s_own_odds() -> None:
    """Where they say all of it there is nothing left to learn; where they say the opposite, the more."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from rag.training import reader
    from tests.test_training_reader import _small_model

    torch.manual_seed(0)
    model = _small_model().eval()
    silent, said, wrong = (
        float(sum(reader.loss_of(model, [one], "cpu", torch.float32, np.random.default_rng(0))).detach())
        for one in (
            reader.Encoded([101, 2040, 1029, 102, 8149, 11362, 102], 4, 0, 0, False, odds) for odds in (0.0, -3.0, 3.0)
        )
    )
    assert said < silent < wrong
    assert said < 0.3 * silent


def test_what_is_replayed_is_to_be_said_as_before_whatever_is_marked() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from rag.training import reader, tune
    from tests.test_training_reader import _small_model

    torch.manual_seed(0)
    before = _small_model().eval()
    model = copy.deepcopy(before)
    ids = [101, 2040, 1029, 102, 8149, 11362, 102]
    lost = [
        tune.kept(before)(model, [one], "cpu", torch.float32, np.random.default_rng(0))
        for one in (
            reader.Encoded(ids, 4, 0, 0, False, replayed=True),
            reader.Encoded(ids, 4, 4, 5, True, replayed=True),
        )
    ]
    assert [float(part.detach()) for part in lost[0]] == [float(part.detach()) for part in lost[1]]
    sum(lost[1]).backward()
    moved = [float(p.grad.abs().max()) for p in model.trained() if p.grad is not None]
    assert max(moved) < 1e-5  # nothing is better than what it said
    new = tune.kept(before)(model, [reader.Encoded(ids, 4, 4, 5, True)], "cpu", torch.float32, np.random.default_rng(0))
    model.zero_grad()
    sum(new).backward()
    assert max(float(p.grad.abs().max()) for p in model.trained() if p.grad is not None) > 1e-2
