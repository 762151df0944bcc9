"""A question set put to a subject: one line a question, with all that scoring and reporting need. JSON throughout."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, Protocol, TypedDict

from eval.metrics import Place
from eval.questions import Articles, Evidence, Question, SetError
from rag.errors import NotFound
from rag.types import Article, Receipt, Refusal, Status, Turn
from rag.wire import Wire

Task = Literal["ask", "retrieve", "read"]

FORMAT = 1  # of a saved run
_LINES, _IDENTITY = "run.jsonl", "identity.json"


class Subject(Articles, Protocol):
    """What is evaluated. Passages and answers have the form that they have over HTTP (``rag.wire``)."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What tells this subject from others, in JSON."""

    def put(self, items: Iterable[Article | Refusal]) -> Iterator[Receipt]: ...

    def article(self, article_id: str, revision: str | None = None) -> Article: ...

    def search(self, question: str, *, k: int, as_of: str | None = None) -> list[Wire]:
        """The best ``k`` passages."""

    def ask(self, question: str, *, as_of: str | None = None, history: Sequence[Turn] = ()) -> Wire:
        """The answer as a user gets it."""

    def read(self, question: str, paragraph: Place) -> Wire:
        """The answer from these characters alone. Raises UsageError where the subject has no reader."""

    def close(self) -> None: ...


class Placed(TypedDict):
    """A half-open span of an article, in code points; ``end`` 0 stands for the whole article."""

    article: str
    start: int
    end: int


class Gold(Placed):
    """``others`` state the same fact."""

    quote: str
    others: list[Gold]


class Found(Placed):
    score: float
    text: str


class Cited(Placed):
    """``verified``: the subject's own text of ``revision``, sliced anew, is the quote."""

    revision: str
    quote: str
    verified: bool


class Line(TypedDict):
    """One question of a run. ``status`` is None where only passages were looked for.

    ``passages`` are the best ``k`` of a search (0: there was none), ``consulted`` those of the answer, best first.
    """

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
    consulted: list[Placed]
    latency_ms: float
    timings_ms: dict[str, float]


def run(
    subject: Subject,
    questions: Iterable[Question],
    gold: Mapping[str, Sequence[Place]],
    *,
    task: Task,
    k: int,
    paragraphs: Mapping[str, Place] | None = None,
) -> Iterator[Line]:
    """A line for each question, in their order; the same but for the latencies each time.

    ``ask`` asks as a user would, with the passages that the subject's settings say; the best ``k``
    passages are searched for apart, after it, and do not count in its latency. ``retrieve`` only searches,
    ``read`` only reads the question's paragraph.
    """
    for question in questions:
        answer: Wire | None = None
        passages: list[Wire] = []
        start = perf_counter()
        if task == "ask":
            answer = subject.ask(question.question, as_of=question.as_of, history=question.history)
        elif task == "read":
            answer = subject.read(question.question, (paragraphs or {})[question.id])
        else:
            passages = subject.search(question.question, k=k, as_of=question.as_of)
        latency = perf_counter() - start
        if task == "ask":
            passages = subject.search(question.question, k=k, as_of=question.as_of)
        depth = 0 if task == "read" else k
        yield _line(question, gold[question.id], depth, passages, answer, subject, 1000 * latency)


def _line(
    question: Question,
    gold: Sequence[Place],
    k: int,
    passages: Sequence[Wire],
    answer: Wire | None,
    subject: Subject,
    latency_ms: float,
) -> Line:
    told = answer or {}
    return Line(
        id=question.id,
        question=question.question,
        type=question.type,
        answerable=question.answerable,
        answers=list(question.answers),
        gold=[_gold(place, one) for place, one in zip(gold, question.evidence, strict=True)],
        k=k,
        status=told.get("status"),
        text=told.get("text") or "",
        short=told.get("short"),
        confidence=told.get("confidence"),
        citations=[_cited(citation, subject) for citation in told.get("citations", ())],
        passages=[_found(passage) for passage in passages],
        consulted=[_placed(passage) for passage in told.get("passages", ())],
        latency_ms=round(latency_ms, 3),
        timings_ms=dict(told.get("timings_ms") or {}),
    )


def _gold(place: Place, evidence: Evidence) -> Gold:
    return Gold(
        article=place.article,
        start=place.span.start if place.span else 0,
        end=place.span.end if place.span else 0,
        quote=evidence.quote or "",
        others=[_gold(other, one) for other, one in zip(place.others, evidence.others, strict=True)],
    )


def _placed(passage: Wire) -> Placed:
    return Placed(article=passage["article_id"], start=passage["start_char_index"], end=passage["end_char_index"])


def _found(passage: Wire) -> Found:
    return Found(**_placed(passage), score=passage["score"], text=passage["text"])


def _cited(citation: Wire, subject: Subject) -> Cited:
    return Cited(
        article=citation["article_id"],
        start=citation["start_char_index"],
        end=citation["end_char_index"],
        revision=citation["revision"],
        quote=citation["cited_text"],
        verified=_verified(citation, subject),
    )


def _verified(citation: Wire, subject: Subject) -> bool:
    """Whether the article has the quote just there; the subject's own word for it is not taken."""
    try:
        text = subject.article(citation["article_id"], citation["revision"]).text
    except NotFound:
        return False
    start, end, quote = citation["start_char_index"], citation["end_char_index"], str(citation["cited_text"])
    return text[start:end] == quote


# -- saved ---------------------------------------------------------------------------------------


def identify(subject: Subject, name: str, questions: Sequence[Question], *, task: Task, k: int) -> Wire:
    """What a run is of: two runs of one ``set`` and ``questions`` can be compared, two with one identity continued."""
    asked = json.dumps([asdict(question) for question in questions], sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()
    return {"format": FORMAT, "set": name, "questions": digest, "task": task, "k": k, "subject": dict(subject.identity)}


class Folder:
    """A run on disk, that goes on where it stopped: ``run.jsonl``, and ``identity.json``, which says of what."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self, identity: Wire) -> list[Line]:
        """The whole lines that are there already; what a stop cut off is removed.

        Raises SetError when they are of another run.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        known = self._folder / _IDENTITY
        if not known.is_file():
            known.write_text(json.dumps(identity, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        if (found := self.identity()) != identity:
            other = next(key for key in identity if found.get(key) != identity[key])
            raise SetError(
                expected=f"{self._folder} to be empty or a run of the same {other}",
                found=f"a run of another {other}",
                remedy="give another folder with --out",
            )
        path = self._folder / _LINES
        if not path.is_file():
            return []
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            path.write_bytes(whole)
        return self.lines()

    def save(self, lines: Iterable[Line]) -> Iterator[Line]:
        """The lines, each in the file before it is handed on: what is there after a stop is whole."""
        with (self._folder / _LINES).open("a", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
                yield line

    def identity(self) -> Wire:
        """Raises NotFound, or SetError when it is none that this version reads."""
        try:
            found: Wire = json.loads(self._read(_IDENTITY))
            known = found["format"] == FORMAT
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            raise SetError(
                expected=f"a run of format {FORMAT} in {self._folder}",
                found="something else",
                remedy="run the set again into another folder",
            )
        return found

    def lines(self) -> list[Line]:
        """Raises NotFound, or SetError naming a line that is cut off."""
        lines: list[Line] = []
        for n, text in enumerate(self._read(_LINES).split("\n"), start=1):
            try:
                lines.extend([json.loads(text)] if text else [])
            except json.JSONDecodeError as err:
                raise SetError(
                    expected=f"JSON in line {n} of {self._folder / _LINES}",
                    found=str(err),
                    remedy="run the set again with the same --out: it goes on where it stopped",
                ) from err
        return lines

    def _read(self, name: str) -> str:
        try:
            return (self._folder / name).read_text(encoding="utf-8")
        except FileNotFoundError as err:
            raise NotFound(
                expected=f"a saved run in {self._folder}", found=f"no {name}", remedy="make one with --out"
            ) from err
