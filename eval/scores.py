"""The lines of a run → columns → figures with intervals, over all questions and by their type. Pure.

A column holds one number a question, NaN where it has none. Every figure is computed from columns, so that a baseline
need keep nothing else, and a gate compares two runs question by question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypedDict

import numpy as np

from eval import metrics
from eval.metrics import Flags, Mean, Place, Rows, Statistic, Values
from eval.runs import Line, Placed
from rag.types import Span


class _Read(NamedTuple):
    """A line with its places made."""

    line: Line
    passages: list[Place]
    gold: list[Place]
    cited: list[Place]
    consulted: list[Place]


Column = Callable[[_Read], float]
Columns = Mapping[str, Values]

LESS_IS_BETTER = frozenset({"abstain.wrongly", "abstain.aurc", "confidence.ece"})
"""Of the shares; of everything that ends in ``_ms`` less is better too."""

_AT = (1, 4, 10)
_COVERAGES = {"coverage@1": 0.01, "coverage@5": 0.05, "coverage@10": 0.10}
_FACTS = ("declined", "answerable", "right", "confidence")  # columns that are no means: what abstention is figured from


class Figure(TypedDict):
    """A metric and the 95 % interval of a bootstrap over questions."""

    value: float
    low: float
    high: float


class OfType(TypedDict):
    """The questions of one type."""

    n: int
    metrics: dict[str, Figure]


class Scores(TypedDict):
    """``metrics`` holds what the run can tell: no ``answer.*`` where only retrieval was asked for."""

    n: int
    metrics: dict[str, Figure]
    types: dict[str, OfType]


def score(lines: Sequence[Line], *, seed: int = 0) -> Scores:
    """All figures of a run. Takes no system and no library: a saved run is scored in seconds."""
    columns = columns_of(lines)
    kinds = np.array([line["type"] for line in lines])
    types = {}
    for kind in sorted(set(kinds.tolist())):
        rows = np.flatnonzero(kinds == kind)
        one = {name: column[rows] for name, column in columns.items()}
        types[kind] = OfType(n=len(rows), metrics=_figures(one, len(rows), seed, times=300))
    return Scores(n=len(lines), metrics=_figures(columns, len(lines), seed), types=types)


def columns_of(lines: Sequence[Line]) -> dict[str, Values]:
    """What each question adds to each figure. A column that holds nothing but NaN is left out."""
    deepest = min((line["k"] for line in lines), default=0)
    asked = _of_retrieval(deepest) if deepest else {}
    if any(line["status"] for line in lines):
        asked |= _OF_ANSWERS
    asked["latency.total_ms"] = lambda one: one.line["latency_ms"]
    for stage in sorted({stage for line in lines for stage in line["timings_ms"]} - {"total"}):
        asked[f"latency.{stage}_ms"] = lambda one, stage=stage: one.line["timings_ms"].get(stage, np.nan)  # type: ignore[misc]
    read = [
        _Read(
            line,
            places(line["passages"]),
            places(line["gold"]),
            places(line["citations"]),
            places(line.get("consulted", ())),
        )
        for line in lines
    ]
    columns = {name: np.array([column(one) for one in read], np.float64) for name, column in asked.items()}
    return {name: values for name, values in columns.items() if not np.isnan(values).all()}


def statistics_of(columns: Columns) -> dict[str, Statistic]:
    """What is figured from the columns: a mean of each, p50 and p95 of latencies, and what abstention is worth."""
    found: dict[str, Statistic] = {}
    for name, values in columns.items():
        if name.endswith("_ms"):
            stage = name.removesuffix("_ms").replace("latency.total", "latency")
            found[f"{stage}.p50_ms"] = _over(values, lambda some: metrics.percentile(some, 0.5))
            found[f"{stage}.p95_ms"] = _over(values, lambda some: metrics.percentile(some, 0.95))
        elif name not in _FACTS:
            found[name] = Mean(values)
    if "declined" not in columns:
        return found
    if "answer.f1" in columns:
        found |= _of_f1(columns)
    times = {name: found.pop(name) for name in list(found) if name.endswith("_ms")}
    return found | _of_abstention(columns) | times


def first_citation(line: Line) -> float:
    """1 when the first citation overlaps the evidence; a declined answer scores 0. NaN without evidence."""
    return metrics.first_right(places(line["citations"]), places(line["gold"]))


def is_right(line: Line) -> bool:
    """Whether what is cited first is right: it overlaps the evidence or, where a set gives none, holds the answer."""
    if line["gold"]:
        return first_citation(line) == 1
    return bool(line["answers"]) and metrics.answer_hit(_first_quote(line), line["answers"]) == 1


def is_failure(line: Line) -> bool:
    """Asked: an unanswerable question that was answered, or an answerable one whose first citation is wrong
    or missing. Retrieved only: the first passage does not hold any evidence."""
    if line["status"] is None:
        return metrics.hit(places(line["passages"]), places(line["gold"]), 1) == 0
    return not is_right(line) if line["answerable"] else not declined(line)


def places(found: Sequence[Placed]) -> list[Place]:
    """``end`` 0 stands for the whole article."""
    return [
        Place(
            one["article"],
            Span(one["start"], one["end"]) if one["end"] else None,
            tuple(places(one.get("others", ()))),  # type: ignore[arg-type]
        )
        for one in found
    ]


def declined(line: Line) -> bool:
    return line["status"] == "unanswerable"


def predicted(line: Line) -> str:
    """What EM and F1 read: nothing when declined, else the short answer where there is one."""
    return "" if declined(line) else line["short"] or line["text"]


def _of_retrieval(deepest: int) -> dict[str, Column]:
    def at(metric: Callable[..., float], k: int, **more: bool) -> Column:
        return lambda one: metric(one.passages, one.gold, k, **more)

    columns: dict[str, Column] = {f"retrieval.hit@{k}": at(metrics.hit, k) for k in _AT if k <= deepest}
    deeper = [k for k in _AT[1:] if k <= deepest]
    columns |= {f"retrieval.strict@{k}": at(metrics.hit, k, strict=True) for k in deeper}
    columns |= {f"retrieval.recall@{k}": at(metrics.recall, k) for k in deeper}
    columns["retrieval.mrr"] = lambda one: metrics.reciprocal_rank(one.passages, one.gold)
    columns |= {f"retrieval.map@{k}": at(metrics.average_precision, k) for k in _AT[2:] if k <= deepest}
    columns |= {f"retrieval.ndcg@{k}": at(metrics.ndcg, k) for k in _AT[2:] if k <= deepest}
    columns |= {f"retrieval.density@{k}": at(metrics.density, k) for k in _AT[1:2] if k <= deepest}
    return columns


_OF_ANSWERS: dict[str, Column] = {
    "answer.f1": lambda one: _if_told(one.line, metrics.f1),
    "answer.em": lambda one: _if_told(one.line, metrics.exact_match),
    "answer.hit": lambda one: metrics.answer_hit(_first_quote(one.line), one.line["answers"]),
    "answer.overlap": lambda one: metrics.overlap(one.cited, one.gold),
    "answer.first_citation": lambda one: metrics.first_right(one.cited, one.gold),
    "consulted.hit@1": lambda one: _of_consulted(one, 1),
    "consulted.hit@4": lambda one: _of_consulted(one, 4),
    "citation.precision": lambda one: (
        metrics.citation_precision(one.cited, one.gold) if one.gold or not one.line["answerable"] else np.nan
    ),
    "citation.recall": lambda one: metrics.citation_recall(one.cited, one.gold),
    "citation.verified": lambda one: metrics.mean(np.array([c["verified"] for c in one.line["citations"]], float)),
    "declined": lambda one: float(declined(one.line)),
    "answerable": lambda one: float(one.line["answerable"]),
    "right": lambda one: float(is_right(one.line)),
    "confidence": lambda one: one.line["confidence"] or 0.0,
}


def _of_consulted(one: _Read, k: int) -> float:
    """NaN where none were looked for, or the subject does not tell."""
    return metrics.hit(one.consulted, one.gold, k) if one.line["k"] and one.consulted else np.nan


def _if_told(line: Line, metric: Callable[[str, Sequence[str]], float]) -> float:
    """NaN where the set has evidence, but says no answer."""
    return np.nan if line["answerable"] and not line["answers"] else metric(predicted(line), line["answers"])


def _of_abstention(columns: Columns) -> dict[str, Statistic]:
    """An answer is right when its first citation is; one to an unanswerable question never is."""
    refused, answerable, right = (_flags(columns[name]) for name in _FACTS[:3])
    sure = columns["confidence"]

    def answered(rows: Rows) -> Rows:
        return rows[~refused[rows]]

    at = {
        name: lambda rows, limit=limit: metrics.coverage_at(limit, sure[rows], ~refused[rows], right[rows])
        for name, limit in _COVERAGES.items()
    }
    return {
        "abstain.precision": Mean(metrics.abstain_precision(refused, answerable)),
        "abstain.recall": Mean(metrics.abstain_recall(refused, answerable)),
        "abstain.wrongly": Mean(metrics.abstain_recall(refused, ~answerable)),
        "abstain.auroc": lambda rows: metrics.auroc(sure[rows], answerable[rows]),
        "abstain.aurc": lambda rows: metrics.risk_area(sure[rows], ~refused[rows], right[rows]),
        **at,
        "confidence.ece": lambda rows: metrics.calibration_error(sure[answered(rows)], right[answered(rows)]),
    }


def _of_f1(columns: Columns) -> dict[str, Statistic]:
    """F1 where there is an answer, and over all questions under the best threshold: two that rank readers."""
    refused, answerable = _flags(columns["declined"]), _flags(columns["answerable"])
    f1, sure = columns["answer.f1"], columns["confidence"]
    told = ~np.isnan(f1)

    def best(rows: Rows) -> float:
        some = rows[told[rows]]
        return metrics.best_f1(f1[some], sure[some], ~refused[some], answerable[some])

    return {"answer.f1_answerable": Mean(np.where(answerable, f1, np.nan)), "answer.best_f1": best}


def _figures(columns: Columns, n: int, seed: int, times: int = 1000) -> dict[str, Figure]:
    estimates = metrics.bootstrap(statistics_of(columns), n, seed=seed, times=times)
    return {
        name: Figure(value=round(one.value, 4), low=round(one.low, 4), high=round(one.high, 4))
        for name, one in estimates.items()
        if not np.isnan(one.value)
    }


def _over(values: Values, statistic: Callable[[Values], float]) -> Statistic:
    return lambda rows: statistic(values[rows])


def _flags(values: Values) -> Flags:
    flags: Flags = values == 1
    return flags


def _first_quote(line: Line) -> str:
    return line["citations"][0]["quote"] if line["citations"] else ""
