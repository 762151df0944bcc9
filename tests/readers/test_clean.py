"""Raw text becomes canonical text: debris goes, every other character stays."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.readers.clean import canonical, canonical_runs
from rag.types import text_revision

EVERY_PLANE = st.text(st.characters(min_codepoint=0, max_codepoint=0x10FFFF))
TOKENS = (
    '[ ] [ad_1] [ad_ 1] [/caption] [caption [embed] [/embed] http://a.b/c [sic] gallery caption id="x" = / a'.split()
)
SPACES = [
    "\n",
    "\r",
    "\r\n",
    " ",
    "\t",
    "\u00a0",
    "\u2028",
    "\x85",
    "\x0c",
    "\x00",
    "\ufeff",
    "\ud800",
    "\udc00",
    "Source link",
]
DEBRIS = st.lists(st.sampled_from([*TOKENS, *SPACES]), max_size=30).map("".join)


@pytest.mark.proof
@given(EVERY_PLANE | DEBRIS | st.lists(EVERY_PLANE | DEBRIS, max_size=4).map("".join))
def test_cleaning_twice_is_cleaning_once(raw: str) -> None:
    once = canonical(raw)
    assert canonical(once) == once


@pytest.mark.proof
@given(EVERY_PLANE | DEBRIS)
def test_canonical_text_has_a_revision_and_no_control_characters(raw: str) -> None:
    text = canonical(raw)
    assert len(text_revision(text)) == 64
    assert not [char for char in text if unicodedata.category(char) in ("Cc", "Cs") and char not in "\t\n"]
    assert text == text.strip()
    assert "\n\n\n" not in text
    assert not any(line != line.rstrip() for line in text.split("\n"))


@pytest.mark.proof
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="[\ufeff")))
def test_all_that_is_no_debris_and_no_white_space_stays_in_order(raw: str) -> None:
    text = canonical(raw + "\nThe end.")
    assert "".join(text.split()) == "".join((raw + "\nThe end.").split())


@pytest.mark.proof
@given(EVERY_PLANE | DEBRIS)
def test_every_kept_character_is_where_it_says_it_came_from(raw: str) -> None:
    text, runs = canonical_runs(raw, [(0, 0, len(raw))] if raw else [])
    assert text == canonical(raw)
    covered = 0
    for start, origin, length in runs:
        assert length > 0
        assert start >= covered
        assert text[start : start + length] == raw[origin : origin + length]
        covered = start + length


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("page one\x0cpage two\x85end", "page one\npage two\nend"),
        ("\ufeffA\x00B\x07C\x9fD", "ABCD"),
        ("a\ttab and a\u00a0no-break space  \u00a0\nnext", "a\ttab and a\u00a0no-break space\nnext"),
        ("a\n \n\t\n\n\nb", "a\n\nb"),
        ("half a pair \ud83d here", "half a pair \ufffd here"),
        ("e\u0301 is not \u00e9, ﬁ is not fi", "e\u0301 is not \u00e9, ﬁ is not fi"),
        ("👩‍👩‍👧 and ‏עברית", "👩‍👩‍👧 and ‏עברית"),
    ],
)
def test_spaces_lines_and_controls(raw: str, text: str) -> None:
    assert canonical(raw) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Title\n\n\n\n[ad_1]\n\n\nBody.\n\n[ad_2]\nSource link", "Title\n\nBody."),
        ("Body.\nSource link=", "Body."),
        ("Body.\nSource link https://example.org/a\n \n", "Body."),
        ('[caption id="attachment_7" align="left" width="300"]A river.[/caption]', "A river."),
        ("See [gallery ids=1,2,3] here", "See here"),
        ("Before [embed]https://youtu.be/x[/embed] after", "Before after"),
        ("Before [ad_2]after", "Before after"),
    ],
)
def test_debris_of_web_pages_is_removed(raw: str, text: str) -> None:
    assert canonical(raw) == text


@pytest.mark.parametrize(
    "raw",
    [
        'He said: "I recieved [sic] it [1] yesterday [emphasis added]."',
        "[video plays] and [audio missing] and [caption]",
        "[Ad 1] of the Roman era [ad_hoc]",
        "The Source link is down.\n\nSource linking is an art.",
        "[see [ad_1] in the manual]",
    ],
)
def test_what_an_editor_wrote_in_brackets_stays(raw: str) -> None:
    assert canonical(raw) == raw


@pytest.mark.parametrize(
    "unit",
    ["[ad_1]", "[caption ", "[embed]http://", "Source link\n", "\r\n", " ", "[", "[caption id=", "a [ad_1] "],
)
def test_hostile_repetition_takes_linear_time(unit: str) -> None:
    started = time.perf_counter()
    canonical("x" + unit * (300_000 // len(unit)) + "y")
    assert time.perf_counter() - started < 5
