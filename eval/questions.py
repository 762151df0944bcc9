"""Questions and what would answer them: checked, sampled, and resolved to characters of the articles."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from eval.metrics import Place
from rag.errors import NotFound, QuotewellError
from rag.types import Article, Library, Span, Turn


class SetError(QuotewellError):
    """A question set that cannot be read, or contradicts itself."""

    code, status = "question_set", 422


class EvidenceError(SetError):
    """Evidence that is not in the articles, or not in one place."""

    code = "evidence"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A quote of an article. ``span`` is given where the set knows the place; else the quote must be unique."""

    article: str
    quote: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and what would be a right answer to it. An unanswerable one has no answers, no evidence."""

    id: str
    question: str
    answers: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    answerable: bool
    type: str
    as_of: str | None = None
    history: tuple[Turn, ...] = ()


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
        told = bool(question.answers), bool(question.evidence)
        if told != (question.answerable, question.answerable):
            raise SetError(
                expected=f"question {question.id!r} to have answers and evidence just when it is answerable",
                found=f"answerable {question.answerable}, {len(question.answers)} answers, "
                f"{len(question.evidence)} quotes of evidence",
                remedy=f"mend it in {name}",
            )
    return question_set


def sample(question_set: QuestionSet, limit: int | None, seed: int = 0) -> QuestionSet:
    """``limit`` of the questions by ``random.Random(seed).sample``; all, in their order, when there are no more."""
    if limit is None or limit >= len(question_set.questions):
        return question_set
    return replace(question_set, questions=tuple(random.Random(seed).sample(question_set.questions, limit)))


def resolve(questions: Sequence[Question], library: Library) -> dict[str, tuple[Place, ...]]:
    """The gold places of each question, by its id, in the articles as they are now.

    Raises EvidenceError naming question, article and quote, unless each quote is there exactly once
    (or exactly where its span says).
    """
    return {
        question.id: tuple(_locate(one, question.id, library) for one in question.evidence) for question in questions
    }


def _locate(evidence: Evidence, question_id: str, library: Library) -> Place:
    expected = f"the evidence of question {question_id!r} once in article {evidence.article!r}: {evidence.quote!r}"
    try:
        text = library.article(evidence.article).text
    except NotFound as err:
        raise EvidenceError(
            expected=expected, found="no such article", remedy="mend the id in the set, or ingest the article"
        ) from err
    if evidence.span is not None:
        if (found := evidence.span.of(text)) != evidence.quote:
            raise EvidenceError(expected=expected, found=repr(found), remedy="mend the span in the set")
        return Place(evidence.article, evidence.span)
    start = text.find(evidence.quote)
    if start < 0:
        raise EvidenceError(expected=expected, found="it nowhere", remedy="quote the article as it is now")
    if (again := text.find(evidence.quote, start + 1)) >= 0:
        raise EvidenceError(
            expected=expected, found=f"it at {start} and at {again}", remedy="quote more of the article around it"
        )
    return Place(evidence.article, Span(start, start + len(evidence.quote)))
