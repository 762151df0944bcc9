"""What may be the answer: spans that a reader points at, each with what speaks for it as a row of numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag.answerers.corrections import asks_for_an_error, repeated
from rag.answerers.evidence import (
    Asked,
    begins_with_number,
    kind_asked,
    of_form,
    of_words,
    stemmed,
    take_apart,
)
from rag.answerers.unfit import unfit
from rag.chunks import sentences
from rag.conversation import without_subject
from rag.types import Embedder, Finding, Matrix, Passage, Span, SpanReader
from rag.words import MONTHS, content_words, stems, words

FEATURES = (
    # of the reader
    "span",  # log-odds of the span against the passage's silence
    "holds",  # log-odds that the passage holds the answer
    "agreed",  # the best "span" of the same answer in another article, 0 where there is none
    "alone",  # "span" where its sentences are read by themselves
    "alone_holds",  # and "holds"
    # of the embedder
    "near",  # cosine of the question and those sentences with the one before, under their headline
    # of words, weighed by rarity among the passages
    "context",  # share of the question's words that stand in the sentence, the one before it or the headline
    "passage",  # the same for the whole passage and the headline
    "missing_name",  # share of the question's names and numbers that passage and headline lack
    "pairs",  # share of the question's word pairs that stand in the sentence
    "repeats",  # share of the span's words that are the question's own
    # of form and place
    "retrieval",  # score of the passage
    "behind",  # how far, if at all, that score is behind the best of those that do not open an article
    # 1 where the question word asks for one, and the span has none but the question's own
    "lacks_number",
    "lacks_time",
    "lacks_name",
    "lacks_place",
    "length",  # log of the span's words
    "fragment",  # 1 for spans in headings and captions: under 5 words, or no end mark
)
_LIMIT = 12.0
_NEAR, _FAR = 0.25, 0.6
"""How far the score of a passage that is read may be behind the best's, and how far where nothing sure is found."""
_SURE = 0.0
"""Log-odds, of a span and of its passage together, from which on no passage farther behind is read."""
_WHOLE, _LONG, _AROUND = 3, 600, 3
"""Passages that are read whole, the best first; of the others those of so many characters are read around the sentence
that has most of the question, so many sentences before it and behind."""
_ALONE, _BEHIND = 4, 5.0
"""Places whose sentences are read by themselves, the likeliest first, and how far their log-odds may be behind the
first's. What is around a sentence distracts: of half of SQuAD 2.0's development set, by paragraph, answerable is told
from not with AUROC .73 instead of .68 (n 1,500)."""
_ACTIVE = re.compile(r"!\[|\]\(|<[a-z/!]|://|\bwww\.", re.I)
"""What a chat program would show as a link, an image or markup. A sentence that has such is not told as an answer:
whoever can put an article in could have it fetch or show what he likes."""
_HEDGE = re.compile(
    r"""(?xi)\b(?:(?:no\ |not\ )?(?:more|less|fewer)\ than|at\ (?:least|most)|(?:just\ )?(?:over|under)|up\ to
    |an\ estimated|(?:just\ )?(?:about|around)|roughly|approximately|nearly|almost|some|as\ (?:many|much|few)\ as)\ $"""
)
_PART = re.compile(
    r"(?<!minutes )(?<!hours )(?<!days )"
    r"\b(?:(?:the )?(?:end|middle|beginning|start) of |(?:early|late) (?:in )?|mid-)$",
    re.IGNORECASE,
)
"""What stands before a month or a year and says which part of it."""
_NOON = re.compile(r"\b[ap]\.m$", re.I)
_UNTIL = re.compile(r"\b(?:until|till|since) $", re.I)
"""What stands before a time, and says how long."""
_OF_WHOLE = re.compile(
    r"""(?xi)(?:\d[\d.,]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens|hundreds)\ (?:out\ )?of
    \ (?:the|its|their|our|all|these|those)\ $"""
)
"""What stands before the number of a whole, and says how many of them: "70 of the 1,150"."""
_ALL = re.compile(r"\b(?:there|total|altogether|all)\b", re.I)
_DATELINE = re.compile(
    r"""(?xm)^(?:\([A-Z][\w\ .]{1,20}\)|[A-ZÀ-Þ]{3,}[A-ZÀ-Þ\ .'’-]*(?:[,/\ ]\s?[^\n!?—–]{0,50}?)?)
    \s+(?:--|[-–—])\s+(?=["“'‘A-ZÀ-Þ\d])"""
)
"""Place, date or agency of a report, before its first sentence: "OSTRAND, 3 May (AP) - ". Answers no question."""
_MONTH_OR_YEAR = re.compile(rf"(?:{'|'.join(MONTHS)}|1\d{{3}}|20\d{{2}})\b", re.I)
_DESCRIBED = re.compile(
    r"""(?x)(?<!\b[Ii]n\ )(?<!\b[OoAa][nt]\ )(?<!\b[Nn]ear\ )(?<!\b[Ff]rom\ )(?<!\b[Ss]ince\ )(?<!\b[Aa]fter\ )
    \b(?!(?:In|On|At|Near|From|Since|After|By|For|With|Under|To)\b)
    (?P<name>[A-ZÀ-Þ][\w'’&-]*(?:\ (?:(?:of|and|de|van|von)\ )?[A-ZÀ-Þ][\w'’&-]*)*),\ (?P<article>an?\ )?$"""
)
"""A name that is told more of: "Nordmud, a company from Ostrand", and no place or time ("In Ostrand, a company")."""
_ARTICLES = frozenset({"a", "an", "the"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A span of a passage and the sentences it touches, in code points of the article; ``row`` follows FEATURES."""

    passage: int
    span: Span
    text: str
    sentences: tuple[Span, ...]
    row: Matrix

    @property
    def value(self) -> str:
        """What spans that say the same have in common."""
        return plain(self.text)


def active(text: str) -> bool:
    """Whether a chat program may show something of it as a link, an image or markup."""
    return _ACTIVE.search(text) is not None


def plain(text: str) -> str:
    """The words of a short answer in lower case, without articles; figures without their commas, fractions whole."""
    joined = re.sub(r"(?<=\d)\.(?=\d)", "_", re.sub(r"(?<=\d),(?=\d{3})", "", text))
    return " ".join(word for word in words(joined) if word not in _ARTICLES)


def candidates(
    question: str, passages: Sequence[Passage], reader: SpanReader, embedder: Embedder, subject: str = ""
) -> list[Candidate]:
    """All spans found in ``passages``, each place once; none that an article repeats to say that it is wrong, none that
    is ``unfit``, and none that is but the ``subject`` which a follow-up was told."""
    texts = [stemmed(passage) for passage in passages]
    asked = take_apart(question, [frozenset(word for part in text for word in part) for text in texts])
    best, beyond = _best(passages)
    heeded = not asks_for_an_error(question)
    bare, told_of = without_subject(question)[0], set(plain(subject).split())
    found: dict[tuple[str, Span], Candidate] = {}
    for near, far in ((-math.inf, _NEAR), (_NEAR, _FAR)):
        if any(_sureness(one) >= _SURE for one in found.values()):
            break
        nearest = [(n, passage) for n, passage in enumerate(passages) if near < best - passage.score <= far]
        told = [of_words(passage, texts[n], asked) for n, passage in nearest]
        readings = _read_passages(question, nearest, told, reader)
        for (n, passage), rows, finding in zip(nearest, told, readings, strict=True):
            wrong, start = repeated(passage.chunk.text) if heeded else {}, passage.chunk.span.start
            for one in _of_passage(n, passage, finding, rows, beyond, asked):
                place = (passage.chunk.article_id, one.span)
                if any(Span(s.start - start, s.end - start) in wrong for s in one.sentences):
                    continue
                if told_of and set(one.value.split()) <= told_of:
                    continue
                text, at, end = passage.chunk.text, one.span.start - start, one.span.end - start
                if unfit(bare, one.text, text[max(0, at - 40) : at], text[end : end + 40]):
                    continue
                if place not in found or found[place].row[0] < one.row[0]:
                    found[place] = one
    return _alone(question, _agreed(list(found.values()), passages), passages, reader, embedder)


def _best(passages: Sequence[Passage]) -> tuple[float, float]:
    """The highest score, and that of passages that do not open an article of which others are there: an opening of news
    names all that its article is about, and so is like every question about it, whatever answers farther down."""
    longer = {passage.chunk.article_id for passage in passages if passage.chunk.span.start}
    beyond = [one.score for one in passages if one.chunk.span.start or one.chunk.article_id not in longer]
    return max((passage.score for passage in passages), default=0.0), max(beyond, default=0.0)


def _read_passages(
    question: str, near: Sequence[tuple[int, Passage]], told: Sequence[list[list[float]]], reader: SpanReader
) -> list[Finding]:
    """What the reader finds in each passage, which stands at its place among all; ``told`` is what its sentences have
    of the question."""
    parts = [
        Span(0, len(passage.chunk.text))
        if n < _WHOLE or len(passage.chunk.text) <= _LONG
        else _around(passage.chunk.text, rows)
        for (n, passage), rows in zip(near, told, strict=True)
    ]
    texts = [(passage.chunk.title, part.of(passage.chunk.text)) for (_, passage), part in zip(near, parts, strict=True)]
    return [
        replace(one, spans=tuple((Span(at.start + part.start, at.end + part.start), odds) for at, odds in one.spans))
        for one, part in zip(_read(question, texts, reader), parts, strict=True)
    ]


def _around(text: str, told: list[list[float]]) -> Span:
    """The sentence that has most of the question, with those before, from which it may have it, and behind."""
    spans = sentences(text)
    most = max(range(len(spans)), key=lambda m: told[m][0] + told[m][3] / 2)  # its words, and its pairs of words
    return Span(spans[max(0, most - _AROUND)].start, spans[min(most + _AROUND, len(spans) - 1)].end)


def _read(question: str, texts: Sequence[tuple[str, str]], reader: SpanReader) -> list[Finding]:
    """What the reader finds in each text under its heading. A follow-up's subject, added at its end in brackets, leads
    astray where the text tells of it anyway: there the question is read as it was written."""
    bare, subject = without_subject(question)
    named = set(stems(content_words(subject)))
    plainly = [bool(named) and named <= set(stems(words(f"{heading} {text}"))) for heading, text in texts]
    found: dict[int, Finding] = {}
    for told in set(plainly):
        places = [n for n, one in enumerate(plainly) if one is told]
        found |= zip(places, reader.find(bare if told else question, [texts[n] for n in places]), strict=True)
    return [found[n] for n in range(len(texts))]


def _of_passage(
    n: int, passage: Passage, finding: Finding, told: list[list[float]], beyond: float, asked: Asked
) -> list[Candidate]:
    text, start = passage.chunk.text, passage.chunk.span.start
    spans = _undated(text)
    made = []
    for span, odds in finding.spans:
        touched = [m for m, s in enumerate(spans) if s.start < span.end and span.start < s.end]
        if not touched or active(text[spans[touched[0]].start : spans[touched[-1]].end]):
            continue
        span = replace(span, start=max(span.start, spans[touched[0]].start))  # not from within a dateline
        words_in = words(span.of(text))
        context, whole, missing, pairs, _ = np.max([told[m] for m in touched], axis=0)
        own = set(stems(words_in))
        repeats = len(own & asked.rarity.keys()) / len(own) if own else 1.0
        _, _, *lacks, _, _ = of_form(span.of(text), len(words_in), 0.0, 0.0, asked)
        fragment = of_form(spans[touched[0]].of(text), len(words(spans[touched[0]].of(text))), 0.0, 0.0, asked)[-1]
        row = [
            *(_limited(odds), _limited(finding.odds)),
            *(0.0, 0.0, 0.0, 0.0),
            *(context, whole, missing, pairs, repeats),
            *(passage.score, max(0.0, beyond - passage.score)),
            *lacks[:4],
            *(math.log(1 + len(words_in)), fragment),
        ]
        made.append(
            Candidate(
                n,
                Span(start + span.start, start + span.end),
                span.of(text),
                tuple(Span(start + spans[m].start, start + spans[m].end) for m in touched),
                np.array(row, np.float32),
            )
        )
    return made


def _undated(text: str) -> list[Span]:
    """The sentences of a passage, each without the dateline that it begins with."""
    told = {line.start(): line.end() for line in _DATELINE.finditer(text)}
    return [replace(span, start=told[span.start]) if span.start in told else span for span in sentences(text)]


def _agreed(found: list[Candidate], passages: Sequence[Passage]) -> list[Candidate]:
    """The same, with how sure the reader is of the same answer in another article."""
    best: dict[str, dict[str, float]] = {}
    for one in found:
        article = passages[one.passage].chunk.article_id
        of_value = best.setdefault(one.value, {})
        of_value[article] = max(float(one.row[0]), of_value.get(article, -_LIMIT))
    made = []
    for one in found:
        article = passages[one.passage].chunk.article_id
        others = [odds for other, odds in best[one.value].items() if other != article]
        row = one.row.copy()
        row[FEATURES.index("agreed")] = max([0.0, *others])
        made.append(replace(one, row=row))
    return made


def _alone(
    question: str, found: list[Candidate], passages: Sequence[Passage], reader: SpanReader, embedder: Embedder
) -> list[Candidate]:
    """The same, with what reader and embedder say of the sentences of the likeliest by themselves.

    The others have what the least of those has, or what they had among other sentences where that is less.
    """
    likely = sorted(found, key=_sureness, reverse=True)
    by_place: dict[tuple[int, int, int], Candidate] = {}
    for one in likely:
        by_place.setdefault(_place(one), one)
    if not likely:
        return []
    least_likely = _sureness(likely[0]) - _BEHIND
    first = [one for one in list(by_place.values())[:_ALONE] if _sureness(one) >= least_likely]
    texts = [(passages[one.passage].chunk.title, told_by(one, passages)) for one in first]
    read = dict(zip(map(_place, first), _read(question, texts, reader), strict=True))
    asked, *told = embedder.embed_queries([question, *(_in_context(one, passages) for one in first)])
    near = {_place(one): float(asked @ vector) for one, vector in zip(first, told, strict=True)}
    farthest = min(near.values())
    odds = {id(one): _odds_alone(one, read[_place(one)]) for one in found if _place(one) in read}
    least = np.min(list(odds.values()), axis=0)
    at = FEATURES.index("alone")
    made = []
    for one in found:
        row = one.row.copy()
        row[at : at + 2] = odds.get(id(one), np.minimum(least, row[:2]))
        row[FEATURES.index("near")] = near.get(_place(one), farthest)
        made.append(replace(one, row=row))
    return made


def _sureness(candidate: Candidate) -> float:
    """What the reader says of it among other sentences: of the span, and of an answer at all."""
    return float(candidate.row[0] + candidate.row[1])


def _odds_alone(candidate: Candidate, finding: Finding) -> tuple[float, float]:
    """Of the span (the best of those that overlap it; the least of all where none does), and of an answer at all."""
    _, start, _ = _place(candidate)
    own = Span(candidate.span.start - start, candidate.span.end - start)
    every = [odds for _, odds in finding.spans]
    overlapping = [odds for span, odds in finding.spans if span.start < own.end and own.start < span.end]
    return _limited(max(overlapping, default=min(every, default=-_LIMIT))), _limited(finding.odds)


def _place(candidate: Candidate) -> tuple[int, int, int]:
    """The passage, and where in its article the candidate's sentences start and end."""
    return candidate.passage, candidate.sentences[0].start, candidate.sentences[-1].end


def _in_context(candidate: Candidate, passages: Sequence[Passage]) -> str:
    """The headline, the sentence before the candidate's in its passage, and its own."""
    n, start, end = _place(candidate)
    chunk = passages[n].chunk
    start, end = start - chunk.span.start, end - chunk.span.start
    before = [span.start for span in sentences(chunk.text) if span.start < start]
    return f"{chunk.title}. {chunk.text[before[-1] if before else start : end]}"


def told_by(candidate: Candidate, passages: Sequence[Passage]) -> str:
    """The text of the sentences that a candidate touches."""
    n, start, end = _place(candidate)
    chunk = passages[n].chunk
    return chunk.text[start - chunk.span.start : end - chunk.span.start]


def worded(question: str, candidate: Candidate, passages: Sequence[Passage]) -> str:
    """The words of the candidate's span; of a figure, with what stands before it and says that it is not exact, or how
    many of so many; of a month or a year, with the part of it that is told; of a time that is an end, with "until".

    Where "who" is asked and "a company from Ostrand" is found, the name that this tells more of: "Nordmud".
    """
    chunk = passages[candidate.passage].chunk
    at = candidate.span.start - chunk.span.start
    before, told = chunk.text[max(0, at - 50) : at], candidate.text
    if _NOON.search(told) and chunk.text.startswith(".", at + len(told)):
        told += "."
    if re.match(r"how long\b", question, re.I) and (until := _UNTIL.search(before)):
        return f"{until[0]}{told}"
    if _MONTH_OR_YEAR.match(told) and (part := _PART.search(before)):
        return f"{part[0]}{told}"
    if begins_with_number(told):
        if (some := _OF_WHOLE.search(before)) and not _ALL.search(question):
            before, told = before[: some.start()], f"{some[0]}{told}"
        found = _HEDGE.search(before)
        return f"{found[0]}{told}" if found else told
    asked = kind_asked(question)
    if asked and asked[0] == "name" and candidate.text[0].islower():
        start, end = candidate.sentences[0].start - chunk.span.start, at + len(candidate.text)
        named = _DESCRIBED.search(chunk.text, start, at)
        closed = chunk.text[end : end + 1] in (",", ".", ";", ")", "")
        article = named and (named["article"] or re.match(r"an? ", candidate.text))
        if named and article and closed and not set(words(named["name"])) & set(words(question)):
            return named["name"]
    return told


def _limited(odds: float) -> float:
    return max(-_LIMIT, min(_LIMIT, odds))
