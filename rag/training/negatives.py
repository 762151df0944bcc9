"""Questions that a passage does not answer, made from those that it does.

Retrieved passages alone teach a reader to look for the question's words. What people ask without an answer differs
from what is there by one name, one number or one opposite (SQuAD 2.0, Rajpurkar et al., 2018), so that is made too.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Set
from dataclasses import replace

from rag.chunks import sentences
from rag.training.examples import Example
from rag.training.substitutes import formed, opposites, plain_word, sisters
from rag.training.wordnet import forms, inflected
from rag.types import Span

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_YEAR = re.compile(r"\b(?:1[0-9]{3}|20[0-9]{2})s?\b")
_NUMBER = re.compile(r"\b\d[\d,.]*\d\b|\b\d\b")
_MONTHS = "January February March April May June July August September October November December".split()
_MONTH = re.compile(rf"\b(?:{'|'.join(_MONTHS)})\b")
_NAME = re.compile(r"[A-ZÀ-Þ][\w'’&-]*(?:(?: of| the| de| van| and)? [A-ZÀ-Þ][\w'’&-]*)*")
_YEARS_OFF = (-20, -10, -5, -3, -2, -1, 1, 2, 3, 5, 10, 20)
_AUXILIARY = re.compile(
    r"\b(?:did|does|do|was|were|is|are|has|have|had|can|could|will|would|should)\b(?! not|n't)", re.I
)
_ASKING = {
    "what",
    "when",
    "where",
    "which",
    "who",
    "whom",
    "whose",
    "why",
    "how",
    "in",
    "on",
    "at",
    "the",
    "did",
    "does",
}
_PRONOUNS = {
    "i",
    "i'm",
    "i've",
    "i'd",
    "he",
    "she",
    "it",
    "they",
    "we",
    "you",
    "this",
    "that",
    "these",
    "those",
    "a",
    "an",
}


def names(text: str, sentence_start: bool = True) -> list[str]:
    """What looks like a name; a text's first word is none, for its capital says nothing."""
    starts = {span.start for span in sentences(text)} if sentence_start else {0}
    found = []
    for match in _NAME.finditer(text):
        name, start = match.group(), match.start()
        first, _, rest = name.partition(" ")
        if first.casefold() in _ASKING | _PRONOUNS or (start in starts and not rest):
            name = rest.removeprefix("of ").removeprefix("and ")
        if len(name) > 2 and name.casefold() not in _PRONOUNS:
            found.append(name)
    return found


def swapped(example: Example, rng: random.Random) -> Example | None:
    """A name, number, year or month of the question in place of which another one of the passage stands."""
    question, passage = example.question, example.passage
    answers = {passage[a.start : a.end] for a in example.answers}
    choices: list[tuple[str, str]] = []
    for kind in (_YEAR, _NUMBER, _MONTH):
        for old in kind.findall(question):
            others = {new for new in kind.findall(passage) if new not in question}
            if kind is _YEAR and (not others or rng.random() < 0.3):
                others = {str(int(old[:4]) + rng.choice(_YEARS_OFF)) + old[4:]}
            elif kind is _MONTH and not others:
                others = {rng.choice(_MONTHS)} - {old}
            choices += [(old, new) for new in sorted(others)]
    here = sorted(set(names(passage)))
    for old in names(question, sentence_start=False):
        if old in passage:
            choices += [(old, new) for new in here if _apart(old, new) and new not in question]
    choices = [(old, new) for old, new in choices if new not in answers]
    if not choices:
        return None
    old, new = rng.choice(choices)
    return _unanswered(
        example, re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", new.replace("\\", ""), question, count=1), "swapped"
    )


def altered(example: Example, rng: random.Random, common: Set[str]) -> Example | None:
    """The passage with another name, number or opposite wherever it had the question's own."""
    question, passage = example.question, example.passage
    choices: list[tuple[str, str]] = []
    for kind in (_YEAR, _NUMBER):
        for old in kind.findall(question):
            others = sorted({new for new in kind.findall(passage) if new != old})
            nearby = [str(int(old[:4]) + rng.choice(_YEARS_OFF)) + old[4:]] if kind is _YEAR else []
            choices += [(old, rng.choice(others + nearby))] if others or nearby else []
    here = names(passage)
    for old in names(question, sentence_start=False):
        others = sorted({name for name in here if _apart(old, name)})
        choices += [(old, rng.choice(others))] if others else []
    for word in _WORD.findall(question):
        others = opposites(word, common) or (sisters(word, common) if plain_word(word) else [])
        choices += [(word, rng.choice(others))] if others else []
    choices = [(old, new) for old, new in choices if _whole(old).search(passage)]
    if not choices:
        return None
    old, new = rng.choice(choices)
    made = _replaced(example, old, new)
    return replace(made, answers=(), kind="altered", near=made.answers[0] if made.answers else None)


def renamed(example: Example, elsewhere: str, rng: random.Random) -> Example | None:
    """Question and passage with another name for one they share: what was answered still is, whoever it is about."""
    shared = [name for name in names(example.question, sentence_start=False) if _whole(name).search(example.passage)]
    others = [name for name in names(elsewhere) if name not in example.passage]
    if not shared or not others:
        return None
    old, new = rng.choice(shared), rng.choice(others)
    moved_to = _replaced(example, old, new)
    if len(moved_to.answers) < len(example.answers):
        return None
    question, title = (_whole(old).sub(lambda _: new, text) for text in (example.question, example.title))
    return replace(moved_to, question=question, title=title, kind="renamed")


def reworded(example: Example, rng: random.Random, common: Set[str]) -> Example | None:
    """Question and passage with another word, number or year for one they share: odd, and still answered.

    Without these an odd word in a question would by itself tell that it has no answer.
    """
    choices: list[tuple[str, list[str]]] = []
    for old in (*_YEAR.findall(example.question), *_NUMBER.findall(example.question)):
        if old.isdigit():
            choices.append((old, [str(int(old) + off) for off in _YEARS_OFF if int(old) + off > 0]))
    for old in _WORD.findall(example.question):
        if plain_word(old):
            choices.append((old, opposites(old, common) + sisters(old, common)))
    choices = [(old, new) for old, new in choices if new and _whole(old).search(example.passage)]
    if not choices:
        return None
    old, others = rng.choice(choices)
    new = rng.choice(others)
    made = _replaced(example, old, new)
    if _whole(new).search(example.passage) or len(made.answers) < len(example.answers):
        return None
    return replace(made, question=_whole(old).sub(lambda _: new, example.question), kind="reworded")


def _replaced(example: Example, old: str, new: str) -> Example:
    """``old`` of the passage replaced, and answers moved along; those that it touches are left out."""
    places = [match.span() for match in _whole(old).finditer(example.passage)]
    answers = []
    for answer in example.answers:
        if not any(answer.start < end and start < answer.end for start, end in places):
            shift = (len(new) - len(old)) * sum(start < answer.start for start, _ in places)
            answers.append(Span(answer.start + shift, answer.end + shift))
    return replace(example, passage=_whole(old).sub(lambda _: new, example.passage), answers=tuple(answers))


def _whole(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")


def _apart(one: str, other: str) -> bool:
    return not set(one.casefold().split()) & set(other.casefold().split())


def opposite(example: Example, rng: random.Random, common: Set[str]) -> Example | None:
    """One word of the question turned into its opposite."""
    return _instead(example, rng, lambda word: opposites(word, common), "opposite")


def sister(example: Example, rng: random.Random, common: Set[str]) -> Example | None:
    """A word of question and passage turned, in the question, into another in the same form.

    Another kind of the same, or one of elsewhere in the passage: each word of a question counts.
    """
    near = {word for answer in example.answers for word in _WORD.findall(_around(example.passage, answer))}
    here = sorted(set(_WORD.findall(example.passage)) - near)
    asked = {word.casefold() for word in _WORD.findall(example.question)}

    def others(word: str) -> list[str]:
        if word not in near or not plain_word(word):
            return []
        found = sisters(word, common)
        if not found or rng.random() < 0.4:
            form = forms(word)[:1]
            found = [w for w in here if plain_word(w) and form and formed(w) == formed(word)] or found
        return [w for w in found if w not in asked]

    return _instead(example, rng, others, "sister")


def _instead(example: Example, rng: random.Random, others: Callable[[str], list[str]], kind: str) -> Example | None:
    """The question with one word, drawn at random, replaced by one of those ``others`` gives for it."""
    words = list(_WORD.finditer(example.question))
    rng.shuffle(words)
    for place in words:
        found = others(place.group().casefold())
        if found:
            question = example.question[: place.start()] + rng.choice(found) + example.question[place.end() :]
            return _unanswered(example, question, kind)
    return None


def _around(passage: str, answer: Span) -> str:
    touched = [s for s in sentences(passage) if s.start < answer.end and answer.start < s.end]
    return " ".join(passage[s.start : s.end] for s in touched)


def negated(example: Example, rng: random.Random) -> Example | None:
    """Not, never or without, put where the question's first auxiliary verb allows."""
    question = example.question
    place = _AUXILIARY.search(question)
    if place is None or place.start() == 0:
        return None
    word = place.group().casefold()
    if word in ("was", "were", "is", "are") and rng.random() < 0.7:
        return _unanswered(
            example, f"{question[: place.end()]} {rng.choice(['not', 'never'])}{question[place.end() :]}", "negated"
        )
    contracted = {"can": "can't", "will": "won't"}.get(word, word + "n't")
    return _unanswered(example, question[: place.start()] + contracted + question[place.end() :], "negated")


def denied(example: Example, rng: random.Random) -> Example | None:
    """The sentence that answers says "not" where it did not, or no longer; only where it has one auxiliary verb."""
    changed = _denied(example, rng)
    return changed and replace(changed, answers=(), kind="denied", near=changed.answers[0])


def unheard(example: Example, rng: random.Random) -> Example | None:
    """Question and passage both say "not": what was answered still is."""
    asked, told = negated(example, rng), _denied(example, rng, removing=False)
    return replace(told, question=asked.question, kind="unheard") if asked and told else None


def _denied(example: Example, rng: random.Random, removing: bool = True) -> Example | None:
    answer = rng.choice(example.answers)
    text = example.passage
    sentence = next((s for s in sentences(text) if s.start <= answer.start and answer.end <= s.end), None)
    if sentence is None:
        return None
    nots = [m.span() for m in re.finditer(r" (?:not|never)\b", text[sentence.start : sentence.end])]
    verbs = [m.end() for m in _AUXILIARY.finditer(text[sentence.start : sentence.end])]
    if removing and len(nots) == 1:
        (start, end), new = nots[0], ""
    elif not nots and len(verbs) == 1:
        start, end, new = verbs[0], verbs[0], rng.choice([" not", " not", " never"])
    else:
        return None
    start, end = sentence.start + start, sentence.start + end
    shift = len(new) - (end - start)
    answers = []
    for a in example.answers:
        if a.end <= start:
            answers.append(a)
        elif a.start >= end:
            answers.append(Span(a.start + shift, a.end + shift))
    return replace(example, passage=text[:start] + new + text[end:], answers=tuple(answers)) if answers else None


_WH = r"^(?P<wh>Who|What|Which [a-z]+|What [a-z]+) "
_ACTIVE = re.compile(_WH + r"(?P<verb>[a-z]+ed) (?P<whom>(?:the |[A-Z]).+?)\??$")
_PASSIVE = re.compile(_WH + r"(?:was|were) (?P<verb>[a-z]+ed) by (?P<whom>.+?)\??$")
_DID = re.compile(_WH + r"did (?P<whom>(?:the )?[A-Z][\w' -]*?) (?P<verb>[a-z]+)(?P<rest> .+?)?\??$")


def turned(example: Example, rng: random.Random) -> Example | None:
    """Who did it to whom, the other way round."""
    question = example.question
    if found := _ACTIVE.match(question):
        made = f"{found['wh']} was {found['verb']} by {found['whom']}?"
    elif found := _PASSIVE.match(question):
        made = f"{found['wh']} {found['verb']} {found['whom']}?"
    elif (found := _DID.match(question)) and (past := inflected(found["verb"], "VBD")):
        made = f"{found['wh']} {past} {found['whom']}{found['rest'] or ''}?"
    else:
        return None
    return _unanswered(example, made, "turned")


def crossed(example: Example, rng: random.Random) -> Example | None:
    """Two names of the question, or two words of one form, in each other's place; none that are told together."""
    question = example.question
    if re.search(r"\b(?:and|or|between|both|with|same|than)\b", question):
        return None
    named = names(question, sentence_start=False)
    plain = [w for w in _WORD.findall(question) if plain_word(w) and _whole(w).search(example.passage)]
    pairs = [(a, b) for n, a in enumerate(named) for b in named[n + 1 :] if _apart(a, b)]
    pairs += [
        (a, b)
        for n, a in enumerate(plain)
        for b in plain[n + 1 :]
        if a != b and (form := formed(a)) and form[0] in ("NOUN", "ADJ") and form == formed(b)
    ]
    if not pairs:
        return None
    one, other = rng.choice(pairs)
    both = re.compile(rf"(?<!\w)(?:{re.escape(one)}|{re.escape(other)})(?!\w)")
    return _unanswered(example, both.sub(lambda m: other if m.group() == one else one, question), "crossed")


def removed(example: Example, rng: random.Random) -> Example | None:
    """The passage without the sentences that hold an answer, or its words."""
    texts = {example.passage[a.start : a.end].casefold() for a in example.answers}
    rest = [
        example.passage[s.start : s.end]
        for s in sentences(example.passage)
        if not any(a.start < s.end and s.start < a.end for a in example.answers)
        and not any(text in example.passage[s.start : s.end].casefold() for text in texts)
    ]
    text = " ".join(rest)
    if len(text) < 60:
        return None
    return replace(example, passage=text, answers=(), kind="removed")


def moved(example: Example, other: Example, rng: random.Random) -> Example | None:
    """Another passage's question about this passage's names, over this passage."""
    theirs = names(other.question, sentence_start=False)
    ours = sorted({name for name in names(example.passage) if name not in other.passage})
    if not theirs or not ours or other.passage == example.passage:
        return None
    question = other.question
    for old in sorted(set(theirs)):
        question = question.replace(old, rng.choice(ours))
    return _unanswered(example, question, "moved")


def _unanswered(example: Example, question: str, kind: str) -> Example | None:
    if question == example.question:
        return None
    return replace(example, question=question, answers=(), kind=kind, near=example.answers[0])
