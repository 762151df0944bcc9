"""The architecture: ``ingest`` and ``ask``. Everything else is a noun or an adapter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from time import perf_counter

from rag.chunks import Splitter
from rag.citations import prove
from rag.errors import NotFound
from rag.types import (
    Answer,
    Answerer,
    Article,
    Citation,
    Delta,
    Embedder,
    Entry,
    Index,
    Library,
    Outcome,
    Receipt,
    Refusal,
    Retriever,
    Turn,
    Where,
)

_BATCH_CHUNKS = 256


def ingest(
    items: Iterable[Article | Refusal], *, splitter: Splitter, embedder: Embedder, library: Library, index: Index
) -> Iterator[Receipt]:
    """Stores articles in batches; each receipt is yielded after its transaction was committed.

    A refused source gets its receipt too, and stops nothing. A stop in between loses only what has
    no receipt yet.
    """
    batch: list[tuple[Entry, Receipt]] = []
    for item in items:
        if isinstance(item, Refusal):
            yield Receipt(item.source, "refused", reason=item.reason, code=item.code)
            continue
        if any(entry.article.id == item.id for entry, _ in batch):
            yield from _commit(batch, library, index)
        outcome = _outcome(item, library)
        chunks = [] if outcome == "unchanged" else splitter.split(item)
        source = str(item.metadata.get("source") or item.id)
        receipt = Receipt(source, outcome, item.id, item.revision, len(chunks))
        if outcome == "unchanged":
            yield receipt
            continue
        vectors = embedder.embed_passages(splitter.passage_texts(chunks))
        batch.append((Entry(item, chunks, vectors), receipt))
        if sum(len(entry.chunks) for entry, _ in batch) >= _BATCH_CHUNKS:
            yield from _commit(batch, library, index)
    yield from _commit(batch, library, index)
    index.save()


def _outcome(article: Article, library: Library) -> Outcome:
    try:
        stored = library.article(article.id)
    except NotFound:
        return "added"
    return "unchanged" if stored == article else "updated"


def _commit(batch: list[tuple[Entry, Receipt]], library: Library, index: Index) -> Iterator[Receipt]:
    if not batch:
        return
    library.put([entry for entry, _ in batch])
    index.apply(library.changes(index.seq))
    receipts = [receipt for _, receipt in batch]
    batch.clear()
    yield from receipts


def ask(
    question: str,
    *,
    retriever: Retriever,
    answerer: Answerer,
    library: Library,
    k: int,
    where: Where | None = None,
    history: Sequence[Turn] = (),
) -> Iterator[Delta | Answer]:
    """Deltas whose texts join to the Answer's, then the Answer.

    Nothing leaves before each of its citations has been sliced from the library's own text; raises
    CitationError where one does not hold.
    """
    start = perf_counter()
    passages = retriever.search(question, k, where)
    retrieved = perf_counter()
    for piece in answerer.answer(question, passages, history):
        proved = tuple(_prove(citation, library) for citation in piece.citations)
        if isinstance(piece, Delta):
            yield replace(piece, citations=proved)
        else:
            done = perf_counter()
            timings = {
                "retrieve": 1000 * (retrieved - start),
                "answer": 1000 * (done - retrieved),
                "total": 1000 * (done - start),
            }
            yield replace(piece, citations=proved, timings=timings)


def _prove(citation: Citation, library: Library) -> Citation:
    return prove(citation, library.article(citation.article_id, citation.revision).text)
