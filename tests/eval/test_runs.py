from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from eval.questions import Evidence, Question, SetError, resolve
from eval.runs import Line, load, run, save
from eval.scores import score
from rag.types import Answer, Article, Span, Turn, Where

OPENED = Question("q1", "When did it open?", ("May",), (Evidence("bridge", "opened in May"),), True, "date")
COST = Question("q2", "What did it cost?", ("3 million",), (Evidence("bridge", "cost 3 million crowns"),), True, "fact")
WHO = Question("q3", "Who built it?", (), (), False, "none", as_of="2024-05-01", history=(Turn("user", "Hi"),))
FIRST, SECOND, THIRD = ("bridge", Span(0, 25)), ("bridge", Span(26, 53)), ("bridge", Span(54, 66))
SCRIPT = {OPENED.question: [FIRST, SECOND], COST.question: [THIRD, SECOND]}


def lines_of(system: object, *questions: Question, task: str = "ask", k: int = 10) -> list[Line]:
    return list(run(system, questions, resolve(questions, system.library), task=task, k=k))


def timeless(line: Line) -> dict[str, object]:
    return {key: value for key, value in line.items() if key != "latency_ms"}


def test_a_line_holds_all_that_scoring_needs(scripted: Callable, bridge: Article) -> None:
    (line,) = lines_of(scripted([bridge], SCRIPT), OPENED)
    assert timeless(line) == {
        "id": "q1",
        "question": "When did it open?",
        "type": "date",
        "answerable": True,
        "answers": ["May"],
        "gold": [{"article": "bridge", "start": 11, "end": 24, "quote": "opened in May"}],
        "k": 10,
        "status": "answered",
        "text": "The bridge opened in May.",
        "short": None,
        "confidence": 0.9,
        "citations": [
            {
                "article": "bridge",
                "start": 0,
                "end": 25,
                "revision": bridge.revision,
                "quote": "The bridge opened in May.",
                "verified": True,
            }
        ],
        "passages": [
            {"article": "bridge", "start": 0, "end": 25, "score": 1.0},
            {"article": "bridge", "start": 26, "end": 53, "score": 0.5},
        ],
        "timings_ms": {"total": 1.0},
    }
    assert line["latency_ms"] >= 0


def test_questions_are_asked_as_a_user_would(scripted: Callable, bridge: Article) -> None:
    system = scripted([bridge], SCRIPT)
    lines_of(system, OPENED, WHO)
    as_of = Where(as_of="2024-05-01")
    assert system.asked == [(OPENED.question, None, None, ()), (WHO.question, None, as_of, (Turn("user", "Hi"),))]


def test_retrieval_asks_nothing(scripted: Callable, bridge: Article) -> None:
    system = scripted([bridge], SCRIPT)
    (line,) = lines_of(system, OPENED, task="retrieve", k=1)
    assert not system.asked
    assert (line["status"], line["confidence"], line["citations"], len(line["passages"])) == (None, None, [], 1)


def test_a_run_is_deterministic(scripted: Callable, bridge: Article) -> None:
    first, second = (lines_of(scripted([bridge], SCRIPT), OPENED, COST, WHO) for _ in range(2))
    assert [timeless(line) for line in first] == [timeless(line) for line in second]


@pytest.mark.parametrize(("changed", "revision"), [("The bridge opened in MAY.", None), (None, "0" * 64)])
def test_verification_does_not_trust_the_system(
    scripted: Callable, bridge: Article, changed: str | None, revision: str | None
) -> None:
    class Liar(scripted):
        def _cite(self, passage):
            citation = super()._cite(passage)
            if changed:
                object.__setattr__(citation, "quote", changed)
            if revision:
                object.__setattr__(citation, "revision", revision)
            return citation

    (line,) = lines_of(Liar([bridge], SCRIPT), OPENED)
    assert line["citations"][0]["verified"] is False
    assert score([line])["metrics"]["citation.verified"]["value"] == 0


def test_a_stream_without_its_answer_is_an_error(scripted: Callable, bridge: Article) -> None:
    class Mute(scripted):
        def ask(self, question, **given):
            yield from (piece for piece in super().ask(question, **given) if not isinstance(piece, Answer))

    with pytest.raises(TypeError, match="end with an Answer"):
        lines_of(Mute([bridge], SCRIPT), OPENED)


def test_a_saved_run_is_scored_as_the_run(scripted: Callable, bridge: Article, tmp_path: Path) -> None:
    system = scripted([bridge], SCRIPT)
    questions = (OPENED, COST, WHO)
    path = tmp_path / "new" / "run.jsonl"
    kept = save(run(system, questions, resolve(questions, system.library), task="ask", k=10), path)
    first = next(kept)
    assert json.loads(path.read_text()) == first  # a line is there before the next question is put
    lines = [first, *kept]
    assert load(path) == lines
    assert score(load(path)) == score(lines)


def test_a_cut_off_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_text('{"id": "q1"}\n{"id": ')
    with pytest.raises(SetError, match="line 2"):
        load(tmp_path / "run.jsonl")


def test_scores_by_hand(scripted: Callable, bridge: Article) -> None:
    scores = score(lines_of(scripted([bridge], SCRIPT), OPENED, COST, WHO))
    values = {name: figure["value"] for name, figure in scores["metrics"].items() if name != "latency.p50_ms"}
    assert scores["n"] == 3
    assert values == pytest.approx(
        {
            "retrieval.hit@1": 0.5,
            "retrieval.hit@4": 1,
            "retrieval.hit@10": 1,
            "retrieval.strict@4": 1,
            "retrieval.strict@10": 1,
            "retrieval.mrr": 0.75,
            "answer.f1": (2 * 1 / (4 + 1) + 0 + 1) / 3,  # "bridge opened in may" against "may"; wrong; declined
            "answer.em": 1 / 3,
            "answer.first_citation": 0.5,
            "answer.hit": 0.5,
            "citation.precision": 0.5,
            "citation.recall": 0.5,
            "citation.verified": 1,
            "abstain.precision": 1,
            "abstain.recall": 1,
            "abstain.auroc": 1,
            "coverage@5": 0,
            "coverage@10": 0,
        },
        abs=1e-4,
    )
    assert all(figure["low"] <= figure["value"] <= figure["high"] for figure in scores["metrics"].values())
    assert scores["types"] == {
        "date": {"n": 1, "hit": 1.0, "first_citation": 1.0, "declined": 0.0},
        "fact": {"n": 1, "hit": 0.0, "first_citation": 0.0, "declined": 0.0},
        "none": {"n": 1, "hit": None, "first_citation": None, "declined": 1.0},
    }


def test_a_retrieval_run_has_retrieval_figures_no_deeper_than_it_looked(scripted: Callable, bridge: Article) -> None:
    scores = score(lines_of(scripted([bridge], SCRIPT), OPENED, COST, task="retrieve", k=4))
    assert list(scores["metrics"]) == [
        "retrieval.hit@1",
        "retrieval.hit@4",
        "retrieval.strict@4",
        "retrieval.mrr",
        "latency.p50_ms",
    ]
