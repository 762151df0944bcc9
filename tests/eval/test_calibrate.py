"""Conformal risk control, beside a search through all thresholds and beside its own promise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from eval.calibrate import bound, fit, lowest
from eval.questions import SetError
from eval.risk import measure, unfitted
from eval.runs import Line
from rag.__main__ import app
from rag.build import build
from rag.calibration import Calibration, load_calibration
from rag.errors import LibraryError
from rag.settings import load_settings
from rag.types import Article

RUNNER = CliRunner()
ANSWERS = st.lists(st.tuples(st.integers(0, 12).map(lambda n: n / 12), st.booleans()), min_size=1, max_size=60)


@given(ANSWERS, st.integers(10, 500))
def test_the_lowest_threshold_that_keeps_the_risk(answers: list[tuple[float, bool]], thousandths: int) -> None:
    sure, wrong = (np.array(column) for column in zip(*answers, strict=True))
    wrong = wrong.astype(bool)
    found = lowest(sure, wrong, thousandths / 1000)

    def fits(threshold: float) -> bool:
        return 1000 * (int(((sure >= threshold) & wrong).sum()) + 1) <= thousandths * (len(sure) + 1)

    fitting = [level for level in sure if fits(level)]
    if fitting:
        assert found == min(level for level in fitting if all(fits(x) for x in sure if x >= level))
    else:
        assert not (sure >= found).any()


def test_on_average_the_risk_is_what_was_asked_for() -> None:
    """Over draws of questions whose confidence means little, as the theorem says."""
    draw = np.random.default_rng(0)
    risks = []
    for _ in range(400):
        sure = draw.random(400)
        wrong = draw.random(400) > 0.3 + 0.6 * sure
        threshold = lowest(sure[:200], wrong[:200], 0.1)
        risks.append((wrong & (sure >= threshold))[200:].mean())
    assert 0.08 < np.mean(risks) <= 0.1 + 2 * np.std(risks) / 20


def test_the_bound_holds_in_most_draws_of_articles() -> None:
    """Articles differ in how hard they are: halves of them miss the risk by more than chance, and the bound tells."""
    draw = np.random.default_rng(1)
    held = 0
    for trial in range(60):
        hard = np.repeat(draw.uniform(0.1, 0.7, 24), 40)
        articles = [f"a{n // 40}" for n in range(960)]
        sure = draw.random(960)
        wrong = draw.random(960) < hard * (1.3 - sure)
        first = np.arange(960) < 480
        stated = bound(sure[first], wrong[first], articles[:480], 0.1, seed=trial)
        threshold = lowest(sure[first], wrong[first], 0.1)
        held += (wrong & (sure >= threshold))[~first].mean() <= stated
    assert held >= 51  # of 60; 57 expected


def test_too_few_questions_are_told() -> None:
    with pytest.raises(SetError, match="at least 19 questions"):
        fit([], 0.05)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    system = build(load_settings(home=tmp_path / "home"))
    texts = ["The Ardent Bridge was opened in 1931 by Queen Maud.", "Jonas Lind built the mill of Norham in 1877."]
    for _ in system.ingest([Article(f"a{n}", "Norham", text) for n, text in enumerate(texts)]):
        pass
    system.close()
    return tmp_path / "home"


def questions(path: Path, count: int = 24) -> Path:
    asked = [("When was the Ardent Bridge opened?", "a0"), ("Who built the mill of Norham?", "a1"), ("Who won?", None)]
    lines = []
    for n in range(count):
        question, article = asked[n % 3]
        evidence = (
            [{"article": article, "quote": {"a0": "opened in 1931", "a1": "Jonas Lind"}[article]}] if article else []
        )
        lines.append({"id": str(n), "question": question, "evidence": evidence, "answerable": bool(article)})
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def test_a_calibration_is_kept_and_used(home: Path, tmp_path: Path) -> None:
    told = RUNNER.invoke(app, ["calibrate", str(questions(tmp_path / "set.jsonl")), "--home", str(home), "--json"])
    assert told.exit_code == 0, told.output
    fitted = json.loads(told.stdout)
    assert fitted["risk"] <= 0.05
    system = build(load_settings(home=home))
    assert system.threshold == min(1.0, fitted["threshold"])
    assert system.calibration is not None
    assert system.calibration.articles == 2
    assert system.calibration.questions == 24
    system.close()
    overruled = build(load_settings(home=home, threshold=0.9))
    assert overruled.threshold == 0.9
    overruled.close()
    doctor = RUNNER.invoke(app, ["doctor", "--home", str(home)])
    assert "fitted by quotewell calibrate" in doctor.output


def test_a_calibration_for_another_reader_is_not_used(home: Path) -> None:
    Calibration(0.5, 0.05, 0.06, 100, "set", "another reader", 2).save(home)
    assert load_calibration(home, "another reader") is not None
    system = build(load_settings(home=home))
    assert system.calibration is None
    assert system.threshold != 0.5
    system.close()


def test_a_damaged_calibration_is_told(home: Path) -> None:
    (home / "calibration.json").write_text("{", encoding="utf-8")
    with pytest.raises(LibraryError, match="calibrate"):
        build(load_settings(home=home))


def test_calibrating_needs_a_collection(tmp_path: Path) -> None:
    told = RUNNER.invoke(app, ["calibrate", str(questions(tmp_path / "set.jsonl")), "--home", str(tmp_path / "none")])
    assert told.exit_code == 1
    assert not (tmp_path / "none").exists()


def test_halves_of_the_articles_keep_the_word_of_the_others() -> None:
    """On made questions of which confidence tells something, and on such of which it tells nothing."""
    draw = np.random.default_rng(3)
    for slope in (1.0, 0.0):
        hard = np.repeat(draw.uniform(0.2, 0.6, 20), 40)
        sure = draw.random(800)
        right = draw.random(800) > hard * (1 + slope / 2 - slope * sure)
        lines = [line(f"a{n // 40}", float(s), bool(r)) for n, (s, r) in enumerate(zip(sure, right, strict=True))]
        kept = measure(lines, 0.1, splits=40)
        assert kept.held >= 34
        assert kept.measured <= kept.stated
        assert 0 < kept.answered < 1


def line(article: str, confidence: float, right: bool) -> Line:
    gold = {"article": article, "start": 0, "end": 10, "quote": "", "others": []}
    cited = {"article": article, "start": 0 if right else 50, "end": 10 if right else 60, "verified": True}
    return {
        "gold": [gold],
        "consulted": [],
        "passages": [],
        "citations": [cited],
        "confidence": confidence,
        "answers": [],
    }  # type: ignore[return-value]


def test_confidence_is_judged_on_every_second_article() -> None:
    told = [
        ("a", 0.9, True),
        ("b", 0.9, True),
        ("b", 0.8, False),
        ("b", 0.5, True),
        ("c", 0.1, False),
        ("d", 0.3, False),
    ]
    found = unfitted([line(*one) for one in told], 0.25)
    assert found.questions == 4
    assert found.right == {"likely right": 0.5, "perhaps right": 1.0, "unsure": 0.0}
