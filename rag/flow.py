"""The architecture: ``ingest`` and ``ask``. Everything else is a noun or an adapter."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from typing import NamedTuple

import numpy as np

from rag.chunks import Splitter
from rag.citations import copies, prove
from rag.conversation import elsewhere, last_said, names, standalone, without_subject
from rag.errors import LibraryError, NotFound
from rag.types import (
    Answer,
    Answerer,
    Article,
    Chunk,
    Citation,
    Delta,
    Embedder,
    Entry,
    Index,
    Library,
    Matrix,
    Outcome,
    Passage,
    Reading,
    Receipt,
    Refusal,
    Retriever,
    State,
    Turn,
    Where,
)

_BATCH_CHUNKS = 256
_TRIES = 1000
_NAME = re.compile(r"(?<=[\w,;] )[A-ZÀ-Þ][\w-]{3,}")  # within a sentence
_WORD = re.compile(r"[\w-]+")
_NAMES = 3  # that stand most often in what is talked about
_FOCUS = 0.3  # of a score, which is 1 or a little more for the best passage


def ingest(
    items: Iterable[Article | Refusal], *, splitter: Splitter, embedder: Embedder, library: Library
) -> Iterator[Receipt]:
    """Stores articles in batches; each receipt is yielded after its transaction was committed.

    A refused source gets its receipt too, and stops nothing. A stop in between loses only what has
    no receipt yet; what has one is not embedded again.
    """
    batch: dict[str, _Pending] = {}
    waiting = 0
    for item in items:
        if isinstance(item, Refusal):
            yield Receipt(item.source, "refused", reason=item.reason, code=item.code)
            continue
        if item.id in batch:
            yield from _commit(batch, splitter, embedder, library)
            waiting = 0
        outcome = _outcome(item, library)
        if outcome == "unchanged":
            yield _receipt(item, outcome, 0)
            continue
        batch[item.id] = _Pending(item, outcome, splitter.split(item))
        waiting += len(batch[item.id].chunks)
        if waiting >= _BATCH_CHUNKS:
            yield from _commit(batch, splitter, embedder, library)
            waiting = 0
    yield from _commit(batch, splitter, embedder, library)


class _Pending(NamedTuple):
    article: Article
    outcome: Outcome
    chunks: list[Chunk]


def _outcome(article: Article, library: Library) -> Outcome:
    try:
        stored = library.article(article.id)
    except NotFound:
        return "added"
    return "unchanged" if stored == article else "updated"


def _receipt(article: Article, outcome: Outcome, chunks: int) -> Receipt:
    source = str(article.metadata.get("source") or article.id)
    return Receipt(source, outcome, article.id, article.revision, chunks, article.title)


def _commit(batch: dict[str, _Pending], splitter: Splitter, embedder: Embedder, library: Library) -> Iterator[Receipt]:
    """Embeds what is new in the batch, stores it in one transaction, and empties it."""
    if not batch:
        return
    pending = list(batch.values())
    texts = [splitter.passage_texts(one.chunks) for one in pending]
    known = _known(pending, splitter, library)
    missing = list(dict.fromkeys(text for some in texts for text in some if text not in known))
    missing.sort(key=len, reverse=True)  # long and short ones side by side would wait for each other
    known.update(zip(missing, embedder.embed_passages(missing), strict=True))
    vectors = [np.array([known[text] for text in some], np.float32).reshape(-1, embedder.dim) for some in texts]
    library.put([Entry(one.article, one.chunks, rows) for one, rows in zip(pending, vectors, strict=True)])
    batch.clear()
    yield from (_receipt(one.article, one.outcome, len(one.chunks)) for one in pending)


def _known(batch: Sequence[_Pending], splitter: Splitter, library: Library) -> dict[str, Matrix]:
    """The vectors that the articles have now, by text: what an edit left alone is not embedded again."""
    known: dict[str, Matrix] = {}
    for pending in batch:
        if pending.outcome == "updated":
            chunks, vectors = library.stored(pending.article.id)
            known.update(zip(splitter.passage_texts(chunks), vectors, strict=True))
    return known


@contextmanager
def state(library: Library, index: Index) -> Iterator[State]:
    """The newest state that is committed, for as long as the block lasts, whatever is written meanwhile."""
    for _ in range(_TRIES):
        with library.reading() as reading:
            view = index.at(reading)
            if view is not None:  # or else another thread has seen a newer one since
                yield State(reading, view)
                return
    raise LibraryError(
        expected="the library at its newest state", found="an older one", remedy="start anew: its file was replaced"
    )


def ask(
    question: str,
    *,
    retriever: Retriever,
    answerer: Answerer,
    library: Library,
    index: Index,
    k: int,
    where: Where | None = None,
    history: Sequence[Turn] = (),
    rewrite: Callable[[str, Sequence[Turn]], str] = standalone,
) -> Iterator[Delta | Answer]:
    """Deltas whose texts join to the Answer's, then the Answer, all from one state of the library.

    What the question leaves to ``history`` is put in by ``rewrite`` before anything is looked for; a subject that it is
    told, and that it turns out not to be about, is left out again.

    Nothing leaves before each of its citations has been sliced from the library's own text; raises
    CitationError where one does not hold.
    """
    start = perf_counter()
    asked = rewrite(question, history)
    with state(library, index) as now:
        passages = retriever.search(asked, k, now, where)
        plain, subject = without_subject(asked)
        if subject and asked != question:
            others = retriever.search(plain, k, now, where)
            best = [one for one in others if one.chunk.article_id == others[0].chunk.article_id]
            if elsewhere(asked, _texts(passages), _texts(best)):
                asked, passages = (question if plain == f"{question.rstrip('?.! ')}?" else plain), others
        said = last_said(history)
        if said and not names(question):
            about = retriever.search(said, k, now, where)
            passages = _leaning(retriever.search(asked, 2 * k, now, where), about)[:k]
        retrieved = perf_counter()
        for piece in answerer.answer(asked, passages, history):
            proved = tuple(_prove(citation, now.library) for citation in piece.citations)
            if isinstance(piece, Delta):
                yield replace(piece, citations=proved)
            else:
                done = perf_counter()
                timings = {
                    "retrieve": 1000 * (retrieved - start),
                    "answer": 1000 * (done - retrieved),
                    "total": 1000 * (done - start),
                }
                yield replace(piece, question=question, asked=asked, citations=proved, timings=timings)


def _leaning(passages: Sequence[Passage], about: Sequence[Passage]) -> list[Passage]:
    """The passages, those of what is talked ``about`` ahead of others that are hardly better: of the article that the
    best of those is from, and of all that have one of its names, so that none hides what another says against it."""
    best = [one for one in about if one.chunk.article_id == about[0].chunk.article_id]
    often = {name for name, _ in Counter(_NAME.findall(" ".join(_texts(best)))).most_common(_NAMES)}
    told = zip(passages, _texts(passages), strict=True)
    kin = {one.chunk.article_id for one, text in told if often & set(_WORD.findall(text))}
    leaning = [replace(one, score=one.score + _FOCUS * (one.chunk.article_id in kin)) for one in passages]
    return sorted(leaning, key=lambda passage: -passage.score)


def _texts(passages: Sequence[Passage]) -> list[str]:
    return [f"{passage.chunk.title} {passage.chunk.text}" for passage in passages]


def _prove(citation: Citation, library: Reading) -> Citation:
    proved = prove(citation, library.article(citation.article_id, citation.revision).text)
    return replace(proved, copies=copies(proved.quote, library.copies(citation.article_id)))
