"""Metrics: pure functions of places, texts and numbers. Undefined is NaN, and left out of a mean."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
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
    """Characters of an article's text, in code points."""

    article: str
    span: Span

    def covers(self, other: Place) -> bool:
        return self.article == other.article and self.span.covers(other.span)

    def overlaps(self, other: Place) -> bool:
        same = self.article == other.article
        return same and self.span.start < other.span.end and other.span.start < self.span.end


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


def abstain_precision(declined: Flags, answerable: Flags) -> float:
    """Unanswerable questions declined / questions declined."""
    return mean((~answerable[declined]).astype(np.float64))


def abstain_recall(declined: Flags, answerable: Flags) -> float:
    """Unanswerable questions declined / unanswerable questions."""
    return mean(declined[~answerable].astype(np.float64))


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


# -- over questions ------------------------------------------------------------------------------


def mean(values: Values) -> float:
    """The mean of what is defined; NaN where nothing is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else np.nan


def median(values: Values) -> float:
    """The median of what is defined; NaN where nothing is."""
    defined = values[~np.isnan(values)]
    return float(np.median(defined)) if defined.size else np.nan


def bootstrap(statistic: Statistic, n: int, *, seed: int = 0, resamples: int = 1000) -> Estimate:
    """The figure of all ``n`` questions with its 95 % percentile interval (Efron, 1979).

    Each resample draws ``n`` questions with replacement; those where the figure is undefined are left out.
    """
    value = statistic(np.arange(n))
    draw = np.random.default_rng(seed)
    figures = np.array([statistic(draw.integers(0, n, n)) for _ in range(resamples)])
    defined = figures[~np.isnan(figures)]
    if np.isnan(value) or not defined.size:
        return Estimate(np.nan, np.nan, np.nan)
    low, high = np.quantile(defined, [0.025, 0.975])
    return Estimate(value, float(low), float(high))
