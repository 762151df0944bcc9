"""What the reader is taught with, written to a file so that a machine with a GPU needs no data sets.

``python -m rag.training.lessons``: some epochs of ``reader.Epochs``, as they would be trained on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import zstandard

from rag.training.examples import Example, load, parted
from rag.training.reader import Epochs
from rag.types import Span

FIRST = 12  # the epochs before have been trained on


def written(path: Path, examples: Iterator[Example]) -> None:
    wide = zstandard.ZstdCompressionParameters.from_level(15, window_log=27)  # the same passages come again and again
    compress = zstandard.ZstdCompressor(compression_params=wide)
    with path.open("wb") as file, compress.stream_writer(file) as out:
        for one in examples:
            row = [one.question, one.passage, [[a.start, a.end] for a in one.answers], one.kind, one.holds]
            out.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


def read(path: Path) -> list[Example]:
    with path.open("rb") as file, zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(file) as source:
        lines = source.read().decode().splitlines()
    rows = map(json.loads, lines)
    return [
        Example(question, passage, tuple(Span(*a) for a in answers), kind, holds)
        for question, passage, answers, kind, holds in rows
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("runs/lessons.jsonl.zst"))
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    sources = parted(load(given.data), held=False)
    epochs = Epochs(sources, given.seed)
    written(given.out, (one for n in range(FIRST, FIRST + given.epochs) for one in epochs.examples(n)))


if __name__ == "__main__":
    main()
