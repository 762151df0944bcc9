"""Questions and what would answer them: checked, sampled, and resolved to characters of the articles."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Protocol

from eval.metrics import Place
from rag.errors import NotFound, QuotewellError
from rag.types import Article, Span, Turn


class SetError(QuotewellError):
    """A question set that cannot be read, or contradicts itself."""

    code, status = "question_set", 422


class EvidenceError(SetError):
    """Evidence that is not in the articles, or not in one place."""

    code = "evidence"


class Articles(Protocol):
    """The articles that questions are about."""

    def article(self, article_id: str) -> Article:
        """The current revision. Raises NotFound."""

    def everything(self) -> Iterable[Article]:
        """All of them, each once."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves an answer: a quote of an article, or the whole article.

    ``article`` is an id, or else a title or the name of the file that it came from; without it the quote is
    looked for in all articles. Without ``quote`` any passage of the article will do. ``span`` is given where the
    set knows the place; else the quote must be unique. ``others`` state the same fact elsewhere: one of
    them is enough.
    """

    article: str | None
    quote: str | None = None
    span: Span | None = None
    others: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and what would be a right answer to it. An unanswerable one has no answers, no evidence.

    ``paragraph`` is the article and span that a reader is given, where the set says it.
    """

    id: str
    question: str
    answers: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    answerable: bool
    type: str
    as_of: str | None = None
    history: tuple[Turn, ...] = ()
    paragraph: Place | None = None


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """``articles`` are those that the set brings; empty when they are the user's own."""

    name: str
    questions: tuple[Question, ...]
    articles: tuple[Article, ...] = ()


def check(question_set: QuestionSet) -> QuestionSet:
    """The set itself. Raises SetError when it is empty, has an id twice, or a question contradicts itself."""
    name = question_set.name
    if not question_set.questions:
        raise SetError(expected=f"questions in {name}", found="none", remedy="give a set that has some")
    counts = Counter(question.id for question in question_set.questions)
    if twice := next((key for key, count in counts.items() if count > 1), None):
        raise SetError(
            expected=f"each id once in {name}", found=f"{twice!r} {counts[twice]} times", remedy="rename one of them"
        )
    for question in question_set.questions:
        if question.answerable != bool(question.answers or question.evidence):
            raise SetError(
                expected=f"question {question.id!r} to have answers or evidence just when it is answerable",
                found=f"answerable {question.answerable}, {len(question.answers)} answers, "
                f"{len(question.evidence)} pieces of evidence",
                remedy=f"mend it in {name}",
            )
    return question_set


def sample(question_set: QuestionSet, limit: int | None, seed: int = 0) -> QuestionSet:
    """``limit`` of the questions by ``random.Random(seed).sample``; all, in their order, when there are no more."""
    if limit is None or limit >= len(question_set.questions):
        return question_set
    return replace(question_set, questions=tuple(random.Random(seed).sample(question_set.questions, limit)))


def resolve(questions: Sequence[Question], articles: Articles) -> dict[str, tuple[Place, ...]]:
    """The gold places of each question, by its id, in the articles as they are now.

    Raises EvidenceError naming the first question, article and quote that do not resolve, and how many more.
    """
    found: dict[str, tuple[Place, ...]] = {}
    failed: list[EvidenceError] = []
    for question_id, outcome in locate(questions, articles):
        if isinstance(outcome, EvidenceError):
            failed.append(outcome)
        else:
            found[question_id] = (*found.get(question_id, ()), outcome)
    if failed:
        more = f"; and {len(failed) - 1} more: quotewell eval check lists them" if failed[1:] else ""
        raise EvidenceError(expected=failed[0].expected, found=failed[0].found, remedy=failed[0].remedy + more)
    return {question.id: found.get(question.id, ()) for question in questions}


def locate(questions: Sequence[Question], articles: Articles) -> Iterator[tuple[str, Place | EvidenceError]]:
    """For each piece of evidence, in order: the question's id, and its place or why it has none."""
    shelf = _Shelf(articles)
    for question in questions:
        for evidence in question.evidence:
            try:
                others = tuple(shelf.place(other, question.id) for other in evidence.others)
                yield question.id, shelf.place(evidence, question.id)._replace(others=others)
            except EvidenceError as err:
                yield question.id, err


def paragraphs(
    questions: Sequence[Question], gold: Mapping[str, Sequence[Place]], articles: Articles
) -> dict[str, Place]:
    """What a reader is given for each question: what the set says, else the paragraph around the first quote.

    Paragraphs are what blank lines part. A question with neither is left out.
    """
    shelf = _Shelf(articles)
    given = {}
    for question in questions:
        quoted = next((place for place in gold[question.id] if place.span), None)
        if question.paragraph:
            given[question.id] = question.paragraph
        elif quoted and quoted.span:
            text = shelf.article(quoted.article).text
            start = text.rfind("\n\n", 0, quoted.span.start) + 2 if "\n\n" in text[: quoted.span.start] else 0
            end = text.find("\n\n", quoted.span.end)
            given[question.id] = Place(quoted.article, Span(start, end if end >= 0 else len(text)))
    return given


class _Shelf:
    """Articles looked up by id, title or quote; each is fetched once."""

    def __init__(self, articles: Articles) -> None:
        self._articles = articles
        self._known: dict[str, Article] = {}
        self._all: list[Article] | None = None

    def place(self, evidence: Evidence, question_id: str) -> Place:
        quote = evidence.quote
        where = f"article {evidence.article!r}" if evidence.article else "the articles"
        told = f"once in {where}: {quote!r}" if quote else f"to be {where}"
        expected = f"the evidence of question {question_id!r} {told}"
        try:
            article = self._find(evidence)
        except NotFound as err:
            raise EvidenceError(expected=expected, found=err.found, remedy=err.remedy) from err
        if quote is None:
            return Place(article.id, None)
        if evidence.span is not None:
            if (found := evidence.span.of(article.text)) != quote:
                raise EvidenceError(expected=expected, found=repr(found), remedy="mend the span in the set")
            return Place(article.id, evidence.span)
        start = article.text.find(quote)
        if start < 0:
            raise EvidenceError(expected=expected, found="it nowhere", remedy="quote the article as it is now")
        if (again := article.text.find(quote, start + 1)) >= 0:
            raise EvidenceError(
                expected=expected, found=f"it at {start} and at {again}", remedy="quote more of the article around it"
            )
        return Place(article.id, Span(start, start + len(quote)))

    def article(self, article_id: str) -> Article:
        if article_id not in self._known:
            self._known[article_id] = self._articles.article(article_id)
        return self._known[article_id]

    def _find(self, evidence: Evidence) -> Article:
        """Raises NotFound, whose ``found`` and ``remedy`` say what is wrong with the evidence."""
        if evidence.article is None:
            quote = evidence.quote or ""
            return self._only(lambda one: quote in one.text, "it nowhere", "quote the articles as they are now")
        try:
            return self.article(evidence.article)
        except NotFound:
            wanted = evidence.article.casefold()
            fix = "mend the id in the set, or ingest the article"
            return self._only(lambda one: wanted in _names(one), "no such article", fix)

    def _only(self, fits: Callable[[Article], bool], none: str, remedy: str) -> Article:
        if self._all is None:
            self._all = list(self._articles.everything())
        found = [one for one in self._all if fits(one)]
        if len(found) != 1:
            ids = " and ".join(repr(one.id) for one in found[:3])
            raise NotFound(
                expected="one article",
                found=f"it in {ids}" if found else none,
                remedy="name the article by its id" if found else remedy,
            )
        self._known[found[0].id] = found[0]
        return found[0]


def _names(article: Article) -> set[str]:
    """What a person may call it: its title, and the name of its file with and without the suffix."""
    path = PurePath(str(article.metadata.get("source") or ""))
    return {article.title.casefold(), path.name.casefold(), path.stem.casefold()} - {""}
