"""``python -m eval.risk RUN``: does a calibrated threshold keep its word on articles that it was not fitted to?

RUN is the folder of a run that declined nothing (``QUOTEWELL_THRESHOLD=0 quotewell eval SET --out RUN``). A thousand
times half of the articles set the threshold and state its bound, as ``quotewell calibrate`` does, and the other half
measures the risk. Then, of every second article, to which the weights that ship were not fitted: how far confidence
errs, how often answers of each of the page's words were right, and the threshold for ``--risk``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from eval.calibrate import article_of, bound, lowest
from eval.metrics import calibration_error
from eval.runs import Folder, Line
from eval.scores import is_right

SPLITS = 1000  # of a hundred 94 to 99 hold, as they are drawn
WORDS = (
    ("likely right", 0.7, 1.01),
    ("perhaps right", 0.4, 0.7),
    ("unsure", 0.0, 0.4),
)  # as api/static/answer.js has them


@dataclass(frozen=True, slots=True)
class Kept:
    """On how many of ``splits`` halves the measured risk was within the stated bound; the means of each."""

    splits: int
    held: int
    measured: float
    stated: float
    answered: float
    calibration_error: float


@dataclass(frozen=True, slots=True)
class Unfitted:
    """Of every second article of a run: the calibration error, the share right by word, the threshold for a risk."""

    questions: int
    calibration_error: float
    right: dict[str, float]
    threshold: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m eval.risk", description="Thresholds, measured by halves.")
    parser.add_argument("run", type=Path, help="folder of a run that declined nothing")
    parser.add_argument("--risk", type=float, default=0.05)
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    given = parser.parse_args()
    lines = Folder(given.run).lines()
    kept, rest = measure(lines, given.risk), unfitted(lines, given.risk)
    told = {name: getattr(one, name) for one in (kept, rest) for name in one.__slots__} | {
        "calibration_error": kept.calibration_error,
        "unfitted_calibration_error": rest.calibration_error,
    }
    if given.json:
        Console().print_json(json.dumps(told))
        return
    Console().print(
        f"Asked for a risk of {given.risk:.1%}: within the stated bound on {kept.held / kept.splits:.1%} of "
        f"{kept.splits} other halves\n"
        f"  (measured {kept.measured:.1%} on average, stated {kept.stated:.1%}; {kept.answered:.1%} answered).\n"
        f"Calibration error {kept.calibration_error:.3f} over all questions.\n"
        f"Every second article, {rest.questions} questions: calibration error {rest.calibration_error:.3f}; right: "
        + ", ".join(f"{word} {share:.0%}" for word, share in rest.right.items())
        + f"; the threshold for this risk {rest.threshold:.3f}."
    )


def unfitted(lines: Sequence[Line], risk: float) -> Unfitted:
    """``rag.training.answerer`` fits to the first, third, … article of a set in its order; these are the others."""
    names = list(dict.fromkeys(article_of(line) for line in lines))[1::2]
    some = [line for line in lines if article_of(line) in names]
    sure = np.array([line["confidence"] or 0.0 for line in some])
    wrong = np.array([not is_right(line) for line in some], bool)
    shares = {
        word: float((~wrong)[(sure >= least) & (sure < most)].mean())
        for word, least, most in WORDS
        if ((sure >= least) & (sure < most)).any()
    }
    return Unfitted(len(some), calibration_error(sure, ~wrong), shares, lowest(sure, wrong, risk) if some else 1.0)


def measure(lines: Sequence[Line], risk: float, splits: int = SPLITS, seed: int = 0) -> Kept:
    sure = np.array([line["confidence"] or 0.0 for line in lines])
    wrong = np.array([not is_right(line) for line in lines])
    articles = np.array([article_of(line) for line in lines])
    names = np.unique(articles)
    draw = np.random.default_rng(seed)
    rows = []
    for split in range(splits):
        half = np.isin(articles, draw.permutation(names)[: len(names) // 2])
        threshold = lowest(sure[half], wrong[half], risk)
        stated = bound(sure[half], wrong[half], articles[half].tolist(), risk, seed=split)
        given = (sure >= threshold)[~half]
        rows.append(((wrong[~half] & given).mean(), stated, given.mean()))
    measured, stated_, answered = np.array(rows).T
    return Kept(
        splits=splits,
        held=int((measured <= stated_).sum()),
        measured=float(measured.mean()),
        stated=float(stated_.mean()),
        answered=float(answered.mean()),
        calibration_error=calibration_error(sure, ~wrong),
    )


if __name__ == "__main__":
    main()
