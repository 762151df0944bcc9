"""Other people's question sets → ours: BEIR, MultiHop-RAG, CSV, NQ with its passages, TIME."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from eval.questions import Evidence, Question, QuestionSet, SetError, check
from rag.types import Article, Span

ReadText = Callable[[str], str]
"""A file's name in the set's folder → its text. Raises NotFound."""

_YES, _NO = frozenset({"1", "true", "yes", "y", "x"}), frozenset({"0", "false", "no", "n"})
_ASKS = re.compile(r"\b(who|what|which|when|where|why|how)\b")
_BETWEEN_ANSWERS = re.compile(r"\s*\|\s*")


def kind_of_question(text: str) -> str:
    """Its question word, else "other": the type where a set tells none."""
    word = _ASKS.search(text.casefold())
    return word.group(1) if word else "other"


def parse_lines(text: str, name: str) -> Iterator[dict[str, Any]]:
    """The objects of JSON lines. Raises SetError naming the line."""
    for n, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield parse_json(line, f"line {n} of {name}")


def parse_json(text: str, where: str) -> Any:
    """Raises SetError."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as err:
        raise SetError(expected=f"JSON in {where}", found=str(err), remedy="mend it, or fetch it again") from err


# -- CSV -----------------------------------------------------------------------------------------


def parse_csv(text: str, name: str) -> QuestionSet:
    """A table with a header: ``question``, and any of id, answer, article, quote, answerable, type, as_of, accepted.

    Answers and quotes are several with ``|`` between. A row without question or that is not yet accepted
    is left out. Without answer and quote a question is unanswerable, unless ``answerable`` says
    otherwise. Raises SetError naming the line.
    """
    table = csv.DictReader(io.StringIO(text, newline=""), dialect=_dialect(text), strict=True)
    fields = {field.strip().casefold(): field for field in table.fieldnames or () if field}
    if "question" not in fields:
        raise SetError(
            expected=f"a column question in {name}",
            found=", ".join(fields) or "no header",
            remedy="begin with a line such as question,answer,quote",
        )
    questions = []
    try:
        for row in table:
            cells = {field: (row[column] or "").strip() for field, column in fields.items()}
            if cells["question"] and _told(cells, "accepted", True, name, table.line_num):
                questions.append(_of_row(cells, name, table.line_num))
    except csv.Error as err:
        raise SetError(expected=f"CSV in {name}", found=f"{err}, line {table.line_num}", remedy="mend it") from err
    return check(QuestionSet(name, tuple(questions)))


def _dialect(text: str) -> type[csv.Dialect]:
    header = text.split("\n", 1)[0]
    best = max(",;\t", key=header.count)

    class Told(csv.excel):
        delimiter = best

    return Told


def _of_row(cells: dict[str, str], name: str, line: int) -> Question:
    answers = tuple(one for one in _BETWEEN_ANSWERS.split(cells.get("answer", "")) if one)
    quotes = tuple(one for one in _BETWEEN_ANSWERS.split(cells.get("quote", "")) if one)
    article = cells.get("article") or None
    answerable = _told(cells, "answerable", bool(answers or quotes or article), name, line)
    evidence = tuple(Evidence(article, quote) for quote in quotes)
    if article and not quotes and answerable:
        evidence = (Evidence(article),)
    return Question(
        id=cells.get("id") or f"line-{line}",
        question=cells["question"],
        answers=answers if answerable else (),
        evidence=evidence if answerable else (),
        answerable=answerable,
        type=cells.get("type") or kind_of_question(cells["question"]),
        as_of=cells.get("as_of") or None,
    )


def _told(cells: dict[str, str], field: str, default: bool, name: str, line: int) -> bool:
    if field not in cells or (not cells[field] and field != "accepted"):
        return default
    told = cells[field].casefold()
    if told in _YES or told in _NO or not told:
        return told in _YES
    raise SetError(expected=f"yes or no for {field} in line {line} of {name}", found=repr(told), remedy="mend it")


# -- BEIR ----------------------------------------------------------------------------------------


def parse_beir(read: ReadText, name: str, split: str) -> QuestionSet:
    """``corpus.jsonl``, ``queries.jsonl`` and ``qrels/SPLIT.tsv``; a judged article counts when its score is over 0.

    Questions without a judgement are left out. Evidence is the whole article.
    """
    articles = tuple(
        Article(str(one["_id"]), one.get("title") or "", one["text"] or one.get("title") or "")
        for one in _with_keys(parse_lines(read("corpus.jsonl"), "corpus.jsonl"), "corpus.jsonl", "_id", "text")
    )
    held = {article.id for article in articles}
    judged: dict[str, list[str]] = {}
    for n, row in enumerate(csv.reader(read(f"qrels/{split}.tsv").splitlines(), delimiter="\t"), start=1):
        if n == 1 and row[-1:] == ["score"]:
            continue
        if len(row) != 3 or not row[2].lstrip("-").isdigit():
            raise SetError(
                expected=f"query, article and score in line {n} of qrels/{split}.tsv",
                found=" | ".join(row) or "nothing",
                remedy="fetch it again",
            )
        if int(row[2]) > 0 and row[1] in held:
            judged.setdefault(row[0], []).append(row[1])
    asked = _with_keys(parse_lines(read("queries.jsonl"), "queries.jsonl"), "queries.jsonl", "_id", "text")
    questions = (_of_article(str(one["_id"]), one["text"], judged.get(str(one["_id"]), ())) for one in asked)
    return check(QuestionSet(name, tuple(one for one in questions if one.evidence), articles))


def _of_article(key: str, text: str, articles: Sequence[str]) -> Question:
    evidence = tuple(Evidence(article) for article in articles)
    return Question(key, text, (), evidence, bool(evidence), kind_of_question(text))


def _with_keys(records: Iterable[Any], name: str, *keys: str) -> Iterator[dict[str, Any]]:
    for n, one in enumerate(records, start=1):
        if missing := [key for key in keys if not isinstance(one, dict) or key not in one]:
            raise SetError(
                expected=f"{missing[0]!r} in record {n} of {name}", found="none", remedy="is it of that format?"
            )
        yield one


# -- MultiHop-RAG --------------------------------------------------------------------------------


def parse_multihop(read: ReadText, name: str) -> QuestionSet:
    """``corpus.json`` and ``MultiHopRAG.json`` (Tang and Yang, 2024). A fact that stands in its article is quoted.

    One that does not, or stands there twice, is the whole article. ``null_query`` is unanswerable.
    """
    records = _with_keys(parse_json(read("corpus.json"), "corpus.json"), "corpus.json", "title", "body", "url")
    articles = [
        Article(
            id=one["url"] or f"article-{n}",
            title=one["title"],
            text=one["body"],
            url=one["url"],
            published_at=one.get("published_at"),
            publisher=one.get("source"),
        )
        for n, one in enumerate(records, start=1)
    ]
    by_id = {article.id: article for article in articles}
    asked = _with_keys(
        parse_json(read("MultiHopRAG.json"), "MultiHopRAG.json"), "MultiHopRAG.json", "query", "answer", "evidence_list"
    )
    questions = []
    for n, one in enumerate(asked, start=1):
        kind = one.get("question_type") or "other"
        evidence = tuple(dict.fromkeys(_of_fact(fact, by_id) for fact in one["evidence_list"]))
        answerable = bool(evidence) and kind != "null_query"
        answers = (one["answer"],) if answerable else ()
        questions.append(Question(f"q{n}", one["query"], answers, evidence if answerable else (), answerable, kind))
    return check(QuestionSet(name, tuple(questions), tuple(articles)))


def _of_fact(fact: dict[str, Any], articles: dict[str, Article]) -> Evidence:
    article, quote = articles.get(fact["url"]), fact["fact"].strip()
    once = article is not None and article.text.count(quote) == 1
    return Evidence(fact["url"], quote) if once else Evidence(fact["url"])


# -- NQ with its passages ------------------------------------------------------------------------


def parse_nq(text: str, name: str) -> QuestionSet:
    """JSON lines of ``question``, ``answers`` and ``ctxs`` (Karpukhin et al., 2020): each passage is an article.

    Evidence is the first place of an answer in the passage marked ``isgold``, else in the first that has one.
    """
    articles: dict[tuple[str, str], Article] = {}
    questions = []
    for n, one in enumerate(_with_keys(parse_lines(text, name), name, "question", "answers", "ctxs"), start=1):
        gold: list[Evidence] = []
        for context in sorted(one["ctxs"], key=lambda context: not context.get("isgold")):
            key = (context["title"], context["text"])
            article = articles.setdefault(key, Article(f"passage-{len(articles) + 1}", *key))
            gold = gold or _first_place(article, one["answers"])
        answers = tuple(one["answers"]) if gold else ()
        questions.append(
            Question(f"q{n}", one["question"], answers, tuple(gold), bool(gold), kind_of_question(one["question"]))
        )
    return check(QuestionSet(name, tuple(questions), tuple(articles.values())))


def _first_place(article: Article, answers: Sequence[str]) -> list[Evidence]:
    found = sorted((start, answer) for answer in answers if answer and (start := article.text.find(answer)) >= 0)
    return [Evidence(article.id, answer, Span(start, start + len(answer))) for start, answer in found[:1]]


# -- TIME ----------------------------------------------------------------------------------------


def parse_time(read: ReadText, name: str) -> QuestionSet:
    """The TIME collection: articles of 1963, ``TIME.ALL``, queries, ``TIME.QUE``, and judgements, ``TIME.REL``.

    Judgements count 425 articles. Copies with 423 lack two between the 371st and the 377th, as the words
    of queries and judged articles show: from there on an article's number is two more than its place.
    """
    texts = _parts(read("TIME.ALL"), "*TEXT")
    lost = len(texts) == 423
    articles = {}
    for place, (head, body) in enumerate(texts, start=1):
        number = place + 2 if lost and place > 372 else place
        date = re.search(r"(\d\d)/(\d\d)/(\d\d)", head)
        day = f"19{date[3]}-{date[1]}-{date[2]}" if date else None
        articles[number] = Article(f"time-{number:03}", "", " ".join(body.split()), published_at=day, publisher="TIME")
    rows = [line.split() for line in read("TIME.REL").splitlines() if line.strip()]
    judged = {int(first): [articles[int(one)].id for one in rest if int(one) in articles] for first, *rest in rows}
    queries = [" ".join(body.split()) for _, body in _parts(read("TIME.QUE"), "*FIND")]
    questions = (_of_article(f"q{n}", text, judged.get(n, ())) for n, text in enumerate(queries, start=1))
    return check(QuestionSet(name, tuple(one for one in questions if one.evidence), tuple(articles.values())))


def _parts(text: str, mark: str) -> list[tuple[str, str]]:
    """What stands in the line of each mark, and after it."""
    found = re.split(rf"^{re.escape(mark)}(.*)$", text, flags=re.MULTILINE)
    if len(found) < 3:
        raise SetError(expected=f"lines that begin with {mark}", found="none", remedy="is it the TIME collection?")
    return list(zip(found[1::2], found[2::2], strict=True))
