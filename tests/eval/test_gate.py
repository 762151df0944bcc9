from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.gate import GATED, Baseline, compare, load_baseline, losses
from eval.questions import SetError

IDENTITY = {"set": "s", "questions": "0", "task": "ask", "k": 10, "subject": {}}


def baseline(rate: float = 0.8, n: int = 200, seed: int = 0) -> Baseline:
    """A run that is right for about ``rate`` of its questions."""
    right = (np.random.default_rng(seed).random(n) < rate).astype(float)
    columns = {"answer.first_citation": right, "retrieval.hit@1": right, "citation.verified": np.ones(n)}
    return Baseline(IDENTITY, tuple(f"q{m}" for m in range(n)), columns)


def changed(base: Baseline, metric: str, *, lose: int = 0, win: int = 0) -> Baseline:
    values = base.columns[metric].copy()
    values[np.flatnonzero(values == 1)[:lose]] = 0
    values[np.flatnonzero(base.columns[metric] == 0)[:win]] = 1
    return replace(base, columns={**base.columns, metric: values})


def verdicts(before: Baseline, after: Baseline) -> dict[str, str]:
    return {one.metric: one.verdict for one in compare(before, after)}


def test_a_run_beside_itself_is_even() -> None:
    assert set(verdicts(baseline(), baseline()).values()) == {"even"}


def test_a_clear_loss_is_seen_and_a_gain_is_none() -> None:
    base = baseline()
    lost = compare(base, changed(base, "answer.first_citation", lose=20))
    assert [one.metric for one in losses(lost)] == ["answer.first_citation"]
    assert verdicts(base, changed(base, "answer.first_citation", win=20))["answer.first_citation"] == "better"
    assert not losses(compare(base, changed(base, "answer.first_citation", lose=1)))
    assert not losses(compare(base, changed(base, "answer.first_citation", lose=12, win=10)))


def test_the_interval_of_a_difference_is_as_theory_says() -> None:
    base = baseline(n=400)
    (one,) = [
        one
        for one in compare(base, changed(base, "answer.first_citation", lose=40))
        if one.metric == "answer.first_citation"
    ]
    error = 1.96 * (0.1 * 0.9 / 400) ** 0.5
    assert one.after - one.before == pytest.approx(-0.1)
    assert (one.low, one.high) == (pytest.approx(-0.1 - error, abs=0.004), pytest.approx(-0.1 + error, abs=0.004))


def test_one_citation_that_does_not_verify_fails_it() -> None:
    base = baseline()
    assert [one.metric for one in losses(compare(base, changed(base, "citation.verified", lose=1)))] == [
        "citation.verified"
    ]


def test_what_is_no_worse_seldom_fails() -> None:
    """Two runs that differ by chance alone: each question's pair is drawn in either order."""
    alarms = 0
    for seed in range(100):
        draw = np.random.default_rng(seed)
        base = baseline(n=300, seed=seed)
        shared = (draw.random(300) < 0.2).astype(bool)
        other = {}
        mine = {}
        for name in ("answer.first_citation", "retrieval.hit@1"):
            one = base.columns[name]
            two = np.where(shared, (draw.random(300) < 0.8).astype(float), one)
            swap = draw.random(300) < 0.5
            mine[name], other[name] = np.where(swap, two, one), np.where(swap, one, two)
        alarms += bool(losses(compare(replace(base, columns=mine), replace(base, columns=other))))
    assert alarms <= 5


def test_a_file_holds_what_the_run_held(tmp_path: Path) -> None:
    base = changed(baseline(), "answer.first_citation", lose=3)
    values = base.columns["answer.first_citation"].copy()
    values[5], values[6] = np.nan, 1 / 3
    base = replace(base, columns={**base.columns, "answer.first_citation": values})
    base.save(tmp_path / "base.json")
    again = load_baseline(tmp_path / "base.json")
    assert (again.identity, again.ids) == (base.identity, base.ids)
    for name, column in base.columns.items():
        np.testing.assert_allclose(again.columns[name], column, atol=1e-6)
    assert len((tmp_path / "base.json").read_text().splitlines()) == len(base.columns) + 5


def test_runs_of_other_questions_are_refused(tmp_path: Path) -> None:
    base = baseline()
    for key in ("questions", "task", "k"):
        with pytest.raises(SetError, match=r"the same"):
            compare(base, replace(base, identity=IDENTITY | {key: "other"}))
    with pytest.raises(SetError, match="found 199 of them"):
        compare(base, replace(base, ids=("other", *base.ids[1:])))
    for text in (
        "{",
        "[]",
        json.dumps({"format": 2}),
        json.dumps({"format": 1, "identity": {}, "ids": ["a"], "x": []}),
    ):
        (tmp_path / "base.json").write_text(text)
        with pytest.raises(SetError, match="a baseline of format 1"):
            load_baseline(tmp_path / "base.json")


def test_questions_may_stand_in_another_order() -> None:
    base = baseline()
    turned = Baseline(IDENTITY, base.ids[::-1], {name: values[::-1] for name, values in base.columns.items()})
    assert set(verdicts(base, turned).values()) == {"even"}


def test_gated_metrics_are_ones_that_exist() -> None:
    from eval.scores import LESS_IS_BETTER, columns_of, statistics_of
    from tests.eval.test_page import LINES

    assert set(GATED) | LESS_IS_BETTER <= set(statistics_of(columns_of(LINES)))
