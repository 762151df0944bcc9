"""Sentences worth a question, spread over the articles, as a table that a person fills in and accepts."""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from rich.progress import Progress

from rag.chunks import sentences
from rag.errors import ModelMissing, UsageError
from rag.types import Article

MOST = 1000
COLUMNS = ("accepted", "question", "answer", "article", "quote", "type")

Ask = Callable[[str], str]
"""A prompt → what a language model says."""

_WORDS = (8, 45)
_TELLING = (  # what a sentence holds that can be asked for, the rarest first
    ("reason", re.compile(r"\b(?:because|due to|in order to|so that|as a result|caused? by|blamed)\b", re.IGNORECASE)),
    (
        "date",
        re.compile(
            r"\b(?:1[5-9]\d\d|20\d\d)\b|\b(?:January|February|March|April|June|July|August|September|October|November"
            r"|December)\b|\b(?:\d May|May \d)"
        ),
    ),
    ("number", re.compile(r"[$€£]\s?\d|\b\d[\d,.]*\b|\b(?:million|billion|per cent|percent)\b")),
    ("fact", re.compile(r"(?<=[a-z,] )[A-Z][a-z]+(?: [A-Z][a-z]+)+")),
)
_POINTING = re.compile(r"^(?:It|This|That|These|Those|He|She|They|But|And|There|Here)\b")
_PROMPT = """Write one question that a newspaper reader might ask and that this sentence answers by itself. \
Name what it is about; do not copy the sentence. Then give the answer, in the sentence's own \
words and as short as it can be.
Reply with two lines: "Q: ..." and "A: ...".

Headline: {title}
Sentence: {quote}"""
_REPLY = re.compile(r"\bQ:\s*(?P<question>[^\n]+)\s+A:\s*(?P<answer>[^\n]+)")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A sentence, and where a language model wrote them, a question and its answer for a person to judge."""

    article: str
    quote: str
    type: str
    question: str = ""
    answer: str = ""


def propose(
    articles: Sequence[Article], n: int, *, seed: int = 0, model: str | None = None, progress: Progress | None = None
) -> list[Proposal]:
    """Up to ``n`` sentences, each unique in its article, from all articles in turn. Raises ModelMissing, UsageError."""
    draw = random.Random(seed)
    shelves = []
    for article in articles:
        found = _worth_asking(article)
        draw.shuffle(found)
        found.sort(key=lambda one: bool(_POINTING.match(one.quote)))
        shelves.append(found)
    draw.shuffle(shelves)
    turns = [one for turn in zip_longest(*shelves) for one in turn if one is not None][:n]
    if model is None:
        return turns
    ask = chat(model)
    titles = {article.id: article.title for article in articles}
    tracked = progress.track(turns, description="writing questions") if progress else turns
    return [asked_by(ask, one, titles[one.article]) for one in tracked]


def _worth_asking(article: Article) -> list[Proposal]:
    found = []
    for span in sentences(article.text, article.language):
        quote = span.of(article.text)
        kind = next((kind for kind, told in _TELLING if told.search(quote)), None)
        fits = _WORDS[0] <= len(quote.split()) <= _WORDS[1] and "\n" not in quote and quote[-1] in '.!?"”’'
        if kind and fits and article.text.count(quote) == 1:
            found.append(Proposal(article.id, quote, kind))
    return found


def asked_by(ask: Ask, proposal: Proposal, title: str) -> Proposal:
    """With the model's question; without one when its reply has none, or its answer is not in the sentence."""
    reply = _REPLY.search(ask(_PROMPT.format(title=title, quote=proposal.quote)))
    if reply is None or reply["answer"].strip(" .\"'").casefold() not in proposal.quote.casefold():
        return proposal
    answer = reply["answer"].strip(" .\"'")
    return Proposal(proposal.article, proposal.quote, proposal.type, reply["question"].strip(), answer)


def chat(model: str) -> Ask:
    """A language model by LangChain's ``provider:model``. Raises ModelMissing, UsageError."""
    try:
        from langchain.chat_models import init_chat_model
    except ImportError as err:
        raise ModelMissing(
            expected="langchain, to reach a language model",
            found="it is not installed",
            remedy="pip install 'quotewell[llm]', or leave --model out",
        ) from err
    try:
        made = init_chat_model(model, temperature=0)
    except (ImportError, ValueError) as err:
        raise UsageError(
            expected="a model as provider:model",
            found=f"{model}: {err}",
            remedy="install its package, or leave --model out",
        ) from err
    return lambda prompt: str(made.invoke(prompt).text)


def write_draft(proposals: Sequence[Proposal], path: Path) -> None:
    """A CSV that ``eval.adapters.parse_csv`` reads; nothing in it is accepted yet. Raises UsageError."""
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as file:  # spreadsheets know UTF-8 by the mark
            table = csv.writer(file)
            table.writerow(COLUMNS)
            table.writerows(["", one.question, one.answer, one.article, one.quote, one.type] for one in proposals)
    except OSError as err:
        raise UsageError(
            expected=f"to write {path}", found=err.strerror or str(err), remedy="give another path"
        ) from err
