"""One side of the benchmark, measured in this process: ``python -m eval.sides SIDE …`` prints one JSON object.

Linux: memory is read from /proc/self/status.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol, TypedDict

from rag.types import Answer, Article

if TYPE_CHECKING:  # importing it belongs to what is measured, on our side only
    from rag.build import System

WARM_UP = 5
K = 4


class Measured(TypedDict):
    """One run. ``resident_mb`` is taken after the questions, ``peak_mb`` at the end; MB and kB are powers of ten."""

    start_s: float
    chunks: int
    chunks_per_s: float
    chars_per_s: float
    kb_per_s: float
    p50_ms: float
    p95_ms: float
    resident_mb: float
    peak_mb: float


class Side(Protocol):
    """A pipeline under measurement."""

    def open(self, folder: Path) -> None:
        """Opens what ``create`` and ``ingest`` left in the folder, in another process."""

    def create(self, folder: Path) -> None:
        """An empty collection in the folder, its model loaded."""

    def ingest(self, articles: Sequence[Article]) -> int:
        """Puts the articles in; returns the number of chunks."""

    def keep(self) -> None:
        """Leaves what was ingested in the folder, where ingesting did not."""

    def answer(self, question: str) -> None:
        """The whole of what this side does for one question."""

    def search(self, question: str) -> None:
        """The best four passages."""


class Ours:
    """Quotewell as it comes. Ingesting commits and saves; an answer is extracted and proved."""

    _system: System

    def open(self, folder: Path) -> None:
        from rag.build import build
        from rag.settings import load_settings

        self._system = build(load_settings(home=folder))

    def create(self, folder: Path) -> None:
        self.open(folder)
        self.search("warm up")

    def ingest(self, articles: Sequence[Article]) -> int:
        return sum(receipt.chunks for receipt in self._system.ingest(articles))

    def keep(self) -> None:
        self._system.close()

    def answer(self, question: str) -> None:
        if not any(isinstance(piece, Answer) for piece in self._system.ask(question)):
            raise TypeError("expected the stream to end with an Answer")

    def search(self, question: str) -> None:
        self._system.search(question, k=K)


class Stock:
    """A stock LangChain pipeline. It has no answerer of its own: its answer is the passages."""

    def __init__(self, model: Path) -> None:
        from eval.peers import StockPipeline, stock_embeddings

        self._pipeline = StockPipeline(stock_embeddings(model))

    def open(self, folder: Path) -> None:
        self._pipeline.load(folder)

    def create(self, folder: Path) -> None:
        self._folder = folder
        self._pipeline.warm_up()

    def ingest(self, articles: Sequence[Article]) -> int:
        return self._pipeline.ingest(articles)

    def keep(self) -> None:
        self._pipeline.save(self._folder)

    def answer(self, question: str) -> None:
        self.search(question)

    def search(self, question: str) -> None:
        self._pipeline.search(question, K)


def memory_mb(field: str) -> float:
    """``VmRSS`` (resident now) or ``VmHWM`` (the most so far) of this process."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise KeyError(field)


def measure(side: Side, folder: Path, work: Path, began: float) -> Measured:
    """Start, questions, then ingestion, in this order; ``began`` is when the process was started."""
    questions = json.loads((work / "questions.json").read_text(encoding="utf-8"))
    side.open(folder)
    side.answer(questions[0])
    start_s = time.monotonic() - began
    for question in questions[:WARM_UP]:
        side.search(question)
    laps = [_lap_ms(side, question) for question in questions[WARM_UP:]]
    resident_mb = memory_mb("VmRSS")
    articles = read_articles(work)
    with TemporaryDirectory(dir=work) as scratch:
        side.create(Path(scratch))
        clock = time.perf_counter()
        chunks = side.ingest(articles)
        seconds = time.perf_counter() - clock
    return Measured(
        start_s=start_s,
        chunks=chunks,
        chunks_per_s=chunks / seconds,
        chars_per_s=sum(len(article.text) for article in articles) / seconds,
        kb_per_s=sum(len(article.text.encode()) for article in articles) / 1000 / seconds,
        p50_ms=median(laps),
        p95_ms=quantiles(laps, n=20, method="inclusive")[-1],
        resident_mb=resident_mb,
        peak_mb=memory_mb("VmHWM"),
    )


def _lap_ms(side: Side, question: str) -> float:
    clock = time.perf_counter()
    side.search(question)
    return 1000 * (time.perf_counter() - clock)


def read_articles(work: Path) -> list[Article]:
    lines = (work / "articles.jsonl").read_text(encoding="utf-8").split("\n")
    return [Article(**json.loads(line)) for line in lines if line]


def write_articles(articles: Sequence[Article], work: Path) -> None:
    lines = (json.dumps({"id": one.id, "title": one.title, "text": one.text}) + "\n" for one in articles)
    (work / "articles.jsonl").write_text("".join(lines), encoding="utf-8")


def main() -> None:
    """``--prepare`` ingests the articles of --work; without it, what that left is opened and measured."""
    parser = argparse.ArgumentParser(prog="python -m eval.sides")
    parser.add_argument("side", choices=["ours", "stock"])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--began", type=float, default=time.monotonic(), help="time.monotonic() at the start")
    parser.add_argument("--prepare", action="store_true")
    given = parser.parse_args()
    side: Side = Ours() if given.side == "ours" else Stock(given.model)
    folder = given.work / given.side
    if given.prepare:
        side.create(folder)
        side.ingest(read_articles(given.work))
        side.keep()
        return
    sys.stdout.write(json.dumps(measure(side, folder, given.work, given.began)) + "\n")


if __name__ == "__main__":
    main()
