"""Answers in the articles' own words: the sentences that answer, each cited. Needs no language model."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.answerers.evidence import DECLINED, of_form, of_words, stemmed, take_apart
from rag.chunks import sentences
from rag.citations import cite
from rag.types import Answer, Citation, Delta, Matrix, Passage, Span, TokenReader, Turn
from rag.words import STOPWORDS, content_words, sentence_stems, stems

_MOST = 3  # sentences of an answer
_BEHIND = 1.0  # log-odds that a further sentence may be less likely to answer than the first
_ADDS = 0.25  # share of the question's words that a further sentence must be the first to hold


FEATURES = (
    # of words, weighed by rarity among the passages
    "context",  # share of the question's words that stand in the sentence, the one before it or the headline
    "passage",  # the same for the whole passage and the headline
    "missing_name",  # share of the question's names and numbers that passage and headline lack
    "pairs",  # share of the question's word pairs that stand in the sentence
    "news",  # share of the sentence's own words that neither question nor headline holds
    # of meaning: cosines of word pieces in context, each of the question's with its best match
    "similarity",  # of the question's mean vector and the sentence's
    "matched",  # mean over the question's content words, in the sentence
    "worst_matched",  # mean of the two worst of them
    "passage_matched",  # mean, in the passage
    "passage_worst_matched",  # mean of the two worst, in the passage
    "asked_matched",  # best of the question words (who, when, …), in the sentence
    # of form and place
    "retrieval",  # score of the passage
    "behind",  # how far that score is behind the best passage's
    # 1 where the question word asks for one, and the sentence has none but the question's own
    "lacks_number",
    "lacks_time",
    "lacks_name",
    "lacks_place",
    "lacks_reason",
    "length",  # log of the sentence's words over 20
    "fragment",  # 1 for headings and captions: under 5 words, or no end mark
)

_ASKING = frozenset({"who", "whom", "whose", "what", "which", "when", "where", "why", "how"})


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage. ``span`` is in code points of the article; ``row`` follows FEATURES."""

    passage: int
    span: Span
    text: str
    row: Matrix


@lru_cache(maxsize=1)
def _weights() -> dict[str, Matrix]:
    """Fitted by ``rag.training.extractive``: two linear models over FEATURES; the last of each is the intercept."""
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


def weigh(question: str, passages: Sequence[Passage], reader: TokenReader) -> list[Sentence]:
    """The sentences of ``passages``, each once, with their features. Each passage is read in one pass."""
    texts = [stemmed(passage) for passage in passages]
    asked = take_apart(question, [frozenset(word for part in text for word in part) for text in texts])
    meant = _mean(question, reader)
    found: dict[tuple[str, str, Span], Sentence] = {}
    best = passages[0].score if passages else 0.0
    headings = [f"{passage.chunk.title}\n" for passage in passages]
    pieces = reader.read([heading + passage.chunk.text for heading, passage in zip(headings, passages, strict=True)])
    for n, passage in enumerate(passages):
        told = of_words(passage, texts[n], asked)
        places, vectors = pieces[n]
        of_meaning = _of_meaning(passage.chunk.text, places - len(headings[n]), vectors, meant)
        for m, span in enumerate(sentences(passage.chunk.text)):
            text = span.of(passage.chunk.text)
            form = of_form(text, len(texts[n][m]), passage.score, best, asked)
            start = passage.chunk.span.start
            place = Span(start + span.start, start + span.end)
            row = np.array([*told[m], *of_meaning[m], *form], np.float32)
            found.setdefault((passage.chunk.article_id, passage.chunk.revision, place), Sentence(n, place, text, row))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Meant:
    """A question's word pieces: ``content`` and ``asking`` mark rows of their ``vectors``."""

    mean: Matrix
    vectors: Matrix
    content: NDArray[np.bool_]
    asking: NDArray[np.bool_]


def _mean(question: str, reader: TokenReader) -> _Meant:
    ((places, vectors),) = reader.read([question])
    pieces = [question[start:end].lower() for start, end in places]
    content = np.array([piece.isalnum() and piece not in STOPWORDS for piece in pieces], bool)
    mean = vectors.mean(axis=0)
    return _Meant(
        mean=mean / np.linalg.norm(mean),
        vectors=_unit(vectors),
        content=content if content.any() else np.ones_like(content),
        asking=np.array([piece in _ASKING for piece in pieces], bool),
    )


def _unit(vectors: Matrix) -> Matrix:
    unit: Matrix = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _of_meaning(text: str, places: NDArray[np.int64], vectors: Matrix, meant: _Meant) -> list[list[float]]:
    cosines = np.einsum("qd,pd->qp", meant.vectors, _unit(vectors))  # (question pieces, passage pieces)
    anywhere = cosines.max(axis=1)[meant.content]
    rows = []
    for span in sentences(text):
        inside = (places[:, 0] >= span.start) & (places[:, 1] <= span.end)
        if not inside.any():  # characters that the tokenizer drops
            rows.append([0.0] * 6)
            continue
        mean = vectors[inside].mean(axis=0)
        best = cosines[:, inside].max(axis=1)
        here = best[meant.content]
        rows.append(
            [
                float(mean @ meant.mean / np.linalg.norm(mean)),
                float(here.mean()),
                float(np.sort(here)[:2].mean()),
                float(anywhere.mean()),
                float(np.sort(anywhere)[:2].mean()),
                float(best[meant.asking].max() if meant.asking.any() else here.mean()),
            ]
        )
    return rows
