"""``python -m eval.planted SET``: does the gate see? Faults planted in our own system, each to be caught; and
runs that are no worse, which should pass.

A system beside itself is even by definition, for it is deterministic. So what passes is tried harder: of two systems
that differ, each question's pair of results is dealt in either order by a coin, a hundred times over.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table

from eval.formats import load_set
from eval.gate import Baseline, compare, losses
from eval.questions import QuestionSet, resolve, sample
from eval.runs import identify, run
from eval.subjects import Local
from rag.build import System, build
from rag.chunks import Splitter, sentences
from rag.citations import cite
from rag.errors import QuotewellError
from rag.retrieval import Dense, Distinct, Fused, Lexical, Merged, Reranked
from rag.settings import load_settings
from rag.types import Answer, Answerer, Citation, Delta, Embedder, Matrix, Passage, Span, Turn

_DEALS = 100
_K = 10


def main() -> None:
    """Exit code 1 when a fault is not caught, or more than 5 of 100 deals fail."""
    parser = argparse.ArgumentParser(prog="python -m eval.planted", description=__doc__)
    parser.add_argument("set", type=Path, help="a set that brings its articles, such as a SQuAD file")
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    given = parser.parse_args()
    try:
        asked = sample(load_set(given.set), given.questions, given.seed)
        runs = {name: measure(asked, plant, _note) for name, plant in FAULTS.items()}
    except QuotewellError as err:
        Console(stderr=True).print(f"error: {err}", style="red", soft_wrap=True, markup=False)
        sys.exit(err.exit_code)
    sound = runs.pop("sound")
    caught = {name: [one.metric for one in losses(compare(sound, broken))] for name, broken in runs.items()}
    alarms = {name: false_alarms(sound, broken, given.seed) for name, broken in runs.items()}
    if given.json:
        print(json.dumps({"n": len(asked.questions), "caught": caught, "alarms": alarms, "deals": _DEALS}))
    else:
        table = Table("planted fault", "caught by", f"failed of {_DEALS} deals that are no worse")
        for name, by in caught.items():
            table.add_row(name, ", ".join(by) or "NOTHING", str(alarms[name]))
        Console(width=None if sys.stdout.isatty() else 140).print(table)
    if not all(caught.values()) or max(alarms.values()) > 5:
        sys.exit(1)


def _note(name: str) -> None:
    Console(stderr=True).print(name, style="dim", markup=False)


def measure(asked: QuestionSet, plant: Plant, note: Callable[[str], None]) -> Baseline:
    """The figures of a system of its own, in which ``plant`` has put a fault before its articles go in."""
    note(plant.__name__)
    with TemporaryDirectory(prefix="quotewell-planted-") as home:
        system = build(load_settings(home=Path(home)))
        plant(system)
        subject = Local(system)
        for _ in subject.put(asked.articles):
            pass
        gold = resolve(asked.questions, subject)
        lines = list(run(subject, asked.questions, gold, task="ask", k=_K))
        identity = identify(subject, asked.name, asked.questions, task="ask", k=_K)
        subject.close()
    return Baseline.of(identity, lines)


def false_alarms(one: Baseline, other: Baseline, seed: int) -> int:
    """How many of a hundred deals of the two runs fail the gate, though neither hand is the worse."""
    draw = np.random.default_rng(seed)
    failed = 0
    shared = sorted(set(one.columns) & set(other.columns))
    for _ in range(_DEALS):
        rows = draw.integers(0, len(one.ids), len(one.ids))
        swap = draw.random(len(rows)) < 0.5
        ids = tuple(str(n) for n in range(len(rows)))
        mine = {name: np.where(swap, other.columns[name][rows], one.columns[name][rows]) for name in shared}
        yours = {name: np.where(swap, one.columns[name][rows], other.columns[name][rows]) for name in shared}
        hands = (Baseline(one.identity, ids, mine), Baseline(one.identity, ids, yours))
        failed += bool(losses(compare(*hands, times=1000, only_gated=True)))
    return failed


# -- faults --------------------------------------------------------------------------------------

Plant = Callable[[System], None]


def sound(system: System) -> None:
    """Nothing is wrong."""


def no_lexical_search(system: System) -> None:
    system.retriever = Merged(Distinct(Reranked(Dense(system.embedder))))


def chunks_twice_as_long(system: System) -> None:
    splitter = system.splitter
    system.splitter = Splitter(splitter.count, 2 * splitter.window, splitter.overlap, splitter.fill)
    system.embedder = _Halves(system.embedder, splitter.window)


def citations_shifted_by_one_sentence(system: System) -> None:
    system.answerer = _Shifted(system.answerer)


def threshold_off(system: System) -> None:
    settings = system.settings.model_copy(update={"threshold": 0.0})
    with TemporaryDirectory(prefix="quotewell-planted-") as home:
        open_minded = build(settings.model_copy(update={"home": Path(home)}))
        system.answerer = open_minded.answerer
        open_minded.close()


def embedder_replaced_by_noise(system: System) -> None:
    noise = _Noise(system.embedder)
    system.embedder = noise
    system.retriever = Merged(Distinct(Reranked(Fused(Dense(noise), Lexical()))))


FAULTS: dict[str, Plant] = {
    "sound": sound,
    "no lexical search": no_lexical_search,
    "chunks twice as long": chunks_twice_as_long,
    "citations shifted by one sentence": citations_shifted_by_one_sentence,
    "threshold off": threshold_off,
    "embedder replaced by noise": embedder_replaced_by_noise,
}


class _Halves:
    """An embedder for passages of up to twice its window: the mean of two parts."""

    def __init__(self, inner: Embedder, window: int) -> None:
        self._inner, self._chars = inner, 2 * window
        self.name, self.dim, self.fingerprint, self.window = inner.name, inner.dim, inner.fingerprint, 2 * window

    def count_pieces(self, texts: Sequence[str]) -> list[int]:
        return self._inner.count_pieces(texts)

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        rows = []
        for text in texts:
            parts = [text[n : n + self._chars] for n in range(0, len(text), self._chars)] or [text]
            mean = self._inner.embed_passages(parts).mean(axis=0)
            rows.append(mean / np.linalg.norm(mean))
        return np.array(rows, np.float32).reshape(-1, self.dim)

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        return self._inner.embed_queries(texts)


class _Noise:
    """Unit vectors that have nothing to do with the text, but are the same for the same text."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self.name, self.dim, self.fingerprint, self.window = inner.name, inner.dim, inner.fingerprint, inner.window

    def count_pieces(self, texts: Sequence[str]) -> list[int]:
        return self._inner.count_pieces(texts)

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        rows = np.zeros((len(texts), self.dim), np.float32)
        for n, text in enumerate(texts):
            seed = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
            rows[n] = np.random.default_rng(seed).standard_normal(self.dim)
        unit: Matrix = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    embed_queries = embed_passages


class _Shifted:
    """An answerer whose citations name the sentence after the right one, or before it where there is none."""

    def __init__(self, inner: Answerer) -> None:
        self._inner = inner

    def answer(
        self, question: str, passages: Sequence[Passage], history: Sequence[Turn] = ()
    ) -> Iterator[Delta | Answer]:
        for piece in self._inner.answer(question, passages, history):
            yield replace(piece, citations=tuple(self._shift(one, passages) for one in piece.citations))

    def _shift(self, citation: Citation, passages: Sequence[Passage]) -> Citation:
        home = next(
            one
            for one in passages
            if one.chunk.article_id == citation.article_id and one.chunk.span.covers(citation.span)
        )
        start = home.chunk.span.start
        spans = [Span(one.start + start, one.end + start) for one in sentences(home.chunk.text)]
        here = next((n for n, one in enumerate(spans) if one == citation.span), 0)
        other = spans[here + 1] if here + 1 < len(spans) else spans[max(0, here - 1)]
        return cite(home, other, number=citation.number, answer_span=citation.answer_span)


if __name__ == "__main__":
    main()
