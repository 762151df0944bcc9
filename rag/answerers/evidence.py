"""What speaks for a sentence as the answer to a question: a row of numbers each."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.chunks import sentences
from rag.types import Matrix, Passage, Span, TokenReader
from rag.words import STOPWORDS, content_words, sentence_stems, stems, words

FEATURES = (
    # of words, weighed by rarity among the passages
    "context",  # share of the question's words that stand in the sentence, the one before it or the headline
    "passage",  # the same for the whole passage and the headline
    "missing_name",  # share of the question's names and numbers that passage and headline lack
    "pairs",  # share of the question's word pairs that stand in the sentence
    "news",  # share of the sentence's own words that neither question nor headline holds
    # of meaning: cosines of word pieces in context, each of the question's with its best match
    "similarity",  # of the question's mean vector and the sentence's
    "matched",  # mean over the question's content words, in the sentence
    "worst_matched",  # mean of the two worst of them
    "passage_matched",  # mean, in the passage
    "passage_worst_matched",  # mean of the two worst, in the passage
    "asked_matched",  # best of the question words (who, when, …), in the sentence
    # of form and place
    "retrieval",  # score of the passage
    "behind",  # how far that score is behind the best passage's
    # 1 where the question word asks for one, and the sentence has none but the question's own
    "lacks_number",
    "lacks_time",
    "lacks_name",
    "lacks_place",
    "lacks_reason",
    "length",  # log of the sentence's words over 20
    "fragment",  # 1 for headings and captions: under 5 words, or no end mark
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
    \b(?:in|at|on|near|from|to|of|across|outside|inside|through)\s+(?:the\s+)?
    (?:[A-Z][\w'’-]+|\w+\s+(?:of|and)\s+[A-Z])"""
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
            r"""(?x)\bwho(?:m|se)?\b|\b(?:what|which)\ (?:\w+\ )?(?:person|people|man|woman|company|companies|firm
            |agency|organi[sz]ation|group|team|senator|president|minister|mayor|spokes\w+|official|engineer|scientist|king
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
_LACKING = ("number", "time", "name", "place", "reason")
_ASKING = frozenset({"who", "whom", "whose", "what", "which", "when", "where", "why", "how"})
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
    """A question taken apart. ``content`` and ``asking`` mark rows of its pieces' ``vectors``."""

    rarity: dict[str, float]
    pairs: frozenset[tuple[str, str]]
    names: frozenset[str]
    kind: tuple[str, re.Pattern[str]] | None
    mean: Matrix
    vectors: Matrix
    content: NDArray[np.bool_]
    asking: NDArray[np.bool_]


def kind_asked(question: str) -> tuple[str, re.Pattern[str]] | None:
    """What the question word asks for ("number", "time", …), and a pattern of what would be one."""
    return next(((name, holds) for name, asks, holds in _KINDS if asks.search(question)), None)


def weigh(question: str, passages: Sequence[Passage], reader: TokenReader) -> list[Sentence]:
    """The sentences of ``passages``, each once, with their features. Each passage is read in one pass."""
    texts = [_stemmed(passage) for passage in passages]
    asked = _asked(question, [frozenset(word for part in text for word in part) for text in texts], reader)
    found: dict[tuple[str, str, Span], Sentence] = {}
    best = passages[0].score if passages else 0.0
    headings = [f"{passage.chunk.title}\n" for passage in passages]
    pieces = reader.read([heading + passage.chunk.text for heading, passage in zip(headings, passages, strict=True)])
    for n, passage in enumerate(passages):
        of_words = _of_words(passage, texts[n], asked)
        places, vectors = pieces[n]
        of_meaning = _of_meaning(passage.chunk.text, places - len(headings[n]), vectors, asked)
        for m, span in enumerate(sentences(passage.chunk.text)):
            text = span.of(passage.chunk.text)
            form = _of_form(text, len(texts[n][m]), passage.score, best, asked)
            start = passage.chunk.span.start
            place = Span(start + span.start, start + span.end)
            row = np.array([*of_words[m], *of_meaning[m], *form], np.float32)
            found.setdefault((passage.chunk.article_id, passage.chunk.revision, place), Sentence(n, place, text, row))
    return list(found.values())


def _stemmed(passage: Passage) -> list[tuple[str, ...]]:
    return [sentence_stems(span.of(passage.chunk.text)) for span in sentences(passage.chunk.text)]


def _asked(question: str, texts: Sequence[frozenset[str]], reader: TokenReader) -> _Asked:
    wanted = list(dict.fromkeys(stems(content_words(question))))
    counts = Counter(word for text in texts for word in wanted if word in text)
    weights = {w: math.log(1 + (len(texts) - counts[w] + 0.5) / (counts[w] + 0.5)) for w in wanted}
    total = sum(weights.values()) or 1.0
    ordered = sentence_stems(question)
    named = stems([word for match in _NAMED.findall(question) for word in words(match)])
    ((places, vectors),) = reader.read([question])
    pieces = [question[start:end].lower() for start, end in places]
    content = np.array([piece.isalnum() and piece not in STOPWORDS for piece in pieces], bool)
    mean = vectors.mean(axis=0)
    return _Asked(
        rarity={word: weight / total for word, weight in weights.items()},
        pairs=frozenset(zip(ordered, ordered[1:], strict=False)),
        names=frozenset(named) & frozenset(wanted),
        kind=kind_asked(question),
        mean=mean / np.linalg.norm(mean),
        vectors=_unit(vectors),
        content=content if content.any() else np.ones_like(content),
        asking=np.array([piece in _ASKING for piece in pieces], bool),
    )


def _unit(vectors: Matrix) -> Matrix:
    unit: Matrix = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _of_words(passage: Passage, parts: list[tuple[str, ...]], asked: _Asked) -> list[list[float]]:
    title = frozenset(sentence_stems(passage.chunk.title))
    whole = title.union(*parts)
    lacking = len(asked.names - whole) / len(asked.names) if asked.names else 0.0
    covered = _share(whole, asked)
    rows = []
    for m, own in enumerate(parts):
        near = title.union(own, parts[m - 1] if m else ())
        shared = asked.pairs & frozenset(zip(own, own[1:], strict=False))
        pairs = len(shared) / len(asked.pairs) if asked.pairs else 0.0
        news = len(set(own) - title - asked.rarity.keys()) / (len(set(own)) or 1)
        rows.append([_share(near, asked), covered, lacking, pairs, news])
    return rows


def _share(found: frozenset[str], asked: _Asked) -> float:
    return sum(weight for word, weight in asked.rarity.items() if word in found)


def _of_meaning(text: str, places: NDArray[np.int64], vectors: Matrix, asked: _Asked) -> list[list[float]]:
    cosines = np.einsum("qd,pd->qp", asked.vectors, _unit(vectors))  # (question pieces, passage pieces)
    anywhere = cosines.max(axis=1)[asked.content]
    rows = []
    for span in sentences(text):
        inside = (places[:, 0] >= span.start) & (places[:, 1] <= span.end)
        if not inside.any():  # characters that the tokenizer drops
            rows.append([0.0] * 6)
            continue
        mean = vectors[inside].mean(axis=0)
        best = cosines[:, inside].max(axis=1)
        here = best[asked.content]
        rows.append(
            [
                float(mean @ asked.mean / np.linalg.norm(mean)),
                float(here.mean()),
                float(np.sort(here)[:2].mean()),
                float(anywhere.mean()),
                float(np.sort(anywhere)[:2].mean()),
                float(best[asked.asking].max() if asked.asking.any() else here.mean()),
            ]
        )
    return rows


def _of_form(text: str, length: int, score: float, best: float, asked: _Asked) -> list[float]:
    fragment = length < 5 or text[-1] not in ".!?…\"'”’)»。！？"
    lacks = [float(asked.kind is not None and asked.kind[0] == name and not _holds(text, asked)) for name in _LACKING]
    return [score, best - score, *lacks, math.log((length + 1) / 20), float(fragment)]


def _holds(text: str, asked: _Asked) -> bool:
    """Whether the sentence has what is asked for, and the question itself has it not."""
    if asked.kind is None:
        return False
    found = (frozenset(sentence_stems(match.group())) for match in asked.kind[1].finditer(text))
    return any(words - asked.rarity.keys() for words in found)
