"""Every answer of the index is compared, on values, with the brute-force oracle."""

from __future__ import annotations

import json
import random
import threading
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.index.faiss import FaissIndex
from rag.index.segments import Segment
from rag.types import ARTICLE_BITS, Changes, Mark, Matrix, Numbers
from tests.fakes import ListView

DIM = 16


def vectors(n: int, seed: int) -> Matrix:
    rows = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Log:
    """What an index reads of a library: a list of changes, and the state after the last."""

    def __init__(self) -> None:
        self.steps: list[tuple[Mark, list[int], list[int], Matrix]] = []
        self.rows: dict[int, Matrix] = {}

    @property
    def mark(self) -> Mark:
        return self.steps[-1][0] if self.steps else Mark(0, 0)

    def change(self, removed: list[int], added: list[int], rows: Matrix | None = None) -> None:
        rows = vectors(len(added), len(self.steps) + 1) if rows is None else rows
        ids = [number << ARTICLE_BITS for number in added]
        self.steps.append((Mark(len(self.steps) + 1, random.getrandbits(40)), removed, ids, rows))
        self.rows = {n: row for n, row in self.rows.items() if n >> ARTICLE_BITS not in removed}
        self.rows.update(zip(ids, rows, strict=True))

    def changes(self, after: Mark) -> Changes:
        known = [n for n, step in enumerate(self.steps) if step[0] == after]
        steps = self.steps[known[0] + 1 :] if known else []
        removed = np.array([n for step in steps for n in step[1]], np.int64)
        ids = sorted(n for n in self.rows if not known or any(n in step[2] for step in steps))
        rows = np.array([self.rows[n] for n in ids], np.float32).reshape(-1, DIM)
        return Changes(self.mark, not known, removed, np.array(ids, np.int64), rows)

    def oracle(self) -> ListView:
        return ListView(self.mark, self.rows)


def filled(folder: Path, n: int = 30) -> tuple[FaissIndex, Log]:
    log = Log()
    log.change([], list(range(100, 100 + n)), vectors(n, 1))
    index = FaissIndex(folder, dim=DIM)
    assert index.at(log) is not None  # type: ignore[arg-type]
    return index, log


def same(index: FaissIndex, log: Log, k: int = 5, allowed: Numbers | None = None) -> None:
    view, oracle = index.at(log), log.oracle()  # type: ignore[arg-type]
    assert view is not None and (len(view), view.mark) == (len(oracle), oracle.mark)
    question = vectors(1, 99)[0]
    found, expected = view.search(question, k, allowed), oracle.search(question, k, allowed)
    assert [n for n, _ in found] == [n for n, _ in expected]
    np.testing.assert_allclose([s for _, s in found], [s for _, s in expected], atol=1e-5)
    ids = [n << ARTICLE_BITS for n in (1, 2, 3, 100, 101, 9999)]
    np.testing.assert_allclose(view.similarities(question, ids), oracle.similarities(question, ids), atol=1e-5)


@given(data=st.data())
def test_the_index_agrees_with_the_oracle_whatever_happens(data: st.DataObject, tmp_path_factory: object) -> None:
    folder = tmp_path_factory.mktemp("index")  # type: ignore[attr-defined]
    index, log, number = FaissIndex(folder, dim=DIM), Log(), 1
    for _ in range(data.draw(st.integers(1, 6))):
        there = sorted({n >> ARTICLE_BITS for n in log.rows})
        removed = data.draw(st.lists(st.sampled_from(there), unique=True)) if there else []
        count = data.draw(st.integers(0, 8))
        log.change(removed, list(range(number, number + count)))
        number += count
        action = data.draw(st.sampled_from(["look", "save", "purge", "reopen", "nothing"]))
        if action in ("save", "purge"):
            index.save(log, purge=action == "purge")  # type: ignore[arg-type]
        if action == "reopen":
            index = FaissIndex(folder, dim=DIM)
        if action != "nothing":
            same(index, log, k=data.draw(st.integers(1, 30)))
    for allowed in ([], [1, 3, 5, 7, 99]):
        same(index, log, allowed=np.array(allowed, np.int64))


def test_a_vector_is_most_like_itself(tmp_path: Path) -> None:
    index, log = filled(tmp_path)
    ((n, score),) = index.at(log).search(vectors(30, 1)[7], 1)  # type: ignore
    assert n >> ARTICLE_BITS == 107 and score == pytest.approx(1.0, abs=1e-5)


def test_a_view_stays_what_it_was(tmp_path: Path) -> None:
    index, log = filled(tmp_path)
    then = index.at(log)  # type: ignore[arg-type]
    log.change(list(range(100, 120)), [200, 201])
    now = index.at(log)  # type: ignore[arg-type]
    assert then is not None and now is not None
    assert (len(then), len(now)) == (30, 12)
    assert then.search(vectors(30, 1)[7], 1)[0][0] >> ARTICLE_BITS == 107


def test_a_saved_index_opens_at_its_state(tmp_path: Path) -> None:
    index, log = filled(tmp_path)
    index.save(log)  # type: ignore[arg-type]
    log.changes = None  # type: ignore[method-assign, assignment]  # nothing more is asked of the library
    same(FaissIndex(tmp_path, dim=DIM), log)
    names = sorted(path.name.partition("-")[0] for path in tmp_path.iterdir())
    assert names == ["index", "index", "index.json", "index.lock"]


def test_what_is_not_saved_is_read_from_the_library(tmp_path: Path) -> None:
    index, log = filled(tmp_path)
    index.save(log)  # type: ignore[arg-type]
    log.change([101], [300])
    same(FaissIndex(tmp_path, dim=DIM), log)


@pytest.mark.parametrize("gone", [True, False])
def test_files_that_another_process_replaces_while_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    index, log = filled(tmp_path)
    index.save(log)  # type: ignore[arg-type]
    read, first = faiss.read_index, True

    def replaced(*args: object) -> object:
        nonlocal first
        if first:
            first = False
            log.change([101], [300])
            index.save(log)  # type: ignore[arg-type]
            if gone:  # and nothing stands in their place
                (tmp_path / "index.json").unlink()
        return read(*args)

    monkeypatch.setattr(faiss, "read_index", replaced)
    opened = FaissIndex(tmp_path, dim=DIM)
    assert len(opened._view) == (0 if gone else 30)
    same(opened, log)


def test_an_index_that_does_not_fit_starts_afresh(tmp_path: Path) -> None:
    index, log = filled(tmp_path)
    index.save(log)  # type: ignore[arg-type]
    other = Log()
    other.change([], [1, 2, 3])
    same(FaissIndex(tmp_path, dim=DIM), other)
    wider = FaissIndex(tmp_path, dim=DIM + 1)
    assert len(wider._view) == 0
    card = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps(card | {"mark": [2, 3]}))
    assert len(FaissIndex(tmp_path, dim=DIM)._view) == 0


def test_what_was_removed_leaves_the_file(tmp_path: Path) -> None:
    index, log = filled(tmp_path)
    index.save(log)  # type: ignore[arg-type]
    secret = log.rows[107 << ARTICLE_BITS].tobytes()
    assert any(secret in path.read_bytes() for path in tmp_path.iterdir())
    log.change([107], [])
    index.save(log, purge=True)  # type: ignore[arg-type]
    assert not any(secret in path.read_bytes() for path in tmp_path.iterdir())
    same(index, log)


def test_damage_is_noticed_before_faiss_reads_a_byte(tmp_path: Path) -> None:
    index, log = filled(tmp_path)
    index.save(log)  # type: ignore[arg-type]
    files = {path: path.read_bytes() for path in tmp_path.iterdir() if path.stat().st_size}
    rng = random.Random(0)
    for _ in range(200):
        path, data = rng.choice(sorted(files.items()))
        if rng.random() < 0.3:
            path.write_bytes(data[: rng.randrange(len(data))])
        else:
            at = rng.randrange(len(data))
            path.write_bytes(data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :])
        same(FaissIndex(tmp_path, dim=DIM), log)
        path.write_bytes(data)


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[FaissIndex, Log]:
    """An index that is searched in two steps, of which the first is coarse."""
    monkeypatch.setattr("rag.index.segments.COARSE_ROWS", 1000)
    monkeypatch.setattr("rag.index.segments._AGAIN", 200)
    monkeypatch.setattr("rag.index.segments._PARTS", 8)
    monkeypatch.setattr("rag.index.segments._SAMPLE", 2000)
    monkeypatch.setattr("rag.index.faiss._SMALL", 100)
    index, log = filled(tmp_path, 5000)
    index.save(log)  # type: ignore[arg-type]
    return index, log


def test_in_two_steps_is_found_what_brute_force_finds(tmp_path: Path, large: tuple[FaissIndex, Log]) -> None:
    index, log = large
    assert index.at(log).segments[0].coarse is not None  # type: ignore
    log.change(list(range(100, 400)), [9000, 9001])
    for one in (index, FaissIndex(tmp_path, dim=DIM)):
        for allowed in (None, np.arange(150, 4000), np.arange(500, 520)):
            found = hits = 0
            for question in vectors(50, 7):
                expected = {n for n, _ in log.oracle().search(question, 10, allowed)}
                near = one.at(log).search(question, 10, allowed)  # type: ignore
                assert all(n in log.rows and (allowed is None or n >> ARTICLE_BITS in allowed) for n, _ in near)
                hits += len(expected & {n for n, _ in near})
                found += len(expected)
            assert hits >= 0.98 * found


def test_what_was_removed_leaves_a_large_file_too(tmp_path: Path, large: tuple[FaissIndex, Log]) -> None:
    index, log = large
    secret = log.rows[107 << ARTICLE_BITS].tobytes()
    before = index.at(log).segments[0].coarse.ntotal  # type: ignore
    log.change([107], [9000])
    index.save(log, purge=True)  # type: ignore[arg-type]
    assert not any(secret in path.read_bytes() for path in tmp_path.iterdir())
    view = index.at(log)  # type: ignore[arg-type]
    assert view is not None and view.segments[0].coarse.ntotal == before - 1
    assert (len(view), len(view.segments)) == (5000, 2)


def test_what_another_process_saved_is_taken_over(tmp_path: Path) -> None:
    index, log = filled(tmp_path)
    other = FaissIndex(tmp_path, dim=DIM)
    other.save(log)  # type: ignore[arg-type]
    assert not index.at(log).segments[0].mapped  # type: ignore
    index.maintain(log)  # type: ignore[arg-type]
    assert index.at(log).segments[0].mapped  # type: ignore
    same(index, log)


def test_threads_search_while_changes_come(tmp_path: Path) -> None:
    index, log = filled(tmp_path, 500)
    failures: list[BaseException] = []
    question = vectors(1, 99)[0]

    def search() -> None:
        try:
            for _ in range(200):
                view = index._view
                assert len(view.search(question, 1000)) == len(view)
        except (AssertionError, RuntimeError) as err:
            failures.append(err)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(60):
        log.change([100 + n], [1000 + n])
        index.at(log)  # type: ignore[arg-type]
    for thread in threads:
        thread.join()
    assert not failures
    same(index, log)


def test_joining_keeps_few_segments(tmp_path: Path) -> None:
    index, log = filled(tmp_path, 1)
    for n in range(200):
        log.change([], [1000 + n])
        index.at(log)  # type: ignore[arg-type]
    view = index.at(log)  # type: ignore[arg-type]
    assert view is not None and len(view.segments) <= 9
    assert all(isinstance(segment, Segment) for segment in view.segments)
    same(index, log)
