"""Every answer of the index is compared, on values, with the brute-force oracle."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.index.faiss import FaissIndex
from rag.types import Changes, Matrix
from tests.fakes import ListIndex

DIM = 16


def vectors(n: int, seed: int) -> Matrix:
    rows = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def filled(folder: Path, n: int = 30) -> FaissIndex:
    index = FaissIndex(folder, dim=DIM, identity="lib")
    index.apply(Changes(1, [], list(range(100, 100 + n)), vectors(n, 1)))
    return index


@given(st.lists(st.tuples(st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20))), max_size=6), st.integers(1, 25))
def test_it_agrees_with_brute_force_through_any_changes(tmp_path_factory, steps, k) -> None:  # type: ignore[no-untyped-def]
    index, oracle = FaissIndex(tmp_path_factory.mktemp("i"), dim=DIM, identity="x"), ListIndex()
    for seq, (removed, added) in enumerate(steps, start=1):
        changes = Changes(seq, sorted(removed), sorted(added), vectors(len(added), seq))
        index.apply(changes)
        oracle.apply(changes)
    assert (len(index), index.seq) == (len(oracle), oracle.seq)
    question = vectors(1, 99)[0]
    for allowed in (None, [1, 3, 5, 7, 99], []):
        found, expected = index.search(question, k, allowed), oracle.search(question, k, allowed)
        assert [n for n, _ in found] == [n for n, _ in expected]
        np.testing.assert_allclose([s for _, s in found], [s for _, s in expected], atol=1e-5)
    np.testing.assert_allclose(
        index.similarities(question, range(22)), oracle.similarities(question, range(22)), atol=1e-5
    )


def test_a_vector_is_most_like_itself(tmp_path: Path) -> None:
    found = filled(tmp_path).search(vectors(30, 1)[7], 1)
    assert found[0][0] == 107 and found[0][1] == pytest.approx(1.0, abs=1e-5)


def test_a_saved_index_opens_at_its_sequence_number(tmp_path: Path) -> None:
    index = filled(tmp_path)
    index.save()
    again = FaissIndex(tmp_path, dim=DIM, identity="lib")
    assert (again.seq, len(again)) == (1, 30)
    question = vectors(1, 5)[0]
    assert again.search(question, 5) == index.search(question, 5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.faiss", "index.json"]


def test_an_index_that_does_not_fit_starts_afresh(tmp_path: Path) -> None:
    filled(tmp_path).save()
    assert FaissIndex(tmp_path, dim=DIM, identity="another library").seq == 0
    assert len(FaissIndex(tmp_path, dim=DIM + 1, identity="lib")) == 0
    card = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps(card | {"seq": 2}))
    assert len(FaissIndex(tmp_path, dim=DIM, identity="lib")) == 0


def test_damage_is_noticed_before_faiss_reads_a_byte(tmp_path: Path) -> None:
    filled(tmp_path).save()
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    rng = random.Random(0)
    for _ in range(200):
        path, data = rng.choice(sorted(files.items()))
        if rng.random() < 0.3:
            path.write_bytes(data[: rng.randrange(len(data))])
        else:
            at = rng.randrange(len(data))
            path.write_bytes(data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :])
        index = FaissIndex(tmp_path, dim=DIM, identity="lib")
        if len(index):  # a flip in the description that changes nothing that matters
            assert index.search(vectors(30, 1)[3], 1)[0][0] == 103
        path.write_bytes(data)
