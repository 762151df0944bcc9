"""Fits ``rag/answerers/extractive.json``: ``python -m rag.training.extractive``.

Two linear models over ``evidence.FEATURES``: ``choice``, a conditional logit, tells which of a question's sentences
answers; ``confidence``, a logistic regression over the sentences so chosen, how likely the chosen one is right
(never, where there is no answer). Questions and articles are those of
squad_train_subset and of squadshifts' new_wiki. Unanswerable ones are the sets' own, counted twice for they are
few, and questions whose answer is hidden: the passages that hold it are taken from what is retrieved.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rag.answerers.extractive import FEATURES, Sentence, weigh
from rag.build import MODELS, System, build
from rag.embedders.onnx import OnnxEmbedder
from rag.settings import load_settings
from rag.types import Article, Span

SETS = {
    "squad_train_subset": "squad_train_subset/train-v2.0.json.zst",
    "new_wiki": "squadshifts/datasets__new_wiki_v1.0.json.zst",
}
_SAMPLE = {"answerable": 900, "impossible": 400, "hidden": 400}


@dataclass(frozen=True)
class Example:
    """A question and where its answer stands: None where there is none."""

    question: str
    article_id: str
    span: Span | None
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Weighed:
    """Features ``(sentences, len(FEATURES))`` of one question's sentences, and which hold the answer."""

    kind: str
    rows: Any
    right: Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("rag/answerers/extractive.json"))
    given = parser.parse_args()
    weighed = [row for path in SETS.values() for row in _weigh_set(given.data / path)]
    given.out.write_text(json.dumps(fit(weighed), indent=1) + "\n", encoding="utf-8")


def fit(weighed: list[Weighed]) -> dict[str, Any]:
    """The weights of both models, by feature, and how many questions they are from."""
    from sklearn.linear_model import LogisticRegression

    choice = _fit_choice([one for one in weighed if one.right.any()])
    chosen = [int(np.argmax(one.rows @ choice)) for one in weighed]
    confidence = LogisticRegression(max_iter=3000).fit(
        np.array([one.rows[n] for one, n in zip(weighed, chosen, strict=True)]),
        np.array([one.right[n] for one, n in zip(weighed, chosen, strict=True)]),
        sample_weight=[2 if one.kind == "impossible" else 1 for one in weighed],
    )
    return {
        "questions": len(weighed),
        "choice": _stored(choice),
        "confidence": _stored(confidence.coef_[0], float(confidence.intercept_[0])),
    }


def _fit_choice(weighed: list[Weighed], penalty: float = 3e-3) -> Any:
    """Conditional logit: maximises the probability of the right sentences among each question's own.

    (McFadden, 1974.) Against a regression over all sentences alike it puts 3 points more right ones first.
    """
    from scipy.optimize import minimize

    rows = np.concatenate([one.rows for one in weighed])
    scale = rows.std(axis=0) + 1e-6
    scaled = [one.rows / scale for one in weighed]

    def loss(weights: Any) -> tuple[float, Any]:
        total, slope = 0.0, np.zeros_like(weights)
        for one, features in zip(weighed, scaled, strict=True):
            odds = np.exp(features @ weights - (features @ weights).max())
            every = odds / odds.sum()
            right = np.where(one.right, every, 0.0)
            total -= float(np.log(right.sum()))
            slope -= features.T @ (right / right.sum() - every)
        n = len(weighed)
        return total / n + penalty * float(weights @ weights), slope / n + 2 * penalty * weights

    return minimize(loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B").x / scale


def _stored(weights: Any, intercept: float | None = None) -> dict[str, float]:
    named = {name: round(float(weight), 4) for name, weight in zip(FEATURES, weights, strict=True)}
    return named if intercept is None else named | {"intercept": round(intercept, 4)}


def _weigh_set(path: Path) -> Iterator[Weighed]:
    articles, examples = _load(path)
    with tempfile.TemporaryDirectory() as home:
        system = build(load_settings(home=home))
        for _ in system.ingest(articles):
            pass
        for kind, example in _sample(examples):
            found = _candidates(system, kind, example)
            if found:
                rows = np.array([sentence.row for sentence in found])
                yield Weighed(kind, rows, np.array([_right(s, kind, example) for s in found]))
        system.close()


def _sample(examples: list[Example]) -> Iterator[tuple[str, Example]]:
    rng = random.Random(0)
    with_answer = [example for example in examples if example.span]
    without = [example for example in examples if not example.span]
    rng.shuffle(with_answer)
    rng.shuffle(without)
    first, hidden = _SAMPLE["answerable"], _SAMPLE["answerable"] + _SAMPLE["hidden"]
    yield from (("answerable", example) for example in with_answer[:first])
    yield from (("impossible", example) for example in without[: _SAMPLE["impossible"]])
    yield from (("hidden", example) for example in with_answer[first:hidden])


def _candidates(system: System, kind: str, example: Example) -> list[Sentence]:
    most = system.settings.passages
    passages = system.search(example.question, k=most if kind != "hidden" else most + 10)
    if kind == "hidden":
        wanted = [answer.casefold() for answer in example.answers]
        passages = [p for p in passages if not any(answer in p.chunk.text.casefold() for answer in wanted)]
    return weigh(example.question, passages[:most], OnnxEmbedder(MODELS / "minilm"))


def _right(sentence: Sentence, kind: str, example: Example) -> bool:
    """Whether it holds the answer; spans of different articles are told apart by the answer's words."""
    if kind != "answerable" or example.span is None:
        return False
    inside = sentence.span.start <= example.span.start < sentence.span.end
    return inside and any(answer in sentence.text for answer in example.answers)


def _load(path: Path) -> tuple[list[Article], list[Example]]:
    import zstandard

    with zstandard.open(path, "rt", encoding="utf-8") as file:
        data = json.load(file)["data"]
    articles, examples = [], []
    for n, source in enumerate(data):
        text, article_id = "", f"article-{n}"
        for paragraph in source["paragraphs"]:
            text += "\n\n" if text else ""
            for asked in paragraph["qas"]:
                answers = tuple(answer["text"] for answer in asked["answers"])
                at = len(text) + asked["answers"][0]["answer_start"] if answers else 0
                span = Span(at, at + len(answers[0])) if answers and not asked.get("is_impossible") else None
                examples.append(Example(asked["question"].strip(), article_id, span, answers if span else ()))
            text += paragraph["context"]
        articles.append(Article(article_id, source.get("title", "").replace("_", " "), text))
    return articles, [example for example in examples if example.question]


if __name__ == "__main__":
    main()
