"""Answers in the articles' own words: the sentences that answer, each cited. Needs no language model."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from rag.answerers.evidence import FEATURES, Sentence, weigh
from rag.citations import cite
from rag.types import Answer, Citation, Delta, Embedder, Matrix, Passage, Span, Turn
from rag.words import content_words, sentence_stems, stems

DECLINED = "The articles do not answer this."
_MOST = 3  # sentences of an answer
_ADDS = 0.25  # share of the question's words that a further sentence must be the first to hold


@lru_cache(maxsize=1)
def _weights() -> dict[str, tuple[Matrix, float]]:
    """Fitted by ``make fit``: two logistic regressions over FEATURES, as coefficients and intercept."""
    stored = json.loads(Path(__file__).with_name("extractive.json").read_text(encoding="utf-8"))
    return {
        name: (np.array([stored[name][f] for f in FEATURES], np.float32), float(stored[name]["intercept"]))
        for name in ("choice", "confidence")
    }


def _probability(row: Matrix, name: str) -> float:
    weights, intercept = _weights()[name]
    return 1 / (1 + math.exp(-float(row @ weights) - intercept))


def choice(sentence: Sentence) -> float:
    """How likely it is that this, of all sentences, answers: what they are ordered by."""
    return _probability(sentence.row, "choice")


def confidence(sentence: Sentence) -> float:
    """How likely it is that this sentence, once chosen, answers: what the threshold is held against."""
    return _probability(sentence.row, "confidence")


class ExtractiveAnswerer:
    """Cites the sentence most likely to answer, and others that add to it; declines under ``threshold``.

    A further sentence is cited when it is itself over the threshold and is the first to
    hold a quarter of the question's words.
    """

    def __init__(self, embedder: Embedder, *, threshold: float) -> None:
        self._embedder = embedder
        self._threshold = threshold

    def answer(
        self, question: str, passages: Sequence[Passage], history: Sequence[Turn] = ()
    ) -> Iterator[Delta | Answer]:
        found = sorted(weigh(question, passages, self._embedder), key=lambda s: -choice(s))
        sure = confidence(found[0]) if found else 0.0
        if sure < self._threshold:
            yield Delta(DECLINED)
            yield Answer(question, "unanswerable", DECLINED, None, (), tuple(passages), sure)
            return
        text = ""
        citations: list[Citation] = []
        for number, sentence in enumerate(self._chosen(question, found), start=1):
            piece = f" {sentence.text}" if text else sentence.text
            span = Span(len(text) + len(piece) - len(sentence.text), len(text) + len(piece))
            text += piece
            citations.append(cite(passages[sentence.passage], sentence.span, number=number, answer_span=span))
            yield Delta(piece, (citations[-1],))
        yield Answer(question, "answered", text, None, tuple(citations), tuple(passages), sure)

    def _chosen(self, question: str, found: list[Sentence]) -> list[Sentence]:
        open_words = set(stems(content_words(question)))
        share = len(open_words) * _ADDS
        chosen: list[Sentence] = []
        for sentence in found:
            new = open_words.intersection(sentence_stems(sentence.text))
            if not chosen or (len(new) >= share and confidence(sentence) >= self._threshold):
                chosen.append(sentence)
                open_words -= new
            if len(chosen) == _MOST:
                break
        return chosen
