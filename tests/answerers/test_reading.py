"""The answers of a reader that points at spans: a stand-in points where each test says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from rag.answerers import reading
from rag.answerers.candidates import FEATURES, candidates, plain
from rag.answerers.evidence import DECLINED
from rag.answerers.reading import SURENESS, ReadingAnswerer, agree
from rag.answerers.span_reader import best_spans
from rag.types import Answer, Chunk, Delta, Finding, Passage, Span, Turn, text_revision
from tests.fakes import HashEmbedder

CHOICE = {"span": 0.5, "holds": 0.5, "context": 1.0, "retrieval": 1.5, "behind": -4.5, "lacks_time": -0.5}
SURE = {"read": 0.2, "lead": 0.2, "intercept": -1.5}
"""Weights of the tests: those that ship are fitted anew with each reader, and judged by the evaluation suite."""

BRIDGE = "The Ardent Bridge was opened on 4 May 1931 by Queen Maud. It has 1,200 rivets. It carries trains."
AGREES = "Norham remembers: its bridge opened on 4 May 1931. Crowds came."
DISAGREES = "The opening of the Ardent Bridge was in 1933, says the council. Few remember it."


@pytest.fixture(autouse=True)
def plain_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    models = {"choice": (FEATURES, CHOICE), "confidence": (SURENESS, SURE)}
    rows = {
        model: np.array([weights.get(name, 0.0) for name in (*names, "intercept")], np.float32)
        for model, (names, weights) in models.items()
    }
    monkeypatch.setattr(reading, "_weights", lambda: rows)


class Pointing:
    """Finds given words with given odds wherever they stand; the passage's odds are those of its best span."""

    name, fingerprint = "pointing", "pointing"

    def __init__(self, odds: Mapping[str, float]) -> None:
        self._odds = odds

    def find(self, question: str, texts: Sequence[tuple[str, str]]) -> list[Finding]:
        found = []
        for _, text in texts:
            spans = [(Span(at, at + len(w)), odds) for w, odds in self._odds.items() if (at := text.find(w)) >= 0]
            spans.sort(key=lambda one: -one[1])
            found.append(Finding(spans[0][1] if spans else -9.0, tuple(spans)))
        return found


def passage(text: str, article: str = "a", score: float = 1.0, start: int = 0) -> Passage:
    span = Span(start, start + len(text))
    return Passage(Chunk(article, text_revision(text), span, text, title="Bridges"), score)


def ask(
    question: str, odds: Mapping[str, float], *passages: Passage, threshold: float = 0.01
) -> tuple[list[Delta], Answer]:
    *deltas, answer = ReadingAnswerer(Pointing(odds), HashEmbedder(), threshold=threshold).answer(question, passages)
    assert isinstance(answer, Answer)
    assert all(isinstance(delta, Delta) for delta in deltas)
    assert "".join(delta.text for delta in deltas) == answer.text
    return [delta for delta in deltas if isinstance(delta, Delta)], answer


def test_the_short_answer_is_the_span_and_the_text_its_sentence() -> None:
    _, answer = ask("When was the Ardent Bridge opened?", {"4 May 1931": 5.0}, passage(BRIDGE, start=100))
    assert (answer.status, answer.short) == ("answered", "4 May 1931")
    assert answer.text == "The Ardent Bridge was opened on 4 May 1931 by Queen Maud."
    (citation,) = answer.citations
    assert citation.quote == answer.text
    assert (citation.span, citation.answer_span) == (Span(100, 157), Span(0, 57))


@pytest.mark.parametrize(
    ("text", "found", "short"),
    [
        ("The wave killed more than 36,000 people.", "36,000", "more than 36,000"),
        ("About a third of the fleet was lost.", "a third", "About a third"),
        ("The canal cost an estimated $375 million.", "$375 million", "an estimated $375 million"),
        ("It is less known than 36,000 others.", "36,000", "36,000"),
        ("It took some courage to cross.", "courage", "courage"),
        ("They talked about Queen Maud.", "Queen Maud", "Queen Maud"),
    ],
)
def test_a_figure_keeps_what_says_that_it_is_not_exact(text: str, found: str, short: str) -> None:
    assert ask("What was it?", {found: 5.0}, passage(text))[1].short == short


@pytest.mark.parametrize(
    ("text", "found", "short"),
    [
        ("It is due to be finished by the end of March.", "March", "the end of March"),
        ("The school opened early in 1932.", "1932", "early in 1932"),
        ("It closed in mid-June 2016.", "June 2016", "mid-June 2016"),
        ("They met at the end of the street in March.", "March", "March"),
        ("He saw the end of Rome.", "Rome", "Rome"),
        ("The train ran 45 minutes late in 2016.", "2016", "2016"),
        ("They stood at the end of 40 days.", "40 days", "40 days"),
    ],
)
def test_a_month_or_year_keeps_the_part_of_it_that_is_told(text: str, found: str, short: str) -> None:
    assert ask("When was it?", {found: 5.0}, passage(text))[1].short == short


def test_the_subject_that_a_follow_up_was_told_is_no_answer() -> None:
    odds = {"Queen Maud": 5.0, "Crowds": 3.0}
    text = "Crowds came, and Queen Maud opened the bridge."
    assert ask("Who came?", odds, passage(text))[1].short == "Queen Maud"
    assert ask("Who came (Queen Maud)?", odds, passage(text))[1].short == "Queen Maud"  # told by the hand that asks
    history = [Turn("user", "When was Queen Maud born?")]
    *_, answer = ReadingAnswerer(Pointing(odds), HashEmbedder(), threshold=0.01).answer(
        "Who came (Queen Maud)?", [passage(text)], history
    )
    assert isinstance(answer, Answer) and answer.short == "Crowds"


def test_an_answer_over_two_sentences_cites_each() -> None:
    words = "has 1,200 rivets. It carries"
    deltas, answer = ask("What is it like?", {words: 5.0}, passage(BRIDGE))
    assert answer.text == "It has 1,200 rivets. It carries trains."
    assert [c.quote for c in answer.citations] == ["It has 1,200 rivets.", "It carries trains."]
    assert [answer.text[c.answer_span.start : c.answer_span.end] for c in answer.citations] == [
        c.quote for c in answer.citations
    ]
    assert [len(delta.citations) for delta in deltas] == [1, 1]


def test_passages_are_told_in_the_order_that_reading_gives() -> None:
    found = [passage(AGREES, "b"), passage("Nothing is said here.", "c", 0.9), passage(BRIDGE, "a", 0.8)]
    odds = {"Crowds": -3.0, "by Queen Maud": 6.0}
    for threshold in (0.0, 0.999999):
        _, answer = ask("Who opened it?", odds, *found, threshold=threshold)
        assert [one.chunk.article_id for one in answer.passages] == ["a", "b", "c"]


def test_passages_behind_the_first_keep_something_of_the_order_of_the_search() -> None:
    texts = {"a": BRIDGE, "b": "Crowds came.", "c": "A few came.", "d": "Nobody came."}
    found = [passage(text, article, 1.0 - n / 100) for n, (article, text) in enumerate(texts.items())]
    odds = {"Nobody": 6.0, "A few": 5.0, "Crowds": 4.9, "rivets": 4.8}
    _, answer = ask("Who came?", odds, *found)
    assert [one.chunk.article_id for one in answer.passages] == ["d", "c", "a", "b"]  # by reading alone d, c, b, a


def test_it_declines_under_the_threshold() -> None:
    deltas, answer = ask("When?", {"4 May 1931": -8.0}, passage(BRIDGE), threshold=0.9)
    assert (answer.status, answer.short, answer.citations) == ("unanswerable", None, ())
    assert [delta.text for delta in deltas] == [DECLINED]
    assert 0 <= answer.confidence < 0.9


@pytest.mark.parametrize(
    ("question", "heard"),
    [
        ("Who opened the Ardent Bridge?", True),
        ("Who opened Ardents Bridge?", True),
        ("Who opened the bridge of Queen Máud?", True),
        ("Ardently, who opened the bridge?", True),
        ("Who Opened The Bridge Of Brazil?", True),
        ("who opened the bridge of brazil?", True),
        ("Who opened the bridge of Brazil?", False),
    ],
)
def test_a_name_that_no_passage_has_takes_from_confidence(question: str, heard: bool) -> None:
    _, answer = ask(question, {"Queen Maud": 5.0}, passage(BRIDGE))
    _, without = ask("who opened it?", {"Queen Maud": 5.0}, passage(BRIDGE))
    assert (answer.confidence == without.confidence) == heard
    assert answer.confidence <= without.confidence


@pytest.mark.parametrize(
    ("question", "heard"),
    [
        ("How much does a tram for the line cost?", True),
        ("How much does a green tram cost?", True),
        ("How much did the ticket office cost?", True),
        ("How much will a ticket for the line cost?", False),
        ("How much does an adult ticket cost?", False),
    ],
)
def test_a_thing_that_no_passage_has_has_no_price(question: str, heard: bool) -> None:
    text = passage("The line will cost 412 million euros, and have 18 trams.")
    _, answer = ask(question, {"412 million euros": 5.0}, text)
    _, without = ask("what will it cost?", {"412 million euros": 5.0}, text)
    assert (answer.confidence == without.confidence) == heard
    assert answer.confidence <= without.confidence


def test_what_is_declined_comes_with_a_question_that_is_not() -> None:
    town = "Norham was founded in 1200. The Ardent Bridge was opened in 1931."
    pointing = PointingByQuestion({("nothing", "1200"): -9.0, ("Norham", "1931"): 6.0, ("Ardent", "1931"): 6.0})
    *_, answer = ReadingAnswerer(pointing, HashEmbedder(), threshold=0.5).answer("Is it nothing?", [passage(town)])
    assert isinstance(answer, Answer)
    assert (answer.status, answer.instead) == ("unanswerable", ("When was the Ardent Bridge opened?",))


def test_a_span_without_a_word_is_a_candidate_like_any() -> None:
    _, answer = ask("When?", {"…": 5.0}, passage("The bridge … was opened in 1931."))
    assert 0 < answer.confidence < 1


def test_nothing_found_is_declined() -> None:
    for passages in ((), (passage(BRIDGE),)):
        _, answer = ask("When?", {"not there": 5.0}, *passages, threshold=0.0001)
        assert (answer.status, answer.confidence) == ("unanswerable", 0.0)


def test_articles_that_agree_are_cited_together() -> None:
    deltas, answer = ask("When was the bridge opened?", {"4 May 1931": 5.0}, passage(BRIDGE), passage(AGREES, "b", 0.9))
    assert answer.status == "answered"
    assert answer.text == "The Ardent Bridge was opened on 4 May 1931 by Queen Maud."
    assert [(c.number, c.article_id, c.answer_span) for c in answer.citations] == [
        (1, "a", Span(0, 57)),
        (2, "b", Span(0, 57)),
    ]
    assert answer.citations[1].quote == "Norham remembers: its bridge opened on 4 May 1931."
    assert deltas[0].citations == answer.citations


def test_articles_that_contradict_each_other_are_both_told() -> None:
    odds = {"4 May 1931": 5.0, "1933": 4.8}
    _, answer = ask("When was the Ardent Bridge opened?", odds, passage(BRIDGE), passage(DISAGREES, "b"))
    assert answer.status == "conflicting"
    assert [c.article_id for c in answer.citations] == ["a", "b"]
    assert answer.text == f"{BRIDGE[:57]} {DISAGREES[:63]}"
    _, undisputed = ask("When was the Ardent Bridge opened?", {"4 May 1931": 5.0}, passage(BRIDGE))
    assert answer.confidence == pytest.approx(undisputed.confidence, abs=0.01)  # both are told, and one is right


def test_each_value_is_told_the_latest_article_first_where_all_have_dates() -> None:
    said = {
        "b": ("The repair is expected to cost 3.2 million crowns.", "2018-03-12"),
        "a": ("The cost of the repair has risen to 4.1 million crowns.", "2018-09-03"),
        "c": ("In the end the repair cost 4.3 million crowns.", "2019-03-02"),
        "d": ("The repair used 4.2 million bricks.", "2019-04-01"),
        "e": ("The cost rose from 3.2 million to 4.4 million crowns.", "2018-09-04"),
    }
    odds = {"3.2 million": 3.2, "4.1 million": 5.1, "4.3 million": 4.9, "4.2 million": 3.0}
    found = [passage(text, name) for name, (text, _) in said.items()]
    dated = [replace(p, chunk=replace(p.chunk, published_at=said[p.chunk.article_id][1])) for p in found]
    for question in ("How much did the repair cost?", "What was the final cost of the repair?"):
        _, answer = ask(question, odds, *dated)
        assert (answer.status, answer.short) == ("conflicting", "4.3 million")
        assert [c.article_id for c in answer.citations] == ["c", "a", "b"]
    _, answer = ask("How much did the repair cost?", odds, *dated[:1], *found[1:])
    assert [c.article_id for c in answer.citations] == ["a", "c", "b"]


def test_a_value_told_with_the_one_before_it_contradicts_that_one() -> None:
    old = passage("The repair is expected to cost 3.2 million crowns.", "a")
    new = passage("The cost of the repair rose from 3.2 million to 4.1 million crowns.", "b")
    found = [
        replace(p, chunk=replace(p.chunk, published_at=date)) for p, date in ((old, "2018-03-12"), (new, "2018-09-03"))
    ]
    odds = {"3.2 million crowns": 5.0, "3.2 million to 4.1 million crowns": 4.8}
    _, answer = ask("How much does the repair cost?", odds, *found)
    assert (answer.status, answer.short) == ("conflicting", "3.2 million to 4.1 million crowns")
    assert [c.article_id for c in answer.citations] == ["b", "a"]


CORRECTION = (
    "A report on the bridge gave a wrong number. It said that it has 1,200 rivets. The correct number is 1,400."
)


def test_what_another_article_corrects_is_told_after_its_correction() -> None:
    found = (passage(BRIDGE), passage(CORRECTION, "b", 0.9))
    _, answer = ask("How many rivets has the bridge?", {"1,200": 5.0, "1,400": 1.0}, *found)
    assert (answer.status, answer.short) == ("conflicting", "1,400")
    assert [(c.article_id, c.quote) for c in answer.citations] == [
        ("b", "It said that it has 1,200 rivets. The correct number is 1,400."),
        ("a", "It has 1,200 rivets."),
    ]
    assert answer.text == " ".join(c.quote for c in answer.citations)


def test_what_was_said_wrongly_is_no_answer_but_to_what_was_wrong() -> None:
    odds = {"1,200": 5.0, "1,400": 3.0}
    _, answer = ask("How many rivets has the bridge?", odds, passage(CORRECTION, "b"))
    assert (answer.status, answer.short) == ("answered", "1,400")
    _, answer = ask("Which wrong number did the report give?", odds, passage(CORRECTION, "b"))
    assert answer.short == "1,200"
    stated = "The paper incorrectly stated that it has 1,200 rivets. It has 1,400."
    _, answer = ask("How many rivets has the bridge?", odds, passage(stated, "b"))
    assert answer.short == "1,400"


def test_a_correction_of_something_else_changes_no_answer() -> None:
    closed = "The Norham bridge closed in 2019 after the flood."
    other = "A 2019 article about the Norham bridge misidentified its architect. He is John Smith."
    odds = {"2019": 5.0, "John Smith": 1.0}
    _, answer = ask("When was the Norham bridge closed?", odds, passage(closed), passage(other, "b", 0.9))
    assert (answer.status, answer.short) == ("answered", "2019")


def test_wrong_statements_without_what_is_right_are_no_answers_and_those_that_have_it_are() -> None:
    at_the_end = "Norham Bridge is old. An article on Friday misstated the year that it opened as 1925."
    assert ask("When did it open?", {"1925": 5.0}, passage(at_the_end))[1].status == "unanswerable"
    itself = "An article misstated the year that Norham Bridge opened; it opened in 1820, not 1825. It is long."
    assert ask("When did it open?", {"1820": 5.0}, passage(itself))[1].short == "1820"
    asked = ask(
        "Which disease was misidentified?", {"malaria": 5.0}, passage("They misidentified it as malaria. Many died.")
    )
    assert asked[1].short == "malaria"


def test_a_reason_beside_it_brings_no_link_and_no_image() -> None:
    text = "It shut the old bridge of Norham for good on Friday. See ![x](http://evil.example/p.png) for pictures."
    _, answer = ask("Why was it shut?", {"shut": 5.0}, passage(text))
    assert "evil" not in answer.text


def test_a_reason_in_the_first_sentence_stays() -> None:
    text = "The bridge shut because of mould. Parents were told by letter on Monday."
    _, answer = ask("Why did the bridge shut?", {text: 5.0}, passage(text))
    assert answer.text == text


def test_what_was_told_is_left_out_and_counts_for_nothing() -> None:
    text = "It shut the old bridge of Norham for good one Friday in July. Cracks were found in four of its piers."
    odds = {("When", "Friday in July"): 6.0, ("Why", "shut"): 6.0}
    *_, answer = ReadingAnswerer(PointingByQuestion(odds), HashEmbedder(), threshold=0.1).answer(
        "When did Norham shut the bridge and why did it shut?", [passage(text)]
    )
    assert isinstance(answer, Answer)
    assert [c.number for c in answer.citations] == [1, 2]
    assert [c.answer_span.of(answer.text) for c in answer.citations] == [c.quote for c in answer.citations]


@pytest.mark.parametrize(
    ("question", "odds"),
    [
        ("Who opened the bridge?", {"Queen Maud": 5.0, "the council": 4.9}),  # two may have
        ("When was the Ardent Bridge opened?", {"4 May 1931": 5.0, "1933": -1.0}),  # the reader does not believe it
        ("When was the Ardent Bridge opened?", {"4 May 1931": 5.0, "the council": 4.9}),  # no time
    ],
)
def test_what_is_no_contradiction(question: str, odds: Mapping[str, float]) -> None:
    _, answer = ask(question, odds, passage(BRIDGE), passage(DISAGREES, "b"))
    assert answer.status == "answered"
    assert len(answer.citations) == 1


def test_a_day_of_some_week_contradicts_no_date() -> None:
    other = passage("The opening of the Ardent Bridge is on Sunday, says the council. Few remember it.", "b")
    _, answer = ask("When was the Ardent Bridge opened?", {"4 May 1931": 5.0, "Sunday": 4.8}, passage(BRIDGE), other)
    assert (answer.status, answer.short) == ("answered", "4 May 1931")


def test_figures_contradict_each_other_only_where_they_count_the_same() -> None:
    ferry = "The ferry carried 212,000 people in a year."
    paper = "It was 198,000 people, the paper says."
    often = "The ferry runs every thirty minutes."
    question = "How many people used the ferry?"
    for odds in ({"212,000": 5.0, "every thirty minutes": 4.9}, {"212,000 people": 5.0, "every thirty minutes": 4.9}):
        assert ask(question, odds, passage(ferry), passage(often, "b"))[1].status == "answered"
    for odds in ({"212,000": 5.0, "198,000 people": 4.9}, {"212,000 people": 5.0, "198,000": 4.9}):
        assert ask(question, odds, passage(ferry), passage(paper, "b"))[1].status == "conflicting"


class PointingByQuestion(Pointing):
    """Points at what the words of the question say: ``odds`` are of (word of the question, words of the text)."""

    def __init__(self, odds: Mapping[tuple[str, str], float]) -> None:
        self._by = odds

    def find(self, question: str, texts: Sequence[tuple[str, str]]) -> list[Finding]:
        self._odds = {words: odds for (word, words), odds in self._by.items() if word in question}
        return super().find(question, texts)


def ask_parts(odds: Mapping[tuple[str, str], float]) -> Answer:
    question = "When was the Ardent Bridge opened and how many rivets does it have?"
    *_, answer = ReadingAnswerer(PointingByQuestion(odds), HashEmbedder(), threshold=0.3).answer(
        question, [passage(BRIDGE)]
    )
    assert isinstance(answer, Answer)
    return answer


def test_a_question_for_two_things_gets_both() -> None:
    answer = ask_parts({("opened", "4 May 1931"): 6.0, ("rivets", "1,200"): 6.0})
    assert (answer.status, answer.short) == ("answered", "4 May 1931; 1,200")
    assert [c.quote for c in answer.citations] == [BRIDGE[:57], "It has 1,200 rivets."]
    assert [(c.number, answer.text[c.answer_span.start : c.answer_span.end]) for c in answer.citations] == [
        (1, BRIDGE[:57]),
        (2, "It has 1,200 rivets."),
    ]


def test_where_only_one_is_answered_the_answer_is_partial() -> None:
    answer = ask_parts({("opened", "4 May 1931"): -9.0, ("rivets", "1,200"): 6.0})
    assert (answer.status, answer.short, answer.text) == ("partial", "1,200", "It has 1,200 rivets.")
    assert [c.number for c in answer.citations] == [1]


def test_where_none_is_answered_it_declines() -> None:
    answer = ask_parts({("opened", "4 May 1931"): -9.0, ("rivets", "1,200"): -9.0})
    assert (answer.status, answer.citations) == ("unanswerable", ())


def test_a_sentence_that_answers_both_is_told_once() -> None:
    answer = ask_parts({("opened", "Queen Maud"): 6.0, ("rivets", "4"): 6.0})
    assert (answer.status, answer.text) == ("answered", BRIDGE[:57])
    assert len(answer.citations) == 1


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("4 May 1931", "1931", True),
        ("the Queen Maud", "Queen Maud", True),
        ("36,000", "36000", True),
        ("36,000", "36,417 people", True),
        ("36,000", "45,000", False),
        ("1931", "1933", False),
        ("Queen Maud", "Jonas Lind", False),
        ("the", "a", False),
    ],
)
def test_agree(one: str, other: str, expected: bool) -> None:
    assert agree(one, other) is expected
    assert agree(other, one) is expected


def test_plain() -> None:
    assert plain("The 1,200 Rivets,") == "1200 rivets"


def test_a_span_of_two_overlapping_passages_is_weighed_once() -> None:
    whole, part = passage(BRIDGE), passage(BRIDGE[58:], start=58)
    found = candidates("How many rivets?", [whole, part], Pointing({"1,200": 3.0}), HashEmbedder())
    assert [one.span for one in found] == [Span(65, 70)]


def test_a_sentence_is_read_by_itself_too() -> None:
    class Distracted(Pointing):
        def find(self, question: str, texts: Sequence[tuple[str, str]]) -> list[Finding]:
            self._odds = {"4 May 1931": 5.0 if len(texts[0][1]) < len(BRIDGE) else 1.0, "1,200": 0.5, "trains": 0.25}
            return super().find(question, texts)

    by_text = {
        one.text: one.row for one in candidates("When was it?", [passage(BRIDGE)], Distracted({}), HashEmbedder())
    }
    at = FEATURES.index("alone")
    assert by_text["4 May 1931"][[0, at, at + 1]].tolist() == [1.0, 5.0, 5.0]
    assert by_text["1,200"][at] == 0.5


def test_what_is_not_read_again_is_no_better_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.answerers.candidates._ALONE", 1)
    found = candidates("When was it?", [passage(BRIDGE)], Pointing({"4 May 1931": 3.0, "1,200": -2.0}), HashEmbedder())
    at = FEATURES.index("alone")
    assert [one.row[at] for one in found] == [3.0, -2.0]


def test_a_sentence_nearer_to_the_question_is_told_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    odds = {"4 May 1931": 3.0, "1,200": 2.0, "trains": 1.0}
    at = FEATURES.index("near")

    def near(question: str) -> dict[str, float]:
        found = candidates(question, [passage(BRIDGE)], Pointing(odds), HashEmbedder())
        return {one.text: float(one.row[at]) for one in found}

    rivets = near("How many rivets has it?")
    assert rivets["1,200"] > rivets["4 May 1931"] > 0
    monkeypatch.setattr("rag.answerers.candidates._ALONE", 2)
    assert near("It carries trains?")["trains"] == min(near("It carries trains?").values())


def test_confidence_grows_with_nearness(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = reading._weights()
    weights["confidence"][SURENESS.index("near")] = 4.0
    monkeypatch.setattr(reading, "_weights", lambda: weights)
    of_it, of_another = "How many rivets has it?", "How many dogs bark?"
    sure = [ask(question, {"1,200": 2.0}, passage(BRIDGE))[-1].confidence for question in (of_it, of_another)]
    assert sure[0] > sure[1]


def test_a_sentence_with_a_part_of_the_name_is_not_cited_for_it() -> None:
    other = passage("Maud sells boats. It rains.", "b")
    odds = {"Queen Maud": 5.0, "Maud": 3.0}
    _, answer = ask("Who opened the bridge?", odds, passage(BRIDGE), other)
    assert [c.article_id for c in answer.citations] == ["a"]
    _, answer = ask("Who opened it?", odds, passage(BRIDGE), passage("It was Queen Maud. It rains.", "b"))
    assert [c.article_id for c in answer.citations] == ["a", "b"]


def test_agreement_counts_only_other_articles() -> None:
    same = [passage(BRIDGE), passage(AGREES, "a", start=500)]
    other = [passage(BRIDGE), passage(AGREES, "b")]
    at = FEATURES.index("agreed")
    odds = {"4 May 1931": 3.0}
    assert [one.row[at] for one in candidates("When?", same, Pointing(odds), HashEmbedder())] == [0.0, 0.0]
    assert [one.row[at] for one in candidates("When?", other, Pointing(odds), HashEmbedder())] == [3.0, 3.0]


def test_what_tells_no_quantity_is_no_answer_to_how_many() -> None:
    question = "How many trains cross the Ardent Bridge?"
    _, answer = ask(question, {"trains": 5.0, "Queen Maud": 4.0}, passage(BRIDGE))
    assert (answer.status, answer.short) == ("unanswerable", None)
    _, answer = ask(question, {"trains": 5.0, "1,200": 1.0}, passage(BRIDGE))
    assert answer.short == "1,200"


@pytest.mark.parametrize("quantity", ["31k", "a handful", "Only a few", "numerous", "forty-two", "130bn", "no ferries"])
def test_quantities_are_told_in_many_ways(quantity: str) -> None:
    _, answer = ask("How many ferries are there?", {quantity: 5.0}, passage(f"Of ferries there are {quantity} now."))
    assert answer.short == quantity


@pytest.mark.parametrize(
    ("question", "text", "found", "short"),
    [
        ("Who won it?", "It went to Ostrand Wharf, a firm of divers, on Monday.", "a firm of divers", "Ostrand Wharf"),
        ("Which company won?", "It went to Ostrand Dredging, a firm of divers.", "firm of divers", "Ostrand Dredging"),
        ("Who is Ostrand?", "It went to Ostrand, a firm of divers.", "a firm of divers", "a firm of divers"),
        ("What is it?", "It went to Ostrand, a firm of divers.", "a firm of divers", "a firm of divers"),
        ("Who won it?", "In Ostrand, a firm of divers, alone, won it.", "a firm of divers", "a firm of divers"),
        ("Who won it?", "On Tuesday, a firm of divers won it.", "a firm of divers", "a firm of divers"),
        ("Who won it?", "Said Maud, a firm of divers won it.", "a firm of divers", "a firm of divers"),
    ],
)  # fmt: skip
def test_who_is_answered_by_a_name_rather_than_what_is_said_of_it(
    question: str, text: str, found: str, short: str
) -> None:
    _, answer = ask(question, {found: 5.0}, passage(text))
    assert (answer.short, answer.text) == (short, text)


TRUST = "A Harl Trust clerk who collects stamps wrote in. The Harl Trust, a club of weavers, owns the bridge."


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("What is the Harl Trust?", "a club of weavers"),
        ("what was the harl trust", "a club of weavers"),
        ("What does the Harl Trust collect?", "stamps"),
    ],
)
def test_what_something_is_stands_behind_its_name(question: str, short: str) -> None:
    told = passage(TRUST)
    assert ask(question, {"stamps": 5.0, "a club of weavers": 3.0}, told)[1].short == short
    assert ask(question, {"stamps": 9.0, "a club of weavers": -5.0}, told)[1].short == "stamps"


@pytest.mark.parametrize("span", ["the autumn", "May 1931", "27 times since May"])
def test_a_time_is_no_reason(span: str) -> None:
    text = f"The ferry was turned away in {span}, as the channel had silted up."
    _, answer = ask("Why was the ferry turned away?", {span: 5.0}, passage(text))
    assert (answer.short, answer.text) == (None, text)


def test_a_span_stays_in_one_sentence() -> None:
    text = "It was led by Lind. Maud followed."  # the best start is Lind, the best end Maud
    places = np.array([(word.start(), word.end()) for word in re.finditer(r"\w+|\.", text)])
    edges = np.zeros((len(places) + 1, 2), np.float32)
    edges[1 + 4, 0], edges[1 + 6, 1], edges[1 + 4, 1] = 9, 9, 1
    (best, odds), *others = best_spans(edges, 1, places, text)
    assert (best.of(text), odds) == ("Lind", 10)
    assert not any("." in span.of(text)[:-1] for span, _ in others)


def test_a_span_that_is_not_of_the_kind_asked_for_is_marked() -> None:
    pointing = Pointing({"4 May 1931": 3.0, "Queen Maud": 2.0})
    when, who = candidates("When was the bridge opened?", [passage(BRIDGE)], pointing, HashEmbedder())
    at = FEATURES.index("lacks_time")
    assert (when.row[at], who.row[at]) == (0.0, 1.0)


def test_the_stored_weights_are_for_the_features_that_there_are() -> None:
    stored = json.loads((files("rag.answerers") / "reading.json").read_text(encoding="utf-8"))
    assert set(stored["choice"]) == set(FEATURES)
    assert set(stored["confidence"]) == {*SURENESS, "intercept"}


def test_fractions_are_no_pieces() -> None:
    assert not agree("4.3 million crowns", "3.2 million to 4.1 million crowns")
    assert agree("4.1 million", "4.1 million crowns")
    assert agree("4.1 million crowns", "3.2 million to 4.1 million crowns")
    assert not agree("3.2 million crowns", "3.2 million to 4.1 million crowns")
    assert agree("1914", "1914 to 1918") and agree("1918", "from 1914 to 1918")


@pytest.mark.parametrize(
    "dateline",
    [
        "SELBY POST, 2 September 2025 - ",
        "OSTRAND, 2 September (AP) -- ",
        "WASHINGTON (CNN)  -- ",
        "(CNN) -- ",
        "PARIS — ",
    ],
)
def test_a_dateline_is_no_answer_and_no_part_of_one(dateline: str) -> None:
    said = "The towns of Ashby and Selby will become one on 1 January 2026."
    odds = {"2 September": 6.0, "CNN": 6.0, "PARIS": 6.0, "1 January 2026": 3.0}
    heading = "Towns to merge\n\n"
    _, answer = ask("When will the towns merge?", odds, passage(f"{heading}{dateline}{said} Few mind."))
    assert (answer.short, answer.text) == ("1 January 2026", said)
    assert answer.citations[0].span == Span(len(heading + dateline), len(heading + dateline + said))


def test_of_a_span_that_begins_within_a_dateline_the_rest_is_told() -> None:
    said = "The towns of Ashby and Selby will become one on 1 January 2026."
    text = f"OSTRAND, 2 September (AP) -- {said} Few mind."
    _, answer = ask("Which towns will merge?", {"(AP) -- The towns of Ashby and Selby": 6.0}, passage(text))
    assert (answer.short, answer.text) == ("The towns of Ashby and Selby", said)


@pytest.mark.parametrize("text", ["NATO - the alliance - met on 2 May.", "The NATO - a pact - met on 2 May."])
def test_what_is_no_dateline_is_told(text: str) -> None:
    assert ask("When did it meet?", {"2 May": 6.0}, passage(text))[1].text == text


@pytest.mark.parametrize(
    ("question", "text", "span", "short"),
    [
        ("How many jobs will go?", "About 70 of the 1,150 jobs will go.", "1,150", "About 70 of the 1,150"),
        ("How many jobs are there?", "About 70 of the 1,150 jobs will go.", "1,150", "1,150"),
        ("How many jobs will go?", "One of the 40 jobs will go.", "40", "40"),
        ("How long are fires banned?", "Fires are banned until 15 September.", "15 September", "until 15 September"),
        ("When does it begin?", "It begins at 7.45 p.m. Come early.", "7.45 p.m", "7.45 p.m."),
        ("When does the ban end?", "Fires are banned until 15 September.", "15 September", "15 September"),
    ],
)
def test_what_stands_before_a_figure_and_changes_it_is_told(question: str, text: str, span: str, short: str) -> None:
    assert ask(question, {span: 6.0}, passage(text))[1].short == short


@pytest.mark.parametrize(
    ("question", "text", "span"),
    [
        ("Who is Amina Soltani?", "The director will be Dr Amina Soltani.", "Dr"),
        ("Who is Graham Pell?", "Graham Pell's lawyer said that he would appeal.", "lawyer"),
        ("How many batteries were sold?", "It sold more batteries than ever.", "more batteries"),
        ("When is the election?", "Three weeks before the election they lead.", "Three weeks"),
        ("What did the fire cost?", "The fire burned about 900 hectares.", "900 hectares"),
        ("How tall was the peak?", "The blast took some 400 metres off the height of the peak.", "400 metres"),
        ("How long did it take?", "It took three years longer than planned.", "three years"),
        ("Which river does the bridge cross?", "The old bridge in Ostrand is closed.", "Ostrand"),
        ("What is the name of the sales clerk?", "One was a sales clerk at Nordmud Water.", "Nordmud Water"),
    ],
)
def test_what_does_not_fit_the_question_is_no_answer(question: str, text: str, span: str) -> None:
    assert ask(question, {span: 6.0}, passage(text))[1].status == "unanswerable"
    assert ask("What is told?", {span: 6.0}, passage(text))[1].short


def test_a_match_is_won_by_one_of_the_two_who_play() -> None:
    text = passage("Kestrel Harriers beat Rovers on Saturday. Coach Holm was glad.")
    odds = {"Kestrel Harriers": 3.0, "Holm": 8.0}
    assert ask("Who won the match between Harriers and Rovers?", odds, text)[1].short == "Kestrel Harriers"
    assert ask("Who was glad?", odds, text)[1].short == "Holm"


def test_no_passage_is_behind_what_opens_an_article() -> None:
    """An opening names all that its article is about: a question is like it, whatever answers it farther down."""
    odds, at = {"4 May 1931": 3.0, "1,200": 2.0}, FEATURES.index("behind")
    opening, body, end = passage(BRIDGE), passage(AGREES, start=900, score=0.9), passage(BRIDGE, start=2000, score=0.8)
    found = candidates("When was it opened?", [opening, body, end], Pointing(odds), HashEmbedder())
    behind = {one.passage: float(one.row[at]) for one in found}
    assert behind == pytest.approx({0: 0.0, 1: 0.0, 2: 0.1}, abs=1e-6)
    short = [passage(AGREES, "b", 0.9), passage(BRIDGE, "c", 0.8, start=900)]  # "b" has but one passage
    found = candidates("When was it opened?", [opening, *short], Pointing(odds), HashEmbedder())
    assert {one.passage: float(one.row[at]) for one in found} == pytest.approx({0: 0.0, 1: 0.1, 2: 0.2}, abs=1e-6)


class Noting(Pointing):
    """Keeps what it is given to read."""

    def __init__(self, odds: Mapping[str, float]) -> None:
        super().__init__(odds)
        self.seen: list[str] = []

    def find(self, question: str, texts: Sequence[tuple[str, str]]) -> list[Finding]:
        self.seen.extend(text for _, text in texts)
        return super().find(question, texts)


def test_what_is_far_behind_the_best_passage_is_not_read() -> None:
    near, far, reader = passage(BRIDGE), passage(AGREES, "b", 0.7), Noting({"4 May 1931": 5.0})
    found = candidates("When was the bridge opened?", [near, far], reader, HashEmbedder())
    assert reader.seen == [BRIDGE, BRIDGE[:57]]  # the sentence is read again by itself
    assert [one.passage for one in found] == [0]


def test_what_is_far_behind_is_read_where_nothing_nearer_is_found_for_sure() -> None:
    near, far, reader = passage(BRIDGE), passage(AGREES, "b", 0.7), Noting({"by Queen Maud": -5.0, "Crowds": -5.0})
    farthest = passage(DISAGREES, "c", 0.3)
    found = candidates("Who came?", [near, far, farthest], reader, HashEmbedder())
    assert reader.seen[:2] == [BRIDGE, AGREES] and DISAGREES not in reader.seen
    assert {one.passage for one in found} == {0, 1}


def test_long_passages_that_are_not_among_the_best_are_read_where_they_have_the_question() -> None:
    around = "The pier is old. " * 3 + "The lighthouse was built for ships. In 1902 it shone. " + "A crab came. " * 2
    long = (
        "The sea was calm that day, and nothing came. " * 9
        + around
        + "Rain fell on the fields of all the farmers. " * 9
    )
    short = "The lighthouse has a lamp. It shone in 1899."
    some = [passage(text, article) for article, text in zip("abcde", [long, long, long, long, short], strict=True)]
    reader = Noting({"1902": 3.0, "1899": 1.0})
    found = candidates("When was the lighthouse built?", some, reader, HashEmbedder())
    assert reader.seen[:5] == [long, long, long, around.strip(), short]
    assert {one.span for one in found if one.text == "1902"} == {Span(long.index("1902"), long.index("1902") + 4)}
    assert {one.passage for one in found} == {0, 1, 2, 3, 4}


def test_what_cannot_overtake_is_not_read_by_itself() -> None:
    reader = Noting({"4 May 1931": 5.0, "1,200": -1.0, "trains": -1.0})
    candidates("When was the bridge opened?", [passage(BRIDGE)], reader, HashEmbedder())
    assert reader.seen == [BRIDGE, BRIDGE[:57]]
    close = Noting({"4 May 1931": 5.0, "1,200": 4.0, "trains": -1.0})
    candidates("When was the bridge opened?", [passage(BRIDGE)], close, HashEmbedder())
    assert close.seen == [BRIDGE, BRIDGE[:57], BRIDGE[58:78]]


@pytest.mark.parametrize(
    ("text", "span", "told", "short"),
    [
        ("It shut the bridge. Inspectors found cracks.", "shut", "Inspectors found cracks.", None),
        ("In May 1931 Mayor Lind shut it. Inspectors found cracks.", "shut",
         "In May 1931 Mayor Lind shut it. Inspectors found cracks.", None),
        ("All was well. Rust killed the bridge and hundreds of fish.\n\nRain fell.", "Rust",
         "Rust killed the bridge and hundreds of fish.", "Rust"),
        ("Cracks were found. It therefore shut the bridge. All is well.", "shut",
         "Cracks were found. It therefore shut the bridge.", None),
        ("Cracks were found. It shut the bridge.\n\nRain fell.", "shut",
         "Cracks were found. It shut the bridge.", None),
        ("Cracks were found. It shut the bridge because of ice. Rain fell.", "ice",
         "It shut the bridge because of ice.", "ice"),
    ],
)  # fmt: skip
def test_a_why_answer_has_the_sentence_that_gives_the_reason(
    text: str, span: str, told: str, short: str | None
) -> None:
    _, answer = ask("Why was the bridge shut?", {span: 5.0}, passage(text, start=50))
    assert (answer.text, answer.short) == (told, short)
    assert " ".join(c.quote for c in answer.citations) == told
    _, plain_answer = ask("What was shut?", {span: 5.0}, passage(text))
    assert len(plain_answer.citations) == 1


@pytest.mark.parametrize(
    ("question", "text", "fits"),
    [
        ("How many people work at the harbour?", "The work costs |6.4 million| crowns.", False),
        ("How many people died?", "The wave took |36,000| lives.", True),
        ("How many people came?", "It took |two| and a half days.", True),
        ("How many ships use it?", "More ships can pass |one| another.", False),
        ("How many ships use it?", "Ships have used it |twice|.", False),
        ("How many times was it used?", "Ships have used it |twice|.", True),
        ("How many of the ships use it?", "It is used by |half| of the ships.", True),
        ("How many terms did she serve?", "She was elected |twice|.", True),
        ("How much did they pay for it?", "Their shares fell |1.4 per cent|.", False),
        ("How much did they pay in tax?", "They paid |30%| to the state.", True),
        ("What time of the week do they meet?", "They meet on |Monday|.", True),
        ("How big was the fine?", "It was fined |80,000 euros|.", True),
        ("How big is the park?", "It has |40 hectares|.", True),
        ("What time of day did it fall?", "It fell on |Monday|.", False),
        ("What time of day did it fall?", "It fell |early on Monday morning|.", True),
        ("How many crowns did it cost?", "The work costs |6.4 million| crowns.", True),
        ("How many sunny days has it?", "It has |234 days| with sun.", True),
        ("How long will it take?", "It takes |eleven weeks|.", True),
        ("How long will it take?", "They dump |140,000 cubic metres| of mud.", False),
        ("How long will it take?", "It lies |nine kilometres| offshore.", False),
        ("How long is the canal?", "It is |193 km| long.", True),
        ("How long is the canal?", "Its digging took |ten years|.", False),
        ("How long is the canal (Norham)?", "Its digging took |ten years|.", False),
        ("How long was the canal closed?", "It was closed for |eight years|.", True),
        ("How far is it?", "It lies |two hours| away.", True),
        ("How tall is the tower?", "It cost |$5 million|.", False),
        ("How much is it?", "It cost |$5 million|.", True),
        ("Which number was wrong?", "It appeared on |3 September| and said 41.", False),
        ("Which number was wrong?", "On 3 September it said |41 workers|.", True),
        ("Which company repaired it?", "The repair in |Ostrand| took long.", False),
        ("Who repaired it?", "It was repaired in |Ostrand| by Lund.", False),
        ("Who repaired it?", "It was repaired by |Lund|.", True),
        ("Who did they believe in?", "They believed in |Lund|.", True),
        ("Who did they believe in (Norham)?", "They believed in |Lund|.", True),
        ("Which river flooded it?", "Water rose in the |Danube|.", True),
        ("Where was it repaired?", "It was repaired in |Ostrand|.", True),
        ("How many ships use it?", "It was widened so that |more| can pass.", False),
        ("How many ships use it?", "It was widened for |more than 50| ships.", True),
        ("How much does the port charge?", "It needs |no computers of its own|.", False),
        ("How much does the port charge?", "They pay |no fee| at all.", True),
        ("How much does the port charge?", "They pay |a crown|.", True),
        ("How much did they pay for it in 2020?", "They got |15%| of it.", False),
        ("How tall was the rocket?", "It fell |71 seconds| later.", False),
        ("How tall was the rocket?", "It rose at |8:32|.", False),
        ("How tall was the rocket?", "It is |71 metres| high.", True),
        ("How high was the fine?", "It was fined |80,000 euros|.", True),
        ("How far is it?", "It is |8:32| on foot.", True),
        ("How large is the surface of the lake?", "It lies |38 kilometres| east.", False),
        ("How large is the surface of the lake?", "It has |38 square kilometres|.", True),
        ("How old is the mayor?", "The mayor got |19,507| votes.", False),
        ("How old was the teacher?", "She taught for |37 years|.", False),
        ("How old was the teacher?", "She was |37 years| old.", True),
        ("How old was the teacher?", "The teacher, |37|, died.", True),
        ("What sentence did Reiser get?", "Ulf Reiser, |47|, was the chief.", False),
        ("How many years did Reiser get?", "Ulf Reiser got |47|, more than all others.", True),
        ("Who died?", "The dead were a man of |74| and a child.", False),
        ("What is the name of the woman who died?", "She was |68|.", False),
        ("What is it called?", "It is called |Platform 9|.", True),
        ("How long was he in charge?", "He left on |31 March|.", False),
        ("How long was he in charge?", "He stayed until |31 March|.", True),
        ("How long has he been there?", "He came in |2018|.", True),
        ("When will the pool open again?", "It was opened in |1974|.", False),
        ("When will the pool open again?", "It opens in |May|.", True),
        ("When was the pool opened?", "It was opened in |1974|.", True),
        ("When do they vote on it?", "He said on |Wednesday| that they would.", False),
        ("When did he say so?", "He said on |Wednesday| that they would.", True),
    ],
)
def test_a_quantity_of_something_else_is_no_answer(question: str, text: str, fits: bool) -> None:
    before, span, after = text.split("|")
    found = candidates(question, [passage(before + span + after)], Pointing({span: 3.0}), HashEmbedder())
    assert [one.text for one in found] == ([span] if fits else [])


def test_a_subject_that_was_added_is_read_only_where_the_text_does_not_tell_of_it() -> None:
    heard: list[tuple[str, list[str]]] = []

    class Hearing(Pointing):
        def find(self, question: str, texts: Sequence[tuple[str, str]]) -> list[Finding]:
            heard.append((question, [text for _, text in texts]))
            return super().find(question, texts)

    ours, other = "The workers of the Ardent Bridge went home. Fishermen objected.", "Fishermen objected to the ferry."
    pointing = Hearing({"Fishermen": 3.0})
    found = candidates(
        "Who objected (the Ardent Bridge)?", [passage(other, "b"), passage(ours)], pointing, HashEmbedder()
    )
    assert {one.passage: one.text for one in found} == {0: "Fishermen", 1: "Fishermen"}
    assert ("Who objected?", [ours]) in heard
    assert ("Who objected (the Ardent Bridge)?", [other]) in heard
