from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics import Place
from eval.questions import (
    Evidence,
    EvidenceError,
    Question,
    QuestionSet,
    SetError,
    check,
    locate,
    paragraphs,
    resolve,
    sample,
)
from eval.subjects import Local
from rag.types import Article, Span


def question(
    key: str = "q1", quote: str = "opened in May", article: str = "bridge", span: Span | None = None
) -> Question:
    return Question(key, "When did it open?", ("May",), (Evidence(article, quote, span),), True, "date")


def test_a_quote_becomes_its_place(scripted: Callable, bridge: Article) -> None:
    places = resolve([question(quote="🌉 It is blue")], Local(scripted([bridge])))
    (place,) = places["q1"]
    assert place.span.of(bridge.text) == "🌉 It is blue"


@given(st.text(min_size=1), st.text(), st.text())
def test_a_place_slices_to_its_quote_over_all_planes(scripted: Callable, quote: str, before: str, after: str) -> None:
    article = Article("a", "", before + quote + after)
    try:
        (place,) = resolve([question(quote=quote, article="a")], Local(scripted([article])))["q1"]
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
        resolve([asked], Local(scripted([bridge])))
    assert caught.value.found == found
    assert "'q1'" in str(caught.value)
    assert repr(asked.evidence[0].article) in str(caught.value)
    assert repr(asked.evidence[0].quote.strip()).strip("'") in str(caught.value)


def test_overlapping_occurrences_are_two(scripted: Callable) -> None:
    with pytest.raises(EvidenceError, match="at 0 and at 1"):
        resolve([question(quote="aa", article="a")], Local(scripted([Article("a", "", "aaa")])))


def test_a_span_says_which_of_two_it_is(scripted: Callable, bridge: Article) -> None:
    asked = question(quote="It", span=Span(26, 28))
    assert resolve([asked], Local(scripted([bridge]))) == {"q1": (Place("bridge", Span(26, 28)),)}


def test_a_set_is_checked() -> None:
    with pytest.raises(SetError, match=r"expected questions in s\.jsonl; found none"):
        check(QuestionSet("s.jsonl", ()))
    with pytest.raises(SetError, match="'q1' 2 times"):
        check(QuestionSet("s", (question(), question("q2"), question())))
    with pytest.raises(SetError, match=r"question 'q1' .* answerable False, 1 answers, 1 pieces"):
        check(QuestionSet("s", (replace(question(), answerable=False),)))
    with pytest.raises(SetError, match="answerable True, 0 answers, 0 pieces"):
        check(QuestionSet("s", (replace(question(), answers=(), evidence=()),)))


def test_a_draw_depends_on_its_seed_alone() -> None:
    everything = QuestionSet("s", tuple(question(f"q{n}") for n in range(50)))
    drawn = [one.id for one in sample(everything, 10, 3).questions]
    assert drawn == [one.id for one in sample(everything, 10, 3).questions]
    assert drawn != [one.id for one in sample(everything, 10, 4).questions]
    assert len(set(drawn)) == 10
    assert sample(everything, None) == sample(everything, 50) == sample(everything, 99) == everything


TWO = [
    Article("a", "The Bridge", "It opened in May.\n\nIt is blue.", metadata={"source": "news/Bridge.md"}),
    Article("b", "The tunnel", "It opened in June."),
]


def evidenced(*evidence: Evidence) -> Question:
    return Question("q1", "When?", (), evidence, True, "when")


@pytest.mark.parametrize(
    ("evidence", "place"),
    [
        (Evidence("the bridge", "in May"), Place("a", Span(10, 16))),  # by title
        (Evidence("bridge.md", "in May"), Place("a", Span(10, 16))),  # by the name of its file
        (Evidence("bridge", "in May"), Place("a", Span(10, 16))),
        (Evidence(None, "in June"), Place("b", Span(10, 17))),  # by the quote alone
        (Evidence("b"), Place("b", None)),  # anywhere in the article
        (
            Evidence("a", "in May", others=(Evidence("b", "in June"),)),
            Place("a", Span(10, 16), (Place("b", Span(10, 17)),)),
        ),
    ],
)
def test_evidence_is_found_by_what_the_set_knows(scripted: Callable, evidence: Evidence, place: Place) -> None:
    assert resolve([evidenced(evidence)], Local(scripted(TWO))) == {"q1": (place,)}


@pytest.mark.parametrize(
    ("evidence", "found"),
    [
        (Evidence(None, "It opened in"), "it in 'a' and 'b'"),
        (Evidence(None, "in July"), "it nowhere"),
        (Evidence("The canal"), "no such article"),
        (Evidence("a", "in May", others=(Evidence("b", "in July"),)), "it nowhere"),
    ],
)
def test_evidence_that_is_in_two_articles_or_none_is_named(scripted: Callable, evidence: Evidence, found: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        resolve([evidenced(evidence)], Local(scripted(TWO)))
    assert caught.value.found == found


def test_all_that_fails_is_counted(scripted: Callable) -> None:
    wrong = [replace(evidenced(Evidence("a", f"in {n}")), id=str(n)) for n in range(3)]
    with pytest.raises(EvidenceError, match="and 2 more: quotewell eval check"):
        resolve(wrong, Local(scripted(TWO)))
    assert sum(isinstance(one, EvidenceError) for _, one in locate(wrong, Local(scripted(TWO)))) == 3


def test_a_reader_is_given_the_paragraph_around_the_quote(scripted: Callable) -> None:
    shelf = Local(scripted(TWO))
    asked = [evidenced(Evidence("a", "is blue")), replace(evidenced(Evidence("b")), id="q2")]
    (given,) = paragraphs(asked, resolve(asked, shelf), shelf).values()
    assert given.span.of(TWO[0].text) == "It is blue."
    told = replace(asked[0], paragraph=Place("a", Span(0, 17)))
    assert paragraphs([told], resolve([told], shelf), shelf) == {"q1": Place("a", Span(0, 17))}
