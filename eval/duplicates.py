"""``python -m eval.duplicates DATA``: are near duplicates found, and nothing else?

Copies are made of real texts by editing, cutting and re-heading them, and put into a library among
the rest. What shares a cluster with a copy is right if it is the copy's original, or if the words of
the two in order (difflib) say that they are the same story too: news has real copies.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from difflib import SequenceMatcher
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.progress import track

from eval.scale import read_texts
from rag.build import System, build
from rag.settings import load_settings
from rag.types import Article, Entry

KINDS = ("edited", "cut", "re-headed", "all three")
_LEAST_WORDS = 60
_SAME = 0.5  # share of the shorter text's words that the longer has too, in the same order


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with reuters21578/ and newsgroups20/")
    parser.add_argument("--copies", type=int, default=1000)
    parser.add_argument("--among", type=int, default=100_000, help="texts at most, besides the copies")
    given = parser.parse_args()
    draw = Random(5)
    with (
        TemporaryDirectory(prefix="quotewell-copies-") as folder,
        closing(build(load_settings(home=Path(folder)))) as system,
    ):
        articles = [system.make_article(record, str(record["id"])) for record in read_texts(given.data)]
        articles = draw.sample(articles, min(given.among, len(articles)))
        long = [article for article in articles if len(article.text.split()) >= _LEAST_WORDS]
        originals = draw.sample(long, min(given.copies, len(long)))
        copies = [copied(article, KINDS[n % len(KINDS)], draw) for n, article in enumerate(originals)]
        _put(system, [*articles, *copies])
        _tell(system, originals, copies)


def copied(article: Article, kind: str, draw: Random) -> Article:
    """What another paper made of it."""
    text, title = article.text, article.title
    if kind in ("re-headed", "all three"):
        title = f"Report: {' '.join(reversed(title.split()))}"
        head = f"({draw.choice(['Agencies', 'Staff', 'Wire'])}) – From our correspondents, {draw.randint(1, 28)} May"
        text = f"{head}\n\n{text}\n\nThis report was first published elsewhere. All rights reserved."
    if kind in ("edited", "all three"):
        words = text.split(" ")
        for _ in range(max(1, len(words) // 20)):
            at = draw.randrange(len(words))
            words[at] = draw.choice(["reportedly", "however,", "", words[at] + " also"])
        text = " ".join(words)
    if kind in ("cut", "all three"):
        words = text.split(" ")
        text = " ".join(words[: int(len(words) * draw.uniform(0.5, 0.9))])
    return Article(f"copy of {article.id}", title, text.strip(), metadata={"kind": kind})


def _put(system: System, articles: Sequence[Article]) -> None:
    vectors = np.zeros((0, system.embedder.dim), np.float32)
    for start in track(range(0, len(articles), 500), "storing", console=Console(stderr=True)):
        system.library.put([Entry(article, [], vectors) for article in articles[start : start + 500]])


def _tell(system: System, originals: Sequence[Article], copies: Sequence[Article]) -> None:
    console = Console()
    asked: Counter[str] = Counter()
    found: Counter[str] = Counter()
    right = wrong = 0
    for original, copy in track(list(zip(originals, copies, strict=True)), "judging", console=Console(stderr=True)):
        kind = str(copy.metadata["kind"])
        asked[kind] += 1
        others = system.library.copies(copy.id)
        found[kind] += any(other.id == original.id for other in others)
        for other in others:
            if other.id == original.id or same_story(original.text, other.text):
                right += 1
            else:
                wrong += 1
                if wrong <= 10:
                    console.print(f"not the same: {copy.id} and {other.id}", soft_wrap=True)
    for kind in KINDS:
        console.print(f"{kind}: found {found[kind]} of {asked[kind]}")
    console.print(f"recall {found.total() / asked.total():.3f} of {asked.total()} copies")
    console.print(f"precision {right / max(1, right + wrong):.3f} of {right + wrong} pairs")


def same_story(a: str, b: str) -> bool:
    """Whether most of the shorter text's words are in the longer one, in the same order."""
    one, other = a.casefold().split(), b.casefold().split()
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks if block.size > 2) >= _SAME * min(len(one), len(other))


if __name__ == "__main__":
    main()
