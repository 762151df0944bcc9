from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from eval import command
from eval.questions import EvidenceError, SetError
from eval.report import print_report
from eval.runs import Folder
from eval.scores import score
from eval.subjects import Local
from rag.errors import NotFound, UsageError
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
    found = [bridge, Refusal("seeds/photo.png", "unreadable", "it is no text")]
    monkeypatch.setattr(command, "make", lambda name, home: Local(made))
    monkeypatch.setattr(command, "read_articles", lambda source: found)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seeds").mkdir()
    (tmp_path / "set.jsonl").write_text("\n".join(json.dumps(one) for one in QUESTIONS))
    return made


def invoke(*given: str):
    return CliRunner().invoke(command.app, given, catch_exceptions=True)


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
    assert json.loads(done.stdout) == score(Folder(tmp_path / "run1").lines())
    assert json.loads(done.stdout)["metrics"]["answer.first_citation"]["value"] == 0.5


def test_failures_can_be_left_out(system: object) -> None:
    assert "Failures" not in invoke("set.jsonl", "--failures", "0").stdout


def test_retrieval_leaves_unanswerable_questions_out_before_the_draw(system: object) -> None:
    scores = json.loads(invoke("set.jsonl", "--task", "retrieve", "--limit", "2", "--json").stdout)
    assert scores["n"] == 2
    assert scores["metrics"]["retrieval.hit@1"]["value"] == 0.5
    assert "found first" in invoke("set.jsonl", "--task", "retrieve").stdout


def test_a_home_is_asked_as_it_is(system: object, bridge: Article) -> None:
    assert isinstance(invoke("set.jsonl", "--home", "mine").exception, NotFound)
    system.library.stored["bridge"] = bridge
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
    lines = Folder(tmp_path / "run1").lines()
    print_report(Console(file=told, width=100), "[/set]", score(lines), lines, failures=1)
    assert "What [/bold] is [red]it?" in told.getvalue()
    assert "[/set], 1 questions" in told.getvalue()
    assert "[/fact]" in told.getvalue()


def test_a_run_goes_on_where_it_stopped(system: object, tmp_path: Path) -> None:
    invoke("set.jsonl", "--out", "run1")
    lines = (tmp_path / "run1" / "run.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "run1" / "run.jsonl").write_text(lines[0] + lines[1][:20])
    system.asked.clear()
    assert invoke("set.jsonl", "--out", "run1").exit_code == 0
    assert [one[0] for one in system.asked] == ["What did it cost?", "Who paid?"]
    assert len(Folder(tmp_path / "run1").lines()) == 3
    assert "report.html" in invoke("set.jsonl", "--out", "run1").stdout
    other = invoke("set.jsonl", "--out", "run1", "--limit", "2").exception
    assert isinstance(other, SetError) and "another questions" in str(other)


def test_the_gate(system: object, tmp_path: Path) -> None:
    many = [{**one, "id": f"{one['id']}-{n}"} for n in range(40) for one in QUESTIONS]
    (tmp_path / "set.jsonl").write_text("\n".join(json.dumps(one) for one in many))
    assert invoke("set.jsonl", "--save-baseline", "base.json").exit_code == 0
    same = invoke("set.jsonl", "--baseline", "base.json", "--gate", "--failures", "0")
    assert (same.exit_code, "gate: passed" in same.stdout) == (0, True)
    system.script = {}
    worse = invoke("set.jsonl", "--baseline", "base.json", "--gate", "--failures", "0")
    assert worse.exit_code == 1
    assert "gate: failed on retrieval.hit@1" in worse.stdout
    assert "40 became wrong: s1-0" in worse.stdout
    told = json.loads(invoke("set.jsonl", "--baseline", "base.json", "--gate", "--json").stdout)
    assert "answer.first_citation" in told["gate"]["failed"]
    assert invoke("set.jsonl", "--baseline", "base.json").exit_code == 0  # without --gate it only tells


def test_baselines_of_another_set_are_refused(system: object, tmp_path: Path) -> None:
    invoke("set.jsonl", "--save-baseline", "base.json")
    for given in (("--limit", "2"), ("--task", "retrieve"), ("-k", "3")):
        assert isinstance(invoke("set.jsonl", "--baseline", "base.json", *given).exception, SetError)
    assert isinstance(invoke("set.jsonl", "--baseline", "none.json").exception, NotFound)
    (tmp_path / "base.json").write_text("{}")
    assert isinstance(invoke("set.jsonl", "--baseline", "base.json").exception, SetError)
    assert isinstance(invoke("set.jsonl", "--gate").exception, UsageError)


def test_check_names_every_quote_that_no_longer_resolves(system: object, bridge: Article, tmp_path: Path) -> None:
    assert "3 questions, 2 pieces of evidence, all in place" in invoke("check", "set.jsonl").stdout
    system.library.stored["bridge"] = Article("bridge", "The bridge", "The bridge opened in May. It cost 4 million.")
    found = invoke("check", "set.jsonl", "--home", "mine")
    assert found.exit_code == 1
    assert "'s2'" in found.stdout and "it nowhere" in found.stdout and "'s1'" not in found.stdout
    told = json.loads(invoke("check", "set.jsonl", "--home", "mine", "--json").stdout)
    assert [one["id"] for one in told["wrong"]] == ["s2"]


def test_two_runs_stand_side_by_side(system: object, tmp_path: Path) -> None:
    invoke("set.jsonl", "--out", "run1")
    system.script = {}
    invoke("set.jsonl", "--out", "run2")
    done = invoke("report", "run1", "run2")
    assert done.exit_code == 0, done.exception
    assert "quotewell (run1)" in done.stdout and "quotewell (run2)" in done.stdout
    assert "Compared, question by question" in (tmp_path / "run1" / "report.html").read_text()
    told = json.loads(invoke("report", "run1", "--json").stdout)
    assert told["quotewell"] == json.loads((tmp_path / "run1" / "scores.json").read_text())


def test_a_url_is_asked_alone(system: object) -> None:
    assert isinstance(invoke("set.jsonl", "--url", "http://localhost:1", "--home", "x").exception, UsageError)
    assert isinstance(invoke("set.jsonl", "--url", "localhost:1").exception, UsageError)
