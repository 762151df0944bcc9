"""Settings → System: the one file that names concrete classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from itertools import islice
from pathlib import Path
from time import monotonic

import numpy as np

from rag import flow, readers
from rag.answerers.extractive import ExtractiveAnswerer
from rag.answerers.language_model import LanguageModelAnswerer, chat
from rag.answerers.reading import ReadingAnswerer
from rag.answerers.span_reader import OnnxSpanReader
from rag.answerers.transformers_reader import TransformersSpanReader
from rag.calibration import Calibration, load_calibration
from rag.chunks import Splitter
from rag.conversation import standalone
from rag.embedders.onnx import OnnxEmbedder
from rag.embedders.sentence_transformers import SentenceTransformerEmbedder
from rag.errors import NotFound, QuestionError, QuotewellError
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
    Mark,
    Passage,
    Receipt,
    Refusal,
    Retriever,
    SpanReader,
    State,
    Turn,
    Where,
)
from rag.verification import Claim, Statement, Verdict, check, statements

MODELS = Path(__file__).parent / "models"
THRESHOLD = 0.18
"""Where nothing else is set: fitted by conformal risk control to eight articles of half of SQuAD 2.0's development set
that no weight was fitted to, so that about 30 in a hundred questions are answered wrongly where half of them have no
answer and were written to look as if they had (``python -m eval.risk RUN --risk 0.3``). Of the questions about seeds/
it declines 85 % of those without an answer and 9 % of the others (``make eval``)."""
_ROUNDING = 1e-3
_LATEST, _SUGGESTIONS = 16, 3  # articles that are looked at for questions to suggest, and how many are
_BEGINNING = 8  # chunks of each
_AT_A_GLANCE = 60  # characters; longer questions are suggested only where there are no others
_SETTLED = 3.0  # seconds without a change before that


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
    reader = _reader(settings)
    name = reader.fingerprint if reader else "extractive"
    calibration = load_calibration(settings.home, name)
    fitted = calibration.threshold if calibration else THRESHOLD
    threshold = settings.threshold if settings.threshold is not None else fitted
    answerer: Answerer = (
        ReadingAnswerer(reader, builtin, threshold=threshold)
        if reader
        else ExtractiveAnswerer(builtin, threshold=threshold)
    )
    return System(
        settings=settings,
        threshold=threshold,
        calibration=calibration,
        embedder=embedder,
        reader=name,
        splitter=splitter,
        library=library,
        index=index,
        retriever=Merged(Distinct(Reranked(Fused(Dense(embedder), Lexical())))),
        answerer=answerer,
    )


def _reader(settings: Settings) -> SpanReader | None:
    """None where no reader is wanted: whole sentences are chosen then, by their words and their embedding."""
    if settings.reader == "none":
        return None
    folder = MODELS / "reader" if settings.reader == "builtin" else Path(settings.reader)
    if settings.reader == "builtin" or (folder / "card.json").is_file():
        return OnnxSpanReader(folder, threads=settings.threads)
    return TransformersSpanReader(settings.reader)


def rebuild(settings: Settings) -> None:
    """Makes all that is derived anew, and takes what the library holds for the truth, whatever was noted of it."""
    for path in (settings.home / "library.seq", *settings.home.glob("index*")):
        path.unlink(missing_ok=True)
    with closing(build(settings)) as system:
        system.library.rebuild()
        with system.state() as now:
            system.index.save(now.library)


class System:
    """One collection with all that it takes to fill it and to ask it. Safe for threads.

    ``reader`` is the fingerprint of what confidence comes from, ``threshold`` the confidence under which is declined.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        embedder: Embedder,
        reader: str,
        threshold: float,
        calibration: Calibration | None,
        splitter: Splitter,
        library: SQLiteLibrary,
        index: FaissIndex,
        retriever: Retriever,
        answerer: Answerer,
    ) -> None:
        self.settings = settings
        self.embedder = embedder
        self.reader = reader
        self.threshold = threshold
        self.calibration = calibration
        self.splitter = splitter
        self.library = library
        self.index = index
        self.retriever = retriever
        self.answerer = answerer
        self._worded_by: dict[str, LanguageModelAnswerer] = {}
        self._suggested: tuple[Mark | None, tuple[str, ...]] = (None, ())
        self._changed: tuple[Mark | None, float] = (None, 0.0)

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
        return flow.ingest(items, splitter=self.splitter, embedder=self.embedder, library=self.library)

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

    def back_up(self, path: Path) -> None:
        """Writes the library to one file, from which all can be restored, while it is used."""
        self.library.back_up(path)

    def restore(self, path: Path) -> None:
        """Takes the state of a backup. Whoever asks meanwhile sees the one or the other, whole."""
        self.library.restore(path)
        with self.state() as now:
            self.index.save(now.library, purge=True)

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
        model: str | None = None,
    ) -> Iterator[Delta | Answer]:
        """Deltas, then the Answer; see ``flow.ask``. Raises QuestionError at once.

        ``model``, one of the settings' language models, words the answer; raises NotFound where it is none.
        """
        worded = None if model is None else self.wording(model)
        return flow.ask(
            self._checked(question),
            retriever=self.retriever,
            answerer=worded or self.answerer,
            rewrite=worded.rewrite if worded else standalone,
            library=self.library,
            index=self.index,
            k=k or self.settings.passages,
            where=where,
            history=history,
        )

    def verify(self, answer: str, claims: Sequence[Claim]) -> tuple[list[Verdict], list[Statement]]:
        """What the library says of anybody's citations, and of each sentence of the answer that they are for."""
        with self.state() as now:
            verdicts = [check(claim, now.library) for claim in claims]
        return verdicts, statements(answer, verdicts)

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
        """What in the library or the index contradicts itself or the other, a line each: reads all there is."""
        found = [*self.library.problems(), *self.ready()]
        try:
            with self.state() as now:
                whole = now.library.changes(Mark(0, 0))
                wrong = np.abs(np.linalg.norm(whole.vectors, axis=1) - 1) > _ROUNDING
                found += [f"the vector of chunk {n} is not of unit length" for n in whole.ids[wrong]]
                if whole.ids.tolist() != now.index.ids().tolist():
                    found.append("the index has other chunks than the library; see quotewell doctor --rebuild")
                elif len(whole.ids) and not np.array_equal(now.index.vectors(whole.ids), whole.vectors):
                    found.append("the index has other vectors than the library; see quotewell doctor --rebuild")
        except QuotewellError as err:
            found.append(str(err))
        return found

    def keep_up(self) -> None:
        """Takes in what was committed, here or by others, and saves the index when much has changed.

        A service does so all the time, a command that stored articles at its end.
        """
        with self.state() as now:
            self.index.maintain(now.library)

    def suggest(self) -> None:
        """Looks for questions that the latest articles answer, once nothing has changed for a while.

        The article that was put in last is asked first, if it answers any. A service does so all the time.
        """
        mark = self.library.mark
        if mark != self._changed[0]:
            self._changed = (mark, monotonic() if self._changed[0] else 0.0)
        settled = monotonic() - self._changed[1] >= _SETTLED
        if mark == self._suggested[0] or not settled or not isinstance(self.answerer, ReadingAnswerer):
            return
        with self.state() as now:
            latest = now.library.articles(limit=_LATEST, latest=True)
            texts = ([Passage(chunk, 0.0) for chunk in now.library.stored(one.id)[0][:_BEGINNING]] for one in latest)
            asked = (one for passages in texts for one in islice(self.answerer.proposed(passages), 1))
            newest, *others = dict.fromkeys(asked) or ("",)
            others.sort(key=lambda one: (one.startswith("What is"), len(one) > _AT_A_GLANCE))
            found = tuple(filter(None, (newest, *others)))
            self._suggested = (now.library.mark, found[:_SUGGESTIONS])

    def suggestions(self) -> tuple[str, ...]:
        """What ``suggest`` found; nothing where an article was put in, changed or removed since."""
        mark, found = self._suggested
        return found if mark == self.library.mark else ()

    def close(self) -> None:
        self.index.close()
        self.library.close()

    def wording(self, model: str) -> LanguageModelAnswerer:
        """What words answers with ``model``. Raises NotFound, ModelMissing or UsageError."""
        if model not in self.settings.language_models:
            raise NotFound(
                expected="a language model that is set",
                found=repr(model[:100]),
                remedy="name it in QUOTEWELL_MODELS, as provider:model",
            )
        if model not in self._worded_by:
            seconds = self.settings.patience
            self._worded_by[model] = LanguageModelAnswerer(
                model, chat(model, seconds=seconds), self.answerer, is_word=self._is_word, seconds=seconds
            )
        return self._worded_by[model]

    def _is_word(self, word: str) -> bool:
        """Whether the embedder's vocabulary has it whole."""
        return self.embedder.count_pieces([word]) == [1]

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
