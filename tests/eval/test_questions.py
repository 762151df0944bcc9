from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics import Place
from eval.questions import Evidence, EvidenceError, Question, QuestionSet, SetError, check, resolve, sample
from rag.types import Article, Span


def question(
    key: str = "q1", quote: str = "opened in May", article: str = "bridge", span: Span | None = None
) -> Question:
    return Question(key, "When did it open?", ("May",), (Evidence(article, quote, span),), True, "date")


def test_a_quote_becomes_its_place(scripted: Callable, bridge: Article) -> None:
    places = resolve([question(quote="🌉 It is blue")], scripted([bridge]).library)
    (place,) = places["q1"]
    assert place.span.of(bridge.text) == "🌉 It is blue"


@given(st.text(min_size=1), st.text(), st.text())
def test_a_place_slices_to_its_quote_over_all_planes(scripted: Callable, quote: str, before: str, after: str) -> None:
    article = Article("a", "", before + quote + after)
    try:
        (place,) = resolve([question(quote=quote, article="a")], scripted([article]).library)["q1"]
    except EvidenceError:
        assert article.text.find(quote) != article.text.rfind(quote)
    else:
        assert place.span.of(article.text) == quote


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (question(quote="closed in May"), "it nowhere"),
        (question(quote="It "), "it at 26 and at 54"),
        (question(article="tunnel"), "no such article"),
        (question(span=Span(0, 13)), "'The bridge op'"),
    ],
)
def test_what_does_not_resolve_is_named(scripted: Callable, bridge: Article, asked: Question, found: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        resolve([asked], scripted([bridge]).library)
    assert caught.value.found == found
    assert "'q1'" in str(caught.value)
    assert repr(asked.evidence[0].article) in str(caught.value)
    assert repr(asked.evidence[0].quote.strip()).strip("'") in str(caught.value)


def test_overlapping_occurrences_are_two(scripted: Callable) -> None:
    with pytest.raises(EvidenceError, match="at 0 and at 1"):
        resolve([question(quote="aa", article="a")], scripted([Article("a", "", "aaa")]).library)


def test_a_span_says_which_of_two_it_is(scripted: Callable, bridge: Article) -> None:
    asked = question(quote="It", span=Span(26, 28))
    assert resolve([asked], scripted([bridge]).library) == {"q1": (Place("bridge", Span(26, 28)),)}


def test_a_set_is_checked() -> None:
    with pytest.raises(SetError, match=r"expected questions in s\.jsonl; found none"):
        check(QuestionSet("s.jsonl", ()))
    with pytest.raises(SetError, match="'q1' 2 times"):
        check(QuestionSet("s", (question(), question("q2"), question())))
    with pytest.raises(SetError, match=r"question 'q1' .* answerable False, 1 answers, 1 quotes"):
        check(QuestionSet("s", (replace(question(), answerable=False),)))
    with pytest.raises(SetError, match="answerable True, 1 answers, 0 quotes"):
        check(QuestionSet("s", (replace(question(), evidence=()),)))


def test_a_draw_depends_on_its_seed_alone() -> None:
    everything = QuestionSet("s", tuple(question(f"q{n}") for n in range(50)))
    drawn = [one.id for one in sample(everything, 10, 3).questions]
    assert drawn == [one.id for one in sample(everything, 10, 3).questions]
    assert drawn != [one.id for one in sample(everything, 10, 4).questions]
    assert len(set(drawn)) == 10
    assert sample(everything, None) == sample(everything, 50) == sample(everything, 99) == everything
