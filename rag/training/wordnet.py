"""Words that stand in another's place and say otherwise, from WordNet (Princeton; Debian's package wordnet-base)."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from pathlib import Path

FOLDER = Path("/usr/share/wordnet")
_FILES = {"NOUN": "noun", "VERB": "verb", "ADJ": "adj", "ADV": "adv"}
_SENSES = 2  # of a word, the commonest first
_SISTERS = 60
_ABOVE, _BELOW, _AGAINST, _LIKE = "@", "~", "!", "&"


class _Part:
    """One part of speech: sets of synonyms by their number, and where each word stands in them."""

    def __init__(self, name: str) -> None:
        self.words: dict[str, list[str]] = {}
        self.links: dict[str, list[tuple[str, str, int]]] = {}
        self.senses: dict[str, list[str]] = {}
        for line in _lines(f"data.{name}"):
            number, _, _, count, *rest = line.split(" | ")[0].split()
            size = int(count, 16)
            self.words[number] = [word.split("(")[0].lower() for word in rest[: 2 * size : 2]]
            fields = rest[2 * size + 1 : 2 * size + 1 + 4 * int(rest[2 * size])]
            self.links[number] = [
                (fields[n], fields[n + 1], int(fields[n + 3][:2], 16)) for n in range(0, len(fields), 4)
            ]
        for line in _lines(f"index.{name}"):
            fields = line.split()
            self.senses[fields[0]] = fields[-int(fields[2]) :]

    def numbers(self, word: str) -> list[str]:
        return self.senses.get(word, [])[:_SENSES]

    def linked(self, number: str, kind: str) -> list[str]:
        return [other for link, other, _ in self.links.get(number, ()) if link == kind]


def _lines(name: str) -> list[str]:
    try:
        text = (FOLDER / name).read_text(encoding="utf-8")
    except FileNotFoundError as err:
        raise SystemExit(f"expected WordNet in {FOLDER}; found none; install Debian's package wordnet-base") from err
    return [line for line in text.splitlines() if line and not line.startswith(" ")]


@lru_cache(maxsize=4)
def _part(name: str) -> _Part:
    return _Part(_FILES[name])


@lru_cache(maxsize=100_000)
def antonyms(lemma: str, part: str) -> tuple[str, ...]:
    """Opposites, and those of what an adjective is like (rapid: slow)."""
    net = _part(part)
    found: list[str] = []
    for number in net.numbers(lemma):
        for link, other, source in net.links[number]:
            if link == _AGAINST and (not source or net.words[number][source - 1] == lemma):
                found += net.words.get(other, [])[:2]
        if part == "ADJ":
            against = [other for head in net.linked(number, _LIKE) for other in net.linked(head, _AGAINST)]
            found += [net.words[other][0] for other in against]
    return _single(found, lemma)


@lru_cache(maxsize=100_000)
def sisters(lemma: str, part: str) -> tuple[str, ...]:
    """Other kinds of the same: of a noun or verb in its commonest sense, what has the same hypernym."""
    net = _part(part)
    found: list[str] = []
    for number in net.numbers(lemma)[:1]:
        for above in net.linked(number, _ABOVE)[:1]:
            found += [net.words[one][0] for one in net.linked(above, _BELOW) if one != number]
        same = set(net.words[number])
        found = [word for word in found if word not in same]
    return _single(found, lemma)[:_SISTERS]


@lru_cache(maxsize=100_000)
def synonyms(lemma: str, part: str) -> tuple[str, ...]:
    """Synonyms in its commonest senses."""
    net = _part(part)
    return _single([word for number in net.numbers(lemma) for word in net.words[number]], lemma)


@lru_cache(maxsize=100_000)
def in_some_sense(lemma: str, part: str) -> frozenset[str]:
    """Words that in some sense say the same, or nearly (costly: expensive)."""
    net = _part(part)
    numbers = net.senses.get(lemma, [])
    near = [other for number in numbers for other in net.linked(number, _LIKE)]
    return frozenset(word for number in [*numbers, *near] for word in net.words[number])


def _single(found: list[str], lemma: str) -> tuple[str, ...]:
    return tuple(word for word in dict.fromkeys(found) if word.isalpha() and word != lemma)


@lru_cache(maxsize=200_000)
def forms(word: str) -> tuple[tuple[str, str, str], ...]:
    """(part of speech, lemma, tag) of each way to read a word that is in lower case: ("VERB", "separate", "VBD"), …"""
    from lemminflect import getAllInflections, getAllLemmas

    found: dict[str, set[str]] = defaultdict(set)
    for part, lemmas in getAllLemmas(word).items():
        if part in _FILES:
            found[part].update(lemmas)
    return tuple(
        (part, lemma, tag)
        for part in _FILES
        for lemma in sorted(found[part])
        for tag, inflected in sorted(getAllInflections(lemma, upos=part).items())
        if word in inflected
    )


@lru_cache(maxsize=200_000)
def inflected(lemma: str, tag: str) -> str | None:
    from lemminflect import getInflection

    found = getInflection(lemma, tag=tag)
    return found[0] if found else None


@lru_cache(maxsize=100_000)
def alike(one: str, other: str) -> bool:
    """Whether two words of running text may say the same."""
    lemmas = {(part, lemma) for part, lemma, _ in forms(other)}
    return any(other_lemma in in_some_sense(lemma, part) for part, lemma, _ in forms(one) for _, other_lemma in lemmas)


@lru_cache(maxsize=100_000)
def contrasts(word: str, opposite: bool) -> tuple[str, ...]:
    """Words in the same form that say otherwise: opposites, or else sisters."""
    made = []
    for part, lemma, tag in forms(word):
        others = antonyms(lemma, part) if opposite else sisters(lemma, part)
        made += [new for other in others if (new := inflected(other, tag)) and new != word]
    return tuple(dict.fromkeys(made))
