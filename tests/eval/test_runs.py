from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.metrics import Place
from eval.questions import Evidence, Question, SetError, resolve
from eval.runs import Folder, Line, identify, run
from eval.scores import is_right, score
from eval.subjects import Local
from rag.build import build
from rag.errors import NotFound
from rag.settings import load_settings
from rag.types import Answer, Article, AsOf, Span, Turn

OPENED = Question("q1", "When did it open?", ("May",), (Evidence("bridge", "opened in May"),), True, "date")
COST = Question("q2", "What did it cost?", ("3 million",), (Evidence("bridge", "cost 3 million crowns"),), True, "fact")
WHO = Question("q3", "Who built it?", (), (), False, "none", as_of="2024-05-01", history=(Turn("user", "Hi"),))
FIRST, SECOND, THIRD = ("bridge", Span(0, 25)), ("bridge", Span(26, 53)), ("bridge", Span(54, 66))
SCRIPT = {OPENED.question: [FIRST, SECOND], COST.question: [THIRD, SECOND]}


def lines_of(system: object, *questions: Question, task: str = "ask", k: int = 10) -> list[Line]:
    subject = Local(system)
    return list(run(subject, questions, resolve(questions, subject), task=task, k=k))


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
        "gold": [{"article": "bridge", "start": 11, "end": 24, "quote": "opened in May", "others": []}],
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
            {"article": "bridge", "start": 0, "end": 25, "score": 1.0, "text": "The bridge opened in May."},
            {"article": "bridge", "start": 26, "end": 53, "score": 0.5, "text": "It cost 3 million crowns. 🌉"},
        ],
        "consulted": [
            {"article": "bridge", "start": 0, "end": 25},
            {"article": "bridge", "start": 26, "end": 53},
        ],
        "timings_ms": {"total": 1.0},
    }
    assert line["latency_ms"] >= 0


def test_questions_are_asked_as_a_user_would(scripted: Callable, bridge: Article) -> None:
    system = scripted([bridge], SCRIPT)
    lines_of(system, OPENED, WHO)
    as_of = AsOf("2024-05-01")
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


IDENTITY = {"format": 1, "set": "s", "questions": "0", "task": "ask", "k": 10, "subject": {"system": "scripted"}}


def test_a_saved_run_is_scored_as_the_run(scripted: Callable, bridge: Article, tmp_path: Path) -> None:
    lines = lines_of(scripted([bridge], SCRIPT), OPENED, COST, WHO)
    folder = Folder(tmp_path / "new")
    assert folder.start(IDENTITY) == []
    kept = folder.save(lines)
    next(kept)
    assert folder.lines() == lines[:1]  # a line is there before the next question is put
    assert list(kept) == lines[1:]
    assert Folder(tmp_path / "new").start(IDENTITY) == lines
    assert score(folder.lines()) == score(lines)


def test_a_run_that_was_cut_off_goes_on_after_its_last_whole_line(
    scripted: Callable, bridge: Article, tmp_path: Path
) -> None:
    lines = lines_of(scripted([bridge], SCRIPT), OPENED, COST)
    folder = Folder(tmp_path)
    folder.start(IDENTITY)
    (tmp_path / "run.jsonl").write_text(f'{json.dumps(lines[0])}\n{{"id": "q2", "tex')
    with pytest.raises(SetError, match="line 2"):
        folder.lines()
    assert folder.start(IDENTITY) == lines[:1]
    list(folder.save(lines[1:]))
    assert folder.lines() == lines


def test_a_folder_of_another_run_is_left_alone(tmp_path: Path) -> None:
    Folder(tmp_path).start(IDENTITY)
    with pytest.raises(SetError, match=r"another task.*--out"):
        Folder(tmp_path).start(IDENTITY | {"task": "retrieve"})
    with pytest.raises(NotFound, match="--out"):
        Folder(tmp_path / "none").identity()
    for text in ("{", "[]", '{"set": "s"}', '{"format": 2}'):
        (tmp_path / "identity.json").write_text(text)
        with pytest.raises(SetError, match="a run of format 1"):
            Folder(tmp_path).identity()


def test_an_identity_tells_questions_and_systems_apart(scripted: Callable, bridge: Article) -> None:
    subject = Local(scripted([bridge]))
    one = identify(subject, "s", [OPENED], task="ask", k=10)
    assert one == json.loads(json.dumps(identify(subject, "s", [OPENED], task="ask", k=10)))
    assert one["questions"] != identify(subject, "s", [COST], task="ask", k=10)["questions"]
    assert one["subject"]["articles"] == 1


def test_scores_by_hand(scripted: Callable, bridge: Article) -> None:
    scores = score(lines_of(scripted([bridge], SCRIPT), OPENED, COST, WHO))
    values = {name: figure["value"] for name, figure in scores["metrics"].items() if not name.endswith("_ms")}
    assert scores["n"] == 3
    assert values == pytest.approx(
        {
            "retrieval.hit@1": 0.5,
            "retrieval.hit@4": 1,
            "retrieval.hit@10": 1,
            "retrieval.strict@4": 1,
            "retrieval.strict@10": 1,
            "retrieval.recall@4": 1,
            "retrieval.recall@10": 1,
            "retrieval.mrr": 0.75,
            "retrieval.map@10": 0.75,
            "retrieval.ndcg@10": (1 + 1 / np.log2(3)) / 2,
            "retrieval.density@4": (13 / 52 + 21 / 39) / 2,
            "answer.f1": (2 * 1 / (4 + 1) + 0 + 1) / 3,  # "bridge opened in may" against "may"; wrong; declined
            "answer.f1_answerable": 0.4 / 2,
            "answer.best_f1": (0.4 + 0 + 1) / 3,
            "answer.em": 1 / 3,
            "answer.first_citation": 0.5,
            "answer.hit": 0.5,
            "answer.overlap": 2 * 13 / (13 + 25) / 2,
            "consulted.hit@1": 0.5,
            "consulted.hit@4": 1,
            "citation.precision": 0.5,
            "citation.recall": 0.5,
            "citation.verified": 1,
            "abstain.precision": 1,
            "abstain.recall": 1,
            "abstain.wrongly": 0,
            "abstain.auroc": 1,
            "abstain.aurc": 0.5,
            "coverage@1": 0,
            "coverage@5": 0,
            "coverage@10": 0,
            "confidence.ece": 0.5,  # two answers in groups of their own, each said to be 0.9: one right, one wrong
        },
        abs=1e-4,
    )
    assert all(figure["low"] <= figure["value"] <= figure["high"] for figure in scores["metrics"].values())
    by_type = {
        kind: {key: fig["value"] for key, fig in one["metrics"].items()} for kind, one in scores["types"].items()
    }
    assert [one["n"] for one in scores["types"].values()] == [1, 1, 1]
    assert by_type["date"]["answer.first_citation"] == 1
    assert by_type["fact"]["answer.first_citation"] == 0
    assert by_type["none"]["abstain.recall"] == 1
    assert "retrieval.hit@1" not in by_type["none"]


def test_a_retrieval_run_has_retrieval_figures_no_deeper_than_it_looked(scripted: Callable, bridge: Article) -> None:
    scores = score(lines_of(scripted([bridge], SCRIPT), OPENED, COST, task="retrieve", k=4))
    names = [name for name in scores["metrics"] if not name.endswith("_ms")]
    assert names == [
        "retrieval.hit@1",
        "retrieval.hit@4",
        "retrieval.strict@4",
        "retrieval.recall@4",
        "retrieval.mrr",
        "retrieval.density@4",
    ]


def test_without_evidence_the_answers_tell_what_is_right(scripted: Callable, bridge: Article) -> None:
    asked = (replace(OPENED, evidence=()), replace(COST, evidence=(), answers=("4 million",)))
    lines = lines_of(scripted([bridge], {OPENED.question: [FIRST], COST.question: [SECOND]}), *asked)
    assert [is_right(line) for line in lines] == [True, False]
    figures = score(lines)["metrics"]
    assert figures["answer.hit"]["value"] == figures["abstain.aurc"]["value"] == 0.5
    assert not [name for name in figures if name.startswith(("retrieval.", "citation.p", "citation.r"))]


def test_reading_is_given_its_paragraph_and_finds_nothing(bridge: Article, tmp_path: Path) -> None:
    system = build(load_settings(home=tmp_path, threshold=0.0))
    subject = Local(system)
    list(subject.put([bridge]))
    given = {"q1": Place("bridge", Span(0, 25))}
    (line,) = run(subject, [OPENED], resolve([OPENED], subject), task="read", k=10, paragraphs=given)
    assert (line["k"], line["passages"], line["citations"][0]["quote"]) == (0, [], "The bridge opened in May.")
    assert not [name for name in score([line])["metrics"] if name.startswith(("retrieval.", "consulted."))]
    subject.close()
