from __future__ import annotations

import json
from importlib.resources import files

import pytest

from rag.answerers.evidence import DECLINED, kind_asked
from rag.answerers.extractive import FEATURES, ExtractiveAnswerer, weigh
from rag.build import MODELS
from rag.embedders.onnx import OnnxEmbedder
from rag.types import Answer, Chunk, Delta, Passage, Span, text_revision

VOLCANO = (
    "The mountain had been quiet for a century. It erupted on 18 May 1980. "
    "The eruption killed 57 people because the north face slid away."
)
CANAL = "The canal opened in 1869. Ships pay a toll of several thousand dollars to pass."


def passage(text: str, article_id: str, score: float) -> Passage:
    span, revision = Span(10, 10 + len(text)), text_revision(text)
    return Passage(Chunk(article_id, revision, span, text, article_id), score)


PASSAGES = [passage(VOLCANO, "the mountain", 1.0), passage(CANAL, "the canal", 1.0)]


EMBEDDER = OnnxEmbedder(MODELS / "minilm")


def answers(question: str, threshold: float = 0.0) -> tuple[list[Delta], Answer]:
    *deltas, answer = ExtractiveAnswerer(EMBEDDER, threshold=threshold).answer(question, PASSAGES)
    assert isinstance(answer, Answer)
    return [delta for delta in deltas if isinstance(delta, Delta)], answer


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When did the mountain erupt?", "It erupted on 18 May 1980."),
        ("How many people did the eruption kill?", "The eruption killed 57 people because"),
        ("In what year did the canal open?", "The canal opened in 1869."),
    ],
)
def test_the_first_citation_is_the_sentence_that_answers(question: str, expected: str) -> None:
    _, answer = answers(question)
    assert answer.citations[0].quote.startswith(expected)


def test_deltas_join_to_the_text_and_each_statement_is_cited() -> None:
    deltas, answer = answers("When did the mountain erupt, and when did the canal open?")
    assert "".join(delta.text for delta in deltas) == answer.text
    assert tuple(citation for delta in deltas for citation in delta.citations) == answer.citations
    assert [citation.number for citation in answer.citations] == list(range(1, len(answer.citations) + 1))
    for citation in answer.citations:
        assert citation.answer_span.of(answer.text) == citation.quote
    spans = [citation.answer_span for citation in answer.citations]
    assert spans[0].start == 0 and spans[-1].end == len(answer.text)
    assert all(answer.text[a.end : b.start] == " " for a, b in zip(spans, spans[1:], strict=False))


def test_it_declines_under_the_threshold_and_shows_the_nearest() -> None:
    deltas, answer = answers("Who painted the ceiling?", threshold=1.0)
    assert (answer.status, answer.text, answer.citations) == ("unanswerable", DECLINED, ())
    assert answer.passages == tuple(PASSAGES)
    assert [delta.text for delta in deltas] == [DECLINED]


def test_nothing_found_is_declined() -> None:
    *_, answer = ExtractiveAnswerer(EMBEDDER, threshold=0.0).answer("Anything?", [])
    assert isinstance(answer, Answer) and answer.status in ("answered", "unanswerable") and not answer.citations


def test_a_sentence_of_two_passages_is_weighed_once() -> None:
    twice = [PASSAGES[0], passage(VOLCANO, "the mountain", 1.0)]
    found = weigh("When did it erupt?", twice, EMBEDDER)
    assert len({sentence.span for sentence in found}) == len(found)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many people died?", "number"),
        ("What percentage voted?", "number"),
        ("When did it open?", "time"),
        ("In which year was that?", "time"),
        ("Who built it?", "name"),
        ("Which senator complained?", "name"),
        ("Where is it?", "place"),
        ("In what country does it lie?", "place"),
        ("Why did it fail?", "reason"),
    ],
)
def test_what_the_question_word_asks_for(question: str, kind: str) -> None:
    found = kind_asked(question)
    assert found is not None and found[0] == kind


def test_the_stored_weights_are_for_the_features_that_there_are() -> None:
    stored = json.loads((files("rag.answerers") / "extractive.json").read_text())
    assert set(stored["choice"]) == set(FEATURES)
    assert set(stored["confidence"]) == {*FEATURES, "intercept"}
