"""Settings → System: the one file that names concrete classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from rag import flow, readers
from rag.answerers.extractive import ExtractiveAnswerer
from rag.chunks import Splitter
from rag.embedders.onnx import OnnxEmbedder
from rag.embedders.sentence_transformers import SentenceTransformerEmbedder
from rag.errors import QuestionError, QuotewellError
from rag.index.faiss import FaissIndex
from rag.library.sqlite import SQLiteLibrary
from rag.retrieval import Dense, Distinct, Fused, Lexical, Merged, Reranked
from rag.settings import Settings
from rag.types import (
    Answer,
    Answerer,
    Article,
    Delta,
    Embedder,
    Passage,
    Receipt,
    Refusal,
    Retriever,
    State,
    TokenReader,
    Turn,
    Where,
)

MODELS = Path(__file__).parent / "models"


def build(settings: Settings) -> System:
    """A System over the collection in ``settings.home``, which is made when it is not there."""
    builtin = OnnxEmbedder(MODELS / "minilm", threads=settings.threads)
    named = settings.embedder != "builtin"
    embedder: Embedder = SentenceTransformerEmbedder(settings.embedder) if named else builtin
    splitter = Splitter(embedder.count_pieces, embedder.window)
    library = SQLiteLibrary(
        settings.home,
        dim=embedder.dim,
        fingerprints={"embedder": embedder.fingerprint, "chunker": splitter.fingerprint},
    )
    index = FaissIndex(settings.home, dim=embedder.dim)
    return System(
        settings=settings,
        embedder=embedder,
        reader=builtin,
        splitter=splitter,
        library=library,
        index=index,
        retriever=Merged(Distinct(Reranked(Fused(Dense(embedder), Lexical())))),
        answerer=ExtractiveAnswerer(builtin, threshold=settings.threshold),
    )


class System:
    """One collection with all that it takes to fill it and to ask it. Safe for threads."""

    def __init__(
        self,
        *,
        settings: Settings,
        embedder: Embedder,
        reader: TokenReader,
        splitter: Splitter,
        library: SQLiteLibrary,
        index: FaissIndex,
        retriever: Retriever,
        answerer: Answerer,
    ) -> None:
        self.settings = settings
        self.embedder = embedder
        self.reader = reader
        self.splitter = splitter
        self.library = library
        self.index = index
        self.retriever = retriever
        self.answerer = answerer

    def read(self, source: str) -> Iterator[Article | Refusal]:
        """Articles of a file, a folder, a URL or "-" (standard input)."""
        return readers.read(source, max_chars=self.settings.max_article_chars)

    def read_upload(self, data: bytes, name: str, content_type: str | None) -> Iterator[Article | Refusal]:
        """Articles of bytes that were sent; ``name`` is a label, never a path."""
        return readers.read_bytes(data, name, max_chars=self.settings.max_article_chars, content_type=content_type)

    def make_article(self, record: Mapping[str, object], source: str) -> Article:
        """An article of a JSON object. Raises ReadError or TooLarge."""
        return readers.make_article(record, source=source, max_chars=self.settings.max_article_chars)

    def ingest(self, items: Iterable[Article | Refusal]) -> Iterator[Receipt]:
        """Stores articles; see ``flow.ingest``."""
        yield from flow.ingest(items, splitter=self.splitter, embedder=self.embedder, library=self.library)
        with self.state() as now:
            self.index.save(now.library)

    def delete(self, *article_ids: str) -> None:
        """Removes articles with all that was made of them, out of every file; all of them, or raises NotFound."""
        self.library.delete(article_ids)
        with self.state() as now:
            self.index.save(now.library, purge=True)

    def prune(self, keep: int = 0) -> int:
        """Removes all but the newest ``keep`` earlier revisions of each article; returns how many."""
        count = self.library.prune(keep)
        with self.state() as now:
            self.index.save(now.library, purge=True)
        return count

    def state(self) -> AbstractContextManager[State]:
        """The newest committed state; see ``flow.state``."""
        return flow.state(self.library, self.index)

    def search(self, question: str, *, k: int | None = None, where: Where | None = None) -> list[Passage]:
        """The best ``k`` passages. Raises QuestionError."""
        with self.state() as now:
            return self.retriever.search(self._checked(question), k or self.settings.passages, now, where)

    def ask(
        self,
        question: str,
        *,
        k: int | None = None,
        where: Where | None = None,
        history: Sequence[Turn] = (),
    ) -> Iterator[Delta | Answer]:
        """Deltas, then the Answer; see ``flow.ask``. Raises QuestionError at once."""
        return flow.ask(
            self._checked(question),
            retriever=self.retriever,
            answerer=self.answerer,
            library=self.library,
            index=self.index,
            k=k or self.settings.passages,
            where=where,
            history=history,
        )

    def ready(self) -> list[str]:
        """Why questions cannot be answered now, a line each; empty when they can."""
        try:
            self.embedder.embed_queries(["ready?"])
            with self.state() as now:
                found, expected = len(now.index), now.library.stats().chunks
        except QuotewellError as err:
            return [str(err)]
        return [] if found == expected else [f"expected {expected} vectors in the index; found {found}"]

    def problems(self) -> list[str]:
        """What in the library or the index contradicts itself, a line each."""
        return [*self.library.problems(), *self.ready()]

    def close(self) -> None:
        self.index.close()
        self.library.close()

    def _checked(self, question: str) -> str:
        text = question.strip()
        limit = self.settings.max_question_chars
        if not text or len(text) > limit:
            raise QuestionError(
                expected=f"a question of 1 to {limit} characters",
                found=f"{len(text)} characters" if text else "none",
                remedy="ask one thing in a sentence or two",
            )
        return text
