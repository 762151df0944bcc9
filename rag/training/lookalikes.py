"""Passages that a search would bring for a question, and that do not answer it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rag.training.examples import Example, Group
from rag.words import content_words


class Lookalikes:
    """For each question of a group the passages most like it that do not hold its answer: what a search would bring."""

    def __init__(self, group: Group) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._group = group
        words: Callable[[str], list[str]] = content_words
        self._vectorizer = TfidfVectorizer(analyzer=lambda text: list(words(text)), sublinear_tf=True)
        self._passages: Any = self._vectorizer.fit_transform(group.passages)

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
