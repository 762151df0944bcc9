"""SIGKILL at random moments, several writers at once, state accumulating: nothing acknowledged is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.work import Texts, check, examine, fill, ready

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("QUOTEWELL_TEST_KILLS", "12"))
CHUNKS = int(os.environ.get("QUOTEWELL_TEST_CHUNKS", "0"))
WRITERS = ("a", "b")


class Writer:
    """A process that writes until it is killed, and what it told by then."""

    def __init__(self, folder: Path, name: str, seed: int) -> None:
        self.name = name
        command = [sys.executable, "-m", "tests.faults.work", str(folder), name, str(seed)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    def told(self) -> tuple[list[dict[str, str | None]], dict[str, str | None] | None]:
        """The changes that were acknowledged, and the one that was under way, if any."""
        out, err = self.process.communicate(timeout=30)
        assert self.process.returncode == -signal.SIGKILL, err
        whole = out[: out.rfind("\n") + 1].splitlines()
        lines: list[Any] = [json.loads(line) for line in whole]
        done = [line["about"] for line, after in zip(lines, lines[1:], strict=False) if "done" in after]
        return done, lines[-1]["about"] if lines and "about" in lines[-1] else None


@pytest.mark.timeout(60 + 15 * KILLS)
def test_what_was_acknowledged_survives(tmp_path: Path) -> None:
    draw = random.Random(KILLS)
    expected: dict[str, Texts] = {name: {} for name in WRITERS}
    kills = changes = chunks = 0
    slowest = 0.0
    fill(tmp_path, CHUNKS)
    while kills < KILLS:
        writers = [Writer(tmp_path, name, draw.randrange(10**9)) for name in WRITERS]
        time.sleep(0.9 + draw.random() * 0.8)
        for writer in draw.sample(writers, len(writers)):
            writer.kill()
            kills += 1
            time.sleep(draw.random() * 0.05)
        told = [writer.told() for writer in writers]
        started = time.monotonic()
        chunks = ready(tmp_path)
        slowest = max(slowest, time.monotonic() - started)
        for writer, (done, about) in zip(writers, told, strict=True):
            texts = expected[writer.name]
            for step in done:
                texts.update({name: text for name, text in step.items() if text is not None})
                for name in [name for name, text in step.items() if text is None]:
                    texts.pop(name, None)
            expected[writer.name] = check(tmp_path, texts, about, writer.name)
            changes += len(done)
        examine(tmp_path)
    print(f"{kills} kills, {changes} changes acknowledged, 0 lost; ready in {slowest:.2f} s at most, {chunks} chunks")
    assert changes > KILLS, "the writers were killed before they wrote"
    assert slowest < 5
