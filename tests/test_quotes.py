from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.quotes import locate
from rag.types import Span

TEXT = "“Yes,” she said – it’s done…  The ﬁrst\u00a0ferry, co\u00adoperating, left. It’s done."


@given(st.text(max_size=60), st.text(min_size=1, max_size=20), st.text(max_size=60))
def test_what_stands_in_a_text_is_found_exactly(before: str, quote: str, after: str) -> None:
    text = before + quote + after
    found = locate(quote, text)
    if quote.strip():
        assert found is not None
        assert found.status == "exact"
        assert found.span.of(text) == quote
        assert found.span.start == text.find(quote)
    else:
        assert found is None


@pytest.mark.parametrize(
    ("quote", "expected"),
    [
        ('"Yes," she said - it\'s done...', "“Yes,” she said – it’s done…"),
        ("The first ferry", "The ﬁrst\u00a0ferry"),
        ("cooperating", "co\u00adoperating"),
        ("done... The", "done…  The"),
        (" it's  done. ", "It’s done."[1:] and None),
    ],
)
def test_typography_may_differ(quote: str, expected: str | None) -> None:
    found = locate(quote, TEXT)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (found.status, found.span.of(TEXT)) == ("normalized", expected)


@pytest.mark.parametrize("quote", ["yes,", "she says", "It is done", "left It", "", "  ", "irst ferry left"])
def test_words_may_not(quote: str) -> None:
    assert locate(quote, TEXT) is None


def test_half_a_ligature_is_no_place() -> None:
    assert locate("irst ferry", TEXT) is None


def test_the_nearest_of_several_places() -> None:
    text = "It rained. It rained. It rained."
    assert [locate("It rained.", text, near).span.start for near in (0, 12, 30)] == [0, 11, 22]  # type: ignore[union-attr]


@given(st.lists(st.sampled_from(list("ab \n'’\"“-–…ﬁ\u00ad")), max_size=30), st.integers(0, 29), st.integers(1, 12))
def test_a_place_is_always_of_the_text(chars: list[str], start: int, length: int) -> None:
    text = "".join(chars)
    plain = {"’": "'", "“": '"', "–": "-", "\u00ad": "", "\n": " "}
    quote = "".join(plain.get(char, char) for char in text[start : start + length])
    found = locate(quote, text)
    if found is not None:
        assert 0 <= found.span.start < found.span.end <= len(text)
        assert found.span == Span(found.span.start, found.span.end)
