"""A System without a model or a file. Imported by name, for there are several files called conftest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from hypothesis import strategies as st

from rag.citations import cite, prove
from rag.errors import NotFound, QuestionError, QuotewellError
from rag.readers import make_article, read_bytes
from rag.settings import Settings
from rag.types import (
    Answer,
    Article,
    Chunk,
    Citation,
    Delta,
    Passage,
    Reading,
    Receipt,
    Refusal,
    Span,
    Stats,
    Turn,
    Where,
)
from rag.verification import Claim, Statement, Verdict, check, statements

Piece = Delta | Answer | Exception


class DictLibrary:
    """Articles with all their revisions, in a dictionary."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Article]] = {}
        self.listed: tuple[Where | None, str] = (None, "")

    def article(self, article_id: str, revision: str | None = None) -> Article:
        held = list(self.held.get(article_id, {}).values())
        named = [a for a in held if revision is None or (len(revision) >= 12 and a.revision.startswith(revision))]
        if not named:
            raise NotFound(expected="an article in the library", found="none", remedy="list them")
        return named[-1]

    def articles(
        self,
        *,
        limit: int,
        after: str | None = None,
        where: Where | None = None,
        words: str = "",
        latest: bool = False,
    ) -> list[Article]:
        self.listed = (where, words)
        names = list(self.held)[::-1] if latest else [key for key in sorted(self.held) if key > (after or "")]
        found = [self.article(key) for key in names]
        return [one for one in found if words.lower() in f"{one.title} {one.text}".lower()][:limit]

    def publishers(self, limit: int) -> list[str]:
        return sorted({one for key in self.held if (one := self.article(key).publisher)})[:limit]

    def revisions_of(self, article_id: str) -> list[Article]:
        self.article(article_id)
        return list(self.held[article_id].values())[::-1]

    def search_text(self, query: str, k: int) -> list[tuple[int, float]]:
        return []

    def chunks(self, ids: Sequence[int]) -> list[Chunk]:
        return []

    def stats(self) -> Stats:
        return Stats(len(self.held), len(self.held), len(self.held), 1, 1)


class FakeSystem:
    """Answers with the first sentence that shares a long word with the question, from whole articles.

    ``script``, when it is set, is what ``ask`` yields, or raises, instead; ``asked`` is what it was asked.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.library = DictLibrary()
        self.script: list[Piece] | None = None
        self.failure: Exception | None = None
        self.reasons: list[str] = []
        self.suggested: tuple[str, ...] = ()
        self.asked: list[tuple[str, int | None, Where | None, list[Turn]]] = []
        self.models: list[str | None] = []
        self.closed_asks = 0

    def read_upload(self, data: bytes, name: str, content_type: str | None) -> Iterator[Article | Refusal]:
        return read_bytes(data, name, max_chars=self.settings.max_article_chars, content_type=content_type)

    def make_article(self, record: Mapping[str, object], source: str) -> Article:
        return make_article(record, source=source, max_chars=self.settings.max_article_chars)

    def ingest(self, items: Iterable[Article | Refusal]) -> Iterator[Receipt]:
        """As the real one: refusals come at once, articles when their batch is committed."""
        batch: list[Receipt] = []
        for item in items:
            if isinstance(item, Refusal):
                yield Receipt(item.source, "refused", reason=item.reason, code=item.code)
                continue
            held = self.library.held.setdefault(item.id, {})
            outcome = "added" if not held else "unchanged" if self.library.article(item.id) == item else "updated"
            held[item.revision] = item
            receipt = Receipt(str(item.metadata["source"]), outcome, item.id, item.revision, 1, item.title)
            batch.append(receipt)
        yield from batch
        if self.failure:
            raise self.failure

    def search(self, question: str, *, k: int | None = None, where: Where | None = None) -> list[Passage]:
        self.asked.append((self._checked(question), k, where, []))
        words = set(re.findall(r"\w{4,}", question.lower()))
        found = [
            Passage(whole_chunk(article), round(len(words & set(re.findall(r"\w{4,}", article.text.lower()))) / 10, 2))
            for article in self.library.articles(limit=1000)
        ]
        return sorted(found, key=lambda passage: -passage.score)[: k or 6]

    def ask(
        self,
        question: str,
        *,
        k: int | None = None,
        where: Where | None = None,
        history: Sequence[Turn] = (),
        model: str | None = None,
    ) -> Iterator[Delta | Answer]:
        self.models.append(model)
        passages = self.search(question, k=k, where=where)
        self.asked[-1] = (question, k, where, list(history))
        try:
            for piece in self.script if self.script is not None else self._pieces(question, passages):
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed_asks += 1

    def _pieces(self, question: str, passages: list[Passage]) -> list[Piece]:
        words = set(re.findall(r"\w{4,}", question.lower()))
        for passage in passages:
            for match in re.finditer(r"[^.\s][^.]*\.", passage.chunk.text):
                if words & set(re.findall(r"\w{4,}", match[0].lower())):
                    return answered(question, passages, [(passage, Span(*match.span()))])
        text = "No sure answer was found in the articles."
        return [Delta(text), Answer(question, "unanswerable", text, None, (), tuple(passages), 0.1)]

    def _checked(self, question: str) -> str:
        if not question.strip() or len(question) > self.settings.max_question_chars:
            raise QuestionError(expected="a question", found="none or too much", remedy="ask one thing")
        return question

    def delete(self, article_id: str) -> None:
        self.library.article(article_id)
        del self.library.held[article_id]

    def verify(self, answer: str, claims: Sequence[Claim]) -> tuple[list[Verdict], list[Statement]]:
        verdicts = [check(claim, cast("Reading", self.library)) for claim in claims]
        return verdicts, statements(answer, verdicts)

    def suggestions(self) -> tuple[str, ...]:
        return self.suggested

    def ready(self) -> list[str]:
        return self.reasons

    def close(self) -> None: ...


def whole_chunk(article: Article) -> Chunk:
    span = Span(0, len(article.text))
    return Chunk(article.id, article.revision, span, article.text, article.title, article.url, article.published_at)


def answered(question: str, passages: Sequence[Passage], quotes: Sequence[tuple[Passage, Span]]) -> list[Piece]:
    """The pieces of an answer made of these quotes, with a blank between them."""
    text, pieces, citations = "", list[Piece](), list[Citation]()
    for number, (passage, span) in enumerate(quotes, start=1):
        piece = (" " if text else "") + span.of(passage.chunk.text)
        start = len(text) + len(piece) - (span.end - span.start)
        text += piece
        citation = cite(passage, span, number=number, answer_span=Span(start, len(text)))
        citations.append(prove(citation, passage.chunk.text))
        pieces.append(Delta(piece, (citations[-1],)))
    timings = {"total": 1.5}
    return [*pieces, Answer(question, "answered", text, None, tuple(citations), tuple(passages), 0.9, timings)]


def failing(kind: type[QuotewellError]) -> QuotewellError:
    return kind(expected="a thing", found="another", remedy="mend it")


FERRY = {
    "id": "ferry",
    "title": "A ferry for Ostrel",
    "text": "The ferry to Ostrel made its first crossing on 3 May. 🚢 It carries forty cars.",
    "url": "https://example.org/ferry",
    "published_at": "2019-05-04",
    "publisher": "The Marn Messenger",
}
HOSTILE = {
    "id": "a/b @c?<i>",
    "title": '"><script>alert(1)</script>',
    "text": "<img src=x onerror=alert(2)> Danger lurks in <b>markup</b> & quotes '\". End.",
    "publisher": "</p><svg onload=alert(3)>",
}


def quoted(texts: Sequence[str]) -> FakeSystem:
    """A System whose answer quotes the middle of each text."""
    system = FakeSystem(Settings())
    quotes = []
    for n, text in enumerate(texts):
        article = Article(f"a{n}", text[:20], text)
        system.library.held[article.id] = {article.revision: article}
        third = len(text) // 3
        quotes.append((Passage(whole_chunk(article), 1 - n / 10), Span(third, max(third + 1, 2 * third))))
    system.script = answered("q", [passage for passage, _ in quotes], quotes)
    return system


TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60), min_size=1, max_size=4)
