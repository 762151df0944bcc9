"""The weights by which an answer is chosen are fitted to several kinds of questions, each with its share."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from rag.answerers.candidates import FEATURES, Candidate
from rag.answerers.unfit import unfit
from rag.types import Span

pytest.importorskip("scipy", reason="training needs it")
for needed in ("torch", "lemminflect", "zstandard"):
    pytest.importorskip(needed, reason="training needs it")
answerer, examples = (pytest.importorskip(f"rag.training.{name}") for name in ("answerer", "examples"))


def test_questions_about_news_are_answered_where_their_articles_say() -> None:
    articles, asked = answerer.news()
    texts = {one.id: one.text for one in articles}
    answerable = [one for one in asked if one.kind == "answerable"]
    assert len(answerable) > 100 and any(one.kind == "impossible" for one in asked)
    for one in answerable:
        quotes = [span.of(texts[one.article_id]) for span in one.spans]
        assert any(answer in quote for answer in one.answers for quote in quotes), one.question


def test_what_is_fitted_to_news_is_not_measured_on() -> None:
    measured = Path(__file__).parents[1] / "eval" / "sets" / "news.jsonl"
    questions = {json.loads(line)["question"] for line in measured.read_text(encoding="utf-8").splitlines()}
    articles, asked = answerer.news()
    assert not questions & {one.question for one in asked}
    assert not {path.name for path in measured.with_suffix("").iterdir()} & {one.id for one in articles}


def test_nothing_that_answers_is_unfit() -> None:
    _, asked = answerer.news()
    assert [(one.question, word) for one in asked for word in one.answers if unfit(one.question, word, "", "")] == []


def test_what_people_searched_for_is_marked_in_its_passage(tmp_path: Path) -> None:
    text = "The firstborn was sixth. The first went to Röntgen in 1901, and Röntgen took it."
    place = {"title": "Physics", "text": text, "isgold": True}
    rows = [
        {"question": "who got the first", "answers": ["Wilhelm Röntgen", "Röntgen"], "ctxs": [place]},
        {"question": "when was the first", "answers": ["1901"], "ctxs": [{"isgold": False}, place]},
        {"question": "where was the first", "answers": ["Stockholm", "six"], "ctxs": [place]},
    ]
    (tmp_path / "lost_in_middle_nq").mkdir()
    with gzip.open(tmp_path / "lost_in_middle_nq/qa_data__nq-open-oracle.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    articles, asked = answerer.collection(examples.searched(tmp_path))
    assert [one.text for one in articles] == [text]
    assert [(one.question, one.answers) for one in asked] == [
        ("who got the first", ("Röntgen", "Röntgen")),
        ("when was the first", ("1901",)),
    ]


def test_a_kind_of_questions_counts_by_its_share_whatever_its_number() -> None:
    """One kind is answered where the reader is sure, the other where the question is near."""
    sure, near = (np.eye(len(FEATURES), dtype=np.float32)[FEATURES.index(name)] for name in ("span", "near"))
    asked = answerer.Asked("Who?", "a", (Span(0, 1),), ("x",), "answerable")

    def told(first: bool) -> object:
        found = [Candidate(0, Span(0, 1), "x", (Span(0, 1),), row) for row in (sure, near)]
        return answerer.Weighed(asked, found, ["a", "a"], np.array([first, not first]))

    def lead(share: float) -> float:
        weights = answerer.fit_choice([(share, [told(True)] * 50), (1 - share, [told(False)] * 2)])
        return float((sure - near) @ weights)

    assert lead(0.8) > 0.1
    assert lead(0.2) < -0.1
