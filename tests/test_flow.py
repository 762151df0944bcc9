from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rag.citations import cite
from rag.errors import CitationError
from rag.flow import ask, ingest, state
from rag.types import Answer, Article, Delta, Passage, Receipt, Refusal, Span, Turn
from tests.fakes import QueueAnswerer, article
from tests.test_retrieval import TEXTS, Shelf


def put(shelf: Shelf, *items: Article | Refusal) -> list[Receipt]:
    return list(ingest(items, splitter=shelf.splitter, embedder=shelf.embedder, library=shelf.library))


def test_receipts_say_what_became_of_each(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, TEXTS)
    same = shelf.library.article("canal")
    changed = replace(shelf.library.article("tower"), text="The tower fell.", revision="")
    receipts = put(shelf, same, changed, article("new", "New."), Refusal("bad.pdf", "unreadable", "a PDF"))
    assert {r.source: r.outcome for r in receipts} == {
        "canal": "unchanged", "tower": "updated", "new": "added", "bad.pdf": "refused",
    }  # fmt: skip
    assert shelf.library.stats().articles == 4


def test_unchanged_articles_cost_no_embedding(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, TEXTS)
    before = len(shelf.embedder.embedded)
    put(shelf, *(shelf.library.article(name) for name in TEXTS))
    assert len(shelf.embedder.embedded) == before


def test_after_a_small_edit_only_the_chunks_that_changed_are_embedded(tmp_path: Path) -> None:
    paragraphs = [f"Paragraph {n} tells of the river and of its {n} bridges, one by one." * 2 for n in range(12)]
    shelf = Shelf(tmp_path, {"long": "\n\n".join(paragraphs)})
    before = len(shelf.embedder.embedded)
    assert before > 8
    paragraphs[5] = paragraphs[5].replace("river", "canal")
    shelf.put({"long": "\n\n".join(paragraphs)})
    assert len(shelf.embedder.embedded) == before + 1
    chunks, vectors = shelf.library.stored("long")
    np.testing.assert_allclose(vectors, shelf.embedder.embed_queries(shelf.splitter.passage_texts(chunks)))


def test_a_new_title_alone_is_an_update(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, TEXTS)
    renamed = replace(shelf.library.article("canal"), title="Another headline")
    assert [r.outcome for r in put(shelf, renamed)] == ["updated"]
    assert shelf.find(shelf.dense, "another headline", 1)[0].chunk.title == "Another headline"
    with state(shelf.library, shelf.index) as now:
        assert shelf.library.stats().chunks == len(now.index)


def test_the_last_of_several_with_one_id_stays(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, {})
    receipts = put(shelf, article("a", "First."), article("a", "Second."), article("a", "Third."))
    assert [r.outcome for r in receipts] == ["added", "updated", "updated"]
    assert shelf.library.article("a").text == "Third."


def test_a_stop_half_way_keeps_what_was_receipted(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, {})

    def source():  # type: ignore[no-untyped-def]
        yield article("a", "Kept. " * 6000)
        yield article("b", "Lost.")
        raise ConnectionAbortedError

    stream = ingest(source(), splitter=shelf.splitter, embedder=shelf.embedder, library=shelf.library)
    assert next(stream).article_id == "a"
    with pytest.raises(ConnectionAbortedError):
        next(stream)
    assert [found.id for found in shelf.library.articles(limit=5)] == ["a"]
    assert shelf.library.problems() == []


def answer_citing(passage: Passage, span: Span) -> tuple[Delta, Answer]:
    citation = cite(passage, span, number=1, answer_span=Span(0, span.end - span.start))
    answer = Answer("?", "answered", citation.quote, None, (citation,), (passage,), 0.9)
    return Delta(citation.quote, (citation,)), answer


def run(shelf: Shelf, *pieces: Delta | Answer) -> list[Delta | Answer]:
    rooms = {"retriever": shelf.fused, "library": shelf.library, "index": shelf.index}
    return list(ask("?", answerer=QueueAnswerer(*pieces), k=2, **rooms))  # type: ignore[arg-type]


def test_what_leaves_has_been_sliced_from_the_library(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, TEXTS)
    passage = shelf.find(shelf.dense, "volcano", 1)[0]
    delta, answer = run(shelf, *answer_citing(passage, Span(4, 11)))
    assert isinstance(answer, Answer) and delta.citations == answer.citations
    assert answer.citations[0].quote == "volcano" and answer.citations[0].prefix == "The "
    assert set(answer.timings) == {"retrieve", "answer", "total"}


@pytest.mark.parametrize("spoilt", ["quote", "span", "revision"])
def test_an_answer_with_a_false_citation_is_withheld(tmp_path: Path, spoilt: str) -> None:
    shelf = Shelf(tmp_path, TEXTS)
    delta, answer = answer_citing(shelf.find(shelf.dense, "volcano", 1)[0], Span(4, 11))
    citation = answer.citations[0]
    false = {
        "quote": replace(citation, quote="Volcano"),
        "span": replace(citation, span=Span(5, 12)),
        "revision": replace(citation, span=Span(4, 9999)),
    }[spoilt]
    with pytest.raises(CitationError):
        run(shelf, replace(delta, citations=(false,)), answer)
    with pytest.raises(CitationError):
        run(shelf, replace(answer, citations=(false,)))


def test_a_citation_holds_against_its_own_revision_after_an_update(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, TEXTS)
    pieces = answer_citing(shelf.find(shelf.dense, "volcano", 1)[0], Span(4, 11))
    put(shelf, article("volcano", "Quite another text.", "On the volcano"))
    assert run(shelf, *pieces)[-1].citations[0].quote == "volcano"


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Which ships pay a toll?", "Which ships pay a toll?"),  # the canal's: the volcano has none of it
        ("Who died?", "Who died (the volcano)?"),
        ("Where are the glaciers?", "Where are the glaciers (the volcano)?"),
    ],
)
def test_a_subject_that_a_question_is_not_about_is_left_out_again(tmp_path: Path, question: str, asked: str) -> None:
    shelf = Shelf(tmp_path, TEXTS)
    answerer = QueueAnswerer(Answer(question, "unanswerable", "", None, (), (), 0.0))
    rooms = {"retriever": shelf.fused, "library": shelf.library, "index": shelf.index, "answerer": answerer}
    *_, answer = ask(question, k=2, rewrite=lambda one, _: f"{one[:-1]} (the volcano)?", **rooms)  # type: ignore[arg-type]
    assert isinstance(answer, Answer)
    assert (answer.question, answer.asked) == (question, asked)


def test_what_a_rewrite_made_of_a_question_stays_where_its_subject_is_left_out(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, TEXTS)
    answerer = QueueAnswerer(Answer("", "unanswerable", "", None, (), (), 0.0))
    rooms = {"retriever": shelf.fused, "library": shelf.library, "index": shelf.index, "answerer": answerer}
    rewritten = "Which ships pay a toll (the volcano)?"
    *_, answer = ask("And which?", k=2, rewrite=lambda _, __: rewritten, **rooms)  # type: ignore[arg-type]
    assert isinstance(answer, Answer)
    assert answer.asked == "Which ships pay a toll?"


BRIDGE = "Which firm does the repairs of the stone bridge at Norham? Lund and Daughters."
POOL = "The pool in Tillbrook was closed as its roof was rotten. A firm from Marn has got the repairs."


@pytest.mark.parametrize(
    ("question", "talked", "first"),
    [
        ("which firm does the repairs?", False, "bridge"),
        ("which firm does the repairs?", True, "pool"),
        ("Which firm repairs the stone Bridge at Norham?", True, "bridge"),
        ("which firm does the repairs of the stone bridge at norham?", True, "bridge"),
    ],
)
def test_what_names_nothing_is_looked_for_first_in_the_article_that_is_talked_about(
    tmp_path: Path, question: str, talked: bool, first: str
) -> None:
    passages = found_in_a_talk(tmp_path, question, talked, article("bridge", BRIDGE), article("pool", POOL))
    assert passages[0].chunk.article_id == first


def test_other_articles_about_the_same_stand_where_they_would(tmp_path: Path) -> None:
    """What contradicts the article that is talked about is not put behind it."""
    later = article("later", "Which firm does the repairs of the pool in Tillbrook now? Lund and Daughters.")
    alone, talked = (
        found_in_a_talk(tmp_path / str(n), "which firm does the repairs?", bool(n), article("pool", POOL), later)
        for n in range(2)
    )
    assert [one.chunk.article_id for one in alone[:2]] == [one.chunk.article_id for one in talked[:2]]
    assert [talked[n].score - alone[n].score for n in range(2)] == [pytest.approx(0.3)] * 2


def found_in_a_talk(home: Path, question: str, talked: bool, *articles: Article) -> Sequence[Passage]:
    """The passages that a question is answered from, by itself or after one about the pool."""
    home.mkdir(exist_ok=True)
    shelf = Shelf(home, TEXTS)
    put(shelf, *articles)
    answerer = QueueAnswerer(Answer("", "unanswerable", "", None, (), (), 0.0))
    rooms = {"retriever": shelf.fused, "library": shelf.library, "index": shelf.index, "answerer": answerer}
    history = [Turn("user", "why was the pool closed?"), Turn("assistant", POOL.split(". ")[0])]
    list(ask(question, k=3, history=history if talked else (), **rooms))  # type: ignore[arg-type]
    return answerer.passages
