from __future__ import annotations

from pathlib import Path

import pytest

from rag.chunks import Splitter
from rag.flow import ingest, state
from rag.library.sqlite import SQLiteLibrary
from rag.retrieval import Dense, Distinct, Fused, Lexical, Merged, Reranked
from rag.types import Chunk, Is, Passage, Retriever, Span, State, Where
from tests.fakes import HashEmbedder, ListIndex, article

TEXTS = {
    "canal": "The canal opened in 1869. It joins two seas. Ships pay a toll to pass.",
    "volcano": "The volcano erupted in 1980. Ash fell on eleven states. Fifty-seven people died.",
    "tower": "The tower was built for a fair. It was meant to stand for twenty years. It still stands.",
}


class Shelf:
    """A filled library with its index and retrievers, on fakes."""

    def __init__(self, folder: Path, texts: dict[str, str], window: int = 40) -> None:
        self.embedder = HashEmbedder(window=window)
        self.library = SQLiteLibrary(folder, dim=self.embedder.dim, fingerprints={})
        self.index = ListIndex()
        self.splitter = Splitter(self.embedder.count_pieces, self.embedder.window)
        self.put(texts)
        self.dense = Dense(self.embedder)
        self.fused = Fused(self.dense, Lexical())

    def put(self, texts: dict[str, str]) -> None:
        items = [article(name, text, f"On the {name}") for name, text in texts.items()]
        for _ in ingest(items, splitter=self.splitter, embedder=self.embedder, library=self.library):
            pass

    def find(self, retriever: Retriever, question: str, k: int, where: Where | None = None) -> list[Passage]:
        with state(self.library, self.index) as now:
            return retriever.search(question, k, now, where)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path, TEXTS)


def ids(passages: list[Passage]) -> list[str]:
    return [passage.chunk.article_id for passage in passages]


def test_every_retriever_puts_the_right_article_first_and_sorts_by_score(shelf: Shelf) -> None:
    retrievers = [
        shelf.dense,
        Lexical(),
        shelf.fused,
        Reranked(shelf.fused),
        Merged(Distinct(Reranked(shelf.fused))),
    ]
    for retriever in retrievers:
        found = shelf.find(retriever, "Which volcano erupted in 1980?", 3)
        assert ids(found)[0] == "volcano", retriever
        scores = [passage.score for passage in found]
        assert scores == sorted(scores, reverse=True)
        assert len(shelf.find(retriever, "Which volcano erupted in 1980?", 1)) == 1


def test_filters_hold_for_every_retriever(shelf: Shelf) -> None:
    where = Is("id", ("canal", "tower"))
    for retriever in (shelf.dense, Lexical(), Reranked(shelf.fused)):
        assert "volcano" not in ids(shelf.find(retriever, "the volcano that erupted", 5, where))


def test_an_empty_library_has_no_passages(tmp_path: Path) -> None:
    empty = Shelf(tmp_path, {})
    assert empty.find(Merged(Reranked(empty.fused)), "anything?", 5) == []


def test_what_another_process_committed_is_found_at_once(shelf: Shelf, tmp_path: Path) -> None:
    other = Shelf(tmp_path, {"lighthouse": "The lighthouse shines over the rocks."})
    assert ids(shelf.find(shelf.dense, "Where does the lighthouse shine?", 1)) == ["lighthouse"]
    other.library.delete(["lighthouse"])
    assert "lighthouse" not in ids(shelf.find(shelf.dense, "Where does the lighthouse shine?", 5))


def test_fusion_scores_are_the_weighted_sum(shelf: Shelf) -> None:
    question = "Which volcano erupted?"
    cosines = {p.chunk.id: p.score for p in shelf.find(shelf.dense, question, 10)}
    matches = {p.chunk.id: p.score for p in shelf.find(Lexical(), question, 10)}
    best = max(matches.values())
    for passage in shelf.find(shelf.fused, question, 10):
        n = passage.chunk.id
        assert passage.score == pytest.approx(0.7 * cosines[n] + 0.3 * matches.get(n, 0) / best, abs=1e-5)


def test_nearness_lifts_the_passage_whose_one_sentence_holds_the_words(tmp_path: Path) -> None:
    near = "The red bridge was closed by engineers in spring. Nothing else is here."
    far = "The red house is old. A bridge is near. Shops closed. Engineers met in spring."
    shelf = Shelf(tmp_path, {"far": far, "near": near})
    found = shelf.find(Reranked(shelf.fused), "When was the red bridge closed by engineers?", 2)
    assert ids(found) == ["near", "far"]


def test_neighbours_of_one_article_are_merged_and_slice_exactly(tmp_path: Path) -> None:
    text = "\n\n".join(f"Paragraph {n} tells of the bridge and of its {n} arches over the river." for n in range(6))
    shelf = Shelf(tmp_path, {"bridge": text})
    found = shelf.find(Merged(shelf.fused), "bridge arches river", 4)
    assert any(passage.chunk.text.count("Paragraph") == 2 for passage in found)
    for passage in found:
        assert passage.chunk.span.of(text) == passage.chunk.text
        assert passage.chunk.text.count("Paragraph") <= 2
    spans = sorted((p.chunk.span for p in found), key=lambda span: span.start)
    assert all(a.end <= b.start for a, b in zip(spans, spans[1:], strict=False))


def test_passages_of_two_revisions_or_articles_are_never_joined(shelf: Shelf) -> None:
    class Two:
        def search(self, question: str, k: int, state: State, where: Where | None = None) -> list[Passage]:
            a = Chunk("a", "r1", Span(0, 5), "abcde")
            b = Chunk("a", "r2", Span(5, 9), "fghi")
            return [Passage(a, 2.0), Passage(b, 1.0)]

    assert len(shelf.find(Merged(Two()), "?", 5)) == 2
