"""What a question leaves to the turns before it, and what is no question."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.conversation import elsewhere, names, small_talk, standalone
from rag.types import Turn

CANAL = [Turn("user", "When was the Suez Canal opened?"), Turn("assistant", "It was opened on 17 November 1869.")]
BRIDGE = [Turn("user", "Who designed the Weir Bridge?"), Turn("assistant", "Jonas Lind designed it in 1920.")]


HARBOUR = [
    Turn("user", "Which company is doing the dredging in Norham?"),
    Turn("assistant", "Norham Port does it."),
    Turn("user", "Why do the fishermen complain about the dumping site?"),
    Turn("assistant", "The port chose it because of the currents."),
]


@pytest.mark.parametrize(
    ("history", "question", "expected"),
    [
        (HARBOUR, "How far away is it?", "How far away is the dumping site (Norham)?"),
        (HARBOUR, "What did they say?", "What did the fishermen say (Norham)?"),
        (HARBOUR, "And how much mud is dumped there?", "And how much mud is dumped in Norham?"),
        (CANAL, "Who built it?", "Who built the Suez Canal?"),
        (CANAL, "What are its locks like?", "What are the Suez Canal's locks like?"),
        (CANAL, "why?", "Why was the Suez Canal opened?"),
        (CANAL, "And why was that?", "Why was the Suez Canal opened?"),
        (CANAL, "Where did that happen?", "Where was the Suez Canal opened?"),
        (CANAL, "where is it?", "Where is the Suez Canal?"),
        (CANAL, "And the Panama Canal?", "When was the Panama Canal opened?"),
        (CANAL, "No, I meant the Panama Canal.", "When was the Panama Canal opened?"),
        (CANAL, "Actually, when did Krakatoa erupt?", "When did Krakatoa erupt?"),
        (CANAL, "Sorry, who built it?", "Who built the Suez Canal?"),
        (CANAL, "I meant Panama", "When was Panama opened?"),
        (CANAL, "No ships pass there at night, why?", "No ships pass in the Suez Canal at night, why?"),
        (
            [*CANAL, Turn("user", "Thanks!"), Turn("assistant", "You are welcome."), Turn("user", "ok")],
            "Who built it?",
            "Who built the Suez Canal?",
        ),
        (CANAL, "What about the toll?", "What about the toll of the Suez Canal?"),
        (CANAL, "Who said that?", "Who said that It was opened on 17 November 1869?"),
        (CANAL, "How long did the digging take?", "How long did the digging take (the Suez Canal)?"),
        (CANAL, "When did Krakatoa erupt?", "When did Krakatoa erupt?"),
        (BRIDGE, "When was he born?", "When was Jonas Lind born?"),
        (BRIDGE, "Where is it?", "Where is the Weir Bridge?"),
        (BRIDGE, "Did his wife help?", "Did Jonas Lind's wife help?"),
        ([*BRIDGE, Turn("user", "Who is Jonas Lind?")], "How long is it?", "How long is the Weir Bridge?"),
        ([Turn("user", "How many otters were counted?")], "Why did they go?", "Why did the otters go?"),
        (
            [
                Turn("user", "Who is running against Inga Solberg?"),
                Turn("assistant", "Her challenger from the Greens, Farid Nouri, a teacher, does."),
            ],
            "How old is he?",
            "How old is Farid Nouri?",
        ),
        ([Turn("user", "Who is Jonas Lind?")], "How was it discovered?", "How was it discovered (Jonas Lind)?"),
        ([Turn("user", "Who are Lund and Daughters?")], "When did they move?", "When did Lund and Daughters move?"),
        ([Turn("user", "What is throat cancer?")], "Is it treatable?", "Is throat cancer treatable?"),
        (
            [Turn("user", "What are the advantages of a virtual machine?")],
            "What are its limits?",
            "What are virtual machine's limits?",
        ),
        (
            [Turn("user", "What is throat cancer?"), Turn("user", "What are its symptoms?")],
            "How fast does it spread?",
            "How fast does throat cancer spread?",
        ),
        (
            [*BRIDGE, Turn("user", "Interesting. What did it cost?")],
            "Who paid for it?",
            "Who paid for the Weir Bridge?",
        ),
        ([Turn("user", "What did it cost in 2018?")], "And in 2019?", "What did it cost in 2019?"),
        (
            [Turn("user", "Why was the Weir Bridge in Harrowmere closed?")],
            "And when did it open again?",
            "And when did the Weir Bridge open again?",
        ),
        (
            [Turn("user", "What does the Pelling library cost?")],
            "Who paid for it?",
            "Who paid for the Pelling library?",
        ),
        ([Turn("user", "Who voted for the Pelling library?")], "Where is it?", "Where is the Pelling library?"),
        ([Turn("user", "Where is the Pelling library?")], "Who runs it?", "Who runs the Pelling library?"),
        ([Turn("user", "When did the Titanic sink?")], "Who built it?", "Who built the Titanic?"),
        (CANAL, "How long does it take to cross the sea?", "How long does it take to cross the sea (the Suez Canal)?"),
        (BRIDGE, "How long did it take to mend?", "How long did the Weir Bridge take to mend?"),
        (
            [Turn("user", "Who is Ada Lund?"), Turn("user", "What did she say?"), Turn("assistant", "Nothing.")],
            "What did it cost?",
            "What did it cost (Ada Lund)?",
        ),
        (CANAL, "How do I bake sourdough bread?", "How do I bake sourdough bread?"),
        ([Turn("user", "What is the capital of Peru?")], "the capital city of Peru", "The capital city of Peru?"),
        ([Turn("user", "When did the US join?")], "and the USSR?", "When did the USSR join?"),
        (
            [Turn("user", "What is the capital of Guinea?")],
            "Equatorial Guinea",
            "What is the capital of Equatorial Guinea?",
        ),
        (
            [Turn("user", "How many people were killed at Krakatoa?")],
            "Who was one of them?",
            "Who was one of the people (Krakatoa)?",
        ),
        (
            [Turn("user", "How many people were killed at Krakatoa?")],
            "And when was that?",
            "When were people killed at Krakatoa?",
        ),
        ([], "Why?", "Why?"),
        (CANAL, "", ""),
        ([Turn("assistant", "Hello.")], "Who built it?", "Who built it?"),
    ],
)
def test_what_is_left_out_is_put_in(history: list[Turn], question: str, expected: str) -> None:
    assert standalone(question, history) == expected


def test_a_subject_lasts_over_several_turns() -> None:
    history = [*CANAL, Turn("user", "Who built it?"), Turn("assistant", "Ferdinand de Lesseps."), Turn("user", "Why?")]
    assert standalone("How long is it?", history) == "How long is the Suez Canal?"


def test_a_change_of_subject_is_followed() -> None:
    history = [*CANAL, Turn("user", "When did Krakatoa erupt?"), Turn("assistant", "In 1883.")]
    assert standalone("How loud was it?", history) == "How loud was Krakatoa?"


def test_the_follow_ups_of_the_set_name_their_subject() -> None:
    """Nearly all of them name what the human rewrite names."""
    path = Path(__file__).parent.parent / "eval" / "sets" / "followups.jsonl"
    asked = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len(asked) >= 40
    named = 0
    for one in asked:
        ours = standalone(one["question"], [Turn(turn["role"], turn["text"]) for turn in one["history"]])
        wanted = {word for name in names(one["rewrite"]) for word in name.split() if word[0].isupper()}
        told = set(ours.replace("'s", "").replace("(", "").replace(")", "").rstrip("?").split())
        named += len(wanted & told) * 2 >= len(wanted)
    assert named >= 0.85 * len(asked)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["Why was the dredging at Lindmouth delayed?", "How long will it take?"], "dredging at Lindmouth take?"),
        (["Why was the dredging at Lindmouth delayed?", "What happens there?"], "What happens in Lindmouth?"),
        (
            ["How much did the repair of the Weir Bridge cost?", "Who paid for it?"],
            "for the repair of the Weir Bridge?",
        ),
        (
            ["What did the workers' letter to Jeff Bezos say?", "When was it sent?"],
            "workers' letter to Jeff Bezos sent?",
        ),
        (["What did the workers' letter to Jeff Bezos say?", "What did he say?"], "What did Jeff Bezos say?"),
        (["When did the tower in Norham fall?", "Who built it?", "Was it old?"], "Was the tower in Norham old?"),
        (["What is the capital of Peru?", "Who rules it?"], "Who rules Peru?"),
        (["When will the dredging start?", "How long will it take?"], "How long will the dredging take?"),
        (["How many people did the ferry carry?", "Was it free?"], "Was the ferry free?"),
        (
            ["When was the Weir Bridge built?", "When did the repair start?", "Who did it?"],
            "the repair (the Weir Bridge)?",
        ),
        (["When did Krakatoa erupt?", "Is there a new volcano?", "How high is it?"], "is the new volcano (Krakatoa)?"),
        (
            ["What does ICE do?", "What is extreme vetting?", "When was it planned?"],
            "When was extreme vetting planned?",
        ),
        (["Since when is the bridge open?", "Who built it?"], "Who built the bridge?"),
        (["Where is the library in Norham?", "Why did they shut it?"], "they shut the library in Norham?"),
        (["Where is the library in Norham?", "Why did they shut down?"], "Why did they shut down (Norham)?"),
        (["What did the council of Norham say?", "Why did they shut it?"], "Why did the council of Norham shut it?"),
    ],
)
def test_it_is_the_noun_that_was_asked_about(asked: list[str], expected: str) -> None:
    assert standalone(asked[-1], [Turn("user", text) for text in asked[:-1]]).endswith(expected)


LOCK = ["Why was the lock late?", "When did the lock open?", "Is the lock free?", "How long is the lock?"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["Why was the dredging at Lindmouth delayed?"], "Who objected (the dredging at Lindmouth)?"),
        (
            ["Why was the dredging at Lindmouth delayed?", "What did the work cost?"],
            "Who objected (the dredging at Lindmouth)?",
        ),
        (["When will the dredging start?"], "Who objected (the dredging)?"),
        (["How many people use the ferry in Ostrand?", *LOCK[:2]], "Who objected (the ferry in Ostrand)?"),
        (["How many people use the ferry in Ostrand?", *LOCK], "Who objected (the lock)?"),
        (["Who built the Suez Canal?", "Why are there no locks?", "What about Panama?"], "Who objected (Panama)?"),
    ],
)
def test_what_is_added_is_what_was_asked_about_last(asked: list[str], expected: str) -> None:
    assert standalone("Who objected?", [Turn("user", text) for text in asked]) == expected


def test_whom_an_answer_told_of_is_no_subject_of_other_questions() -> None:
    history = [
        Turn("user", "When was the Weir Bridge closed?"),
        Turn("user", "Who is the mayor?"),
        Turn("assistant", "Mayor Odile Brandt thanked the firm."),
        Turn("user", "What did she ask for?"),
    ]
    assert standalone("What did the repair cost?", history) == "What did the repair cost (the Weir Bridge)?"
    assert standalone("Where does she live?", history) == "Where does Mayor Odile Brandt live?"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Hello!", "greeting"),
        ("good morning", "greeting"),
        ("Thanks a lot", "thanks"),
        ("okay, thank you.", "thanks"),
        ("What can I ask you?", "help"),
        ("help", "help"),
        ("Hello, when did it open?", None),
        ("Who thanked the mayor?", None),
        ("What do you know about Krakatoa?", None),
        ("", None),
    ],
)
def test_small_talk(text: str, kind: str | None) -> None:
    assert small_talk(text) == kind


@pytest.mark.parametrize(
    ("before", "answered", "asked", "expected"),
    [
        ("Who was David Johnston?", "One of them was David Johnston.", "Where was he?", "Where was David Johnston?"),
        (
            "Who is the mayor of Norham?",
            "Mayor Odile Brandt asked for patience.",
            "What did she say?",
            "What did Mayor Odile Brandt say?",
        ),
        (
            "Who led the campaign against mosquitoes?",
            "Until it ended, the doctor William Gorgas led a campaign.",
            "why?",
            "Why William Gorgas led the campaign against mosquitoes?",
        ),
        (
            "Who voted against the budget?",
            "Councillor Ines Marrow voted against it.",
            "and why did she do that?",
            "Why Councillor Ines Marrow voted against the budget?",
        ),
        ("What did the council close?", "It closed the bridge.", "Why did they do that?", "Why did the council close?"),
        (
            "Who was the engineer?",
            "Mayor Odile Brandt thanked the engineer Tomas Vell.",
            "Where does he live?",
            "Where does Tomas Vell live?",
        ),
        (
            "Who is the harbour master?",
            "Harbour master Greta Holm spoke.",
            "What did she say?",
            "What did Greta Holm say?",
        ),
        (
            "Which senator criticised ICE?",
            "Senator Ron Wyden has criticised ICE.",
            "Why was he troubled?",
            "Why was Senator Ron Wyden troubled?",
        ),
        ("What did the Pelling mill grind?", "Corn.", "What did he say?", "What did he say (the Pelling mill)?"),
        (
            "Who objected to the plan?",
            "The fishermen's union objected to it.",
            "why?",
            "Why the fishermen's union objected to the plan?",
        ),
        ("Who built the lock?", "Nobody did.", "why?", "Why built the lock?"),
        (
            "What did Rekognition match?",
            "It matched 28.",
            "What did Amazon say about it?",
            "What did Amazon say about Rekognition?",
        ),
    ],
)
def test_who_did_it_is_whom_one_goes_on_about(before: str, answered: str, asked: str, expected: str) -> None:
    history = [Turn("user", before), Turn("assistant", answered)]
    assert standalone(asked, history) == expected


@pytest.mark.parametrize(
    ("asked", "found", "plainly", "expected"),
    [
        (
            "How much will the dredging cost (Krakatoa)?",
            ["Krakatoa is an island."],
            ["The dredging will cost 6 million."],
            True,
        ),
        ("How high was the wave (Krakatoa)?", ["Krakatoa sent out a wave."], ["The wave was high at Norham."], False),
        ("How many workers died (Suez)?", ["Workers dug at Suez."], ["Panama: workers died of fever."], False),
        ("Who signed the letter (Suez)?", ["Suez is a canal."], ["The letter is long."], False),
        ("Who signed the letter (Suez)?", ["Suez is a canal."], ["They signed the letter at Suez."], False),
        ("Who signed the letter (Suez)?", ["Suez is a canal."], [], False),
        ("Who signed the letter?", ["Suez is a canal."], ["They signed the letter."], False),
    ],
)
def test_a_question_that_another_article_has_all_words_of_is_not_about_the_subject_before(
    asked: str, found: list[str], plainly: list[str], expected: bool
) -> None:
    assert elsewhere(asked, found, plainly) is expected


@pytest.mark.parametrize(
    ("earlier", "asked", "expected"),
    [
        (["Who bought the lighthouse?"], "When was it built?", "When was the lighthouse built?"),
        (
            ["Who bought the lighthouse?", "Who will be the first warden?"],
            "How high is it?",
            "How high is the lighthouse?",
        ),
        (
            ["How much did the trust pay?", "Why can't they put a lift in the tower?"],
            "How high is it?",
            "How high is the tower?",
        ),
        (
            ["Where does the money come from?"],
            "How will people get there if it rains?",
            "How will people get there if the money rains?",
        ),
        (["When does the observatory open?"], "Who works there?", "Who works in the observatory?"),
        (["When did the stadium open?"], "Who works there?", "Who works in the stadium?"),
        (
            ["Who runs the Norham ferry?", "Which other Swiss companies bid?"],
            "Who will be the first driver?",
            "Who will be the first driver (the Norham ferry)?",
        ),
        (
            ["When was the canal built?", "Why can't they paint it in the winter?"],
            "How long is it?",
            "How long is the canal?",
        ),
    ],
)
def test_it_is_what_was_asked_about_and_there_is_a_place(earlier: list[str], asked: str, expected: str) -> None:
    history = [turn for one in earlier for turn in (Turn("user", one), Turn("assistant", "Somebody."))]
    assert standalone(asked, history) == expected
