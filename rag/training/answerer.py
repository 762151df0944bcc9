"""Fits ``rag/answerers/reading.json``: ``make fit``.

Two linear models: ``choice``, a conditional logit over ``candidates.FEATURES``, tells which of a question's spans
answers; ``confidence``, a logistic regression over ``reading.SURENESS``, how likely the span so chosen is right
(never, where there is no answer). Questions are those of articles that the reader was not trained on, asked over one
collection of such articles: what was held out of its training, and every second article of half of SQuAD 2.0's
development set (the other articles measure). To those that people found unanswerable come questions whose passages are
taken away, and questions with another name, number or opposite: as many as are answered, which is the assumption that
confidence rests on. ``choice`` is fitted to two further kinds as well: what people asked a search engine over every
second passage of Natural Questions, and questions about news that we invented (``news/``), asked in a reader's words.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rag.answerers.candidates import FEATURES, Candidate, candidates, plain
from rag.answerers.reading import SURENESS, rank
from rag.answerers.span_reader import OnnxSpanReader
from rag.build import MODELS, System, build
from rag.settings import load_settings
from rag.training import examples
from rag.training.negatives import opposite, swapped
from rag.types import Article, Span, SpanReader

_SETS = ("squad_train_subset", "squadshifts new_wiki")
_AGAINST = ("missing_name", "repeats", "behind", "fragment")
_SIGNS = {"length": (None, None)} | {
    name: (None, 0.0) if name in _AGAINST or "lacks" in name else (0.0, None) for name in FEATURES if name != "length"
}
"""What can only speak for an answer or only against it: weights of the other sign would be chance of the sample."""
_NEWS = Path(__file__).with_name("news")
_SHARES = (0.7, 0.15, 0.15)  # of these kinds in the choice
_SAMPLE = {"answerable": 2400, "impossible": 2400, "hidden": 300, "made": 200}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the article and the places that answer it there (none: nothing does), and how it came to be."""

    question: str
    article_id: str
    spans: tuple[Span, ...]
    answers: tuple[str, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class Weighed:
    """Rows ``(candidates, len(FEATURES))`` of one question, and which are right; ``found`` are the candidates."""

    asked: Asked
    found: list[Candidate]
    articles: list[str]
    right: Any

    @property
    def rows(self) -> Any:
        return np.array([one.row for one in self.found])


def collection(groups: list[examples.Group]) -> tuple[list[Article], list[Asked]]:
    """Articles of paragraphs, and what is asked of them."""
    articles, asked = [], []
    for n, group in enumerate(groups):
        starts, text = [], ""
        for passage in group.passages:
            text += "\n\n" if text else ""
            starts.append(len(text))
            text += passage
        title = next((example.title for _, example in group.examples if example.title), "")
        articles.append(Article(f"article-{n}", title, text))
        for place, example in group.examples:
            spans = tuple(Span(starts[place] + a.start, starts[place] + a.end) for a in example.answers)
            answers = tuple(example.passage[a.start : a.end] for a in example.answers)
            kind = "answerable" if spans else "impossible"
            asked.append(Asked(example.question, f"article-{n}", spans, answers, kind))
    return articles, asked


def news(folder: Path = _NEWS) -> tuple[list[Article], list[Asked]]:
    """Articles, each with its headline in the first line, and what ``questions.jsonl`` asks of them: the format of the
    evaluation suite."""
    articles = {}
    for path in sorted(folder.glob("*.txt")):
        title, _, text = path.read_text(encoding="utf-8").partition("\n")
        articles[path.name] = Article(path.name, title.strip(), text.strip())
    asked = []
    for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        places = [place for told in one.get("evidence", ()) for place in (told, *told.get("or", ()))]
        name = places[0]["article"] if places else ""
        spans = tuple(_stands(place["quote"], articles[name].text) for place in places if place["article"] == name)
        kind = "answerable" if spans else "impossible"
        asked.append(Asked(one["question"], name, spans, tuple(one["answers"]), kind))
    return list(articles.values()), asked


def _stands(quote: str, text: str) -> Span:
    return Span(text.index(quote), text.index(quote) + len(quote))


def chosen(groups: list[examples.Group], asked: list[Asked], seed: int = 0) -> list[Asked]:
    """A sample of each kind, with questions made unanswerable."""
    rng = random.Random(seed)
    answerable = [one for one in asked if one.spans]
    impossible = [one for one in asked if not one.spans]
    rng.shuffle(answerable)
    rng.shuffle(impossible)
    first = _SAMPLE["answerable"]
    hidden = [Asked(o.question, o.article_id, (), o.answers, "hidden") for o in answerable[first:][: _SAMPLE["hidden"]]]
    every = [example for group in groups for _, example in group.examples if example.answers]
    made = []
    for example in rng.sample(every, min(len(every), 3 * _SAMPLE["made"])):
        other = swapped(example, rng) or opposite(example, rng, frozenset())
        made += [Asked(other.question, "", (), (), "made")] if other else []
    return [*answerable[:first], *impossible[: _SAMPLE["impossible"]], *hidden, *made[: _SAMPLE["made"]]]


def weigh(articles: list[Article], asked: list[Asked], reader: SpanReader) -> Iterator[Weighed]:
    with tempfile.TemporaryDirectory() as home:
        system = build(load_settings(home=home, embedder="builtin"))
        for _ in system.ingest(articles):
            pass
        for one in asked:
            yield _weigh(system, one, reader)
        system.close()


def _weigh(system: System, one: Asked, reader: SpanReader) -> Weighed:
    most = system.settings.passages
    passages = system.search(one.question, k=most if one.kind != "hidden" else most + 10)
    if one.kind == "hidden":
        wanted = [answer.casefold() for answer in one.answers]
        passages = [p for p in passages if not any(answer in p.chunk.text.casefold() for answer in wanted)]
    found = candidates(one.question, passages[:most], reader, system.embedder)
    places = [passages[c.passage].chunk.article_id for c in found]
    return Weighed(one, found, places, np.array([_right(one, c, p) for c, p in zip(found, places, strict=True)], bool))


def _right(asked: Asked, candidate: Candidate, article_id: str) -> bool:
    """Whether it is where the answer stands, and says it: half of the words in common."""
    if asked.kind != "answerable" or article_id != asked.article_id:
        return False
    near = any(candidate.span.start < s.end and s.start < candidate.span.end for s in asked.spans)
    return near and max(_f1(candidate.text, answer) for answer in asked.answers) >= 0.5


def _f1(one: str, other: str) -> float:
    mine, theirs = plain(one).split(), plain(other).split()
    common = sum(min(mine.count(word), theirs.count(word)) for word in set(mine))
    return 2 * common / (len(mine) + len(theirs)) if common else 0.0


def fit_choice(kinds: Sequence[tuple[float, list[Weighed]]], penalty: float = 3e-3) -> Any:
    """Conditional logit: maximises the probability of the right spans among each question's own (McFadden, 1974).

    Of each kind of questions its share in the sum is given, whatever its number.
    """
    from scipy.optimize import minimize

    answered = [(share, [one for one in weighed if one.right.any()]) for share, weighed in kinds]
    scale = np.concatenate([one.rows for _, weighed in answered for one in weighed]).std(axis=0) + 1e-6
    scaled = [(one.rows / scale, one.right, share / len(weighed)) for share, weighed in answered for one in weighed]

    def loss(weights: Any) -> tuple[float, Any]:
        total, slope = 0.0, np.zeros_like(weights)
        for features, right, share in scaled:
            odds = np.exp(features @ weights - (features @ weights).max())
            every = odds / odds.sum()
            ours = np.where(right, every, 0.0)
            total -= share * float(np.log(ours.sum()))
            slope -= share * (features.T @ (ours / ours.sum() - every))
        return total + penalty * float(weights @ weights), slope + 2 * penalty * weights

    bounds = [_SIGNS[name] for name in FEATURES]
    return minimize(loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B", bounds=bounds).x / scale


def fit_confidence(rows: Any, right: Any, told: Any) -> Any:
    """Logistic regression, its direction fitted to ``right`` and ``told`` alike, its scale to ``right`` alone.

    ``told`` is whether the articles answer at all. Fitted to ``right`` alone it told answerable from not by 1.7 points
    of AUROC less on articles not fitted to (n 2,294), and right from wrong by 0.3 less: which words of a sentence are
    the answer is a matter of taste, which is noise here.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(rows)
    scaled = scaler.transform(rows)
    direction = LogisticRegression(max_iter=3000).fit(np.r_[scaled, scaled], np.r_[right, told]).coef_[0]
    odds = scaled @ direction
    scale = LogisticRegression(C=1e6).fit(odds[:, None], right)
    weights = direction * scale.coef_[0, 0] / scaler.scale_
    return np.append(weights, scale.intercept_[0] - weights @ scaler.mean_)


def stored(names: tuple[str, ...], weights: Any) -> dict[str, float]:
    every = (*names, "intercept")[: len(weights)]
    return {name: round(float(weight), 4) for name, weight in zip(every, weights, strict=True)}


def fit(*kinds: list[Weighed]) -> dict[str, Any]:
    """Both models' weights by feature; confidence is of the first kind alone, which has questions without an answer."""
    found = [[one for one in weighed if one.found] for weighed in kinds]
    choice = fit_choice(list(zip(_SHARES, found, strict=True)))
    rows, right = sureness(found[0], choice)
    confidence = fit_confidence(rows, right, np.array([one.asked.kind == "answerable" for one in found[0]]))
    return {
        "questions": sum(map(len, found)),
        "choice": stored(FEATURES, choice),
        "confidence": stored(SURENESS, confidence),
    }


def sureness(weighed: list[Weighed], choice: Any) -> tuple[Any, Any]:
    """Of each question the row from which confidence is estimated, and whether its first candidate is right."""
    ranked = [rank(one.found, choice) for one in weighed]
    first = [
        next(n for n, c in enumerate(one.found) if c is r.found[0]) for one, r in zip(weighed, ranked, strict=True)
    ]
    right = np.array([one.right[n] for one, n in zip(weighed, first, strict=True)])
    return np.array([r.row for r in ranked]), right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("rag/answerers/reading.json"))
    parser.add_argument("--reader", type=Path, default=MODELS / "reader")
    given = parser.parse_args()
    reader = OnnxSpanReader(given.reader)
    held = examples.parted(examples.load(given.data), held=True)
    groups = [group for source in held if source.name in _SETS for group in source.groups]
    groups += examples.development(given.data)[::2]
    articles, asked = collection(groups)
    told, questions = news()
    kinds = (
        (articles, chosen(groups, asked)),
        collection(examples.searched(given.data)[::2]),
        (told, [one for one in questions if one.spans]),
    )
    weighed = [list(weigh(articles, asked, reader)) for articles, asked in kinds]
    given.out.write_text(json.dumps(fit(*weighed), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
