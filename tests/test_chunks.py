from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.chunks import Splitter, sentences
from rag.types import Span
from tests.fakes import HashEmbedder, article

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
PROSE = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), max_size=30).map(
    " ".join
) | st.lists(
    st.sampled_from(["One word.", "A 😀 e\u0301 sentence, with a clause; and more!", "\n\n", "x" * 90, "שלום עולם."]),
    max_size=20,
).map(" ".join)


def splitter(window: int = 40) -> Splitter:
    embedder = HashEmbedder(window=window)
    return Splitter(embedder.count_pieces, window)


@pytest.mark.proof
@given(ANY_TEXT | PROSE)
def test_sentences_are_in_order_apart_and_cover_all_that_is_not_space(text: str) -> None:
    spans = sentences(text)
    assert all(a.end <= b.start for a, b in zip(spans, spans[1:], strict=False))
    covered = "".join(span.of(text) for span in spans)
    assert "".join(covered.split()) == "".join(text.split())


@pytest.mark.proof
@given(PROSE | ANY_TEXT, st.text(max_size=40), st.integers(12, 60))
def test_each_chunk_slices_and_fits_and_nothing_is_left_out(text: str, title: str, window: int) -> None:
    split = splitter(window)
    source = article("a", text, title.encode("utf-8", "replace").decode())
    chunks = split.split(source)
    assert max(split.count(split.passage_texts(chunks)), default=0) <= window - 2
    for chunk in chunks:
        assert chunk.span.of(source.text) == chunk.text
    for span in sentences(text):
        inside = [n for n in range(span.start, span.end) if not text[n].isspace()]
        assert all(any(c.span.start <= n < c.span.end for c in chunks) for n in inside)


def test_a_word_that_was_cut_may_count_for_more_when_it_is_whole() -> None:
    def count(texts: Sequence[str]) -> list[int]:
        return [sum(1 if len(word) <= 60 else 9 for word in text.split()) for text in texts]

    split = Splitter(count, 102)
    text = " ".join("w" * 70 if n % 150 == 20 else "word" for n in range(600))
    assert max(count([chunk.text for chunk in split.split(article("a", text))])) <= 100


def test_a_chunk_shares_one_sentence_with_the_next_inside_a_paragraph() -> None:
    text = " ".join(f"Sentence number {n} has six words." for n in range(20))
    chunks = splitter(40).split(article("a", text))
    assert len(chunks) > 2
    for a, b in zip(chunks, chunks[1:], strict=False):
        shared = Span(b.span.start, a.span.end).of(text)
        assert shared == shared.strip() and shared.count(".") == 1


def test_a_chunk_that_is_full_enough_ends_with_its_paragraph() -> None:
    paragraph = "Here are quite a few words that fill a quarter."
    chunks = splitter(40).split(article("a", f"{paragraph}\n\n{paragraph}\n\n{paragraph}"))
    assert [chunk.text for chunk in chunks] == [paragraph] * 3


def test_a_sentence_over_the_window_is_cut_after_a_clause() -> None:
    text = "word " * 20 + "clause, " + "word " * 30
    first, *_ = splitter(34).split(article("a", text))
    assert first.text.endswith("clause,")


def test_a_word_that_fills_windows_is_cut_between_whole_characters() -> None:
    text = "e\u0301" * 300
    chunks = splitter(12).split(article("a", text))
    assert "".join(chunk.text for chunk in chunks) == text
    assert not any(chunk.text.startswith("\u0301") for chunk in chunks)


def test_the_title_is_embedded_with_the_chunk_and_is_not_in_its_text() -> None:
    split = splitter()
    chunk = split.split(article("a", "The text.", "The title"))[0]
    assert (chunk.text, *split.passage_texts([chunk])) == ("The text.", "The title\nThe text.")


def test_a_title_longer_than_the_window_leaves_room_for_text() -> None:
    split = splitter(20)
    chunks = split.split(article("a", "Some text of the article.", "word " * 200))
    assert chunks[0].text == "Some text of the article."
