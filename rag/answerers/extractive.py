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
from rag.types import Answer, Citation, Delta, Matrix, Passage, Span, TokenReader, Turn
from rag.words import content_words, sentence_stems, stems

DECLINED = "The articles do not answer this."
_MOST = 3  # sentences of an answer
_BEHIND = 1.0  # log-odds that a further sentence may be less likely to answer than the first
_ADDS = 0.25  # share of the question's words that a further sentence must be the first to hold


@lru_cache(maxsize=1)
def _weights() -> dict[str, Matrix]:
    """Fitted by ``make fit``: two linear models over FEATURES; the last of each is the intercept."""
    stored = json.loads(Path(__file__).with_name("extractive.json").read_text(encoding="utf-8"))
    names = (*FEATURES, "intercept")
    return {
        model: np.array([stored[model].get(name, 0.0) for name in names], np.float32)
        for model in ("choice", "confidence")
    }


def choice(sentence: Sentence) -> float:
    """The log-odds that this sentence, and not another of the question's, answers, but for a constant."""
    return float(sentence.row @ _weights()["choice"][:-1])


def confidence(sentence: Sentence) -> float:
    """How likely it is that this sentence, once chosen, answers: what the threshold is held against."""
    *weights, intercept = _weights()["confidence"]
    return 1 / (1 + math.exp(-float(sentence.row @ np.array(weights)) - float(intercept)))


class ExtractiveAnswerer:
    """Cites the sentence most likely to answer, and others that add to it; declines under ``threshold``.

    A further sentence is cited when it is itself over the threshold, about as likely to answer as the
    first, and the first to hold a quarter of the question's words.
    """

    def __init__(self, reader: TokenReader, *, threshold: float) -> None:
        self._reader = reader
        self._threshold = threshold

    def answer(
        self, question: str, passages: Sequence[Passage], history: Sequence[Turn] = ()
    ) -> Iterator[Delta | Answer]:
        found = sorted(weigh(question, passages, self._reader), key=lambda s: -choice(s))
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
            good = choice(sentence) >= choice(found[0]) - _BEHIND and confidence(sentence) >= self._threshold
            if not chosen or (good and len(new) >= share):
                chosen.append(sentence)
                open_words -= new
            if len(chosen) == _MOST:
                break
        return chosen
