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
        ("It was built in 1887. This is a bridge. She asked residents for patience.", []),
        ("Ines Marrow voted against the budget because, in her view, it is poor.", []),
        ("", []),
    ],
)
def test_proposals(text: str, expected: list[tuple[str, str]]) -> None:
    assert list(proposals(text)) == expected
