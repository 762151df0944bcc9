from __future__ import annotations

import sys
from pathlib import Path

import pytest

from eval import draft
from eval.draft import Proposal, asked_by, chat, propose, write_draft
from eval.formats import load_set
from eval.questions import SetError
from rag.errors import ModelMissing, UsageError
from rag.types import Article

ARTICLES = [
    Article(
        f"a{n}",
        f"Bridge {n}",
        f"The bridge over the Weir opened to traffic in May 19{n}0 after a long delay. Short one. "
        "It closed again because the piers had been washed out by the spring flood of the river. "
        "nothing to be asked of this sentence that has no names and no numbers in it at all\n\n"
        f"Repairs cost the town of Harrowmere some {n} million crowns in all, the council said.",
    )
    for n in range(1, 5)
]


def test_sentences_worth_asking_come_from_all_articles_in_turn() -> None:
    found = propose(ARTICLES, 8)
    texts = {article.id: article.text for article in ARTICLES}
    assert sorted(one.article for one in found) == ["a1", "a1", "a2", "a2", "a3", "a3", "a4", "a4"]
    assert all(texts[one.article].count(one.quote) == 1 for one in found)
    assert {one.type for one in found[:8]} == {"date", "number"}  # what begins with "It" comes last
    assert {one.type for one in propose(ARTICLES, 100)} == {"date", "number", "reason"}
    assert not [one for one in propose(ARTICLES, 100) if "Short" in one.quote or "nothing" in one.quote]


def test_a_seed_draws_the_same_again() -> None:
    assert propose(ARTICLES, 5, seed=3) == propose(ARTICLES, 5, seed=3)
    assert propose(ARTICLES, 5, seed=3) != propose(ARTICLES, 5, seed=4)


def test_a_draft_is_a_set_once_a_person_has_accepted(tmp_path: Path) -> None:
    path = tmp_path / "draft.csv"
    write_draft([Proposal("a1", 'He said, "no".\nTwice.', "fact", "Who?", "He"), Proposal("a2", "b", "date")], path)
    with pytest.raises(SetError, match="expected questions"):
        load_set(path)
    path.write_text(path.read_text("utf-8-sig").replace("\n,Who?", "\nyes,Who?"), "utf-8")
    (question,) = load_set(path).questions
    assert question.question == "Who?"
    assert question.evidence[0].quote == 'He said, "no".\nTwice.'
    with pytest.raises(UsageError, match="to write"):
        write_draft([], tmp_path / "none" / "draft.csv")


@pytest.mark.parametrize(
    ("reply", "question"),
    [
        ("Q: When did the bridge open?\nA: in May 1910.", "When did the bridge open?"),
        ('Sure!\nQ: When?\n\nA: "May 1910"', "When?"),
        ("Q: When?\nA: in June 1910", ""),  # an answer that the sentence does not hold
        ("I cannot do that.", ""),
    ],
)
def test_a_language_model_proposes_and_does_not_assert(reply: str, question: str) -> None:
    one = asked_by(lambda prompt: reply, Proposal("a1", "The bridge opened in May 1910.", "date"), "Bridge 1")
    assert (one.question, bool(one.answer)) == (question, bool(question))


def test_the_prompt_holds_headline_and_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(draft, "chat", lambda model: lambda prompt: seen.append(prompt) or "")
    found = propose(ARTICLES, 2, model="fake:model")
    assert len(seen) == 2 and found[0].quote in seen[0] and "Bridge" in seen[0]


def test_a_model_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "langchain.chat_models", None)
        with pytest.raises(ModelMissing, match=r"quotewell\[llm\]"):
            chat("openai:x")
    pytest.importorskip("langchain.chat_models")
    with pytest.raises(UsageError, match="provider:model"):
        chat("no-such-thing")
