"""What the processes do that the tests of this folder kill, and how what they left is examined.

A writer has articles of its own, so it knows what each must be: it tells each change that was
acknowledged on its standard output, a line each, and before it the change that it is about to make.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rag.flow import ingest, state
from rag.index.faiss import FaissIndex
from rag.library.sqlite import SQLiteLibrary
from rag.types import Article
from tests.library.engines import EMBEDDER, SPLITTER, sqlite_and_faiss

Texts = dict[str, str]
"""The current text of each article of one writer."""


def change(store: SQLiteLibrary, index: FaissIndex, step: dict[str, str | None]) -> None:
    """Puts each article of ``step`` whose text is given, and deletes the others; returns when it is acknowledged."""
    items = [Article(name, f"On {name}", text) for name, text in step.items() if text is not None]
    for _ in ingest(items, splitter=SPLITTER, embedder=EMBEDDER, library=store):
        pass
    gone = [name for name, text in step.items() if text is None]
    if gone:
        store.delete(gone)
    with state(store, index) as now:
        index.save(now.library, purge=bool(gone))


def steps(writer: str, seed: int, there: set[str]) -> Iterator[dict[str, str | None]]:
    """Changes without end: batches of articles, new or again, now and then one that goes."""
    draw = random.Random(seed)
    while True:
        if there and draw.random() < 0.25:
            name = draw.choice(sorted(there))
            there.discard(name)
            yield {name: None}
        else:
            names = draw.sample([f"{writer}-{n}" for n in range(30)], draw.randint(1, 4))
            there.update(names)
            version = draw.randrange(10**9)
            yield {
                name: f"Version {version} of {name}. " + "It is about bridges. " * draw.randrange(40) for name in names
            }


def write(folder: Path, writer: str, seed: int) -> None:
    store, index = sqlite_and_faiss(folder)
    assert isinstance(store, SQLiteLibrary) and isinstance(index, FaissIndex)
    there = {article.id for article in store.articles(limit=10_000) if article.id.startswith(f"{writer}-")}
    for step in steps(writer, seed, there):
        print(json.dumps({"about": step}), flush=True)
        change(store, index, step)
        print(json.dumps({"done": True}), flush=True)


def check(folder: Path, expected: Texts, about: dict[str, str | None] | None, writer: str) -> Texts:
    """The texts of ``writer`` that are there: all that was acknowledged, and of ``about`` all or nothing."""
    store, _ = sqlite_and_faiss(folder)
    try:
        found = {a.id: a.text for a in store.articles(limit=100_000) if a.id.startswith(f"{writer}-")}
        after = {name: text for name, text in {**expected, **(about or {})}.items() if text is not None}
        assert found in (expected, after), "an acknowledged change was lost, or half of one is there"
        return found
    finally:
        store.close()


def fill(folder: Path, chunks: int) -> None:
    """Articles of nobody's, so that the home is of some size."""
    store, index = sqlite_and_faiss(folder)
    for start in range(0, chunks // 10, 100):
        text = "\n\n".join(
            f"Paragraph {n} of a long article, which tells of rivers and of ships. " * 2 for n in range(10)
        )
        change(store, index, {f"base-{n}": f"{text} {n}" for n in range(start, min(start + 100, chunks // 10))})  # type: ignore[arg-type]
    store.close()


def ready(folder: Path) -> int:
    """Opens the home as a service does, up to the first answer; returns how many chunks it has."""
    store, index = sqlite_and_faiss(folder)
    try:
        with state(store, index) as now:
            now.index.search(EMBEDDER.embed_queries(["bridges"])[0], 5)
            now.library.search_text("bridges", 5)
            return len(now.index)
    finally:
        store.close()


def examine(folder: Path) -> None:
    """Everything against everything: pages, spans, full text, vectors; index and library."""
    store, index = sqlite_and_faiss(folder)
    assert isinstance(store, SQLiteLibrary)
    try:
        assert store.problems() == []
        with state(store, index) as now:
            assert len(now.index) == now.library.stats().chunks
            for article in now.library.articles(limit=100_000):
                chunks, vectors = now.library.stored(article.id)
                assert all(chunk.span.of(article.text) == chunk.text for chunk in chunks)
                np.testing.assert_array_equal(now.index.vectors(np.array([c.id for c in chunks])), vectors)
                assert [n for n, _ in now.library.search_text(article.id, 5)], "its title says its id"
    finally:
        store.close()


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
