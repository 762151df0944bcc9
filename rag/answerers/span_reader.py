"""The built-in reader: a small encoder that points at the words that answer, shipped in ``rag/models/reader``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.chunks import sentences
from rag.models.onnx import OnnxModel
from rag.types import Finding, Matrix, Span

_QUESTION = 48  # word pieces that are read of a question
_HEADING = 24  # and of a heading
_OVERLAP = 48  # word pieces that a window shares with the next
_MOST = 8  # spans of a text
_LONGEST = 40  # word pieces of a span
_EDGES = 12  # best starts and best ends that are paired


class OnnxSpanReader:
    """Reads ``[CLS] question [SEP] heading text [SEP]``; a longer text in windows. See ``rag/training/reader.py``."""

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        self._model = OnnxModel(folder, threads=threads)
        self.name = self._model.name
        self.fingerprint = self._model.fingerprint

    def find(self, question: str, texts: Sequence[tuple[str, str]]) -> list[Finding]:
        tokenizer = self._model.tokenizer
        first, *asked, last = tokenizer.encode(question).ids
        prompt = [first, *asked[:_QUESTION], last]
        windows: list[tuple[int, list[int], int, NDArray[np.int64]]] = []
        for n, (heading, text) in enumerate(texts):
            head = tokenizer.encode(heading, add_special_tokens=False).ids[:_HEADING] if heading else []
            body = tokenizer.encode(text, add_special_tokens=False)
            places = np.array(body.offsets, np.int64).reshape(-1, 2)
            room = self._model.window - len(prompt) - len(head) - 1
            for start in _starts(len(body.ids), room):
                part = slice(start, start + room)
                ids = [*prompt, *head, *body.ids[part], last]
                windows.append((n, ids, len(prompt) + len(head), places[part]))
        read = self._model.side_by_side(lambda window: self._model.run(window[1], len(prompt)), windows)
        found: list[list[Finding]] = [[] for _ in texts]
        for (n, _, offset, places), (edges, odds) in zip(windows, read, strict=True):
            found[n].append(Finding(float(odds), tuple(best_spans(edges, offset, places, texts[n][1]))))
        return [joined(findings) for findings in found]


def _starts(length: int, room: int) -> Iterator[int]:
    yield 0
    at = room
    while at < length:
        yield at - _OVERLAP
        at += room - _OVERLAP


def best_spans(edges: Matrix, offset: int, places: NDArray[np.int64], text: str) -> Iterator[tuple[Span, float]]:
    """The best spans of a window, no two of which overlap, with their log-odds against silence, the first token.

    ``edges`` are logits of start and end, ``(seq, 2)``; ``places`` are where the word pieces from ``offset`` on stand
    in ``text``. A span stays in one sentence: of those that did not, none of 33 was right (squad2_dev_half, n 3,250).
    """
    silence = float(edges[0].sum())
    inside = edges[offset : offset + len(places)]
    starts = np.argsort(-inside[:, 0])[:_EDGES]
    ends = np.argsort(-inside[:, 1])[:_EDGES]
    sentence = np.searchsorted([span.start for span in sentences(text)], places[:, 0], side="right")
    pairs = [
        (float(inside[s, 0] + inside[e, 1]) - silence, int(s), int(e))
        for s in starts
        for e in ends
        if s <= e < s + _LONGEST and sentence[s] == sentence[e]
    ]
    taken: list[tuple[int, int]] = []
    for odds, start, end in sorted(pairs, reverse=True):
        if all(end < a or start > b for a, b in taken):
            taken.append((start, end))
            yield Span(int(places[start, 0]), int(places[end, 1])), odds
        if len(taken) == _MOST:
            return


def joined(findings: list[Finding]) -> Finding:
    """What the windows of one text tell together; where two windows found the same, the better."""
    spans: dict[Span, float] = {}
    for finding in findings:
        for span, odds in finding.spans:
            spans[span] = max(odds, spans.get(span, odds))
    best = sorted(spans.items(), key=lambda item: -item[1])
    return Finding(max(finding.odds for finding in findings), tuple(best[:_MOST]))
