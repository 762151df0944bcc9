from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from eval.adapters import parse_csv
from eval.formats import load_set
from eval.questions import Evidence, SetError
from rag.errors import NotFound, UsageError
from rag.types import Span


def test_a_table_of_a_spreadsheet_is_a_set(tmp_path: Path) -> None:
    rows = [
        "Question;Answer;Article;Quote;Type;As_Of;Answerable",
        'When did it open?;May | in May;bridge;"It opened ""in\nMay"".";date;2024-05-01;',
        "Who paid?;;;;;;",
        "What did it cost?;3 million;;;;;",
        "Why is it blue?;;bridge;;reason;;yes",
        ";;;;;;",
    ]
    (tmp_path / "set.csv").write_text("\n".join(rows), encoding="utf-8-sig")
    opened, paid, cost, blue = load_set(tmp_path / "set.csv").questions
    assert (opened.question, opened.answers, opened.type) == ("When did it open?", ("May", "in May"), "date")
    assert (opened.evidence, opened.as_of) == ((Evidence("bridge", 'It opened "in\nMay".'),), "2024-05-01")
    assert (paid.answerable, paid.type, paid.id) == (False, "who", "line-4")  # the quote took two lines
    assert (cost.answers, cost.evidence, cost.answerable) == (("3 million",), (), True)
    assert (blue.evidence, blue.answers) == ((Evidence("bridge"),), ())


def test_only_what_a_person_accepted_is_asked() -> None:
    text = "accepted,question,answer\nyes,When?,May\n,Who?,Rollo\nno,Why?,\nX,Where?,\n"
    assert [one.question for one in parse_csv(text, "s.csv").questions] == ["When?", "Where?"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("answer,quote\nMay,in May\n", "a column question in s.csv; found answer, quote"),
        ("", "found no header"),
        ("question,answerable\nWhen?,maybe\n", "line 2 of s.csv; found 'maybe'"),
        ('question\n"When', "expected CSV"),
        ("question,answer\n", "expected questions in s.csv"),
        ("id,question\na,When?\na,Who?\n", "found 'a' 2 times"),
        ("question,answerable\nWhen?,yes\n", "to have answers or evidence"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(text: str, told: str) -> None:
    with pytest.raises(SetError) as caught:
        parse_csv(text, "s.csv")
    assert told in str(caught.value)


def beir(
    folder: Path, qrels: str = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq1\tgone\t1\nq2\td2\t1\n"
) -> Path:
    (folder / "qrels").mkdir()
    documents = [{"_id": "d1", "title": "One", "text": "First."}, {"_id": "d2", "title": "Two", "text": ""}]
    (folder / "corpus.jsonl").write_text("\n".join(json.dumps(one) for one in documents))
    queries = [{"_id": "q1", "text": "What is first?"}, {"_id": "q2", "text": "two"}, {"_id": "q3", "text": "three"}]
    (folder / "queries.jsonl").write_text("\n".join(json.dumps(one) for one in queries))
    (folder / "qrels" / "test.tsv").write_text(qrels)
    return folder


def test_a_beir_folder(tmp_path: Path) -> None:
    found = load_set(beir(tmp_path))
    assert [(one.id, one.title, one.text) for one in found.articles] == [("d1", "One", "First."), ("d2", "Two", "Two")]
    assert [(one.id, one.evidence, one.type) for one in found.questions] == [
        ("q1", (Evidence("d1"),), "what"),
        ("q2", (Evidence("d2"),), "other"),
    ]


def test_a_broken_beir_folder_is_named(tmp_path: Path) -> None:
    beir(tmp_path, "q1\td1\n")
    with pytest.raises(SetError, match=r"line 1 of qrels/test\.tsv; found q1 \| d1"):
        load_set(tmp_path)
    with pytest.raises(NotFound, match=r"dev\.tsv"):
        load_set(tmp_path, split="dev")
    (tmp_path / "qrels" / "test.tsv").write_text("q1\td1\t1\n")
    (tmp_path / "queries.jsonl").write_text('{"text": "x"}')
    with pytest.raises(SetError, match=r"'_id' in record 1 of queries\.jsonl"):
        load_set(tmp_path)
    (tmp_path / "queries.jsonl").unlink()
    with pytest.raises(UsageError, match="a folder with one of"):
        load_set(tmp_path)


def test_multihop_facts_are_quotes_where_they_stand_in_the_article(tmp_path: Path) -> None:
    corpus = [
        {"title": "A", "url": "https://a", "body": "It rose. It fell.", "source": "S", "published_at": "2023-10-01"},
        {"title": "B", "url": "https://b", "body": "Nothing. Nothing.", "source": "S", "published_at": "2023-10-02"},
    ]
    facts = [{"url": "https://a", "fact": "It rose."}, {"url": "https://b", "fact": "Nothing."}]
    asked = [
        {"query": "Did it?", "answer": "Yes", "question_type": "inference_query", "evidence_list": facts},
        {"query": "Who?", "answer": "Insufficient information.", "question_type": "null_query", "evidence_list": []},
    ]
    (tmp_path / "corpus.json").write_text(json.dumps(corpus))
    (tmp_path / "MultiHopRAG.json").write_text(json.dumps(asked))
    found = load_set(tmp_path / "MultiHopRAG.json")
    assert found.questions == load_set(tmp_path).questions
    both, none = found.questions
    assert both.evidence == (Evidence("https://a", "It rose."), Evidence("https://b"))  # the second stands there twice
    assert (none.answerable, none.answers, none.type) == (False, (), "null_query")
    assert (found.articles[0].publisher, found.articles[0].published_at) == ("S", "2023-10-01")


def test_nq_passages_are_articles_and_gold_is_where_an_answer_first_stands(tmp_path: Path) -> None:
    shared = {"title": "Rollo", "text": "He was Rollo the Viking. Rollo!", "isgold": True}
    rows = [
        {
            "question": "who was he",
            "answers": ["the Viking", "Rollo"],
            "ctxs": [{"title": "X", "text": "Rollo"}, shared],
        },
        {"question": "and she", "answers": ["Poppa"], "ctxs": [shared]},
    ]
    packed = gzip.compress("\n".join(json.dumps(row) for row in rows).encode())
    (tmp_path / "nq.jsonl.gz").write_bytes(packed)
    found = load_set(tmp_path / "nq.jsonl.gz")
    assert len(found.articles) == 2
    assert found.questions[0].evidence == (Evidence("passage-1", "Rollo", Span(7, 12)),)
    assert not found.questions[1].answerable
    (tmp_path / "nq.jsonl.gz").write_bytes(packed[:20])
    with pytest.raises(SetError, match="gzip data"):
        load_set(tmp_path / "nq.jsonl.gz")


def test_the_time_collection(tmp_path: Path) -> None:
    (tmp_path / "data__time__TIME.ALL").write_text(
        "*TEXT 017 01/04/63 PAGE 020\n\nTHE ALLIES\n\nAFTER NASSAU .\n*TEXT 018 01/04/63 PAGE 021\n\nCUBA\n*STOP\n"
    )
    (tmp_path / "TIME.QUE").write_text("*FIND 1\n\n NATO\n\nFORCES\n*FIND 2\nCUBA\n*STOP\n")
    (tmp_path / "TIME.REL").write_text("1  1\n\n2 9\n")
    found = load_set(tmp_path)
    assert [(one.id, one.published_at) for one in found.articles] == [
        ("time-001", "1963-01-04"),
        ("time-002", "1963-01-04"),
    ]
    assert found.articles[0].text == "THE ALLIES AFTER NASSAU ."
    assert [(one.question, one.evidence) for one in found.questions] == [("NATO FORCES", (Evidence("time-001"),))]
