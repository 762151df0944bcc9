"""``python -m eval.followups``: follow-up questions, read alone, as we read them, and as a person rewrote them.

Over eval/sets/followups.jsonl it counts where the passage with the evidence is among the first, and the first four;
over eval/sets/talks.jsonl, about the invented news beside it, where it is cited first: once as it is, and once with all
that was asked before in small letters, as many people type, so that no name in it is known for one.
Over CANARD (``--canard``) and TREC CAsT (``--cast``) it counts the stems of the human rewrite that each has.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from eval.formats import read_text
from rag.build import System, build
from rag.conversation import standalone
from rag.settings import load_settings
from rag.types import Answer, Turn
from rag.words import content_words, stems

SET = Path(__file__).parent / "sets" / "followups.jsonl"
TALKS = SET.with_name("talks.jsonl")
Way = Callable[[dict[str, Any]], str]
WAYS: dict[str, Way] = {
    "last turn alone": lambda one: str(one["question"]),
    "ours": lambda one: standalone(one["question"], _turns(one["history"])),
    "human rewrite": lambda one: str(one["rewrite"]),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m eval.followups", description="Follow-up questions, read three ways."
    )
    parser.add_argument("--articles", default="seeds", help="what they are about")
    parser.add_argument("--canard", type=Path, help="CANARD's dev.json")
    parser.add_argument("--cast", type=Path, help="folder of CAsT's topics, as they are named in its repository")
    given = parser.parse_args()
    asked = [json.loads(line) for line in SET.read_text(encoding="utf-8").splitlines()]
    with TemporaryDirectory() as home, closing(build(load_settings(home=Path(home)))) as system:
        for _ in system.ingest(system.read(given.articles)):
            pass
        table = Table("", "found first", "in four", title=f"{len(asked)} follow-ups", title_justify="left")
        for name, way in WAYS.items():
            table.add_row(name, *(f"{sum(_found(system, way(one), one, k) for one in asked)}" for k in (1, 4)))
    Console().print(table)
    _print_talks([json.loads(line) for line in TALKS.read_text(encoding="utf-8").splitlines()], given.articles)
    if given.canard:
        _print_rewriting("CANARD", _canard(json.loads(read_text(given.canard))))
    if given.cast:
        _print_rewriting("CAsT 2019 and 2020", _cast(given.cast))


def _print_talks(talks: list[dict[str, Any]], articles: str) -> None:
    kinds = sorted({one["type"] for one in talks})
    table = Table("", *kinds, title=f"Cited first, of {len(talks)} talks over news", title_justify="left")
    ways: dict[str, Callable[[dict[str, Any]], tuple[str, list[Turn]]]] = {
        "last turn alone": lambda one: (one["question"], []),
        "ours": lambda one: (one["question"], _turns(one["history"])),
        "ours, small letters": lambda one: (one["question"], _small(_turns(one["history"]))),
        "human rewrite": lambda one: (one["rewrite"], []),
    }
    with TemporaryDirectory() as home, closing(build(load_settings(home=Path(home), threshold=0.0))) as system:
        for folder in (str(TALKS.with_name("news")), articles):
            for _ in system.ingest(system.read(folder)):
                pass
        for name, way in ways.items():
            right = Counter(one["type"] for one in talks if _cited_first(system, *way(one), one))
            table.add_row(name, *(f"{right[kind]} of {sum(one['type'] == kind for one in talks)}" for kind in kinds))
    Console().print(table)


def _small(turns: Sequence[Turn]) -> list[Turn]:
    return [Turn(turn.role, turn.text.lower()) if turn.role == "user" else turn for turn in turns]


def _cited_first(system: System, question: str, history: Sequence[Turn], one: dict[str, Any]) -> bool:
    *_, answer = system.ask(question, history=history)
    first = answer.citations[0].quote if isinstance(answer, Answer) and answer.citations else ""
    return any(piece["quote"] in first or (first and first in piece["quote"]) for piece in one["evidence"])


def _print_rewriting(name: str, turns: list[dict[str, Any]]) -> None:
    table = Table("", "recall", "precision", title=f"{len(turns)} turns of {name}", title_justify="left")
    for way, rewrite in list(WAYS.items())[:2]:
        told = [_shared(rewrite(one), one["rewrite"]) for one in turns]
        table.add_row(way, *(f"{sum(values) / len(values):.1%}" for values in zip(*told, strict=True)))
    Console().print(table)


def _turns(history: Sequence[dict[str, str]]) -> list[Turn]:
    return [Turn("user" if turn["role"] == "user" else "assistant", turn["text"]) for turn in history]


def _found(system: System, question: str, one: dict[str, Any], k: int) -> bool:
    passages = system.search(question, k=k)
    return any(piece["quote"] in passage.chunk.text for piece in one["evidence"] for passage in passages)


def _canard(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A conversation there is about an article, whose title every turn knows: it is told first."""
    made = []
    for record in records:
        title, section, *turns = record["History"]
        texts = [f"Tell me about {title}.", section, *turns]
        history = [{"role": ("user", "assistant")[n % 2], "text": text} for n, text in enumerate(texts)]
        made.append({"question": record["Question"], "rewrite": record["Rewrite"], "history": history})
    return made


def _cast(folder: Path) -> list[dict[str, Any]]:
    """Turns behind the first, whose answers are not told; 2019's rewrites stand in a table of their own."""
    first = json.loads(read_text(folder / "2019__data__evaluation__evaluation_topics_v1.0.json.zst"))
    told = read_text(folder / "2019__data__evaluation__evaluation_topics_annotated_resolved_v1.0.tsv.zst")
    resolved = dict(line.split("\t", 1) for line in told.splitlines())
    second = json.loads(read_text(folder / "2020__2020_manual_evaluation_topics_v1.0.json.zst"))
    made = []
    for topic in [*first, *second]:
        history: list[dict[str, str]] = []
        for turn in topic["turn"]:
            question = turn["raw_utterance"].strip()
            rewrite = turn.get("manual_rewritten_utterance") or resolved[f"{topic['number']}_{turn['number']}"]
            if history:
                made.append({"question": question, "rewrite": rewrite, "history": list(history)})
            history.append({"role": "user", "text": question})
    return made


def _shared(one: str, rewrite: str) -> tuple[float, float]:
    mine, theirs = (set(stems(content_words(text))) for text in (one, rewrite))
    return len(mine & theirs) / max(1, len(theirs)), len(mine & theirs) / max(1, len(mine))


if __name__ == "__main__":
    main()
