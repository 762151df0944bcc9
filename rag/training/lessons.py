"""What the reader is taught with, written to files so that a machine with a GPU needs no data sets.

``python -m rag.training.lessons``: ``lessons.jsonl.zst``, some epochs of ``reader.Epochs`` as they would be trained on;
``passages.jsonl.zst``, what questions can be made up about (``asker``); ``exam.jsonl.zst``, questions of the
development set over their paragraphs, to see how teacher and reader get on; ``words.json``, words for others.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import zstandard

from rag.chunks import sentences
from rag.training.asker import Passage
from rag.training.examples import Example, Group, Source, development, load, parted
from rag.training.lookalikes import weighed
from rag.training.neighbours import others
from rag.training.reader import Epochs
from rag.types import Span

FIRST = 21  # the epochs before have been trained on
_ROOM = (250, 900)  # characters of a passage to ask about
_BEGUN = (60, 200)  # of a sentence to write on from
_NEAR = 3
_UNASKED = ("policyqa", "cad_nli")  # policies of websites, captions of photos: not what articles are like
_SENTENCES = ("qamr", "foolmetwice", "multinli dev")


def written(path: Path, rows: Iterable[Any]) -> None:
    wide = zstandard.ZstdCompressionParameters.from_level(15, window_log=27)  # the same passages come again and again
    compress = zstandard.ZstdCompressor(compression_params=wide)
    with path.open("wb") as file, compress.stream_writer(file) as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


def read(path: Path) -> list[Any]:
    with path.open("rb") as file, zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(file) as source:
        return list(map(json.loads, source.read().decode().splitlines()))


def row_of(one: Example) -> list[Any]:
    return [one.question, one.passage, [[a.start, a.end] for a in one.answers], one.kind, one.holds]


def examples(path: Path) -> list[Example]:
    return [
        Example(question, passage, tuple(Span(*a) for a in answers), kind, holds)
        for question, passage, answers, kind, holds in read(path)
    ]


def passages(path: Path) -> list[Passage]:
    return [
        Passage(text, title, tuple(questions), tuple(near), begun) for text, title, questions, near, begun in read(path)
    ]


def asked_about(sources: list[Source], rng: random.Random) -> Iterator[Passage]:
    """Passages of every set, parted at sentences' ends, and single sentences to write on from."""
    many = 0
    for source in sources:
        if source.name in _SENTENCES:
            texts = sorted({passage for group in source.groups for passage in group.passages})
            made = [Passage(text, begun=True) for text in texts if _BEGUN[0] <= len(text) <= _BEGUN[1]]
            yield from made
            many += len(made)
        elif source.name not in _UNASKED:
            for group in source.groups:
                parts = list(_parts(group, source.name == "selqa", rng))
                for one, near in zip(parts, _alike([one.text for one in parts]), strict=True):
                    yield dataclasses.replace(one, near=tuple(many + n for n in near))
                many += len(parts)


def _parts(group: Group, first: bool, rng: random.Random) -> Iterator[Passage]:
    """``first``: the others are that passage again, without what answers."""
    title = group.examples[0][1].title if group.examples else ""
    for place, passage in enumerate(group.passages[:1] if first else group.passages):
        spans, at = sentences(passage), 0
        asked = [example for where, example in group.examples if where == place and example.answers]
        while at < len(spans):
            room, last = rng.randint(*_ROOM), at
            while last + 1 < len(spans) and spans[last + 1].end - spans[at].start <= room:
                last += 1
            start, end = spans[at].start, spans[last].end
            at = last + 1
            if end - start >= _ROOM[0] // 2:
                inside = (e.question for e in asked if start <= e.answers[0].start and e.answers[0].end <= end)
                yield Passage(passage[start:end], title, tuple(dict.fromkeys(inside)))


def _alike(texts: list[str]) -> list[list[int]]:
    """For each text the numbers of those most like it."""
    if len(texts) < 2:
        return [[] for _ in texts]
    _, found = weighed(texts)
    near = []
    for at in range(0, len(texts), 512):
        for n, row in enumerate((found[at : at + 512] @ found.T).toarray(), at):
            row[n] = -1
            near.append(row.argsort()[::-1][: min(_NEAR, len(texts) - 1)].tolist())
    return near


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("runs/lessons"))
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "words.json").write_text(json.dumps(others()), encoding="utf-8")
    sources = parted(load(given.data), held=False)
    rows = [dataclasses.astuple(one) for one in asked_about(sources, random.Random(given.seed))]
    written(given.out / "passages.jsonl.zst", rows)
    exam = [example for group in development(given.data) for _, example in group.examples]
    written(given.out / "exam.jsonl.zst", map(row_of, random.Random(given.seed).sample(exam, 1500)))
    epochs = Epochs(sources, given.seed)
    told = (one for n in range(FIRST, FIRST + given.epochs) for one in epochs.examples(n))
    written(given.out / "lessons.jsonl.zst", map(row_of, told))


if __name__ == "__main__":
    main()
