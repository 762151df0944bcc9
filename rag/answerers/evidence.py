"""What speaks for a sentence as the answer to a question: a row of numbers each. Pure but for the embedder."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag.chunks import sentences
from rag.types import Embedder, Matrix, Passage, Span
from rag.words import content_words, sentence_stems, stems, words

FEATURES = (
    "coverage",  # share of the question's words, by rarity, that stand in the sentence
    "context",  # the same for sentence, the one before it and the headline
    "passage",  # the same for the whole passage and the headline
    "missing_name",  # share of the question's names and numbers that the passage and headline lack
    "pairs",  # share of the question's word pairs that stand in the sentence
    "similarity",  # cosine of question and sentence
    "retrieval",  # score of the passage
    "behind",  # how far that score is behind the best passage's
    "kind",  # whether the sentence holds what the question word asks for
    "no_kind",  # 1 where the question word asks for nothing that can be told by its form
    "length",  # log of the sentence's words over 20
    "fragment",  # 1 for fewer than 5 words, or no verb's end: headings, captions
)

_NUMBER = r"""(?x)
    (?:[$€£]\s?)?\b\d[\d.,]*\b
    | \b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen
    |eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?
    |half|quarter|third|dozens?|once|twice|several|few|many|none)\b"""
_TIME = r"""(?x)
    \b(?:1\d{3}|20\d{2})s?\b
    | \b(?:january|february|march|april|may|june|july|august|september|october|november|december|monday|tuesday
    |wednesday|thursday|friday|saturday|sunday|spring|summer|autumn|winter|century|decades?|years?|months?|weeks?
    |days?|hours?|minutes?|today|yesterday|tomorrow|ago|noon|midnight|morning|evening)\b"""
_NAME = r"""(?x)
    (?<![.!?\"“”]\s)(?<!^)\b[A-Z][\w'’.-]*(?:\s+(?:of|the|de|von|and|&)?\s*[A-Z][\w'’.-]*)*
    | ^[A-Z]\w+(?:\s+[A-Z][\w.-]*)+"""
_PLACE = r"""(?x)
    \b(?:in|at|on|near|from|to|of|across|outside|inside|through)\s+(?:the\s+)?(?:[A-Z][\w'’-]+|\w+\s+(?:of|and)\s+[A-Z])"""
_REASON = r"""(?x)
    \b(?:because|since|due|so\ that|in\ order|reasons?|cause[sd]?|causing|result(?:ed|ing|s)?|led|leads?|therefore|thus
    |thanks|so|to\ \w+|for|after|as|worr\w+|fear\w*|concern\w*|argu\w+|said|allow\w*|mean[st]?)\b"""

# What a question asks for: its name, how the question asks for it, and what one looks like in a sentence.
_KINDS = tuple(
    (name, re.compile(asks, re.IGNORECASE), re.compile(holds, flags))
    for name, asks, holds, flags in (
        (
            "number",
            r"""(?x)\bhow\ (?:many|much|often|far|old|long|tall|high|big|large|wide|deep|fast|heavy|hot|cold)\b
            |\bwhat\ (?:percent\w*|number|share|fraction|proportion|amount|price|cost|distance|height|length|speed
            |size|rate|age|population|temperature)\b""",
            _NUMBER,
            re.IGNORECASE,
        ),
        (
            "time",
            r"\bwhen\b|\b(?:what|which) (?:\w+ )?(?:year|date|day|month|century|decade|time|season|era)\b",
            _TIME,
            re.IGNORECASE,
        ),
        (
            "name",
            r"""(?x)\bwho(?:m|se)?\b|\b(?:what|which)\ (?:\w+\ )?(?:person|people|man|woman|company|companies|firm|agency
            |organi[sz]ation|group|team|senator|president|minister|mayor|spokes\w+|official|engineer|scientist|king
            |queen|author)\b""",
            _NAME,
            0,
        ),
        (
            "place",
            r"""(?x)\bwhere\b|\b(?:what|which)\ (?:\w+\ )?(?:city|cities|town|country|countries|states?|place|region
            |continent|location|river|island)\b""",
            _PLACE,
            0,
        ),
        ("reason", r"\bwhy\b|\bhow come\b|\bwhat (?:\w+ )?(?:reason|cause|caused|led)\b", _REASON, re.IGNORECASE),
    )
)
_NAMED = re.compile(r"(?<!^)\b[A-Z]\w+|\b\w*\d\w*")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage. ``span`` is in code points of the article; ``row`` follows FEATURES."""

    passage: int
    span: Span
    text: str
    row: Matrix


@dataclass(frozen=True, slots=True)
class _Asked:
    rarity: dict[str, float]
    pairs: frozenset[tuple[str, str]]
    names: frozenset[str]
    kind: tuple[str, re.Pattern[str]] | None


def kind_asked(question: str) -> tuple[str, re.Pattern[str]] | None:
    """What the question word asks for ("number", "time", …), and a pattern of what would be one."""
    return next(((name, holds) for name, asks, holds in _KINDS if asks.search(question)), None)


def weigh(question: str, passages: Sequence[Passage], embedder: Embedder, *, most: int = 12) -> list[Sentence]:
    """The sentences of ``passages`` that may answer, at most ``most``, each once, with their features.

    The first look is lexical and cheap; only what passes it is embedded.
    """
    texts = [_stemmed(passage) for passage in passages]
    asked = _asked(question, [frozenset(words for part in text for words in part) for text in texts])
    found: dict[tuple[str, str, Span], Sentence] = {}
    best = passages[0].score if passages else 0.0
    for n, passage in enumerate(passages):
        for sentence in _lexical(n, passage, texts[n], asked, best):
            key = (passage.chunk.article_id, passage.chunk.revision, sentence.span)
            if key not in found or found[key].row[6] < sentence.row[6]:
                found[key] = sentence
    short = sorted(found.values(), key=lambda s: -float(s.row @ _FIRST_LOOK))[:most]
    if short:
        vectors = embedder.embed_passages([_clipped(sentence.text) for sentence in short])
        similarity = vectors @ embedder.embed_queries([question])[0]
        for sentence, cosine in zip(short, similarity, strict=True):
            sentence.row[FEATURES.index("similarity")] = cosine
    return short


_FIRST_LOOK = np.array([1.0, 0.5, 0.2, 0, 0.3, 0, 0.5, 0, 0.25, 0, 0, -0.5], np.float32)


def _clipped(text: str) -> str:
    """The first 600 characters, enough to tell what a sentence is about and never over a window."""
    return text[:600] if text.isascii() else text[:200]


def _stemmed(passage: Passage) -> list[tuple[str, ...]]:
    return [sentence_stems(span.of(passage.chunk.text)) for span in sentences(passage.chunk.text)]


def _asked(question: str, texts: Sequence[frozenset[str]]) -> _Asked:
    wanted = list(dict.fromkeys(stems(content_words(question))))
    counts = Counter(word for text in texts for word in wanted if word in text)
    weights = {w: math.log(1 + (len(texts) - counts[w] + 0.5) / (counts[w] + 0.5)) for w in wanted}
    total = sum(weights.values()) or 1.0
    ordered = sentence_stems(question)
    named = stems([word for match in _NAMED.findall(question) for word in words(match)])
    return _Asked(
        rarity={word: weight / total for word, weight in weights.items()},
        pairs=frozenset(zip(ordered, ordered[1:], strict=False)),
        names=frozenset(named) & frozenset(wanted),
        kind=kind_asked(question),
    )


def _lexical(n: int, passage: Passage, parts: list[tuple[str, ...]], asked: _Asked, best: float) -> list[Sentence]:
    title = frozenset(sentence_stems(passage.chunk.title))
    whole = title.union(*parts)
    lacking = len(asked.names - whole) / len(asked.names) if asked.names else 0.0
    covered = _share(whole, asked)
    rows = []
    for m, span in enumerate(sentences(passage.chunk.text)):
        text, own = span.of(passage.chunk.text), parts[m]
        before = frozenset(parts[m - 1]) if m else frozenset()
        shared = asked.pairs & frozenset(zip(own, own[1:], strict=False))
        row = np.array(
            [
                _share(frozenset(own), asked),
                _share(title | before | frozenset(own), asked),
                covered,
                lacking,
                len(shared) / len(asked.pairs) if asked.pairs else 0.0,
                0.0,
                passage.score,
                best - passage.score,
                _holds(text, asked),
                0.0 if asked.kind else 1.0,
                math.log((len(own) + 1) / 20),
                float(len(own) < 5 or text[-1] not in ".!?…\"'”’)»。！？"),
            ],
            np.float32,
        )
        start = passage.chunk.span.start
        rows.append(Sentence(n, Span(start + span.start, start + span.end), text, row))
    return rows


def _share(found: frozenset[str], asked: _Asked) -> float:
    return sum(weight for word, weight in asked.rarity.items() if word in found)


def _holds(text: str, asked: _Asked) -> float:
    """1 where the sentence has what is asked for and the question itself has not."""
    if asked.kind is None:
        return 0.0
    for match in asked.kind[1].finditer(text):
        if frozenset(sentence_stems(match.group())) - asked.rarity.keys():
            return 1.0
    return 0.0
