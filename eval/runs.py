"""A question set put to a system: one line a question, with all that scoring needs. JSON throughout."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Literal, Protocol, TypedDict

from eval.metrics import Place
from eval.questions import Question, SetError
from rag.errors import NotFound
from rag.types import Answer, Article, Citation, Delta, Library, Passage, Receipt, Refusal, Status, Turn, Where

Task = Literal["ask", "retrieve"]


class Subject(Protocol):
    """What can be evaluated: rag.build.System, and whatever else is made to look like it."""

    @property
    def library(self) -> Library: ...
    def read(self, source: str) -> Iterator[Article | Refusal]: ...
    def ingest(self, items: Iterable[Article | Refusal]) -> Iterator[Receipt]: ...
    def search(self, question: str, *, k: int | None = None, where: Where | None = None) -> list[Passage]: ...
    def ask(
        self,
        question: str,
        *,
        k: int | None = None,
        where: Where | None = None,
        history: Sequence[Turn] = (),
    ) -> Iterator[Delta | Answer]: ...


class Placed(TypedDict):
    """A half-open span of an article, in code points."""

    article: str
    start: int
    end: int


class Gold(Placed):
    quote: str


class Found(Placed):
    score: float


class Cited(Placed):
    """``verified``: the library's own text of ``revision``, sliced anew, is the quote."""

    revision: str
    quote: str
    verified: bool


class Line(TypedDict):
    """One question of a run. ``status`` is None where nothing but retrieval was asked for."""

    id: str
    question: str
    type: str
    answerable: bool
    answers: list[str]
    gold: list[Gold]
    k: int
    status: Status | None
    text: str
    short: str | None
    confidence: float | None
    citations: list[Cited]
    passages: list[Found]
    latency_ms: float
    timings_ms: dict[str, float]


def run(
    system: Subject, questions: Sequence[Question], gold: Mapping[str, Sequence[Place]], *, task: Task, k: int
) -> Iterator[Line]:
    """A line for each question, in their order; the same but for the latencies each time.

    An answer is asked for as a user would, with the passages that the system's settings say; the
    best ``k`` passages are searched for apart, after it, and do not count in its latency.
    """
    for question in questions:
        where = Where(as_of=question.as_of) if question.as_of else None
        start = perf_counter()
        asked = system.ask(question.question, where=where, history=question.history) if task == "ask" else None
        answer = None if asked is None else _last(asked)
        answered = perf_counter()
        passages = system.search(question.question, k=k, where=where)
        latency = answered - start if answer else perf_counter() - answered
        yield _line(question, gold[question.id], k, passages, answer, system.library, 1000 * latency)


def _last(pieces: Iterable[Delta | Answer]) -> Answer:
    *_, answer = pieces
    if not isinstance(answer, Answer):
        raise TypeError(f"expected the stream to end with an Answer; found {answer!r}")
    return answer


def _line(
    question: Question,
    gold: Sequence[Place],
    k: int,
    passages: Sequence[Passage],
    answer: Answer | None,
    library: Library,
    latency_ms: float,
) -> Line:
    return Line(
        id=question.id,
        question=question.question,
        type=question.type,
        answerable=question.answerable,
        answers=list(question.answers),
        gold=[
            Gold(article=place.article, start=place.span.start, end=place.span.end, quote=one.quote)
            for place, one in zip(gold, question.evidence, strict=True)
        ],
        k=k,
        status=answer.status if answer else None,
        text=answer.text if answer else "",
        short=answer.short if answer else None,
        confidence=answer.confidence if answer else None,
        citations=[_cited(citation, library) for citation in answer.citations] if answer else [],
        passages=[_found(passage) for passage in passages],
        latency_ms=round(latency_ms, 3),
        timings_ms={stage: round(ms, 3) for stage, ms in answer.timings.items()} if answer else {},
    )


def _found(passage: Passage) -> Found:
    chunk = passage.chunk
    return Found(
        article=chunk.article_id, start=chunk.span.start, end=chunk.span.end, score=round(float(passage.score), 6)
    )


def _cited(citation: Citation, library: Library) -> Cited:
    return Cited(
        article=citation.article_id,
        start=citation.span.start,
        end=citation.span.end,
        revision=citation.revision,
        quote=citation.quote,
        verified=_verified(citation, library),
    )


def _verified(citation: Citation, library: Library) -> bool:
    """Whether the article has the quote just there; the system's own word for it is not taken."""
    try:
        text = library.article(citation.article_id, citation.revision).text
    except NotFound:
        return False
    return text[citation.span.start : citation.span.end] == citation.quote


def save(lines: Iterable[Line], path: Path) -> Iterator[Line]:
    """The lines, each in the file before it is handed on: what is there after a stop is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            yield line


def load(path: Path) -> list[Line]:
    """A saved run, to be scored again. Raises SetError naming a line that is cut off."""
    lines: list[Line] = []
    for n, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError as err:
            raise SetError(
                expected=f"JSON in line {n} of {path}", found=str(err), remedy="run the set again: the run was cut off"
            ) from err
    return lines
