from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.copies import alike, bands, repeats, runs, signature
from rag.flow import state
from rag.retrieval import Distinct, Reranked
from rag.types import Answer
from rag.wire import answer_out
from tests.test_flow import answer_citing, run
from tests.test_retrieval import Shelf

SEEDS = sorted((Path(__file__).parents[1] / "seeds").glob("*.md"))
STORY = (
    "The old bridge of Harrow was closed on Monday. Engineers had found a crack of 3 centimetres in its second arch. "
    "Until the repair is done, cars have to take the road by the mill, which adds 12 minutes to the way to town. "
    "The mayor asked the people of both banks for patience, and thanked the ferrymen who help out in the meantime."
)


def edited(text: str, draw: random.Random) -> str:
    words = text.split(" ")
    for _ in range(len(words) // 25):
        words[draw.randrange(len(words))] = "reportedly"
    return "From our staff\n\n" + " ".join(words[: len(words) * 3 // 4])


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_an_edited_cut_and_re_headed_copy_is_alike_and_shares_a_band(path: Path) -> None:
    text = path.read_text()
    copy = edited(text, random.Random(1))
    assert alike(text, copy) and alike(copy, text)
    assert set(bands(signature(runs(text)))) & set(bands(signature(runs(copy))))


def test_articles_on_one_matter_are_not_alike() -> None:
    texts = [path.read_text() for path in SEEDS]
    assert not any(alike(a, b) for n, a in enumerate(texts) for b in texts[:n])


def test_the_same_form_with_other_figures_is_another_report() -> None:
    form = "Shares of {0} rose {1} cents after a net profit of {2} mln against {3} mln a year before, on {4} sales."
    one = " ".join(form.format("the mill", n, n + 11, n + 23, n + 37) for n in range(100, 106))
    other = " ".join(form.format("the mill", n, n + 11, n + 23, n + 37) for n in range(500, 506))
    assert alike(one, one + " More to follow.")
    assert not alike(one, other)


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_two_texts_can_be_compared(a: str, b: str) -> None:
    assert alike(a, b) == alike(b, a)
    assert alike(a, a) and repeats(a, a)


def test_copies_are_found_when_they_are_put_in_and_lost_when_they_go(tmp_path: Path) -> None:
    shelf = Shelf(
        tmp_path, {"canal": "The canal opened in 1869.", "story": STORY, "wire": edited(STORY, random.Random(2))}
    )
    assert [one.id for one in shelf.library.copies("story")] == ["wire"]
    assert [one.id for one in shelf.library.copies("wire")] == ["story"]
    assert shelf.library.copies("canal") == []
    shelf.put({"wire": "Something else is written here now, of quite another matter."})
    assert shelf.library.copies("story") == []
    shelf.put({"wire": STORY})
    shelf.library.delete(["wire"])
    assert shelf.library.copies("story") == []


def test_copies_share_one_place_unless_a_figure_differs(tmp_path: Path) -> None:
    corrected = STORY.replace("3 centimetres", "5 centimetres")
    shelf = Shelf(tmp_path, {"story": STORY, "wire": f"{STORY} Agencies.", "corrected": corrected}, window=120)
    question = "How large is the crack in the arch of the bridge?"
    everything = shelf.find(Reranked(shelf.fused), question, 5)
    distinct = shelf.find(Distinct(Reranked(shelf.fused)), question, 5)
    assert len(everything) == 3
    texts = [passage.chunk.text for passage in distinct]
    assert len(texts) == 2
    assert sorted("5 centimetres" in text for text in texts) == [False, True]


def test_a_citation_lists_the_copies_that_have_its_quote(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, {"story": STORY, "wire": edited(STORY, random.Random(2)), "canal": "The canal is long."})
    with state(shelf.library, shelf.index) as now:
        passage = next(p for p in shelf.find(shelf.fused, "old bridge closed", 3) if p.chunk.article_id == "story")
        assert now.library.copies("story")
    span = passage.chunk.span
    answer = run(shelf, *answer_citing(passage, replace(span, end=span.start + 28)))[-1]
    assert isinstance(answer, Answer)
    (copy,) = answer.citations[0].copies
    assert copy.article_id == "wire"
    assert copy.span.of(shelf.library.article("wire").text) == answer.citations[0].quote
    (told,) = answer_out(answer)["citations"][0]["copies"]
    assert told["permalink"].startswith("/articles/wire@")
