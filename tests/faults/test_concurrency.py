"""Several processes write and read one home at once; each thing they saw is compared with a sequential model."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rag.errors import NotFound
from rag.flow import state
from rag.library.sqlite import SQLiteLibrary
from rag.types import Article
from tests.faults.work import examine
from tests.library.engines import EMBEDDER, entry, sqlite_and_faiss

ROOT = Path(__file__).parents[2]
PROCESSES = 4
OPERATIONS = int(os.environ.get("QUOTEWELL_TEST_OPERATIONS", "1200"))
NAMES = [f"n{n}" for n in range(8)]

Texts = dict[str, str]


def operate(folder: Path, seed: int, count: int) -> None:
    """Tells each operation: the number of the state that it made or saw, and what it wrote or found."""
    draw = random.Random(seed)
    store, index = sqlite_and_faiss(folder)
    assert isinstance(store, SQLiteLibrary)
    for n in range(count):
        roll = draw.random()
        told: dict[str, Any]
        if roll < 0.4:
            texts = {name: f"Text {seed} {n} of {name}." for name in draw.sample(NAMES, draw.randint(1, 3))}
            mark = store.put([entry(Article(name, "", text)) for name, text in texts.items()])
            told = {"seq": mark.seq, "put": texts}
        elif roll < 0.5:
            name = draw.choice(NAMES)
            try:
                told = {"seq": store.delete([name]).seq, "delete": name}
            except NotFound:
                continue
        else:
            with state(store, index) as now:
                articles = {article.id: article.text for article in now.library.articles(limit=99)}
                words = now.library.chunks([n for n, _ in now.library.search_text("text", 99)])
                vectors = now.library.chunks([int(n) for n in now.index.ids()])
                near = now.library.chunks([n for n, _ in now.index.search(EMBEDDER.embed_queries(["Text"])[0], 99)])
                seen = [{chunk.article_id: chunk.text for chunk in some} for some in (words, vectors, near)]
                told = {"seq": now.library.mark.seq, "read": [articles, *seen]}
        print(json.dumps(told), flush=True)
    store.close()


@pytest.mark.timeout(120 + OPERATIONS // 10)
def test_everything_happens_as_if_one_after_the_other(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.test_concurrency", str(tmp_path)]
    counts = str(OPERATIONS // PROCESSES)
    running = [
        subprocess.Popen([*command, str(seed), counts], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for seed in range(PROCESSES)
    ]
    told = [json.loads(line) for process in running for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in running] == [0] * PROCESSES
    changes = {one["seq"]: one for one in told if "put" in one or "delete" in one}
    assert len(changes) == sum("put" in one or "delete" in one for one in told), "two changes have one number"
    store, _ = sqlite_and_faiss(tmp_path)
    assert store.mark.seq == len(changes), "a change was lost"
    final = {article.id: article.text for article in store.articles(limit=99)}
    reads: dict[int, list[list[Texts]]] = {}
    for one in told:
        if "read" in one:
            reads.setdefault(one["seq"], []).append(one["read"])
    model: Texts = {}
    checked = 0
    for seq in range(store.mark.seq + 1):
        change = changes.get(seq)
        seen = reads.get(seq, [])
        if change is not None:
            model.update(change.get("put", {}))
            if "delete" in change:
                assert model.pop(change["delete"], None) is not None, "what was not there was deleted"
        for read in seen:
            assert read == [model] * 4, f"state {seq} was mixed with another"
            checked += 1
    assert final == model
    examine(tmp_path)
    print(f"{len(told)} operations of {PROCESSES} processes: {len(changes)} changes and {checked} reads as one by one")
    assert checked > OPERATIONS // 4


if __name__ == "__main__":
    operate(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
