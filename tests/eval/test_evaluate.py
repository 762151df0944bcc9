from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from eval import command
from eval.questions import EvidenceError, SetError
from eval.report import print_report
from eval.runs import load
from eval.scores import score
from rag.errors import NotFound
from rag.types import Article, Refusal, Span

QUESTIONS = [
    {
        "id": "s1",
        "question": "When did it open?",
        "answers": ["May"],
        "evidence": [{"article": "bridge", "quote": "opened in May"}],
        "answerable": True,
        "type": "date",
    },
    {
        "id": "s2",
        "question": "What did it cost?",
        "answers": ["3 million"],
        "evidence": [{"article": "bridge", "quote": "cost 3 million crowns"}],
        "answerable": True,
        "type": "fact",
    },
    {"id": "s3", "question": "Who paid?", "answers": [], "evidence": [], "answerable": False, "type": "none"},
]
SCRIPT = {"When did it open?": [("bridge", Span(0, 25))], "Who paid?": [("bridge", Span(54, 66))]}


@pytest.fixture
def system(scripted: Callable, bridge: Article, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    made = scripted(script=SCRIPT)
    made.readable = [bridge, Refusal("seeds/photo.png", "unreadable", "it is no text")]
    monkeypatch.setattr(command, "build", lambda settings: made)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seeds").mkdir()
    (tmp_path / "set.jsonl").write_text("\n".join(json.dumps(one) for one in QUESTIONS))
    return made


def invoke(*given: str):
    app = typer.Typer()
    app.command()(command.evaluate)
    return CliRunner().invoke(app, given, catch_exceptions=True)


def test_the_figures_are_printed_with_the_failures(system: object) -> None:
    done = invoke("set.jsonl")
    assert done.exit_code == 0
    assert "set.jsonl, 3 questions" in done.stdout
    assert "Failures, 2 of 2" in done.stdout
    assert "cited  nothing: unanswerable (confidence 0.10)" in done.stdout
    assert "gold   bridge 29–50: “cost 3 million crowns”" in done.stdout
    assert "gold   the articles do not answer it" in done.stdout
    assert "refused seeds/photo.png: it is no text" in done.stderr


def test_json_is_the_scores_of_the_saved_run(system: object, tmp_path: Path) -> None:
    done = invoke("set.jsonl", "--json", "--out", "run1")
    assert json.loads(done.stdout) == score(load(tmp_path / "run1" / "run.jsonl"))
    assert json.loads(done.stdout)["metrics"]["answer.first_citation"]["value"] == 0.5


def test_failures_can_be_left_out(system: object) -> None:
    assert "Failures" not in invoke("set.jsonl", "--failures", "0").stdout


def test_retrieval_leaves_unanswerable_questions_out_before_the_draw(system: object) -> None:
    scores = json.loads(invoke("set.jsonl", "--task", "retrieve", "--limit", "2", "--json").stdout)
    assert scores["n"] == 2
    assert scores["metrics"]["retrieval.hit@1"]["value"] == 0.5
    assert "type" in invoke("set.jsonl", "--task", "retrieve").stdout


def test_a_home_is_asked_as_it_is(system: object, bridge: Article) -> None:
    assert isinstance(invoke("set.jsonl", "--home", "mine").exception, NotFound)
    system.library.stored["bridge"] = bridge
    system.readable = []
    assert invoke("set.jsonl", "--home", "mine").exit_code == 0


@pytest.mark.parametrize(
    ("questions", "given", "error"),
    [
        (QUESTIONS[:1] * 2, (), SetError),
        ([], (), SetError),
        (QUESTIONS[2:], ("--task", "retrieve"), SetError),
        ([QUESTIONS[0] | {"evidence": [{"article": "bridge", "quote": "It"}]}], (), EvidenceError),
        (QUESTIONS, ("--articles", "elsewhere"), NotFound),
    ],
)
def test_errors_are_typed(
    system: object, tmp_path: Path, questions: list[dict[str, object]], given: tuple[str, ...], error: type[Exception]
) -> None:
    (tmp_path / "set.jsonl").write_text("\n".join(json.dumps(one) for one in questions))
    assert isinstance(invoke("set.jsonl", *given).exception, error)


def test_wrong_usage_is_exit_2(system: object) -> None:
    assert invoke("set.jsonl", "--as", "xml").exit_code == 2
    assert invoke("set.jsonl", "--limit", "0").exit_code == 2


def test_brackets_in_questions_are_no_markup(system: object, tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text(
        json.dumps(QUESTIONS[1] | {"question": "What [/bold] is [red]it?", "type": "[/fact]"})
    )
    invoke("set.jsonl", "--out", "run1")
    told = StringIO()
    lines = load(tmp_path / "run1" / "run.jsonl")
    print_report(Console(file=told, width=100), "[/set]", score(lines), lines, failures=1)
    assert "What [/bold] is [red]it?" in told.getvalue()
    assert "[/set], 1 questions" in told.getvalue()
    assert "[/fact]" in told.getvalue()
