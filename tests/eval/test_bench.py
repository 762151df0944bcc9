from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from eval import bench, sides
from eval.bench import SideFailed, Target
from eval.sides import Measured
from rag.errors import NotFound
from rag.types import Article, Refusal

ARTICLES = [Article("a", "A", "Ä line.\n\u2028Another 🌉."), Article("b", "B", "x")]


def measured(**figures: float) -> Measured:
    return {**dict.fromkeys(bench.FIGURES, 1.0), **figures}


class NotedSide:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.noted: list[object] = []

    def open(self, folder: Path) -> None:
        self.noted.append("open")

    def create(self, folder: Path) -> None:
        self.noted.append("create")

    def ingest(self, articles: Sequence[Article]) -> int:
        self.noted.append(len(articles))
        return 7

    def keep(self) -> None:
        raise AssertionError("a measured run keeps nothing")

    def answer(self, question: str) -> None:
        self.noted.append(f"answer {question}")

    def search(self, question: str) -> None:
        self.noted.append(question)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_side_is_measured_in_order(tmp_path: Path) -> None:
    sides.write_articles(ARTICLES, tmp_path)
    (tmp_path / "questions.json").write_text(json.dumps([f"q{n}" for n in range(8)]))
    side = NotedSide()
    figures = sides.measure(side, tmp_path, tmp_path, time.monotonic() - 2)
    assert side.noted == ["open", "answer q0", *(f"q{n}" for n in range(8)), "create", 2]
    assert 2 <= figures["start_s"] < 3
    assert figures["chunks"] == 7
    assert figures["chunks_per_s"] / figures["chars_per_s"] == pytest.approx(
        7 / sum(len(article.text) for article in ARTICLES)
    )
    assert 0 < figures["p50_ms"] <= figures["p95_ms"]
    assert 1 < figures["resident_mb"] <= figures["peak_mb"]


def test_articles_travel_unchanged(tmp_path: Path) -> None:
    sides.write_articles(ARTICLES, tmp_path)
    assert sides.read_articles(tmp_path) == ARTICLES


def test_the_median_of_the_ratios_of_pairs_counts() -> None:
    pairs = [
        {"ours": measured(p50_ms=ours), "stock": measured(p50_ms=stock)} for ours, stock in ((1, 10), (4, 5), (6, 20))
    ]
    compared = bench.compare(pairs)["p50_ms"]
    assert compared["ratio"] == {"median": 0.3, "min": 0.1, "max": 0.8}
    assert (compared["ours"]["median"], compared["stock"]["median"]) == (4, 10)
    assert (compared["target"], compared["met"]) == ("≤ 0.5", True)
    assert bench.compare(pairs)["chunks_per_s"]["met"] is False  # 1 to 1, where 1.8 is wanted
    assert bench.compare(pairs)["p95_ms"]["target"] is None


def test_targets_hold_at_their_bound() -> None:
    assert Target(1.8, at_least=True).met(1.8)
    assert Target(0.5, at_least=False).met(0.5)
    assert not Target(0.5, at_least=False).met(0.51)


def test_the_table_says_what_was_missed(capsys: pytest.CaptureFixture[str]) -> None:
    bench.print_table(bench.compare([{"ours": measured(), "stock": measured(start_s=4)}]), "two articles")
    told = capsys.readouterr().out
    assert "MISSED" in told
    assert "≤ 0.35 met" in told


def test_a_squad_file_brings_questions_and_articles(tmp_path: Path) -> None:
    asked = [
        {"id": str(n), "question": f"What is {n}?", "answers": [{"text": "it", "answer_start": 0}]} for n in range(20)
    ]
    record = {"title": "T", "paragraphs": [{"context": "it is", "qas": asked}]}
    (tmp_path / "dev.json").write_text(json.dumps({"data": [record]}))
    told = bench.prepare(tmp_path, tmp_path / "dev.json", 4)
    assert told == {"articles": 1, "chars": 5, "questions": 4}
    assert len(json.loads((tmp_path / "questions.json").read_text())) == 4 + sides.WARM_UP
    assert sides.read_articles(tmp_path)[0].text == "it is"


def test_a_folder_without_articles_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench, "read_articles", lambda source: [Refusal("x", "unreadable", "no text")])
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(NotFound, match="articles in"):
            bench.read_folder(folder)


def test_a_side_that_fails_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SideFailed, match="side 'ours' to end well; found nothing on its standard error"):
        bench.run_side("ours", tmp_path, tmp_path)
