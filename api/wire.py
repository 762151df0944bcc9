"""What goes over HTTP: the models that check requests and document answers, and one way to write JSON.

The answers themselves are made by ``rag.wire``, the same as on the command line.
"""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from api import examples
from rag.types import Turn, Where

MAX_TURNS = 50
MAX_HISTORY_CHARS = 20_000

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
Count = Annotated[int, Field(strict=True, ge=1, le=50)]


class _In(BaseModel):
    """A request: a field that is not known is a mistake, and said to be one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WhereIn(_In):
    """Which articles may be searched. A field that is left out does not restrict."""

    published_from: IsoDate | None = Field(None, description="Published on this day or later.")
    published_to: IsoDate | None = Field(None, description="Published on this day or earlier.")
    publisher: ShortText | None = Field(None, description="Exactly this publisher.")
    language: ShortText | None = Field(None, description="Exactly this language, as the article gives it.")
    article_ids: tuple[ShortText, ...] = Field((), max_length=1000, description="Only these articles.")

    @model_validator(mode="after")
    def _in_order(self) -> WhereIn:
        if self.published_from and self.published_to and self.published_from[:10] > self.published_to[:10]:
            raise ValueError("expected published_from to be no later than published_to")
        return self

    def to_where(self, as_of: str | None = None) -> Where:
        return Where(self.published_from, self.published_to, as_of, self.publisher, self.language, self.article_ids)


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
        if self.where is None:
            return Where(as_of=self.as_of) if self.as_of else None
        return self.where.to_where(self.as_of)


class AskIn(SearchIn):
    """A question, and what to answer it from."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ASK]})

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
    status: Literal["answered", "partial", "unanswerable", "conflicting"]
    text: str
    short: str | None
    citations: list[CitationOut]
    passages: list[PassageOut]
    confidence: float
    timings_ms: dict[str, float]


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


class ReceiptOut(_Out):
    """What became of one article that was sent."""

    source: str
    id: str | None
    revision: str | None
    outcome: Literal["added", "updated", "unchanged", "refused"]
    chunks: int
    reason: str | None = None
    code: str | None = None


class ResultsOut(_Out):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.RESULTS]})

    results: list[ReceiptOut]
