"""Questions that can be asked where an answer is declined."""

from __future__ import annotations

import pytest

from rag.answerers.proposals import proposals


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Weir Bridge was built in 1887 and is narrow.", [("When was the Weir Bridge built?", "1887")]),
        ("Norham was founded on 4 May 1931.", [("When was Norham founded?", "4 May 1931")]),
        ("Rekognition is a service of Amazon, and dear.", [("What is Rekognition?", "a service of Amazon")]),
        (
            "Mayor Odile Brandt asked residents for patience.",
            [("Who asked residents for patience?", "Mayor Odile Brandt")],
        ),
        (
            "The Weir Bridge was opened to carriages in May 1887 by the mayor.",
            [("When was the Weir Bridge opened to carriages?", "May 1887")],
        ),
        (
            "Norham Mills paid more than 3.6 million crowns for lobbying the council, it is said.",
            [("How much did Norham Mills pay for lobbying the council?", "more than 3.6 million crowns")],
        ),
        (
            "Norham Mills was worth about 850 million crowns at the time.",
            [("How much was Norham Mills worth?", "about 850 million crowns")],
        ),
        ("The Council plans to close two schools.", [("What does the Council plan to do?", "close two schools")]),
        ("Norham Mills is run by the Marn Trust.", [("Who runs Norham Mills?", "the Marn Trust")]),
        ("Norham Mills was founded by Piet Aalders in a barn.", [("Who founded Norham Mills?", "Piet Aalders")]),
        ("The Norham bridge will be opened on 3 May 2027.", [("When will the Norham bridge be opened?", "3 May 2027")]),
        ("Norham's school will be closed in March.", [("When will Norham's school be closed?", "March")]),
        ("Norham's orchard will lose half of its trees.", [("What will Norham's orchard lose?", "half of its trees")]),
        (
            "The town council of Norham has decided on Monday to fell the trees.",
            [("What did the town council of Norham decide to do?", "fell the trees")],
        ),
        (
            "“It hurts,” said Ruth Pellow, who chairs the committee.",
            [("Who is Ruth Pellow?", "who chairs the committee")],
        ),
        ("“It hurts,” said Ruth Pellow, 40, and left.", []),
        ("The Messenger was the first outlet to publish it.", []),
        ("It was built in 1887. This is a bridge. She asked residents for patience.", []),
        ("Ines Marrow voted against the budget because, in her view, it is poor.", []),
        ("", []),
    ],
)
def test_proposals(text: str, expected: list[tuple[str, str]]) -> None:
    assert list(proposals(text)) == expected
