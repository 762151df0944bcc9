"""What the web does to a text, and people to a question: done to an example, its answers moved along."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rag.training.examples import Example
from rag.types import Span

_QUOTES = {
    '"': ["“", "”", "''", "``", "â€œ"],
    "'": ["’", "‘", "`"],
    "-": ["–", "—"],
    "“": ['"'],
    "”": ['"'],
    "’": ["'"],
    "–": ["-"],
}


def noisy(example: Example, rng: random.Random) -> Example:
    """One example in six: other quotes and dashes, stray and lost spaces. One question in eight: in lower case."""
    if rng.random() < 0.125:
        question = example.question.lower().rstrip("?" if rng.random() < 0.5 else " ")
        example = replace(example, question=question or example.question)
    if rng.random() > 1 / 6:
        return example
    edges = {place for a in example.answers for place in range(a.start, a.end + 1)}
    made: list[str] = []
    moved = [0]
    for place, char in enumerate(example.passage):
        kind = rng.random()
        if char in _QUOTES and kind < 0.4:
            made.append(rng.choice(_QUOTES[char]))
        elif char == " " and kind < 0.03 and place not in edges:
            made.append(rng.choice(["  ", "\n", "\u00a0", ""]))
        elif char in ",.;:" and kind < 0.04 and place not in edges:
            made.append(" " + char)
        else:
            made.append(char)
        moved.append(moved[-1] + len(made[-1]))
    answers = tuple(Span(moved[a.start], moved[a.end]) for a in example.answers)
    return replace(example, passage="".join(made), answers=answers)


def in_other_words(question: str, words: Mapping[str, Sequence[str]], rng: random.Random) -> str:
    """Half of the words for which there are others, changed for one of these; a name's are left alone."""

    def other(match: re.Match[str]) -> str:
        others = words.get(match[0])
        return rng.choice(others) if others and rng.random() < 0.5 else match[0]

    return re.sub(r"(?<![\w'’-])[a-z]+(?![\w'’-])", other, question)
