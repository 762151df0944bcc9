from __future__ import annotations

import pytest

from rag.answerers.parts import parts


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            "How high was the first estimate for the bridge and what did it cost in the end?",
            ["How high was the first estimate for the bridge?", "What did it cost in the end?"],
        ),
        (
            "When were the Suez Canal and the Panama Canal opened?",
            ["When were the Suez Canal opened?", "When were the Panama Canal opened?"],
        ),
        (
            "Compare the death tolls of Krakatoa and Mount St. Helens.",
            ["What are the death tolls of Krakatoa?", "What are the death tolls of Mount St. Helens?"],
        ),
        ("Who is Odile Brandt and when was she elected?", ["Who is Odile Brandt?", "When was Odile Brandt elected?"]),
        ("Who was he, and in which year was he born?", ["Who was he?", "In which year was he born?"]),
        ("When did it open?", ["When did it open?"]),
        ("What did Trinidad and Tobago sign?", ["What did Trinidad and Tobago sign?"]),
        ("What is the distance between Lund and Norham?", ["What is the distance between Lund and Norham?"]),
        ("Who knows when and where it was?", ["Who knows when and where it was?"]),
        ("", [""]),
    ],
)
def test_parts(question: str, expected: list[str]) -> None:
    assert parts(question, ["The treaty of Trinidad and Tobago was signed."]) == expected
