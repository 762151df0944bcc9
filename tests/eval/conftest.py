"""A system whose passages and answers are written down in the test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace

import pytest

from rag.errors import NotFound
from rag.types import (
    Answer,
    Article,
    Chunk,
    Citation,
    Delta,
    Passage,
    Receipt,
    Refusal,
    Span,
    Stats,
    Turn,
    Verification,
    Where,
)


class DictLibrary:
    """Only what an evaluation reads of a library."""

    def __init__(self, articles: Iterable[Article] = ()) -> None:
        self.stored = {article.id: article for article in articles}

    def article(self, article_id: str, revision: str | None = None) -> Article:
        found = self.stored.get(article_id)
        if found is None or revision not in (None, found.revision):
            raise NotFound(expected=f"article {article_id}", found="none", remedy="ingest it")
        return found

    def articles(self, *, limit: int, after: str | None = None) -> list[Article]:
        return [one for key, one in sorted(self.stored.items()) if after is None or key > after][:limit]

    def stats(self) -> Stats:
        return Stats(len(self.stored), len(self.stored), len(self.stored), len(self.stored), 0)


class ScriptedSystem:
    """Finds and cites, for each question, the spans that ``script`` says; declines where it says none."""

    def __init__(
        self, articles: Iterable[Article] = (), script: dict[str, list[tuple[str, Span]]] | None = None
    ) -> None:
        self.library = DictLibrary(articles)
        self.script = script or {}
        self.asked: list[tuple[str, int | None, Where | None, tuple[Turn, ...]]] = []
        self.embedder = self.splitter = SimpleNamespace(fingerprint="scripted")
        self.settings = SimpleNamespace(passages=6)
        self.reader, self.threshold = "scripted", 0.5

    def ingest(self, items: Iterable[Article | Refusal]) -> Iterator[Receipt]:
        for item in items:
            if isinstance(item, Refusal):
                yield Receipt(item.source, "refused", reason=item.reason, code=item.code)
            else:
                self.library.stored[item.id] = item
                yield Receipt(item.id, "added", item.id, item.revision, 1)

    def search(self, question: str, *, k: int | None = None, where: Where | None = None) -> list[Passage]:
        found = self.script.get(question, [])[:k]
        return [Passage(self._chunk(article, span), 1 / n) for n, (article, span) in enumerate(found, start=1)]

    def ask(
        self, question: str, *, k: int | None = None, where: Where | None = None, history: Sequence[Turn] = ()
    ) -> Iterator[Delta | Answer]:
        self.asked.append((question, k, where, tuple(history)))
        passages = self.search(question)
        citations = tuple(self._cite(passage) for passage in passages[:1])
        text = citations[0].quote if citations else "No sure answer was found in the articles."
        status = "answered" if citations else "unanswerable"
        yield Delta(text, citations)
        yield Answer(
            question, status, text, None, citations, tuple(passages), 0.9 if citations else 0.1, {"total": 1.0}
        )

    def close(self) -> None:
        pass

    def _chunk(self, article_id: str, span: Span) -> Chunk:
        article = self.library.article(article_id)
        return Chunk(article.id, article.revision, span, span.of(article.text), article.title)

    def _cite(self, passage: Passage) -> Citation:
        chunk = passage.chunk
        return Citation(
            number=1,
            answer_span=Span(0, len(chunk.text)),
            article_id=chunk.article_id,
            revision=chunk.revision,
            title=chunk.title,
            url=None,
            published_at=None,
            span=chunk.span,
            quote=chunk.text,
            verification=Verification("exact", 1.0),
        )


@pytest.fixture(scope="session")
def bridge() -> Article:
    return Article("bridge", "The bridge", "The bridge opened in May. It cost 3 million crowns. 🌉 It is blue.")


@pytest.fixture(scope="session")
def scripted() -> type[ScriptedSystem]:
    return ScriptedSystem
