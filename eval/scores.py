"""The lines of a run → figures with intervals, over all questions and by their type. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

import numpy as np

from eval import metrics
from eval.metrics import Estimate, Flags, Place, Statistic, Values
from eval.runs import Line, Placed
from rag.types import Span

Column = Callable[[Line], float]
"""One question's part of a mean; NaN where it has none."""


class Figure(TypedDict):
    """A metric and the 95 % interval of a bootstrap over questions."""

    value: float
    low: float
    high: float


class OfType(TypedDict):
    """The questions of one type; a figure is None where no question has it."""

    n: int
    hit: float | None
    first_citation: float | None
    declined: float | None


class Scores(TypedDict):
    """``metrics`` holds what the run can tell: no ``answer.*`` where only retrieval was asked for."""

    n: int
    metrics: dict[str, Figure]
    types: dict[str, OfType]


def score(lines: Sequence[Line], *, seed: int = 0) -> Scores:
    """All figures of a run. Takes no system and no library: a saved run is scored in seconds."""
    statistics = _retrieval(lines)
    if any(line["status"] for line in lines):
        statistics |= _answers(lines) | _abstention(lines)
    statistics["latency.p50_ms"] = _over(lines, lambda line: line["latency_ms"], metrics.median)
    estimates = {name: metrics.bootstrap(figure, len(lines), seed=seed) for name, figure in statistics.items()}
    return Scores(
        n=len(lines),
        metrics={name: _figure(one) for name, one in estimates.items() if not np.isnan(one.value)},
        types={kind: _of_type([line for line in lines if line["type"] == kind]) for kind in _kinds(lines)},
    )


def hit_at(k: int, *, strict: bool = False) -> Column:
    """The column of hit@k; only answerable questions have gold, the others are left out."""
    return lambda line: metrics.hit(places(line["passages"]), places(line["gold"]), k, strict=strict)


def first_citation(line: Line) -> float:
    """1 when the first citation overlaps the evidence; a declined answer scores 0. NaN without evidence."""
    return metrics.first_right(places(line["citations"]), places(line["gold"]))


def places(found: Sequence[Placed]) -> list[Place]:
    return [Place(one["article"], Span(one["start"], one["end"])) for one in found]


def declined(line: Line) -> bool:
    return line["status"] == "unanswerable"


def predicted(line: Line) -> str:
    """What EM and F1 read: nothing when declined, else the short answer where there is one."""
    return "" if declined(line) else line["short"] or line["text"]


def _retrieval(lines: Sequence[Line]) -> dict[str, Statistic]:
    deepest = min(line["k"] for line in lines)
    columns: dict[str, Column] = {f"retrieval.hit@{k}": hit_at(k) for k in (1, 4, 10) if k <= deepest}
    columns |= {f"retrieval.strict@{k}": hit_at(k, strict=True) for k in (4, 10) if k <= deepest}
    columns["retrieval.mrr"] = lambda line: metrics.reciprocal_rank(places(line["passages"]), places(line["gold"]))
    return {name: _over(lines, column) for name, column in columns.items()}


def _answers(lines: Sequence[Line]) -> dict[str, Statistic]:
    columns: dict[str, Column] = {
        "answer.f1": lambda line: metrics.f1(predicted(line), line["answers"]),
        "answer.em": lambda line: metrics.exact_match(predicted(line), line["answers"]),
        "answer.first_citation": first_citation,
        "answer.hit": lambda line: metrics.answer_hit(_first_quote(line), line["answers"]),
        "citation.precision": lambda line: metrics.citation_precision(places(line["citations"]), places(line["gold"])),
        "citation.recall": lambda line: metrics.citation_recall(places(line["citations"]), places(line["gold"])),
        "citation.verified": lambda line: metrics.mean(np.array([one["verified"] for one in line["citations"]], float)),
    }
    return {name: _over(lines, column) for name, column in columns.items()}


def _abstention(lines: Sequence[Line]) -> dict[str, Statistic]:
    """An answer is right when its first citation overlaps the evidence; one to an unanswerable question never is."""
    refused = _flags(lines, declined)
    answerable = _flags(lines, lambda line: line["answerable"])
    right = _flags(lines, lambda line: first_citation(line) == 1)
    confidence: Values = np.array([line["confidence"] or 0.0 for line in lines])
    return {
        "abstain.precision": lambda rows: metrics.abstain_precision(refused[rows], answerable[rows]),
        "abstain.recall": lambda rows: metrics.abstain_recall(refused[rows], answerable[rows]),
        "abstain.auroc": lambda rows: metrics.auroc(confidence[rows], answerable[rows]),
        "coverage@5": lambda rows: metrics.coverage_at(0.05, confidence[rows], ~refused[rows], right[rows]),
        "coverage@10": lambda rows: metrics.coverage_at(0.10, confidence[rows], ~refused[rows], right[rows]),
    }


def _over(lines: Sequence[Line], column: Column, statistic: Callable[[Values], float] = metrics.mean) -> Statistic:
    values: Values = np.array([column(line) for line in lines], dtype=np.float64)
    return lambda rows: statistic(values[rows])


def _flags(lines: Sequence[Line], told: Callable[[Line], bool]) -> Flags:
    return np.array([told(line) for line in lines], dtype=np.bool_)


def _first_quote(line: Line) -> str:
    return line["citations"][0]["quote"] if line["citations"] else ""


def _figure(estimate: Estimate) -> Figure:
    value, low, high = (round(number, 4) for number in estimate)
    return Figure(value=value, low=low, high=high)


def _kinds(lines: Sequence[Line]) -> list[str]:
    return sorted({line["type"] for line in lines})


def _of_type(lines: Sequence[Line]) -> OfType:
    asked = [line for line in lines if line["status"]]
    return OfType(
        n=len(lines),
        hit=_share(lines, hit_at(1)),
        first_citation=_share(asked, first_citation),
        declined=_share(asked, lambda line: float(declined(line))),
    )


def _share(lines: Sequence[Line], column: Column) -> float | None:
    share = _over(lines, column)(np.arange(len(lines)))
    return None if np.isnan(share) else round(share, 4)
