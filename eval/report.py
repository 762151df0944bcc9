"""A run's figures and failures for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eval.runs import Line
from eval.scores import Figure, Scores, declined, first_citation, hit_at


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


def is_failure(line: Line) -> bool:
    """Asked: an unanswerable question that was answered, or an answerable one whose first citation is wrong
    or missing. Retrieved only: the first passage does not hold any evidence."""
    if line["status"] is None:
        return hit_at(1)(line) == 0
    return not declined(line) if not line["answerable"] else first_citation(line) == 0


def describe(line: Line) -> list[Text]:
    """The question, what was cited or found first, and the evidence."""
    gold = [Text(f"    gold   {one['article']} {one['start']}–{one['end']}: “{one['quote']}”") for one in line["gold"]]
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


def _figures(name: str, scores: Scores) -> Table:
    table = Table("metric", title=Text(f"{name}, {scores['n']} questions"), title_justify="left")
    table.add_column("value", justify="right")
    table.add_column("95 % interval", justify="right")
    for metric, figure in scores["metrics"].items():
        table.add_row(metric, *_told(metric, figure))
    return table


def _told(metric: str, figure: Figure) -> tuple[str, str]:
    if metric.endswith("_ms"):
        return f"{figure['value']:.1f} ms", f"{figure['low']:.1f} – {figure['high']:.1f}"
    value, low, high = (100 * number for number in (figure["value"], figure["low"], figure["high"]))
    return f"{value:.1f} %", f"{low:.1f} – {high:.1f}"


def _types(scores: Scores) -> Table:
    table = Table("type")
    for heading in ("n", "hit@1", "first citation", "declined"):
        table.add_column(heading, justify="right")
    for kind, one in scores["types"].items():
        shares = (one["hit"], one["first_citation"], one["declined"])
        table.add_row(Text(kind), str(one["n"]), *(_share(share) for share in shares))
    return table


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
