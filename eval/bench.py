"""``python -m eval.bench``: a stock LangChain pipeline and ours on the same articles, in turn, as ratios.

Each run is a process of its own. Ratios are ours / stock of one pair, and their median counts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypedDict

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from eval.command import SEEDS
from eval.formats import load_set
from eval.peers import check_stock, model_folder
from eval.questions import sample
from eval.sides import WARM_UP, Measured, write_articles
from eval.systems import read_articles
from rag.errors import NotFound, QuotewellError
from rag.types import Article

SIDES = ("ours", "stock")


class SideFailed(QuotewellError):
    """A side's process ended otherwise than well."""

    code = "bench_side"


class Target(NamedTuple):
    """What the median ratio is to be: at least, or at most, ``bound``."""

    bound: float
    at_least: bool

    def met(self, ratio: float) -> bool:
        return ratio >= self.bound if self.at_least else ratio <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound}"


TARGETS: dict[str, Target] = {
    "chunks_per_s": Target(1.8, at_least=True),
    "p50_ms": Target(0.5, at_least=False),
    "start_s": Target(0.35, at_least=False),
    "resident_mb": Target(0.5, at_least=False),
}
FIGURES = {
    "start_s": "start to first answer, s",
    "chunks": "chunks",
    "chunks_per_s": "ingest, chunks/s",
    "chars_per_s": "ingest, characters/s",
    "kb_per_s": "ingest, kB/s",
    "p50_ms": "retrieval p50, ms",
    "p95_ms": "retrieval p95, ms",
    "resident_mb": "resident after answering, MB",
    "peak_mb": "peak resident, MB",
}


class Spread(TypedDict):
    median: float
    min: float
    max: float


class Compared(TypedDict):
    """One figure of both sides. ``target`` and ``met`` are None where there is none."""

    ours: Spread
    stock: Spread
    ratio: Spread
    target: str | None
    met: bool | None


def main() -> None:
    """Exit code 0 done, whatever the figures; 1 failed, with one line that says why."""
    parser = argparse.ArgumentParser(prog="python -m eval.bench", description="A stock LangChain pipeline beside ours.")
    parser.add_argument("--articles", type=Path, default=Path("seeds"), help="a SQuAD file, or a folder of articles")
    parser.add_argument("--pairs", type=int, default=5, help="runs of each side (5; fewer only for a try)")
    parser.add_argument("--questions", type=int, default=200, help="questions to time, at most")
    parser.add_argument("--model", type=Path, help="sentence-transformers folder of the stock side")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    given = parser.parse_args()
    try:
        check_stock()
        with TemporaryDirectory(prefix="quotewell-bench-") as work:
            told = prepare(Path(work), given.articles, given.questions)
            model = given.model or model_folder()
            compared = compare(run_pairs(Path(work), model, given.pairs))
    except QuotewellError as err:
        Console(stderr=True).print(Text(f"error: {err}", style="red"), soft_wrap=True)
        sys.exit(err.exit_code)
    if given.json:
        print(json.dumps({"pairs": given.pairs, **told, "figures": compared}))
    else:
        print_table(compared, f"{told['articles']} articles, {told['chars']} characters, {given.pairs} pairs")


def prepare(work: Path, source: Path, questions: int) -> dict[str, int]:
    """Articles and questions for both sides, the same text to both; returns their counts."""
    squad = source.is_file() and ".json" in source.suffixes
    asked = load_set(source if squad else SEEDS)
    articles = asked.articles if squad else read_folder(source)
    drawn = [question.question for question in sample(asked, questions + WARM_UP).questions]
    write_articles(articles, work)
    (work / "questions.json").write_text(json.dumps(drawn), encoding="utf-8")
    return {
        "articles": len(articles),
        "chars": sum(len(article.text) for article in articles),
        "questions": len(drawn) - WARM_UP,
    }


def read_folder(source: Path) -> tuple[Article, ...]:
    """What our readers make of the folder. Raises NotFound when that is nothing."""
    found = tuple(item for item in read_articles(source) if isinstance(item, Article)) if source.exists() else ()
    if not found:
        raise NotFound(expected=f"articles in {source}", found="none", remedy="say where with --articles")
    return found


def run_pairs(work: Path, model: Path, pairs: int) -> list[dict[str, Measured]]:
    """Ours, stock, ours, stock, …; before them each side ingests once, to have something to open."""
    for side in SIDES:
        run_side(side, work, model, "--prepare")
    turns = track(range(pairs), "measuring", console=Console(stderr=True), transient=True)
    return [{side: json.loads(run_side(side, work, model)) for side in SIDES} for _ in turns]


def run_side(side: str, work: Path, model: Path, *flags: str) -> str:
    """What the side's process printed. Raises SideFailed."""
    paths = ["--work", str(work), "--model", str(model)]
    began = repr(time.monotonic())
    done = subprocess.run(
        [sys.executable, "-m", "eval.sides", side, *paths, "--began", began, *flags],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    if done.returncode:
        last = next(reversed(done.stderr.strip().splitlines()), "nothing on its standard error")
        raise SideFailed(expected=f"side {side!r} to end well", found=last, remedy="see that it runs by itself")
    return done.stdout


def compare(pairs: Sequence[dict[str, Measured]]) -> dict[str, Compared]:
    """Each figure's median and range by side, and the ratios of each pair."""
    return {figure: _compare(figure, pairs) for figure in FIGURES}


def _compare(figure: str, pairs: Sequence[dict[str, Measured]]) -> Compared:
    values = {side: [float(pair[side][figure]) for pair in pairs] for side in SIDES}  # type: ignore[literal-required]
    ratio = _spread([ours / stock for ours, stock in zip(values["ours"], values["stock"], strict=True)])
    target = TARGETS.get(figure)
    return Compared(
        ours=_spread(values["ours"]),
        stock=_spread(values["stock"]),
        ratio=ratio,
        target=str(target) if target else None,
        met=target.met(ratio["median"]) if target else None,
    )


def _spread(values: Sequence[float]) -> Spread:
    return Spread(median=round(median(values), 4), min=round(min(values), 4), max=round(max(values), 4))


def print_table(compared: dict[str, Compared], title: str) -> None:
    table = Table("median (min – max)", title=title, title_justify="left")
    for heading in ("ours", "stock", "ours / stock", "target"):
        table.add_column(heading, justify="right")
    for figure, one in compared.items():
        verdict = "" if one["target"] is None else f"{one['target']} {'met' if one['met'] else 'MISSED'}"
        style = {True: "green", False: "red", None: ""}[one["met"]]
        sides = [
            f"{_short(s['median'])} ({_short(s['min'])} – {_short(s['max'])})" for s in (one["ours"], one["stock"])
        ]
        table.add_row(FIGURES[figure], *sides, f"{one['ratio']['median']:.2f}", Text(verdict, style=style))
    wide = None if sys.stdout.isatty() else 120  # else a log would get 80 columns
    Console(width=wide).print(table)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
