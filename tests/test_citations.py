from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.citations import cite, prove, utf16_length
from rag.errors import CitationError
from rag.types import Chunk, Passage, Span
from rag.wire import citation_out
from tests.fakes import article

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


def passage(text: str, span: Span) -> Passage:
    source = article("a b", text, "Title")
    return Passage(Chunk("a b", source.revision, span, span.of(text)), 1.0)


@pytest.mark.proof
@given(st.data())
def test_what_is_cited_is_what_the_article_says(data: st.DataObject) -> None:
    text = data.draw(TEXT)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    whole = passage(text, Span(0, len(text)))
    wire = citation_out(prove(cite(whole, Span(start, end), number=1, answer_span=Span(0, 1)), text))
    assert text[wire["start_char_index"] : wire["end_char_index"]] == wire["cited_text"]
    units = text.encode("utf-16-le")  # as JavaScript counts
    assert units[2 * wire["start_utf16"] : 2 * wire["end_utf16"]].decode("utf-16-le") == wire["cited_text"]
    assert (wire["prefix"] + wire["cited_text"] + wire["suffix"]) in text


@given(TEXT, TEXT)
def test_a_quote_that_the_article_does_not_hold_there_never_leaves(text: str, other: str) -> None:
    citation = cite(passage(text, Span(0, len(text))), Span(0, len(text)), number=1, answer_span=Span(0, 1))
    if other.startswith(text):
        prove(citation, other)
    else:
        with pytest.raises(CitationError, match="the answer is withheld"):
            prove(citation, other)


def test_a_span_outside_its_passage_is_refused() -> None:
    with pytest.raises(CitationError):
        cite(passage("0123456789", Span(2, 5)), Span(1, 4), number=1, answer_span=Span(0, 3))


def test_permalinks_quote_the_id() -> None:
    text = "Hello."
    citation = cite(passage(text, Span(0, 6)), Span(0, 5), number=1, answer_span=Span(0, 5))
    link = citation_out(replace(citation, article_id="a/b c?"))["permalink"]
    assert link == f"/articles/a%2Fb%20c%3F@{citation.revision}#char=0,5"


def test_utf16_counts_surrogate_pairs_twice() -> None:
    assert utf16_length("a😀") == 3
