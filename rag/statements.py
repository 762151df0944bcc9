"""What a statement says that its quotes do not: figures, dates, names and negations. Pure.

A statement may be worded anew, and shortened; it may bring nothing that the quotes lack, and turn nothing round.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rag.words import MONTHS, STOPWORDS, stems, words

_BELOW_TWENTY = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
"""
_UNITS = {word: n for n, word in enumerate(_BELOW_TWENTY.split())}
_TENS = {word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SMALL = r"(?:" + "|".join([*_TENS, *sorted(_UNITS, key=len, reverse=True)]) + r")"
_WORDED = re.compile(rf"\b{_SMALL}(?:[ -]{_SMALL})?(?:\s+(?:{'|'.join(_SCALES)})s?)*\b", re.I)
_FIGURE = re.compile(rf"\d(?:[\d,.]*\d)?(?:\s*(?:{'|'.join(_SCALES)})\b)?", re.I)
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_NAME = re.compile(r"\b[A-ZÀ-Þ][\w'’.-]*")
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot|hardly|fails?|failed|den(?:y|ies|ied)|refus\w+)\b"
    r"|n['’]t\b",
    re.I,
)
_CLAUSE = re.compile(
    r"[;:!?]|\s[-–—]+\s|—|[.,](?!\d)|\b(?:but|while|whereas|although|though|yet|except|instead)\b", re.I
)
_LINKS = frozenset(
    "however according also both after before although while since still yet instead later some many most few several "
    "all each every another other others nobody nothing nor neither everyone everybody someone somebody only even just "
    "yes because during under over between through until despite once here now today".split()
)


def missing(statement: str, quotes: Iterable[str]) -> list[str]:
    """What of ``statement`` none of ``quotes`` has, as it stands in the statement; "not" where one is added or lost."""
    quoted = " ".join(quotes)
    found = [figure for figure in figures(statement) if figure not in set(figures(quoted))]
    known = {stem for word in re.findall(r"\w+", quoted) for stem in (word.casefold(), *stems([word.casefold()]))}
    found += [name for name in names(statement) if not _known(name, known)]
    if bool(_NEGATION.search(statement)) != bool(_NEGATION.search(quoted)) or _turned_round(statement, quoted):
        found.append("not")
    return list(dict.fromkeys(found))


def _turned_round(statement: str, quoted: str) -> bool:
    """Whether a clause is negated here and not there: each is held against those that share most words with it."""
    there = _clauses(quoted)
    if not any(negated for _, negated in there):
        return False
    for said, negated in _clauses(statement):
        most = max(len(said & quote) for quote, _ in there)
        nearest = {other for quote, other in there if len(said & quote) == most}
        if most and nearest != {negated}:
            return True
    return False


def _clauses(text: str) -> list[tuple[set[str], bool]]:
    """The stems of each clause that says something, and whether it is negated."""
    found = [(_stems_of(_NEGATION.sub(" ", part)), bool(_NEGATION.search(part))) for part in _CLAUSE.split(text)]
    return [(stems_of, negated) for stems_of, negated in found if stems_of]


def _stems_of(text: str) -> set[str]:
    return {stem for stem in stems(words(text)) if stem not in STOPWORDS}


def figures(text: str) -> list[str]:
    """Numbers in one form each: 36,000, "36 thousand" and "thirty-six thousand" are "36000"."""
    found = []
    rest = text
    for match in _FIGURE.finditer(text):
        found.append(_figure(match.group()))
    rest = _FIGURE.sub(" ", rest)
    for match in _WORDED.finditer(rest):
        if match.group().casefold() != "one":  # more often a pronoun
            found.append(_worded(match.group()))
    return found


def _figure(text: str) -> str:
    digits = re.match(r"[\d,.]+", text)
    scale = text[digits.end() :].strip().casefold() if digits else ""
    plain = re.sub(r",(?=\d{3}\b)", "", digits.group()) if digits else text
    if scale:
        return _short(float(plain.replace(",", "")) * _SCALES[scale]) if plain.count(".") <= 1 else plain
    return _short(float(plain)) if re.fullmatch(r"\d+(?:\.\d+)?", plain) else plain


def _short(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def _worded(text: str) -> str:
    total = 0
    for word in re.split(r"[\s-]+", text.casefold()):
        if word in _UNITS:
            total += _UNITS[word]
        elif word in _TENS:
            total += _TENS[word]
        else:
            total = max(total, 1) * _SCALES[word.rstrip("s")]
    return str(total)


def names(text: str) -> list[str]:
    """Words with a capital; in a sentence's first place every word that is not a mere link may be one."""
    found = []
    for match in _NAME.finditer(text):
        word = re.sub(r"['’]s$", "", match.group().rstrip(".'’-"))
        plain = word.casefold()
        link = plain in STOPWORDS | _LINKS and plain not in MONTHS
        if len(word) > 1 and not link and not _WORDED.fullmatch(word):
            found.append(word)
    return found


def _known(name: str, words: set[str]) -> bool:
    """Whether each word of a name is among ``words``, as it is or by its stem."""
    return all(part in words or stems([part])[0] in words for part in re.findall(r"\w+", name.casefold()))
