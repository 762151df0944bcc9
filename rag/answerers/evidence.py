"""What speaks for a sentence as the answer to a question: a row of numbers each."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rag.chunks import sentences
from rag.types import Passage
from rag.words import content_words, sentence_stems, stems, words

DECLINED = "No sure answer was found in the articles."

NUMBER = r"""(?x)
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
            NUMBER,
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
_FIGURE = re.compile(NUMBER, re.IGNORECASE)
_WHEN = re.compile(_TIME, re.IGNORECASE)
_PRICED = re.compile(
    r"\bhow much (?:did|do(?:es)?|will|would|is|was)\s+an?\s+(?:[a-z-]+\s+)??([a-z-]+)\s+"
    r"(?:(?:for|of|to|in|on|at)\s.+\s)?cost\b",
    re.IGNORECASE,
)
_NAME_LENGTH, _FORMS = 4, 5  # letters of a name that is looked for, and how many of them: "Brazil" is in "Brazilian"
_LACKING = ("number", "time", "name", "place", "reason")
_NAMED = re.compile(r"(?<!^)\b[A-Z]\w+|\b\w*\d\w*")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question taken apart: its words and what each is worth, their pairs, its names, and what it asks for."""

    rarity: dict[str, float]
    pairs: frozenset[tuple[str, str]]
    names: frozenset[str]
    kind: tuple[str, re.Pattern[str]] | None


def kind_asked(question: str) -> tuple[str, re.Pattern[str]] | None:
    """What the question word asks for ("number", "time", …), and a pattern of what would be one."""
    return next(((name, holds) for name, asks, holds in _KINDS if asks.search(question)), None)


def is_time(text: str) -> bool:
    """Whether it tells a time, or how often, and nothing else: "4 May 1931", "27 times since the autumn"."""
    often = ("times", "since", "until")
    return all(word.isdigit() or word in often or _WHEN.fullmatch(word) for word in content_words(text))


def begins_with_number(text: str) -> bool:
    """Also after an article: "a third of them"."""
    found = _FIGURE.search(text)
    return found is not None and text[: found.start()].lower() in ("", "a ", "an ", "the ")


def unheard(question: str, passages: Sequence[Passage]) -> bool:
    """Whether a name of the question, or what its first letters could be a form of, stands in no passage; or a thing
    of which it asks what one costs ("a ticket")."""
    priced = _PRICED.search(question)
    if priced and not any(set(stems([priced[1].lower()])) <= set(stems(words(p.chunk.text))) for p in passages):
        return True
    _, _, rest = question.strip().partition(" ")  # the first word's capital says nothing
    capitals = [] if rest.istitle() or rest.isupper() else [word for word in rest.split() if word[0].isupper()]
    named = [word for word in words(" ".join(capitals)) if len(word) >= _NAME_LENGTH and word.isalpha()]
    told = _plain(" ".join(f"{passage.chunk.title} {passage.chunk.text}" for passage in passages)) if named else ""
    return any(_plain(word)[:_FORMS] not in told for word in named)


def _plain(text: str) -> str:
    """In small letters without accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(char))


def stemmed(passage: Passage) -> list[tuple[str, ...]]:
    return [sentence_stems(span.of(passage.chunk.text)) for span in sentences(passage.chunk.text)]


def take_apart(question: str, texts: Sequence[frozenset[str]]) -> Asked:
    """The question over ``texts``, the stems of each passage: a word is worth the more the fewer of them hold it."""
    wanted = list(dict.fromkeys(stems(content_words(question))))
    counts = Counter(word for text in texts for word in wanted if word in text)
    weights = {w: math.log(1 + (len(texts) - counts[w] + 0.5) / (counts[w] + 0.5)) for w in wanted}
    total = sum(weights.values()) or 1.0
    ordered = sentence_stems(question)
    named = stems([word for match in _NAMED.findall(question) for word in words(match)])
    return Asked(
        rarity={word: weight / total for word, weight in weights.items()},
        pairs=frozenset(zip(ordered, ordered[1:], strict=False)),
        names=frozenset(named) & frozenset(wanted),
        kind=kind_asked(question),
    )


def of_words(passage: Passage, parts: list[tuple[str, ...]], asked: Asked) -> list[list[float]]:
    """For each sentence of the passage, ``parts`` by stem: context, passage, missing_name, pairs, news."""
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


def _share(found: frozenset[str], asked: Asked) -> float:
    return sum(weight for word, weight in asked.rarity.items() if word in found)


def of_form(text: str, length: int, score: float, best: float, asked: Asked) -> list[float]:
    """retrieval, behind, lacks_number to lacks_reason, length, fragment of a text of so many words."""
    fragment = length < 5 or text[-1] not in ".!?…\"'”’)»。！？"
    lacks = [float(asked.kind is not None and asked.kind[0] == name and not _has(text, asked)) for name in _LACKING]
    return [score, best - score, *lacks, math.log((length + 1) / 20), float(fragment)]


def _has(text: str, asked: Asked) -> bool:
    """Whether the sentence has what is asked for, and the question itself has it not."""
    if asked.kind is None:
        return False
    found = (frozenset(sentence_stems(match.group())) for match in asked.kind[1].finditer(text))
    return any(words - asked.rarity.keys() for words in found)
