"""Passages that a search would bring for a question, and that do not answer it."""

from __future__ import annotations

from typing import Any

from rag.training.examples import Example, Group
from rag.words import content_words


def weighed(texts: list[str]) -> tuple[Any, Any]:
    """What weighs the content words of a text (TF-IDF over ``texts``), and a row of weights for each of these."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer=content_words, sublinear_tf=True)
    return vectorizer, vectorizer.fit_transform(texts)


class Lookalikes:
    """For each question of a group the passages most like it that do not hold its answer: what a search would bring."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._vectorizer, self._passages = weighed(group.passages)

    def find(self, examples: list[tuple[int, Example]], count: int = 6) -> list[list[int]]:
        """Numbers of passages, most alike first, for each of ``examples``."""
        import numpy as np

        found: list[list[int]] = []
        for start in range(0, len(examples), 512):
            part = examples[start : start + 512]
            scores = (self._vectorizer.transform([e.question for _, e in part]) @ self._passages.T).toarray()
            best = np.argsort(-scores, axis=1)[:, : count + 4]
            for (place, example), row in zip(part, best.tolist(), strict=True):
                texts = [example.passage[a.start : a.end].casefold() for a in example.answers]
                fit = [n for n in row if n != place and not self._holds(n, texts)]
                found.append(fit[:count])
        return found

    def _holds(self, number: int, texts: list[str]) -> bool:
        passage = self._group.passages[number].casefold()
        return any(text in passage for text in texts)
