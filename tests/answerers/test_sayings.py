"""Whether it is asked what somebody said, and which sentences tell it."""

from __future__ import annotations

import pytest

from rag.answerers.sayings import asked_saying, said

TEXT = (
    'The fan broke in 2021. "We put it off to save a few pounds," said Peter Holm, who chairs the committee. '
    '"It is the most expensive saving ever." The coach, Maria Delgado, said that thirty children had stopped coming. '
    "She added that a bus would help. Councillor Ruth Amber took a seat."
)


@pytest.mark.parametrize(
    ("question", "who", "about"),
    [
        ("What did Peter Holm say about the fan?", {"holm"}, {"fan"}),
        ("What does the losing manager think of the referee?", {"manag"}, {"refere"}),
        ("How did the ousted mayor of Port Averill react to the vote?", {"mayor"}, {"vote"}),
        ("What did the rice seller Nguyen Thi Sau say?", {"sau"}, set()),
        ("What reason did Joost Terwiel give for the sale?", {"terwiel"}, {"sale"}),
        ("What was Ann Bee's reaction to the fire?", {"bee"}, {"fire"}),
    ],
)
def test_who_is_asked_about_and_what_of(question: str, who: set[str], about: set[str]) -> None:
    saying = asked_saying(question)
    assert saying is not None
    assert (saying.who, saying.about) == (who, about)


@pytest.mark.parametrize("question", ["What did the bridge cost?", "What did he say?", "Who said that?", "What is it?"])
def test_other_questions_ask_for_no_saying(question: str) -> None:
    assert asked_saying(question) is None


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("What did Peter Holm say about saving?", ['"We put it off', '"It is the']),
        ("What did Maria Delgado say about the bus?", ["The coach, Maria", "She added"]),
        ("What did Ruth Amber say about the bus?", []),
        ("What did Ann Bee say about the bus?", []),
    ],
)
def test_the_sentences_that_are_his(question: str, told: list[str]) -> None:
    saying = asked_saying(question)
    assert saying is not None
    found = [span.of(TEXT) for span, _ in said(saying, TEXT)]
    assert [text[: len(start)] for text, start in zip(found, told, strict=True)] == told


def test_how_much_of_what_is_asked_about_a_sentence_has() -> None:
    saying = asked_saying("What did Maria Delgado say about children and the bus?")
    assert saying is not None
    assert [share for _, share in said(saying, TEXT)] == [0.5, 0.75]
