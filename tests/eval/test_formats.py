from __future__ import annotations

import json
from pathlib import Path

import pytest
import zstandard

from eval.formats import load_set, parse_jsonl, parse_squad
from eval.questions import SetError
from rag.errors import NotFound, UsageError
from rag.types import Span, Turn

LINE = {
    "id": "s1",
    "question": "When did it open?",
    "answers": ["May"],
    "evidence": [{"article": "bridge", "quote": "opened in May"}],
    "answerable": True,
    "type": "date",
}
NONE = {"id": "s2", "question": "Who paid?", "answers": [], "evidence": [], "answerable": False, "type": "none"}


def squad(**answer: object) -> dict[str, object]:
    first = {"context": "Rollo was a Viking. 🛡", "qas": []}
    asked = {
        "id": 7,
        "question": " Who led them? ",
        "answers": [{"text": "Rollo", "answer_start": 11} | answer, {"text": "old Rollo", "answer_start": 7}],
    }
    unasked = {"id": "8", "question": "Name it", "answers": [], "is_impossible": True, "plausible_answers": []}
    second = {"context": "It was old Rollo.", "qas": [asked, unasked]}
    one = {"title": "Normans_of_France", "paragraphs": [first, second]}
    return {"version": "v2.0", "data": [one, {"title": "normans of France", "paragraphs": [first]}]}


def test_json_lines_are_questions() -> None:
    more = NONE | {"as_of": "2024-05-01", "history": [{"role": "user", "text": "Hello\u2028there"}]}
    lines = f"{json.dumps(LINE)}\n\n{json.dumps(more, ensure_ascii=False)}\n"
    first, second = parse_jsonl(lines, "s.jsonl").questions
    assert (first.id, first.answers, first.evidence[0].quote) == ("s1", ("May",), "opened in May")
    assert (second.answerable, second.as_of) == (False, "2024-05-01")
    assert second.history == (Turn("user", "Hello\u2028there"),)


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        "[]",
        "3",
        json.dumps({key: value for key, value in LINE.items() if key != "question"}),
        json.dumps(LINE | {"answerable": "yes"}),
        json.dumps(LINE | {"answers": [3]}),
        json.dumps(LINE | {"evidence": [{}]}),
        json.dumps(LINE | {"question": " "}),
        json.dumps(LINE | {"evidence": ["opened in May"]}),
        json.dumps(LINE | {"history": [{"role": "system", "text": "x"}]}),
    ],
)
def test_a_broken_line_is_named(broken: str) -> None:
    with pytest.raises(SetError, match=r"line 2 of s\.jsonl"):
        parse_jsonl(f"{json.dumps(NONE)}\n{broken}\n", "s.jsonl")


def test_squad_paragraphs_are_one_article_and_gold_is_where_the_answer_stands() -> None:
    question_set = parse_squad(json.dumps(squad()), "dev.json")
    article, twin = question_set.articles
    assert (article.id, article.title) == ("normans-of-france", "Normans of France")
    assert twin.id == "normans-of-france-2"
    assert article.text == "Rollo was a Viking. 🛡\n\nIt was old Rollo."
    asked, unasked = question_set.questions
    assert (asked.id, asked.question, asked.type, asked.answers) == (
        "7",
        "Who led them?",
        "who",
        ("Rollo", "old Rollo"),
    )
    assert asked.evidence[0].span == Span(34, 39)
    assert article.text[34:39] == "Rollo"
    assert (unasked.answerable, unasked.answers, unasked.evidence, unasked.type) == (False, (), (), "other")


@pytest.mark.parametrize("answer", [{"answer_start": 10}, {"answer_start": 900}, {"text": ""}])
def test_a_squad_answer_that_is_not_there_is_named(answer: dict[str, object]) -> None:
    with pytest.raises(SetError, match="question '7'"):
        parse_squad(json.dumps(squad(**answer)), "dev.json")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"data": [{"title": "x"}]}', '{"data": [3]}', '{"data": []}'])
def test_what_is_not_squad_is_refused(text: str) -> None:
    with pytest.raises(SetError, match=r"dev\.json"):
        parse_squad(text, "dev.json")


def test_the_suffix_tells_the_kind(tmp_path: Path) -> None:
    packed = zstandard.ZstdCompressor().compress(json.dumps(squad()).encode())
    (tmp_path / "dev.json.zst").write_bytes(packed)
    (tmp_path / "lines.jsonl").write_text(json.dumps(LINE))
    (tmp_path / "lines.txt").write_text(json.dumps(LINE))
    assert len(load_set(tmp_path / "dev.json.zst").articles) == 2
    assert load_set(tmp_path / "lines.jsonl").articles == ()
    assert load_set(tmp_path / "lines.txt", "jsonl").questions == load_set(tmp_path / "lines.jsonl").questions
    with pytest.raises(UsageError, match="--as"):
        load_set(tmp_path / "lines.txt")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        load_set(tmp_path / "none.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(b"\xe9")
    with pytest.raises(SetError, match="0xe9"):
        load_set(tmp_path / "latin.jsonl")
    (tmp_path / "dev.json.zst").write_bytes(b"not packed")
    with pytest.raises(SetError, match="zstandard data"):
        load_set(tmp_path / "dev.json.zst")
