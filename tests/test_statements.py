from __future__ import annotations

import pytest

from rag.statements import figures, missing

QUOTE = "On 27 August 1883 Krakatoa exploded, and more than 36,000 people died; Dutch officials did not flee."


@pytest.mark.parametrize(
    "statement",
    [
        QUOTE,
        "More than 36 thousand people died on 27 August 1883, and Dutch officials did not flee.",
        "Krakatoa exploded in August 1883; the officials never fled.",
        "No Dutch official fled.",
    ],
)
def test_what_the_quote_says_may_be_said_otherwise(statement: str) -> None:
    assert missing(statement, [QUOTE]) == []


@pytest.mark.parametrize(
    ("statement", "lacking"),
    [
        ("More than 37,000 people did not flee.", ["37000", "not"]),
        ("Krakatoa did not explode in 1884.", ["1884", "not"]),
        ("Krakatoa exploded in May 1883, did it not.", ["May"]),
        ("Etna exploded and people did not flee.", ["Etna", "not"]),
        ("Krakatoa exploded near Java, and nobody fled.", ["Java"]),
        ("Dutch officials fled.", ["not"]),
        ("On Monday officials did not flee.", ["Monday"]),
        ("Thirty-seven thousand people did not flee.", ["37000", "not"]),
    ],
)
def test_what_it_does_not_say_is_told(statement: str, lacking: list[str]) -> None:
    assert missing(statement, [QUOTE]) == lacking


def test_a_negation_may_not_come_from_nowhere() -> None:
    assert missing("The bridge was not opened in 1931.", ["The bridge was opened in 1931."]) == ["not"]


SIDES = "The council did not buy the mill, but it did lease the quarry to Sandbeck."


@pytest.mark.parametrize(
    "statement", ["The council did not lease the quarry.", "The council bought the mill, not the quarry."]
)
def test_a_negation_belongs_to_its_clause(statement: str) -> None:
    assert "not" in missing(statement, [SIDES])


@pytest.mark.parametrize(
    "statement",
    [SIDES, "The council did not buy the mill.", "It leased the quarry to Sandbeck but did not buy the mill."],
)
def test_a_negation_stays_where_it_was(statement: str) -> None:
    assert missing(statement, [SIDES]) == []


def test_several_quotes_bear_a_statement_together() -> None:
    assert missing("Maud opened it in 1931.", ["Queen Maud came.", "It opened in 1931."]) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("36,000 and 36000", ["36000", "36000"]),
        ("4.3 million crowns", ["4300000"]),
        ("fifty-seven people", ["57"]),
        ("two hundred thousand", ["200000"]),
        ("in 1931, at 4.50", ["1931", "4.5"]),
        ("1.2.2020", ["1.2.2020"]),
        ("one of them", []),
        ("three million", ["3000000"]),
    ],
)
def test_figures(text: str, expected: list[str]) -> None:
    assert figures(text) == expected
