"""Two runs of the same questions, compared question by question: what got better, what worse, and is it chance?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from eval import metrics
from eval.metrics import Values
from eval.questions import SetError
from eval.runs import Folder, Line
from eval.scores import LESS_IS_BETTER, Columns, columns_of, statistics_of
from rag.errors import NotFound
from rag.wire import Wire

GATED = (
    "retrieval.hit@1",
    "retrieval.recall@10",
    "retrieval.density@4",
    "answer.f1",
    "answer.first_citation",
    "citation.precision",
    "citation.recall",
    "citation.verified",
    "abstain.recall",
    "abstain.wrongly",
    "abstain.auroc",
)
"""A significant loss in one of these fails the gate. Latencies do not: machines differ."""

MUST = "citation.verified"  # fails it however small the loss: no answer may leave with a citation that is not there
RISK = 0.05  # of failing a run that is no worse, over all gated metrics together
_TIMES = 4000
_UNGATED_TIMES = 1000  # some of these take a sort a draw
_FORMAT = 1

Verdict = Literal["better", "worse", "even"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """A run as far as the gate needs it: the numbers of each question. ``identity`` says of what the run is."""

    identity: Wire
    ids: tuple[str, ...]
    columns: Columns

    @classmethod
    def of(cls, identity: Wire, lines: Sequence[Line]) -> Baseline:
        """Latencies are left out: they are another machine's."""
        columns = {name: values for name, values in columns_of(lines).items() if not name.endswith("_ms")}
        return cls(identity, tuple(line["id"] for line in lines), columns)

    def save(self, path: Path) -> None:
        """As JSON, a line a column, so that a change of it can be read."""
        columns = {name: _numbers(values) for name, values in self.columns.items()}
        parts = {"format": _FORMAT, "identity": self.identity, "ids": list(self.ids)} | columns
        body = ",\n".join(f"{json.dumps(key)}: {json.dumps(part, ensure_ascii=False)}" for key, part in parts.items())
        path.write_text(f"{{\n{body}\n}}\n", encoding="utf-8")


def load_baseline(path: Path) -> Baseline:
    """A file that ``Baseline.save`` wrote, or the folder of a run. Raises NotFound, SetError."""
    if path.is_dir():
        folder = Folder(path)
        return Baseline.of(folder.identity(), folder.lines())
    if not path.is_file():
        raise NotFound(expected=f"a baseline in {path}", found="no such file", remedy="make one with --save-baseline")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored.pop("format") != _FORMAT:
            raise ValueError("another format")
        identity, ids = stored.pop("identity"), tuple(stored.pop("ids"))
        columns = {name: np.array(values, np.float64) for name, values in stored.items()}
        if any(len(values) != len(ids) for values in columns.values()):
            raise ValueError("columns of another length than its ids")
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise SetError(
            expected=f"a baseline of format {_FORMAT} in {path}", found=str(err), remedy="save it anew"
        ) from err
    return Baseline(identity, ids, columns)


@dataclass(frozen=True, slots=True)
class Change:
    """A metric in both runs. ``p`` is the chance of such a loss, or gain, between runs that are equal, at most."""

    metric: str
    before: float
    after: float
    low: float
    high: float
    p: float
    verdict: Verdict
    gated: bool


def compare(
    before: Baseline, after: Baseline, *, seed: int = 0, times: int = _TIMES, only_gated: bool = False
) -> list[Change]:
    """Each metric that both have, with the 95 % interval of its difference (paired bootstrap over questions).

    A metric is worse when it is so in all but ``RISK`` / m of the resamples, m the metrics that are compared with it
    (Holm, 1979: the gated ones with one another, the others too). Raises SetError when the runs are
    not of the same questions.
    """
    _same(before, after)
    order = {key: row for row, key in enumerate(after.ids)}
    rows = np.array([order[key] for key in before.ids])
    old = statistics_of(before.columns)
    new = statistics_of({name: values[rows] for name, values in after.columns.items()})
    names = [name for name in old if name in new and (not only_gated or name in GATED)]
    differences: dict[str, list[Values]] = {name: [] for name in names}
    for draws in metrics.resamples(len(rows), seed=seed, times=times):
        for name in names:
            some = draws if name in GATED else draws[: max(0, _UNGATED_TIMES - sum(map(len, differences[name])))]
            differences[name].append(metrics.over(new[name], some) - metrics.over(old[name], some))
    every = np.arange(len(rows))
    found = [_change(name, old[name](every), new[name](every), np.concatenate(differences[name])) for name in names]
    return [*_judged([one for one in found if one.gated]), *_judged([one for one in found if not one.gated])]


def losses(changes: Sequence[Change]) -> list[Change]:
    """What fails the gate."""
    return [one for one in changes if one.gated and (one.verdict == "worse" or (one.metric == MUST and one.after < 1))]


def changed_questions(before: Baseline, after: Baseline) -> tuple[list[str], list[str]]:
    """Ids of the questions that were wrong and are right now, and the other way round."""
    was, now = (_right(run) for run in (before, after))
    return (
        [key for key in before.ids if now.get(key, 0) > was.get(key, 0)],
        [key for key in before.ids if now.get(key, 0) < was.get(key, 0)],
    )


def _right(run: Baseline) -> Mapping[str, float]:
    """1 for what was rightly answered or rightly declined; found first, where nothing was asked."""
    columns = run.columns
    if "declined" not in columns:
        hits = columns.get("retrieval.hit@1", np.zeros(len(run.ids)))
        return dict(zip(run.ids, np.nan_to_num(hits).tolist(), strict=True))
    right = np.where(columns["answerable"] == 1, columns["right"], columns["declined"])
    return dict(zip(run.ids, right.tolist(), strict=True))


def _same(before: Baseline, after: Baseline) -> None:
    for key, what in (("questions", "the same questions"), ("task", "the same task"), ("k", "the same -k")):
        if before.identity.get(key) != after.identity.get(key):
            told = f"{before.identity.get('set')} ({before.identity.get(key)})"
            raise SetError(
                expected=f"a baseline of {what}: {after.identity.get('set')} ({after.identity.get(key)})",
                found=told,
                remedy="run with the same set and options, or save the baseline anew",
            )
    if set(before.ids) != set(after.ids):
        raise SetError(
            expected=f"the {len(before.ids)} questions of the baseline",
            found=f"{len(set(before.ids) & set(after.ids))} of them",
            remedy="let the run go to its end",
        )


def _change(name: str, before: float, after: float, draws: Values) -> Change:
    sign = -1 if name in LESS_IS_BETTER else 1
    defined = draws[~np.isnan(draws)]
    if np.isnan(before) or np.isnan(after) or not defined.size:
        return Change(name, before, after, np.nan, np.nan, 1.0, "even", name in GATED)
    low, high = np.quantile(defined, [0.025, 0.975])
    gain = sign * (after - before)
    against = int((sign * defined <= 0).sum() if gain > 0 else (sign * defined >= 0).sum())
    p = (against + 1) / (len(defined) + 1)
    verdict: Verdict = "even" if gain == 0 else "better" if gain > 0 else "worse"
    return Change(name, before, after, float(low), float(high), p, verdict, name in GATED)


def _judged(changes: Sequence[Change]) -> list[Change]:
    """What is not significant becomes even, by Holm's step-down; in the order given."""
    sure: set[str] = set()
    ordered = sorted((one for one in changes if one.verdict != "even"), key=lambda one: one.p)
    for n, one in enumerate(ordered):
        if one.p > RISK / (len(changes) - n):
            break
        sure.add(one.metric)
    return [one if one.metric in sure else replace(one, verdict="even") for one in changes]


def _numbers(values: Values) -> list[float | int | None]:
    return [None if np.isnan(one) else int(one) if one == int(one) else round(float(one), 6) for one in values]
