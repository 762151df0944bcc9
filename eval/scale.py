"""``python -m eval.scale DATA``: how ingest, search and their cost grow, from 10,000 chunks to 1,000,000 vectors.

Texts are 38,000 newswire articles and letters to newsgroups; more vectors than they have are made
between theirs. The library of all texts is kept in ``--out`` and takes half an hour to fill; a
run that was stopped goes on there.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from shutil import rmtree
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from eval.plots import Axis, lines
from eval.sides import memory_mb
from rag.build import System, build
from rag.errors import NotFound
from rag.settings import load_settings
from rag.types import (
    ARTICLE_BITS,
    Article,
    AsOf,
    Changes,
    Either,
    Entry,
    Every,
    Index,
    Is,
    Mark,
    Matrix,
    Not,
    Published,
    Where,
)

SIZES = (10_000, 30_000, 100_000)
VECTORS = (10_000, 100_000, 300_000, 1_000_000)
FILTERS: tuple[Where | None, ...] = (
    None,
    Published("1987-03-01", "1987-03-31"),
    None,
    Is("tag", ("grain", "sci.space", "rec.autos")),
    None,
    Not(Is("publisher", ("Usenet",))),
    None,
    Every((Either((Is("publisher", ("Usenet",)), AsOf("1987-04-01"))), Not(Is("tag", ("earn",))))),
)
_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
_SEED = 7

Figures = dict[str, float]
Record = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with reuters21578/ and newsgroups20/")
    parser.add_argument("--out", type=Path, default=Path("runs/scale"), help="where the library and the figures go")
    parser.add_argument("--questions", type=int, default=300, help="searches at each size")
    parser.add_argument("--vectors", type=int, default=VECTORS[-1], help="greatest number of synthetic vectors")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    told: dict[str, Any] = {"made": datetime.now().isoformat(timespec="seconds")}
    with closing(_open(given.out / "whole")) as whole:
        fill(whole, [_made(whole, record) for record in read_texts(given.data)])
        told["ingest"] = ingest_rate(whole, given.out / "part")
        sizes = [size for size in SIZES if size <= whole.library.stats().chunks]
        told["texts"] = {size: at_size(whole, size, given.out / "part", given.questions) for size in sizes}
        vectors = whole.library.changes(Mark(0, 0)).vectors
    counts = [count for count in VECTORS if count <= given.vectors]
    told["vectors"] = {n: of_vectors(type(whole.index), between(vectors, n), given.out / "part") for n in counts}
    rmtree(given.out / "part")
    (given.out / "scale.json").write_text(json.dumps(told, indent=1))
    (given.out / "scale.html").write_text(_page(told), encoding="utf-8")
    _print(told)


# -- texts ---------------------------------------------------------------------------------------


def read_texts(data: Path) -> Iterator[Record]:
    """The articles with a body of Reuters-21578, and the letters of 20 newsgroups. Raises NotFound."""
    return chain(_reuters(data / "reuters21578"), _newsgroups(data / "newsgroups20"))


def _members(folder: Path) -> Iterator[tuple[str, bytes]]:
    import zstandard  # of the extra ``train``

    found = sorted(folder.glob("*.tar.zst"))
    if not found:
        raise NotFound(expected=f"an archive .tar.zst in {folder}", found="none", remedy="name the folder that has it")
    with found[0].open("rb") as packed:
        data = zstandard.ZstdDecompressor().stream_reader(packed).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name, file.read()


def _reuters(folder: Path) -> Iterator[Record]:
    number = 0
    for name, data in _members(folder):
        if name.endswith(".json") and "/full/" in name:
            for record in json.loads(data):
                if record.get("body"):
                    day, month, year = record["date"].split()[0].split("-")
                    yield _record(
                        f"reuters/{number}",
                        record.get("title") or None,
                        record["body"],
                        publisher="Reuters",
                        published_at=f"{year}-{_MONTHS.index(month) + 1:02d}-{int(day):02d}",
                        tags=record.get("topics") or [],
                    )
                    number += 1


def _newsgroups(folder: Path) -> Iterator[Record]:
    for name, data in _members(folder):
        group = name.split("/")[-2]
        yield _record(name, None, data.decode("latin-1"), publisher="Usenet", published_at=None, tags=[group])


def _record(name: str, title: str | None, text: str, *, tags: Sequence[str], **facts: str | None) -> Record:
    return {"id": name, "title": title, "text": text, "metadata": {"tags": list(tags)}, **facts}


def _made(system: System, record: Record) -> Article:
    return system.make_article(record, str(record["id"]))


def _open(home: Path) -> System:
    return build(load_settings(home=home))


def fill(system: System, articles: Sequence[Article]) -> None:
    for _ in track(system.ingest(articles), "ingesting", total=len(articles), console=Console(stderr=True)):
        pass
    system.keep_up()


def ingest_rate(whole: System, folder: Path, pairs: int = 5, articles: int = 400) -> Figures:
    """Chunks a second of a whole ingest and of the embedder alone on the same passages, in turn."""
    draw = np.random.default_rng(_SEED)
    names = [article.id for article in _all(whole)]
    found: list[tuple[float, float]] = []
    for _ in track(range(pairs), "ingest beside the embedder", console=Console(stderr=True)):
        some = [whole.library.article(names[n]) for n in draw.choice(len(names), articles, replace=False)]
        passages = [text for one in some for text in whole.splitter.passage_texts(whole.splitter.split(one))]
        rmtree(folder, ignore_errors=True)
        with closing(_open(folder)) as part:
            part.embedder.embed_passages(passages[:32])  # both sides start warm
            began = time.perf_counter()
            chunks = sum(receipt.chunks for receipt in part.ingest(some))
            part.keep_up()
            between_ = time.perf_counter()
            part.embedder.embed_passages(sorted(passages, key=len, reverse=True))
            ended = time.perf_counter()
        found.append((chunks / (between_ - began), len(passages) / (ended - between_)))
    ratios = sorted(ours / bare for ours, bare in found)
    return {
        "chunks/s": median(ours for ours, _ in found),
        "embedder alone": median(bare for _, bare in found),
        "ratio": median(ratios),
        "least": ratios[0],
        "most": ratios[-1],
    }


def _all(system: System) -> Iterator[Article]:
    after: str | None = None
    while page := system.library.articles(limit=500, after=after):
        yield from page
        after = page[-1].id


def at_size(whole: System, size: int, folder: Path, questions: int) -> Figures:
    """A library of about ``size`` chunks of the whole, and what it costs to use it."""
    rmtree(folder, ignore_errors=True)
    draw = np.random.default_rng(_SEED)
    names = [article.id for article in _all(whole)]
    names = [names[n] for n in draw.permutation(len(names))]
    with closing(_open(folder)) as part:
        _copy(whole, part, names, size)
        part.keep_up()
    before = memory_mb("VmRSS")
    began = time.perf_counter()
    with closing(_open(folder)) as part:
        with part.state() as now:
            chunks = len(now.index)
        opened = time.perf_counter() - began
        asked = _titles(part, questions)
        figures = _searches(part, asked) | _recall(part, asked)
        figures |= {"chunks": chunks, "open s": opened, "update ms": _update(part)}
        figures["resident MB more"] = memory_mb("VmRSS") - before
        figures["disk B/chunk"] = sum(path.stat().st_size for path in folder.iterdir()) / chunks
    return figures


def _copy(whole: System, part: System, names: Sequence[str], size: int) -> None:
    """With the vectors that the whole has: nothing is embedded."""
    held = 0
    batch: list[Entry] = []
    for name in track(names, f"{size:,} chunks", console=Console(stderr=True)):
        if held >= size:
            break
        chunks, vectors = whole.library.stored(name)
        batch.append(Entry(whole.library.article(name), chunks, vectors))
        held += len(chunks)
        if len(batch) == 200:
            part.library.put(batch)
            batch.clear()
    part.library.put(batch)


def _titles(system: System, count: int) -> list[str]:
    """Questions: what articles are headed."""
    found = [article.title for article in _all(system) if len(article.title.split()) > 3]
    draw = np.random.default_rng(_SEED)
    return [f"What about {found[n]}?" for n in draw.choice(len(found), count)]


def _searches(system: System, questions: Sequence[str]) -> Figures:
    """Milliseconds of a search for six passages besides the question's vector, half of them filtered."""
    for question in questions[:20]:
        system.search(question)
    taken, plain = [], []
    for n, question in enumerate(questions):
        where = FILTERS[n % len(FILTERS)]
        began = time.perf_counter()
        system.embedder.embed_queries([question])
        embedded = time.perf_counter()
        system.search(question, where=where)
        ms = 1000 * (time.perf_counter() - embedded - (embedded - began))
        taken.append(ms)
        if where is None:
            plain.append(ms)
    return {**_spread("search ms", taken), "unfiltered search ms p50": float(np.percentile(plain, 50))}


def _spread(name: str, values: Sequence[float]) -> Figures:
    return {f"{name} p{p}": float(np.percentile(values, p)) for p in (50, 95)}


def _recall(system: System, questions: Sequence[str]) -> Figures:
    """The share of the ten nearest chunks, by brute force, that are among the ten that are found."""
    asked = system.embedder.embed_queries(list(questions[:100]))
    with system.state() as now:
        whole = now.library.changes(Mark(0, 0))
        hits = [_hits(now.index.search(one, 10), whole.ids, whole.vectors, one) for one in asked]
    return {"recall@10": float(np.mean(hits))}


def _hits(found: Sequence[tuple[int, float]], ids: Any, vectors: Matrix, question: Matrix) -> float:
    nearest = ids[np.argsort(-(vectors @ question), kind="stable")[:10]]
    return len({n for n, _ in found} & set(nearest.tolist())) / 10


def _update(system: System) -> float:
    """Milliseconds from an article that changed to its being found: the median of ten."""
    taken = []
    for n, article in enumerate(list(islice(_all(system), 10))):
        changed = Article(article.id, article.title, f"{article.text}\n\nThe zorblax {n} was added here.")
        began = time.perf_counter()
        for _ in system.ingest([changed]):
            pass
        assert any(f"zorblax {n}" in found.chunk.text for found in system.search(f"Where was the zorblax {n} added?"))
        taken.append(1000 * (time.perf_counter() - began))
    return median(taken)


# -- vectors -------------------------------------------------------------------------------------


def between(vectors: Matrix, count: int) -> Matrix:
    """``count`` unit vectors: those there are, then others between two near ones, with a little noise."""
    draw = np.random.default_rng(_SEED)
    made = np.empty((count, vectors.shape[1]), np.float32)
    first = min(count, len(vectors))
    made[:first] = vectors[draw.permutation(len(vectors))[:first]]
    for start in range(first, count, 50_000):
        rows = min(50_000, count - start)
        a, b = vectors[draw.integers(0, len(vectors), rows)], vectors[draw.integers(0, len(vectors), rows)]
        weight = draw.uniform(0.5, 0.95, (rows, 1)).astype(np.float32)
        noise = draw.normal(0, 0.02, a.shape).astype(np.float32)
        mixed = weight * a + (1 - weight) * b + noise
        made[start : start + rows] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return made


class _Reading:
    """As much of a library as an index reads: vectors, in one change."""

    def __init__(self, vectors: Matrix) -> None:
        self.mark = Mark(1, 1)
        self._all = Changes(
            self.mark, True, np.empty(0, np.int64), np.arange(1, len(vectors) + 1) << ARTICLE_BITS, vectors
        )

    def changes(self, after: Mark) -> Changes:
        return self._all


def of_vectors(make: Callable[..., Index], vectors: Matrix, folder: Path, questions: int = 200) -> Figures:
    """What an index of these vectors costs, and what it finds for questions near some of them."""
    rmtree(folder, ignore_errors=True)
    folder.mkdir()
    draw = np.random.default_rng(_SEED + 1)
    asked = vectors[draw.integers(0, len(vectors), questions)] + draw.normal(0, 0.03, (questions, vectors.shape[1]))
    asked = (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)
    reading: Any = _Reading(vectors)
    _, saved = _timed(lambda: make(folder, dim=vectors.shape[1]).save(reading))
    before = memory_mb("VmRSS")
    opened, seconds = _timed(lambda: make(folder, dim=vectors.shape[1]).at(reading))
    allowed = np.flatnonzero(draw.random(len(vectors)) < 0.5) + 1
    taken, masked, hits = [], [], []
    for question in asked:
        found, s = _timed(lambda question=question: opened.search(question, 50))  # type: ignore[misc]
        taken.append(1000 * s)
        masked.append(1000 * _timed(lambda question=question: opened.search(question, 50, allowed))[1])  # type: ignore[misc]
        hits.append(_hits(found[:10], reading.changes(reading.mark).ids, vectors, question))
    return {
        **_spread("dense ms", taken),
        **_spread("filtered dense ms", masked),
        "recall@10": float(np.mean(hits)),
        "save s": saved,
        "open s": seconds,
        "resident B/vector": 1e6 * (memory_mb("VmRSS") - before) / len(vectors),
        "disk B/vector": sum(path.stat().st_size for path in folder.iterdir()) / len(vectors),
    }


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    done = work()
    return done, time.perf_counter() - began


# -- told ----------------------------------------------------------------------------------------


def _print(told: dict[str, Any]) -> None:
    console = Console()
    console.print("ingest: " + ", ".join(f"{name} {value:.3g}" for name, value in told["ingest"].items()))
    for kind in ("texts", "vectors"):
        table = Table("", *(f"{size:,}" for size in told[kind]), title=kind)
        for name in next(iter(told[kind].values())):
            table.add_row(name, *(f"{figures[name]:.4g}" for figures in told[kind].values()))
        console.print(table)


def _page(told: dict[str, Any]) -> str:
    """A drawing for each figure: how it grows with the size, which is drawn by its logarithm."""
    drawn = []
    for kind in ("texts", "vectors"):
        by_size: dict[int, Figures] = told[kind]
        for name in next(iter(by_size.values()), {}):
            points = [(math.log10(size), figures[name]) for size, figures in by_size.items()]
            x = Axis(f"{kind}: powers of ten", 4.0, 6.0, (4, 4.5, 5, 5.5, 6))
            drawing = lines(name, x, _axis(name, points), [(name, points)])
            drawn.append(f"<figure><figcaption>{name} ({kind})</figcaption>{drawing}</figure>")
    style = (Path(__file__).parent / "page.css").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Growth</title>'
        f"<style>{style} figure {{display: inline-block; max-width: 30rem}}</style></head><body><main>"
        f"<h1>How it grows</h1>\n{''.join(drawn)}</main></body></html>\n"
    )


def _axis(name: str, points: Sequence[tuple[float, float]]) -> Axis:
    most = max(value for _, value in points) or 1.0
    step = next(s * 10.0**e for e in range(-3, 8) for s in (1, 2, 5) if s * 10.0**e * 5 >= most)
    return Axis(name, 0.0, 5 * step, [round(n * step, 6) for n in range(6)])


if __name__ == "__main__":
    main()
