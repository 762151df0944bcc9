"""``quotewell calibrate``: the threshold that a user's own questions ask for.

Conformal risk control (Angelopoulos et al., 2022): the lowest threshold at which, of n questions, the wrongly
answered ones plus one are at most the wanted share of n + 1. On average over sets of questions like these, the share of
questions that get a wrong answer is then at most the wanted one. Questions about one article resemble each other, so
the bound beside it is drawn by article: half of the articles set a threshold, the others measure it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.metrics import Flags, Values
from eval.questions import SetError
from eval.runs import Line
from eval.scores import is_right

_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Fitted:
    """``risk`` is the share of questions answered wrongly at ``threshold``, ``bound`` what it stayed under in 99 of 100
    draws, ``wrong`` the share of answers that are wrong, ``declined`` of questions, ``wrongly`` of answerable ones.
    """

    threshold: float
    risk: float
    bound: float
    wrong: float
    declined: float
    wrongly: float


def fit(lines: Sequence[Line], risk: float) -> Fitted:
    """From the lines of a run that declined nothing. Raises SetError where there are too few questions for ``risk``."""
    needed = int(np.ceil(1 / risk)) - 1
    if len(lines) < needed:
        raise SetError(
            expected=f"at least {needed} questions for a risk of {risk:g}",
            found=str(len(lines)),
            remedy="write more questions, or allow more risk",
        )
    sure = np.array([line["confidence"] or 0.0 for line in lines])
    right = np.array([is_right(line) for line in lines])
    answerable = np.array([line["answerable"] for line in lines])
    threshold = lowest(sure, ~right, risk)
    kept = sure >= threshold
    return Fitted(
        threshold=threshold,
        risk=float((kept & ~right).mean()),
        bound=bound(sure, ~right, [article_of(line) for line in lines], risk),
        wrong=float((~right[kept]).mean()) if kept.any() else 0.0,
        declined=float((~kept).mean()),
        wrongly=float((~kept[answerable]).mean()) if answerable.any() else 0.0,
    )


def lowest(sure: Values, wrong: Flags, risk: float) -> float:
    """The lowest threshold at which (wrong answers + 1) / (n + 1) is at most ``risk``; above 1 where none is."""
    order = np.argsort(-sure, kind="stable")
    allowed = np.floor(risk * (len(sure) + 1) + 1e-9) - 1  # 0.3 of 10 are 3, whatever binary fractions make of it
    if allowed < 0:
        return float(np.nextafter(1.0, 2.0))
    levels = sure[order]
    bad = np.cumsum(wrong[order])
    last = np.append(levels[1:] != levels[:-1], True)  # questions of one confidence stand or fall together
    fit = np.flatnonzero(last & (bad <= allowed))
    return float(levels[fit[-1]]) if len(fit) else float(np.nextafter(levels[0], 2.0))


def bound(sure: Values, wrong: Flags, articles: Sequence[str], risk: float, seed: int = 0) -> float:
    """The 99th percentile of the risk on one half of the articles at the threshold of the other half.

    A few articles tell little of the next few: of 16, the 95th held on 85 to 91 of 100 other halves, this on 93 to 95.
    """
    draw = np.random.default_rng(seed)
    names = sorted(set(articles))
    group = np.array([names.index(article) for article in articles])
    if len(names) < 4:  # too few to halve: by question
        group, names = np.arange(len(sure)), [str(n) for n in range(len(sure))]
    risks = []
    for _ in range(_DRAWS):
        half = np.isin(group, draw.permutation(len(names))[: len(names) // 2])
        threshold = lowest(sure[half], wrong[half], risk)
        risks.append(float((wrong & (sure >= threshold))[~half].mean()))
    return float(np.percentile(risks, 99))


def article_of(line: Line) -> str:
    """What the question is about: the article of its evidence, or of the first passage that was read or found."""
    for places in (line["gold"], line["consulted"], line["passages"]):
        if places:
            return places[0]["article"]
    return ""
