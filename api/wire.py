"""What goes over HTTP: the models that check requests and document answers, and one way to write JSON.

The answers themselves are made by ``rag.wire``, the same as on the command line.
"""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from starlette.responses import Response

from api import examples
from rag.errors import UsageError
from rag.types import AsOf, Either, Every, Is, Not, Published, Turn, Where

MAX_TURNS = 50
MAX_HISTORY_CHARS = 20_000
MAX_DEPTH = 10

# Not line breaks to JSON, but to clients that cut a stream with str.splitlines.
_ODD_BREAKS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII)


def dumps(value: object) -> str:
    """Compact JSON without a line break in it. A thing is written the same way whole and streamed."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_ODD_BREAKS)


class JSON(Response):
    """A JSON response, as ``dumps`` writes it."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return dumps(content).encode()


def _iso_date(value: str) -> str:
    if not _ISO_DATE.fullmatch(value):
        raise ValueError("expected an ISO 8601 date such as 2018-10-24, or date and time")
    try:
        date.fromisoformat(value[:10])
        datetime.fromisoformat(value)
    except ValueError as err:
        raise ValueError(f"expected a date of the calendar: {err}") from err
    return value


def _sound(value: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as err:
        raise ValueError("expected whole characters; found half a surrogate pair") from err
    return value


Text = Annotated[str, AfterValidator(_sound)]
"""JSON's escapes can spell half a character, which nothing behind here could store or send."""

IsoDate = Annotated[str, AfterValidator(_iso_date)]
ShortText = Annotated[Text, Field(max_length=1000)]
Names = Annotated[
    tuple[ShortText, ...],
    BeforeValidator(lambda value: () if value is None else (value,) if isinstance(value, str) else value),
    Field(max_length=1000),
]
"""One name or a list of them."""
Count = Annotated[int, Field(strict=True, ge=1, le=50)]


class _In(BaseModel):
    """A request: a field that is not known is a mistake, and said to be one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WhereIn(_In):
    """Which articles may be searched: those that each field which is there lets through."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    published_from: IsoDate | None = Field(None, description="Published on this day or later.")
    published_to: IsoDate | None = Field(None, description="Published on this day or earlier.")
    publisher: Names = Field((), description="This publisher, or any of a list.")
    language: Names = Field((), description="This language, as the article gives it, or any of a list.")
    tags: Names = Field((), description="Articles that have this tag, or any of a list.")
    article_ids: Names = Field((), description="Only these articles.")
    every: tuple[WhereIn, ...] = Field((), alias="all", description="Only what all of these let through.")
    either: tuple[WhereIn, ...] = Field((), alias="any", description="Only what at least one of these lets through.")
    but: WhereIn | None = Field(None, alias="not", description="Not what this lets through.")

    @model_validator(mode="after")
    def _in_order(self) -> WhereIn:
        if self.published_from and self.published_to and self.published_from[:10] > self.published_to[:10]:
            raise ValueError("expected published_from to be no later than published_to")
        return self

    def to_where(self, depth: int = 1) -> Where:
        """Raises UsageError where the tree is deeper than any that a person would write."""
        if depth > MAX_DEPTH:
            raise UsageError(expected=f"a where of at most {MAX_DEPTH} levels", found="more", remedy="make it flatter")
        parts: list[Where] = []
        if self.published_from or self.published_to:
            parts.append(Published(self.published_from, self.published_to))
        fields = {"publisher": self.publisher, "language": self.language, "tag": self.tags, "id": self.article_ids}
        parts += [Is(field, values) for field, values in fields.items() if values]  # type: ignore[arg-type]
        parts += [part.to_where(depth + 1) for part in self.every]
        if self.either:
            parts.append(Either(tuple(part.to_where(depth + 1) for part in self.either)))
        if self.but is not None:
            parts.append(Not(self.but.to_where(depth + 1)))
        return parts[0] if len(parts) == 1 else Every(tuple(parts))


class TurnIn(_In):
    """One earlier message of the conversation."""

    role: Literal["user", "assistant"]
    content: Text


class SearchIn(_In):
    """A question, to be answered with passages only."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.SEARCH]})

    question: Text = Field(description="One question. Its greatest length is a setting; 2,000 characters at first.")
    k: Count | None = Field(None, description="Passages wanted, 1 to 50.")
    where: WhereIn | None = Field(None, description="Which articles may be searched.")
    as_of: IsoDate | None = Field(None, description="Answer as on this day: what was published later is hidden.")

    def to_where(self) -> Where | None:
        parts: list[Where] = [AsOf(self.as_of)] if self.as_of else []
        if self.where is not None and self.where != WhereIn():
            parts.append(self.where.to_where())
        return None if not parts else parts[0] if len(parts) == 1 else Every(tuple(parts))


class AskIn(SearchIn):
    """A question, and what to answer it from."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ASK]})

    model: Text | None = Field(None, description="The language model that words it, of those set; else none does.")
    history: tuple[TurnIn, ...] = Field(
        (), max_length=MAX_TURNS, description="Earlier messages, oldest first; 20,000 characters in all."
    )

    @model_validator(mode="after")
    def _bounded(self) -> AskIn:
        if (found := sum(len(turn.content) for turn in self.history)) > MAX_HISTORY_CHARS:
            raise ValueError(f"expected a history of at most {MAX_HISTORY_CHARS} characters; found {found}")
        return self

    def turns(self) -> list[Turn]:
        return [Turn(turn.role, turn.content) for turn in self.history]


class VerificationOut(_Out):
    status: Literal["exact", "normalized", "absent"]
    score: float


class CopyOut(_Out):
    """Where another article, a near duplicate, has the same quote."""

    article_id: str
    revision: str
    title: str
    url: str | None
    published_at: str | None
    publisher: str | None
    start_char_index: int
    end_char_index: int
    permalink: str


class CitationOut(_Out):
    """The characters of an article that support a piece of the answer.

    Indices are half-open and count Unicode code points; ``start_utf16`` and ``end_utf16`` are the
    same places in UTF-16 units, as JavaScript counts.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [examples.CITATION]})

    number: int
    answer_start: int
    answer_end: int
    article_id: str
    revision: str
    title: str
    url: str | None
    published_at: str | None
    start_char_index: int
    end_char_index: int
    start_utf16: int
    end_utf16: int
    cited_text: str
    prefix: str
    suffix: str
    permalink: str
    verification: VerificationOut
    copies: list[CopyOut]


class PassageOut(_Out):
    """A piece of an article that fits the question; a higher score fits better."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PASSAGE]})

    article_id: str
    revision: str
    title: str
    url: str | None
    published_at: str | None
    start_char_index: int
    end_char_index: int
    text: str
    score: float


class SearchOut(_Out):
    model_config = ConfigDict(json_schema_extra={"examples": [{"passages": [examples.PASSAGE]}]})

    passages: list[PassageOut]


class AnswerOut(_Out):
    """An answer, the quotes that prove it, and the passages that were consulted."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ANSWER]})

    question: str
    asked: Annotated[str, Field(description="As it was read, with what the conversation says of it.")]
    status: Literal["answered", "partial", "unanswerable", "conflicting"]
    text: str
    short: str | None
    citations: list[CitationOut]
    passages: list[PassageOut]
    confidence: float
    model: str | None
    instead: Annotated[
        list[str], Field(description="Where nothing is answered: questions that the passages do answer.")
    ]
    timings_ms: dict[str, float]


class VerifyIn(_In):
    """An answer and its citations: of this service, of Anthropic's or OpenAI's form, or any with a quote."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.VERIFY]})

    answer: Annotated[Text, Field(max_length=100_000)] = ""
    citations: tuple[dict[str, Any], ...] = Field(max_length=200, description="At least a quote each: `cited_text`.")


class VerdictOut(_Out):
    """What was found of one citation. ``found`` is where its quote stands, also where that is not what was claimed."""

    number: int | None
    verification: VerificationOut
    reason: str | None
    newest: bool
    found: dict[str, Any] | None


class StatementOut(_Out):
    """A sentence of the answer; ``lacking`` is what it says and its quotes do not."""

    answer_start: int
    answer_end: int
    text: str
    status: Literal["proved", "unsupported", "uncited"]
    citations: list[int]
    lacking: list[str]


class VerifyOut(_Out):
    verified: bool
    citations: list[VerdictOut]
    statements: list[StatementOut]


class ArticleIn(_In):
    """An article to put in. Only ``text`` is needed; without an id, one is made."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ARTICLE_IN]})

    text: str
    id: str | None = None
    title: str | None = None
    url: str | None = None
    published_at: str | None = None
    publisher: str | None = None
    language: str | None = None
    metadata: dict[str, Any] | None = None


class ArticleRow(_Out):
    """An article without its text."""

    id: str
    revision: str
    title: str
    url: str | None
    published_at: str | None
    publisher: str | None
    language: str | None
    metadata: dict[str, Any]


class ArticleOut(ArticleRow):
    """An article as it is stored, in one revision."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ARTICLE]})

    text: str


class ArticlesOut(_Out):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.ARTICLES]})

    articles: list[ArticleRow]
    next_cursor: str | None = Field(description="Send it as cursor for the next page; null on the last.")


class RevisionsOut(_Out):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.REVISIONS]})

    revisions: list[ArticleRow]


class ReceiptOut(_Out):
    """What became of one article that was sent."""

    source: str
    id: str | None
    revision: str | None
    outcome: Literal["added", "updated", "unchanged", "refused"]
    chunks: int
    title: str | None
    reason: str | None = None
    code: str | None = None


class ResultsOut(_Out):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.RESULTS]})

    results: list[ReceiptOut]


class ReadOut(_Out):
    model_config = ConfigDict(json_schema_extra={"examples": [{"articles": [examples.ARTICLE], "refused": []}]})

    articles: list[ArticleOut]
    refused: list[ReceiptOut]
