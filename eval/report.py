"""Figures, failures and comparisons for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eval.calibrate import Fitted
from eval.gate import Change
from eval.page import Shown, interval, told
from eval.runs import Line
from eval.scores import Scores, is_failure

_BY_TYPE = {
    "retrieval.hit@1": "found first",
    "answer.first_citation": "cited first",
    "answer.hit": "holds answer",
    "abstain.recall": "rightly declined",
    "abstain.wrongly": "wrongly declined",
}


def print_report(console: Console, name: str, scores: Scores, lines: Sequence[Line], *, failures: int) -> None:
    """The figures with their intervals, the same by type of question, and the first ``failures`` failures."""
    console.print(_figures(name, scores))
    console.print(_types(scores))
    failed = [line for line in lines if is_failure(line)]
    if not failed or not failures:
        return
    shown = failed[:failures]
    console.print(Text(f"\nFailures, {len(shown)} of {len(failed)}", style="bold"))
    for line in shown:
        for part in describe(line):
            console.print(part, soft_wrap=True)


def describe(line: Line) -> list[Text]:
    """The question, what was cited or found first, and the evidence."""
    gold = [
        Text(f"    {said}   {one['article']} {one['start']}–{one['end']}: “{one['quote']}”")
        for fact in line["gold"]
        for said, one in (("gold", fact), *((" or ", other) for other in fact["others"]))
    ]
    return [
        Text.assemble((f"· {line['question']}", "cyan"), (f"  {line['id']}", "dim")),
        *_shown(line),
        *(gold or [Text("    gold   the articles do not answer it")]),
    ]


def _shown(line: Line) -> list[Text]:
    if line["status"] is None:
        found = line["passages"][:1]
        return [Text(f"    found  {one['article']} {one['start']}–{one['end']}") for one in found]
    sure = "" if line["confidence"] is None else f" (confidence {line['confidence']:.2f})"
    if not line["citations"]:
        return [Text(f"    cited  nothing: {line['status']}{sure}")]
    return [
        Text(f"    cited  {one['article']} {one['start']}–{one['end']}: “{one['quote']}”{sure}")
        for one in line["citations"]
    ]


def print_changes(
    console: Console,
    changes: Sequence[Change],
    flips: tuple[Sequence[str], Sequence[str]],
    lost: Sequence[Change],
    *,
    gate: bool,
) -> None:
    """What got better and worse than the baseline, and which questions."""
    table = Table(title="\nBeside the baseline (differences in points)", title_justify="left")
    table.add_column("metric", no_wrap=True)
    for heading in ("before", "now", "difference", ""):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in changes:
        if one.verdict == "even" and not one.gated:
            continue
        style = {"better": "green", "worse": "red", "even": ""}[one.verdict]
        verdict = Text(one.verdict if one.gated else f"{one.verdict}*", style=style)
        points = f"{100 * (one.after - one.before):+.1f} ({100 * one.low:+.0f} – {100 * one.high:+.0f})"
        table.add_row(one.metric, told(one.metric, one.before), told(one.metric, one.after), points, verdict)
    console.print(table)
    console.print(Text("* tells, but does not fail the gate", style="dim"))
    for said, keys in (("became right", flips[0]), ("became wrong", flips[1])):
        if keys:
            more = f" and {len(keys) - 12} more" if len(keys) > 12 else ""
            console.print(Text(f"{len(keys)} {said}: {', '.join(keys[:12])}{more}"), soft_wrap=True)
    if lost:
        console.print(Text(f"gate: failed on {', '.join(one.metric for one in lost)}", style="red"), soft_wrap=True)
    elif gate:
        console.print(Text("gate: passed, nothing is significantly worse", style="green"))


def print_side_by_side(
    console: Console, name: str, runs: Sequence[Shown], comparisons: Sequence[Sequence[Change]]
) -> None:
    """A column a run. A mark says where a run differs from the first by more than chance."""
    table = Table("metric", title=Text(f"{name}, {runs[0].scores['n']} questions"), title_justify="left")
    for run in runs:
        table.add_column(run.label, justify="right")
    verdicts = [{one.metric: one.verdict for one in changes} for changes in comparisons]
    marks = {"better": " ▲", "worse": " ▼"}
    for metric, first in runs[0].scores["metrics"].items():
        cells = [f"{told(metric, first['value'])} ({interval(metric, first)})"]
        for run, verdict in zip(runs[1:], verdicts, strict=True):
            one = run.scores["metrics"].get(metric)
            mark = marks.get(verdict.get(metric, "even"), "")
            cells.append(f"{told(metric, one['value'])} ({interval(metric, one)}){mark}" if one else "–")
        table.add_row(metric, *cells)
    console.print(table)
    if runs[1:]:
        console.print(Text("▲ ▼: better or worse than the first by more than chance (paired bootstrap, Holm)"))


def _figures(name: str, scores: Scores) -> Table:
    table = Table("metric", title=Text(f"{name}, {scores['n']} questions"), title_justify="left")
    table.add_column("value", justify="right")
    table.add_column("95 % interval", justify="right")
    for metric, figure in scores["metrics"].items():
        table.add_row(metric, told(metric, figure["value"]), interval(metric, figure))
    return table


def _types(scores: Scores) -> Table:
    shown = [name for name in _BY_TYPE if any(name in one["metrics"] for one in scores["types"].values())]
    table = Table("type")
    for heading in ("n", *(_BY_TYPE[name] for name in shown)):
        table.add_column(heading, justify="right")
    for kind, one in scores["types"].items():
        cells = (told(name, one["metrics"][name]["value"]) if name in one["metrics"] else "–" for name in shown)
        table.add_row(Text(kind), str(one["n"]), *cells)
    return table


def print_fitted(console: Console, fitted: Fitted, risk: float, questions: int) -> None:
    """What a calibration found, in sentences."""
    console.print(
        f"Fitted to {questions} questions: under a confidence of {fitted.threshold:.3f} is declined from now on.\n"
        f"  {fitted.risk:.1%} of the questions get a wrong answer (asked for: at most {risk:.1%} on average;\n"
        f"  of 100 halves of the articles, 99 stayed under {fitted.bound:.1%}),\n"
        f"  {fitted.wrong:.1%} of the answers given are wrong,\n"
        f"  {fitted.declined:.1%} of the questions are declined, {fitted.wrongly:.1%} of those that have an answer."
    )
