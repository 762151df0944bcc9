"""Each write, sync, rename and commit of an ingest fails once; each file has bits flipped and its end cut off."""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rag.errors import QuotewellError
from rag.flow import state
from rag.library.sqlite import SQLiteLibrary
from rag.types import Is
from tests.faults.work import change, examine
from tests.library.engines import EMBEDDER, sqlite_and_faiss

ROOT = Path(__file__).parents[2]
MODES = {"no space": 1, "I/O error": 2, "exit": 3}
FLIPS = int(os.environ.get("QUOTEWELL_TEST_FLIPS", "200"))

OLD: dict[str, str | None] = {f"a{n}": f"The old text number {n} tells of a bridge." for n in range(4)}
STEP: dict[str, str | None] = {"a0": "A new text.", "a1": None, "b0": "Another article, about a canal.", "b1": "More."}
NEW = {name: text for name, text in {**OLD, **STEP}.items() if text is not None}


def texts(folder: Path) -> dict[str, str]:
    store, _ = sqlite_and_faiss(folder)
    try:
        return {article.id: article.text for article in store.articles(limit=100)}
    finally:
        store.close()


def fail_each(folder: Path) -> dict[str, Any]:
    """Run in a process of its own, with faults.c preloaded. What is there after each fault of each kind."""
    shim = ctypes.CDLL(None)
    shim.fault_seen.restype = ctypes.c_long
    made = folder / "old"
    store, index = sqlite_and_faiss(made)
    change(store, index, OLD)  # type: ignore[arg-type]
    store.close()
    found: dict[str, Any] = {"cases": 0, "wrong": [], "kept": 0, "told": 0}
    for name, mode in MODES.items():
        n = 0
        while True:
            n += 1
            home = folder / "home"
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(made, home)
            child = os.fork()
            if not child:
                os._exit(_suffer(shim, home, n, mode))
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if code == 7:  # the fault never came: the ingest has fewer operations
                break
            found["cases"] += 1
            left = texts(home)
            found["kept"] += left != NEW
            found["told"] += code == 1
            # A step is a commit for what is put and one for what is deleted.
            between = {**OLD, **{key: text for key, text in STEP.items() if text is not None}}
            if left not in (OLD, between, NEW) or (code == 0 and left != NEW) or code not in (0, 1, 99):
                found["wrong"].append([name, n, code, sorted(left)])
            examine(home)
    return found


def _suffer(shim: Any, home: Path, n: int, mode: int) -> int:
    """0: all is well all the same; 1: an error of ours told of it; 7: there were fewer operations; 99: exited."""
    try:
        store, index = sqlite_and_faiss(home)
        shim.fault_arm(str(home).encode(), ctypes.c_long(n), mode)
        try:
            change(store, index, STEP)  # type: ignore[arg-type]
            store.close()
        finally:
            came = shim.fault_seen() >= n
            shim.fault_arm(b"", ctypes.c_long(0), 0)
    except (QuotewellError, OSError):
        return 1
    except BaseException:  # noqa: BLE001
        return 2
    return 0 if came else 7


@pytest.mark.timeout(900)
def test_whatever_fails_the_old_or_the_new_state_is_there(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have a C compiler: apt-get install gcc libc6-dev")
        pytest.skip("no C compiler on this machine")
    shim = tmp_path / "faults.so"
    source = Path(__file__).with_name("faults.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.test_faults", str(tmp_path)],
        env={**os.environ, "LD_PRELOAD": str(shim)}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print(found)
    assert found["wrong"] == []
    assert found["cases"] > 100 and found["kept"] > 20 and found["told"] > 20


def answers(folder: Path) -> object:
    """What a user can learn of the home: articles, old revisions, words, vectors, filters."""
    store, index = sqlite_and_faiss(folder)
    assert isinstance(store, SQLiteLibrary)
    try:
        with state(store, index) as now:
            library = now.library
            near = now.index.search(EMBEDDER.embed_queries(["a bridge"])[0], 5, library.allowed(Is("tag", ())))
            return [
                library.articles(limit=100),
                [library.stored(article.id)[0] for article in library.articles(limit=100)],
                [library.chunks([n for n, _ in library.search_text(word, 9)]) for word in ("bridge", "canal", "old")],
                [score for _, score in library.search_text("bridge canal", 9)],
                now.index.search(EMBEDDER.embed_queries(["a bridge"])[0], 5),
                near,
            ]
    finally:
        store.close()


@pytest.mark.timeout(60 + FLIPS)
def test_damage_to_any_file_is_told_or_does_no_harm(tmp_path: Path) -> None:
    made = tmp_path / "made"
    store, index = sqlite_and_faiss(made)
    change(store, index, OLD)  # type: ignore[arg-type]
    change(store, index, STEP)  # type: ignore[arg-type]
    shutil.copytree(made, tmp_path / "open")  # with its write-ahead log, as a killed process leaves it
    store.close()
    truth = answers(made)
    draw = random.Random(FLIPS)
    told = harmless = 0
    for n in range(FLIPS):
        home = tmp_path / "home"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(tmp_path / "open" if n % 2 else made, home)
        path = draw.choice([p for p in sorted(home.iterdir()) if p.stat().st_size and p.suffix != ".db-shm"])
        data = bytearray(path.read_bytes())
        if draw.random() < 0.3:
            del data[draw.randrange(len(data)) :]
        else:
            used = [at for at, byte in enumerate(data) if byte]  # most of a small database is empty
            data[draw.choice(used)] ^= 1 << draw.randrange(8)
        path.write_bytes(data)
        try:
            found = answers(home)
        except QuotewellError:
            told += 1
            continue
        assert found == truth, f"a wrong answer after damage {n} to {path.name}"
        harmless += 1
    print(f"{FLIPS} flips and cuts: {told} told, {harmless} harmless, 0 wrong")
    assert told > FLIPS // 20


if __name__ == "__main__":
    print(json.dumps(fail_each(Path(sys.argv[1]))))
