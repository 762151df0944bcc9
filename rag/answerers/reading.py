"""Answers in the articles' own words: the words that answer, and around them the sentences that say so, each cited."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rag.answerers.candidates import FEATURES, Candidate, active, candidates, plain, told_by, worded
from rag.answerers.corrections import asks_for_an_error, repeated
from rag.answerers.evidence import DECLINED, begins_with_number, is_time, kind_asked, unheard
from rag.answerers.parts import parts
from rag.answerers.proposals import proposals
from rag.answerers.reasons import asks_why, with_reason
from rag.answerers.sayings import asked_saying, said
from rag.citations import cite
from rag.conversation import names, without_subject
from rag.types import Answer, Citation, Delta, Embedder, Matrix, Passage, Span, SpanReader, Status, Turn
from rag.words import MONTHS, STOPWORDS, content_words, stems, words

SURENESS = ("read", "near", "lead")
"""What confidence is estimated from. Of the chosen candidate: what the reader says of it, its four odds together; how
near its sentences are to the question (without that, 2 points of AUROC less between answerable and not, on articles not
fitted to, n 2,294); the log-odds of its share of the probability, with all that say the same (the share itself: 0.4
points less, n 4,407). Words in common are not among them: questions that are written to mislead have more of them than
others, so they would speak against an answer. Nor is how far its passage is behind: 0.2 points more over encyclopedia
articles (n 1,200), 0.2 fewer over news (n 365)."""

_READ = tuple(FEATURES.index(name) for name in ("span", "holds", "alone", "alone_holds"))
_NEAR = FEATURES.index("near")
_ABOUT = FEATURES.index("passage")
_LEAD = SURENESS.index("lead")

_CERTAIN = 1e-3  # of the probability, which the others have at the least
_AGREEING = 2  # further articles that are cited for the same
_SINGLE = ("number", "time")  # what has one value, so that two articles may contradict each other
_FURTHER = 2  # values that are told beside the first
_RIVAL = 1.8  # log-odds that a contradicting value may be less likely than the best
_THIRD = 3.0  # and another, where one contradicts it already
_NEAREST = 4  # passages for which a question is proposed where nothing is answered
_TRIED = 2  # proposals tried for each
_RANK = 3  # added to a place, counted from 0, so that the first does not outweigh all others (reciprocal rank fusion)
_UNHEARD = 1.5
"""Log-odds that a name which no passage has, or a thing whose price is asked, takes from confidence. Of half of SQuAD
2.0's development set 155 of 6,078 questions have such a name: 1.2 % of those answered rightly, 3.5 % of the others,
which alone would make it 1.1. It is more as none of them asks of what no article tells at all ("Who is the president of
Brazil?"), which people do."""
_HIS = 2.0
"""Log-odds that confidence gains where it is asked what somebody said of something, and the sentence is his and has a
word of it: of 21 such answers over invented news 16 were right, of which confidence was .22 in the mean without this
(n 100, 36 of them not told)."""
_WHAT_IS = re.compile(r"(?:what|who) (?:is|are|was|were) (?:the |an? )?(?P<name>[^?,]{2,60}?) *\?*$", re.I)
_BEHIND_NAME = 3.0
"""Log-odds that what stands behind the name of something may be less likely to say what it is than the best."""
_CHANGE = re.compile(r"\bfrom (?P<old>(?:[a-z]+ )*\d[\d.,]*[^.;,\d]*?) to (?:[a-z]+ )*\d", re.I)
_FORMER = re.compile(r"^(?!.*\b(?:1\d{3}|20\d{2})\b).*\d.* to (?=.*\d)")
"""Of a value that is told with the one that it was before: that. "1914 to 1918" is a time, and both are its ends."""
_ROUNDED = 0.05  # figures that differ by no more say the same


@lru_cache(maxsize=1)
def _weights() -> dict[str, Matrix]:
    """Fitted by ``make fit``: two linear models, over FEATURES and over SURENESS; the last of each is the intercept."""
    stored = json.loads(Path(__file__).with_name("reading.json").read_text(encoding="utf-8"))
    return {
        model: np.array([stored[model].get(name, 0.0) for name in (*names, "intercept")], np.float32)
        for model, names in (("choice", FEATURES), ("confidence", SURENESS))
    }


class Ranked(NamedTuple):
    """Candidates, the most likely first, their log-odds, and the row that tells how sure the first is."""

    found: list[Candidate]
    odds: list[float]
    row: Matrix


def rank(found: Sequence[Candidate], weights: Matrix | None = None) -> Ranked:
    """Ranks by the fitted ``choice``, or by other weights of FEATURES."""
    by = _weights()["choice"][:-1] if weights is None else weights
    ranked = sorted(found, key=lambda one: -float(one.row @ by))
    odds = [float(one.row @ by) for one in ranked]
    return _in_order(ranked, odds)


def _in_order(found: list[Candidate], odds: list[float]) -> Ranked:
    if not found:
        return Ranked([], [], np.zeros(len(SURENESS), np.float32))
    first = found[0].row
    row = [first[list(_READ)].sum(), first[_NEAR], _lead(found, odds, found[:1])]
    return Ranked(found, odds, np.array(row, np.float32))


def _lead(found: Sequence[Candidate], odds: Sequence[float], told: Sequence[Candidate]) -> float:
    """The log-odds of the probability of those ``told``, with all that say the same as one of them."""
    likely = np.exp(np.array(odds) - max(odds))
    same = [any(one is side or agree(one.text, side.text) for side in told) for one in found]
    share = float(likely[same].sum() / likely.sum())
    return math.log(share / (1 - share + _CERTAIN))


def confidence(row: Matrix, *, unheard: bool = False, his: bool = False) -> float:
    """How likely it is that the first candidate answers: what the threshold is held against.

    ``unheard`` says that no passage has a name of the question, ``his`` that the candidate is a sentence of whom it
    asks what he said, and about that.
    """
    *weights, intercept = _weights()["confidence"]
    odds = float(row @ np.array(weights)) + float(intercept) - _UNHEARD * unheard + _HIS * his
    return 1 / (1 + math.exp(-odds))


def agree(one: str, other: str) -> bool:
    """Whether two short answers say the same: one's words are among the other's, or their figures are near enough.

    "3.2 to 4.1 million" says 4.1 million.
    """
    mine, theirs = (set(plain(_FORMER.sub("", text)).split()) for text in (one, other))
    if not mine or not theirs:
        return False
    if mine <= theirs or theirs <= mine:
        return True
    figures = [[float(w) for w in some if w.isdigit()] for some in (mine, theirs)]
    if all(len(some) == 1 for some in figures):
        (a,), (b,) = figures
        return a != b and max(a, b) > 2100 and abs(a - b) <= _ROUNDED * max(a, b)  # years are no figures to round
    return False


class ReadingAnswerer:
    """Answers with what a reader points at; declines under ``threshold``.

    ``embedder`` is the one that the weights were fitted with.

    Where another article says the same it is cited too; where one says something else of what has a single value,
    both are told, and the answer is ``conflicting``; so is one that another article corrects. Of a question that asks
    for two things each is read for, and where only one is answered the answer is ``partial``.
    """

    def __init__(self, reader: SpanReader, embedder: Embedder, *, threshold: float) -> None:
        self._reader = reader
        self._embedder = embedder
        self._threshold = threshold

    def answer(
        self, question: str, passages: Sequence[Passage], history: Sequence[Turn] = ()
    ) -> Iterator[Delta | Answer]:
        subject = without_subject(question)[1]
        if not any(subject in turn.text for turn in history):
            subject = ""  # in brackets by the hand that asks
        asked = [self._ask(part, passages, subject) for part in parts(question, [p.chunk.text for p in passages])]
        consulted = _best_first(passages, [one.ranked for one in asked])
        known = [one for one in asked if one.sure >= self._threshold]
        if not known:
            sure = max(one.sure for one in asked)
            yield Delta(DECLINED)
            instead = () if unheard(question, passages) else tuple(self.proposed(consulted[:_NEAREST]))
            yield Answer(question, "unanswerable", DECLINED, None, (), consulted, sure, instead=instead)
            return
        text = ""
        citations: list[Citation] = []
        for one in known:
            for side in one.sides:
                alike = _agreeing(side, one.ranked, passages) if one.short else []
                for piece, cited in _statements(side, alike, passages, len(text), citations):
                    text += piece
                    citations += cited
                    yield Delta(piece, tuple(cited))
        status: Status = "conflicting" if any(len(one.sides) > 1 for one in known) else "answered"
        if len(known) < len(asked):
            status = "partial"
        short = "; ".join(dict.fromkeys(one.short for one in known if one.short)) or None
        sure = min(one.sure for one in known)
        yield Answer(question, status, text, short, tuple(citations), consulted, sure)

    def proposed(self, passages: Iterable[Passage]) -> Iterator[str]:
        """One question for each of ``passages`` that it answers, as this answerer finds by asking it."""
        seen: set[str] = set()
        for passage in passages:
            tried = [one for one in proposals(passage.chunk.text) if one[0] not in seen and names(one[0])]
            for question, answer in tried[:_TRIED]:
                part = self._ask(question, [passage])
                if part.short and part.sure >= self._threshold and agree(part.short, answer):
                    seen.add(question)
                    yield question
                    break

    def _ask(self, question: str, passages: Sequence[Passage], subject: str = "") -> _Part:
        ranked = _described(
            question, rank(candidates(question, passages, self._reader, self._embedder, subject)), passages
        )
        if not ranked.found:
            return _Part(ranked, (), None, 0.0)
        first, strange = ranked.found[0], unheard(question, passages)
        if asks_why(question):
            sure = confidence(ranked.row, unheard=strange)
            told = with_reason(question, first.sentences, passages[first.passage])
            if active(told_by(replace(first, sentences=told), passages)):
                told = first.sentences
            reason = told == first.sentences and not is_time(first.text)
            short = worded(question, first, passages) if reason else None
            return _Part(ranked, (replace(first, sentences=told),), short, sure)
        right = _correction(question, ranked, passages)
        sides = (right, first) if right else _newest_first((first, *_rivals(question, ranked, passages)), passages)
        row = ranked.row.copy()
        row[_LEAD] = _lead(ranked.found, ranked.odds, sides)  # all of them are told
        sure = confidence(row, unheard=strange, his=_is_his(question, first, passages))
        return _Part(ranked, sides, worded(question, sides[0], passages), sure)


class _Part(NamedTuple):
    """One thing that was asked: what may answer it, which of them do, each against the other, and how sure that is.

    ``short`` is None where no few words of the sentences are the answer."""

    ranked: Ranked
    sides: tuple[Candidate, ...]
    short: str | None
    sure: float


def _described(question: str, ranked: Ranked, passages: Sequence[Passage]) -> Ranked:
    """The same; where it is asked what something is, with what a text says right behind its name in front."""
    asked = _WHAT_IS.match(without_subject(question)[0])
    if not asked:
        return ranked
    named = re.compile(rf"\b{re.escape(asked['name'])}(?:,| (?:is|are|was|were))(?: also)? (?:an? |the )?$", re.I)
    for n, (one, odds) in enumerate(zip(ranked.found, ranked.odds, strict=True)):
        if odds < ranked.odds[0] - _BEHIND_NAME:
            break
        chunk = passages[one.passage].chunk
        at = one.span.start - chunk.span.start
        if named.search(chunk.text[max(0, at - 100) : at]):
            return _in_order(
                [one, *ranked.found[:n], *ranked.found[n + 1 :]], [odds, *ranked.odds[:n], *ranked.odds[n + 1 :]]
            )
    return ranked


def _is_his(question: str, first: Candidate, passages: Sequence[Passage]) -> bool:
    """Whether a sentence of the candidate tells what he said of whom the question asks it, with a word about that."""
    saying, chunk = asked_saying(question), passages[first.passage].chunk
    start, end = (at - chunk.span.start for at in (first.sentences[0].start, first.sentences[-1].end))
    told = said(saying, chunk.text) if saying else []
    return any(share > 0 and span.start < end and start < span.end for span, share in told)


def _best_first(passages: Sequence[Passage], ranked: Sequence[Ranked]) -> tuple[Passage, ...]:
    """First the passage with the likeliest candidate, of any part of the question; the others by their places in that
    order and, half as heavy, in the search's."""
    odds: dict[int, float] = {}
    for one in ranked:
        for candidate, likely in zip(one.found, one.odds, strict=True):
            odds[candidate.passage] = max(likely, odds.get(candidate.passage, -math.inf))
    read = sorted(range(len(passages)), key=lambda n: -odds.get(n, -math.inf))
    others = sorted(read[1:], key=lambda n: -(2 / (_RANK + read.index(n)) + 1 / (_RANK + n)))
    return tuple(passages[n] for n in (*read[:1], *others))


def _told(citation: Citation, before: Sequence[Citation]) -> bool:
    return any((c.article_id, c.span) == (citation.article_id, citation.span) for c in before)


def _statements(
    side: Candidate, alike: Sequence[Candidate], passages: Sequence[Passage], at: int, before: Sequence[Citation]
) -> Iterator[tuple[str, list[Citation]]]:
    """The sentences of a candidate, each with its citation; that of its span with those of ``alike``.

    They stand from ``at`` on; those that are all among the citations ``before`` have been told, and are left out.
    """
    count, told = len(before), tuple(before)
    for sentence in side.sentences:
        passage = passages[side.passage]
        sentence_text = Span(sentence.start - passage.chunk.span.start, sentence.end - passage.chunk.span.start).of(
            passage.chunk.text
        )
        piece = f" {sentence_text}" if at else sentence_text
        span = Span(at + len(piece) - len(sentence_text), at + len(piece))
        places = [(passage, sentence)]
        if sentence.start <= side.span.start < sentence.end:
            places += [(passages[one.passage], one.sentences[0]) for one in alike]
        cited = [cite(p, s, number=count + m, answer_span=span) for m, (p, s) in enumerate(places, start=1)]
        if at and all(_told(one, told) for one in cited):
            continue
        at, count = at + len(piece), count + len(cited)
        yield piece, cited


def _agreeing(side: Candidate, ranked: Ranked, passages: Sequence[Passage]) -> list[Candidate]:
    """The best candidate of each further article that says the same, where the reader finds it there by itself.

    Its sentence has all words of ``side``, which "Amazon" has not of "Amazon Web Services"; figures may be rounded.
    """
    value = set() if begins_with_number(side.text) else set(side.value.split())
    seen = {passages[side.passage].chunk.article_id}
    found = []
    for one in ranked.found:
        article = passages[one.passage].chunk.article_id
        sure = one.row[0] > 0 and one.row[1] > 0 and not _superseded(one, passages)
        whole = value <= set(plain(told_by(one, passages)).split())
        if article not in seen and sure and whole and agree(one.text, side.text):
            seen.add(article)
            found.append(one)
    return found[:_AGREEING]


def _correction(question: str, ranked: Ranked, passages: Sequence[Passage]) -> Candidate | None:
    """Where another article repeats what is found first as said wrongly: that and the sentence that sets it right,
    with what is found in this; None where none does."""
    if asks_for_an_error(question):
        return None
    first, asked = ranked.found[0], kind_asked(question)
    value = set(first.value.split())
    about = set(stems(content_words(told_by(first, passages)))) - set(stems(sorted(value)))
    for n, passage in enumerate(passages):
        article, text, start = passage.chunk.article_id, passage.chunk.text, passage.chunk.span.start
        for wrong, right in repeated(text).items():
            shared = about & set(stems(content_words(wrong.of(text))))
            if right is None or not value or not value <= set(plain(wrong.of(text)).split()):
                continue
            if article == passages[first.passage].chunk.article_id or len(shared) < min(2, len(about)) or not shared:
                continue
            said = text[wrong.start : right.end]
            inside = [
                one
                for one in ranked.found
                if passages[one.passage].chunk.article_id == article
                and start + right.start <= one.span.start
                and one.span.end <= start + right.end
                and (asked[1].search(one.text) if asked else one.row[0] > 0)
            ]
            if inside and not active(said):
                return replace(inside[0], passage=n, sentences=(Span(start + wrong.start, start + right.end),))
    return None


def _rivals(question: str, ranked: Ranked, passages: Sequence[Passage]) -> list[Candidate]:
    """The best candidates of other articles that contradict the first and each other. Where the question does not ask
    for a number by its words ("What did the bridge cost?"), their passages have as many words of it as the first's."""
    first = ranked.found[0]
    asked = kind_asked(question)
    kind = asked[0] if asked else "number" if begins_with_number(first.text) else ""
    if kind not in _SINGLE:
        return []
    sides = [first]
    for one, odds in zip(ranked.found, ranked.odds, strict=True):
        if odds < ranked.odds[0] - (_RIVAL if len(sides) == 1 else _THIRD) or len(sides) > _FURTHER:
            break
        other = passages[one.passage].chunk.article_id not in {passages[s.passage].chunk.article_id for s in sides}
        sure = one.row[0] > 0 and one.row[1] > 0 and (asked or one.row[_ABOUT] >= first.row[_ABOUT])
        if other and sure and not _superseded(one, passages) and not any(agree(one.text, side.text) for side in sides):
            kinds = all(asked[1].search(side.text) if asked else begins_with_number(side.text) for side in (one, first))
            unlike = (
                _unit(one, passages) != _unit(first, passages) if kind == "number" else _dated(one) != _dated(first)
            )
            if not kinds or unlike:
                break
            sides.append(one)
    return sides[1:]


def _dated(candidate: Candidate) -> bool:
    """Whether it says more of a time than a day of some week: "Sunday" contradicts no "24 April to 2 May"."""
    return re.search(rf"\d|\b(?:{'|'.join(MONTHS)})\b", candidate.text, re.I) is not None


def _superseded(candidate: Candidate, passages: Sequence[Passage]) -> bool:
    """Whether its sentence tells the value as one that has changed: the first of "from 3.2 to 4.1 million"."""
    told = told_by(candidate, passages)
    at = candidate.span.start - candidate.sentences[0].start
    to = at + len(candidate.text)
    return any(change.start("old") <= at and to <= change.end("old") for change in _CHANGE.finditer(told))


def _newest_first(sides: Sequence[Candidate], passages: Sequence[Passage]) -> tuple[Candidate, ...]:
    """Sides of a contradiction by the dates of their articles, where all have one."""
    dates = {side.passage: passages[side.passage].chunk.published_at for side in sides}
    if not all(dates.values()):
        return tuple(sides)
    return tuple(sorted(sides, key=lambda side: dates[side.passage] or "", reverse=True))


def _unit(candidate: Candidate, passages: Sequence[Passage]) -> str:
    """What a figure counts, by its stem: the last word of the span that is no figure, or else the word behind it."""
    own = [word for word in words(candidate.text) if not any(char.isdigit() for char in word) and word not in STOPWORDS]
    if not own:
        chunk = passages[candidate.passage].chunk
        own = words(chunk.text[candidate.span.end - chunk.span.start :][:40])[:1]
    return stems(own[-1:])[0] if own else ""
