"""Metrics: pure functions of places, texts and numbers. Undefined is NaN, and left out of a mean."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rag.types import Span

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]
Statistic = Callable[[Rows], float]
"""A figure of those questions, by their row, in which a row may stand several times."""

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


class Place(NamedTuple):
    """Characters of an article's text, in code points; without a span the whole article, wherever in it.

    A gold place may have ``others`` that state the same fact: whatever covers or overlaps one of them does.
    """

    article: str
    span: Span | None = None
    others: tuple[Place, ...] = ()

    def covers(self, gold: Place) -> bool:
        return self._covers(gold) or any(self._covers(other) for other in gold.others)

    def overlaps(self, gold: Place) -> bool:
        return self._overlaps(gold) or any(self._overlaps(other) for other in gold.others)

    def _covers(self, gold: Place) -> bool:
        if self.span is None or gold.span is None:
            return self.article == gold.article
        return self.article == gold.article and self.span.covers(gold.span)

    def _overlaps(self, gold: Place) -> bool:
        if self.span is None or gold.span is None:
            return self.article == gold.article
        same = self.article == gold.article
        return same and self.span.start < gold.span.end and gold.span.start < self.span.end


class Estimate(NamedTuple):
    """A figure and its bootstrap interval."""

    value: float
    low: float
    high: float


# -- retrieval -----------------------------------------------------------------------------------


def hit(passages: Sequence[Place], gold: Sequence[Place], k: int, *, strict: bool = False) -> float:
    """1 when one of the first ``k`` passages covers some gold place (strict: when all gold is covered).

    Lenient is the Hits@k of MultiHop-RAG's script; NaN where there is no gold.
    """
    if not gold:
        return np.nan
    found = [any(passage.covers(place) for passage in passages[:k]) for place in gold]
    return float(all(found) if strict else any(found))


def reciprocal_rank(passages: Sequence[Place], gold: Sequence[Place]) -> float:
    """1 / the rank of the first passage that covers a gold place, 0 when none does (Voorhees, 1999)."""
    if not gold:
        return np.nan
    ranks = (n for n, passage in enumerate(passages, start=1) if any(passage.covers(place) for place in gold))
    return 1 / rank if (rank := next(ranks, 0)) else 0.0


def recall(passages: Sequence[Place], gold: Sequence[Place], k: int) -> float:
    """Gold places that the first ``k`` passages cover / gold places. NaN where there is no gold."""
    if not gold:
        return np.nan
    return sum(any(passage.covers(place) for passage in passages[:k]) for place in gold) / len(gold)


def relevance(passages: Sequence[Place], gold: Sequence[Place]) -> list[bool]:
    """The passages as a ranked list of things found, each once, and whether each is gold.

    A passage gives the gold places that it is the first to cover, one after the other, or else itself.
    It gives nothing when all its gold was found before, or, where gold is whole articles, its article was.
    """
    whole = any(place.span is None for place in gold)
    ranked: list[bool] = []
    found: set[Place] = set()
    articles: set[str] = set()
    for passage in passages:
        covered = [place for place in gold if passage.covers(place)]
        new = [place for place in covered if place not in found]
        if new:
            ranked.extend([True] * len(set(new)))
        elif not covered and not (whole and passage.article in articles):
            ranked.append(False)
        found.update(new)
        articles.add(passage.article)
    return ranked


def average_precision(passages: Sequence[Place], gold: Sequence[Place], k: int) -> float:
    """Σ precision at each gold of the first ``k`` / gold places: AP@k of ``relevance`` (trec_eval's map_cut)."""
    if not gold:
        return np.nan
    ranked = relevance(passages, gold)[:k]
    hits = np.cumsum(ranked)
    return float(sum(hits[n] / (n + 1) for n, right in enumerate(ranked) if right) / len(set(gold)))


def ndcg(passages: Sequence[Place], gold: Sequence[Place], k: int) -> float:
    """Σ 1 / log2(rank + 1) over the gold in the first ``k`` of ``relevance`` / the most that can be
    (Järvelin and Kekäläinen, 2002; trec_eval's ndcg_cut, all gold equal)."""
    if not gold:
        return np.nan
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ranked = np.array(relevance(passages, gold)[:k], bool)
    return float(discounts[: len(ranked)][ranked].sum() / discounts[: len(set(gold))].sum())


def density(passages: Sequence[Place], gold: Sequence[Place], k: int) -> float:
    """Characters of gold that the first ``k`` passages hold / their characters: how little there is to read.

    The token-wise precision of Smith and Troynikov (2024), in characters. NaN where gold has no spans, or
    nothing was found.
    """
    read = passages[:k]
    proven = [place for one in gold for place in (one, *one.others)]
    if not _length(read) or not _length(proven):
        return np.nan
    return _shared(read, proven) / _length(read)


# -- answers -------------------------------------------------------------------------------------


def normalize_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, English articles and extra white space (SQuAD 2.0 script)."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(predicted: str, answers: Sequence[str]) -> float:
    """1 when the normalised prediction is one of the normalised answers (SQuAD 2.0 script).

    A question without answers wants the empty prediction.
    """
    return float(normalize_answer(predicted) in {normalize_answer(answer) for answer in _golds(answers)})


def f1(predicted: str, answers: Sequence[str]) -> float:
    """2PR / (P + R) of the bags of normalised words, the best over the answers (SQuAD 2.0 script)."""
    return max(_bag_f1(normalize_answer(predicted).split(), normalize_answer(a).split()) for a in _golds(answers))


def _golds(answers: Sequence[str]) -> Sequence[str]:
    return [answer for answer in answers if normalize_answer(answer)] or [""]


def _bag_f1(predicted: Sequence[str], gold: Sequence[str]) -> float:
    if not predicted or not gold:
        return float(predicted == gold)
    shared = (Counter(predicted) & Counter(gold)).total()
    return 2 * shared / (len(predicted) + len(gold))


def answer_hit(quote: str, answers: Sequence[str]) -> float:
    """1 when the quote holds one of the answers, whatever the case; NaN where there are no answers."""
    if not answers:
        return np.nan
    return float(any(answer.casefold() in quote.casefold() for answer in answers))


def overlap(cited: Sequence[Place], gold: Sequence[Place]) -> float:
    """2PR / (P + R) of the cited characters against gold's; 0 where nothing is cited, NaN without gold spans.

    Of several places that state the same fact, the first that is cited counts.
    """
    stated = [[place._replace(others=()) for place in (one, *one.others)] for one in gold]
    chosen = [next((place for place in same if any(c.overlaps(place) for c in cited)), same[0]) for same in stated]
    if not _length(chosen):
        return np.nan
    return 2 * _shared(cited, chosen) / (_length(cited) + _length(chosen))


def _length(places: Sequence[Place]) -> int:
    """Characters in one of the places at least; those without a span are left out."""
    total = 0
    last: tuple[str, int] = ("", 0)
    for article, start, end in sorted((one.article, one.span.start, one.span.end) for one in places if one.span):
        done = last[1] if last[0] == article else 0
        total += max(0, end - max(start, done))
        last = (article, max(end, done))
    return total


def _shared(one: Sequence[Place], other: Sequence[Place]) -> int:
    """Characters in both."""
    return _length(one) + _length(other) - _length([*one, *other])


# -- citations -----------------------------------------------------------------------------------


def citation_precision(cited: Sequence[Place], gold: Sequence[Place]) -> float:
    """Citations that overlap a gold place / citations. NaN where nothing is cited.

    After ALCE (Gao et al., 2023), with evidence spans in the place of an entailment model; what is
    cited for an unanswerable question is wrong.
    """
    if not cited:
        return np.nan
    return sum(any(one.overlaps(place) for place in gold) for one in cited) / len(cited)


def citation_recall(cited: Sequence[Place], gold: Sequence[Place]) -> float:
    """Gold places that some citation overlaps / gold places. NaN where there is no gold; after ALCE."""
    if not gold:
        return np.nan
    return sum(any(one.overlaps(place) for one in cited) for place in gold) / len(gold)


def first_right(cited: Sequence[Place], gold: Sequence[Place]) -> float:
    """1 when the first citation overlaps a gold place, 0 when not or nothing is cited. NaN where there is no gold."""
    if not gold:
        return np.nan
    return float(any(one.overlaps(place) for one in cited[:1] for place in gold))


# -- abstention ----------------------------------------------------------------------------------


def abstain_precision(declined: Flags, answerable: Flags) -> Values:
    """Of each declined question whether it is unanswerable, NaN of the others: the mean is the precision."""
    return np.where(declined, ~answerable, np.nan)


def abstain_recall(declined: Flags, answerable: Flags) -> Values:
    """Of each unanswerable question whether it was declined, NaN of the others: the mean is the recall."""
    return np.where(answerable, np.nan, declined)


def auroc(confidence: Values, answerable: Flags) -> float:
    """The chance that an answerable question has more confidence than an unanswerable one; ties count half.

    (R − p(p + 1) / 2) / (p · n), R the sum of the p answerable ones' ranks: Mann and Whitney, 1947.
    NaN where there is only one kind.
    """
    positives = int(answerable.sum())
    negatives = len(answerable) - positives
    if not positives or not negatives:
        return np.nan
    _, group, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    total = float(ranks[group][answerable].sum())
    return (total - positives * (positives + 1) / 2) / (positives * negatives)


def risk_coverage(confidence: Values, answered: Flags, right: Flags) -> tuple[Values, Values]:
    """Coverage and risk at each confidence that a threshold could have, the highest first.

    Coverage = answers kept / all questions; risk = wrong answers kept / answers kept (El-Yaniv and
    Wiener, 2010; Geifman and El-Yaniv, 2017). A declined question is never covered.
    """
    scores, wrong = confidence[answered], ~right[answered]
    order = np.argsort(-scores, kind="stable")
    kept = np.arange(1, len(order) + 1)
    ends = np.append(np.diff(scores[order]) != 0, True)[: len(order)]  # equal confidence is kept together
    return kept[ends] / max(1, len(confidence)), (np.cumsum(wrong[order]) / kept)[ends]


def coverage_at(limit: float, confidence: Values, answered: Flags, right: Flags) -> float:
    """The largest coverage at which the risk is at most ``limit``; 0 where it never is."""
    coverage, risk = risk_coverage(confidence, answered, right)
    return float(coverage[risk <= limit].max(initial=0.0))


def risk_area(confidence: Values, answered: Flags, right: Flags) -> float:
    """The mean risk over all coverages that the answers allow: the area under the risk-coverage curve, over its
    width (AURC, Geifman, Uziel and El-Yaniv, 2019). The less the better; NaN where nothing is answered."""
    coverage, risk = risk_coverage(confidence, answered, right)
    if not coverage.size:
        return np.nan
    return float((risk * np.diff(coverage, prepend=0.0)).sum() / coverage[-1])


def best_f1(f1: Values, confidence: Values, answered: Flags, answerable: Flags) -> float:
    """Mean F1 over all questions under the threshold of confidence that is best for it (``best_f1`` of SQuAD 2.0).

    ``f1`` is of what was answered; declining is worth 1 where there is no answer, else 0. NaN without questions.
    """
    if not len(f1):
        return np.nan
    gains = np.where(answerable, f1, -1.0)[answered]
    order = np.argsort(-confidence[answered], kind="stable")
    ends = np.append(np.diff(confidence[answered][order]) != 0, True)[: len(order)]
    best = np.cumsum(gains[order])[ends].max(initial=0.0)
    return float((np.count_nonzero(~answerable) + best) / len(f1))


# -- confidence ----------------------------------------------------------------------------------


def reliability(confidence: Values, right: Flags, bins: int = 10) -> list[tuple[float, float, int]]:
    """Mean confidence, share right and number of answers, in up to ``bins`` groups of like size by confidence."""
    order = np.argsort(confidence, kind="stable")
    groups = [group for group in np.array_split(order, bins) if group.size]
    return [(float(confidence[group].mean()), float(right[group].mean()), len(group)) for group in groups]


def calibration_error(confidence: Values, right: Flags) -> float:
    """Σ n/N · |share right − mean confidence| over ten groups of like size: the adaptive form (Nguyen and
    O'Connor, 2015) of the expected calibration error. NaN where nothing is answered."""
    groups = reliability(confidence, right)
    if not groups:
        return np.nan
    return sum(n * abs(share - sure) for sure, share, n in groups) / len(confidence)


# -- over questions ------------------------------------------------------------------------------


def mean(values: Values) -> float:
    """The mean of what is defined; NaN where nothing is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else np.nan


@dataclass(frozen=True, slots=True, eq=False)
class Mean:
    """The statistic that most figures are: the mean of a column. It knows a quick way through many draws."""

    values: Values

    def __call__(self, rows: Rows) -> float:
        return mean(self.values[rows])

    def over(self, draws: Rows) -> Values:
        """Of each row of ``draws``, ``(times, n)``."""
        drawn = self.values[draws]
        defined = ~np.isnan(drawn)
        counts = defined.sum(axis=1)
        sums = np.where(defined, drawn, 0.0).sum(axis=1)
        means: Values = np.divide(sums, counts, out=np.full(len(draws), np.nan), where=counts > 0)
        return means


def over(statistic: Statistic, draws: Rows) -> Values:
    """The statistic of each row of ``draws``, ``(times, n)``."""
    if isinstance(statistic, Mean):
        return statistic.over(draws)
    return np.array([statistic(rows) for rows in draws], np.float64)


def percentile(values: Values, share: float) -> float:
    """The ``share`` quantile of what is defined; NaN where nothing is."""
    defined = values[~np.isnan(values)]
    return float(np.quantile(defined, share)) if defined.size else np.nan


def resamples(n: int, *, seed: int = 0, times: int = 1000) -> Iterator[Rows]:
    """``times`` draws of ``n`` of ``n`` questions with replacement, ``(some, n)`` at once; the same for a seed."""
    draw = np.random.default_rng(seed)
    block = max(1, 1_000_000 // max(1, n))
    for start in range(0, times, block):
        yield draw.integers(0, n, (min(block, times - start), n))


def bootstrap(statistics: Mapping[str, Statistic], n: int, *, seed: int = 0, times: int = 1000) -> dict[str, Estimate]:
    """Each figure of all ``n`` questions with its 95 % percentile interval (Efron, 1979).

    All figures see the same draws; draws where a figure is undefined are left out of its interval.
    """
    drawn: dict[str, list[Values]] = {name: [] for name in statistics}
    for draws in resamples(n, seed=seed, times=times):
        for name, statistic in statistics.items():
            drawn[name].append(over(statistic, draws))
    every = np.arange(n)
    return {name: _estimate(statistic(every), np.concatenate(drawn[name])) for name, statistic in statistics.items()}


def _estimate(value: float, figures: Values) -> Estimate:
    defined = figures[~np.isnan(figures)]
    if np.isnan(value) or not defined.size:
        return Estimate(np.nan, np.nan, np.nan)
    low, high = np.quantile(defined, [0.025, 0.975])
    return Estimate(value, float(low), float(high))
