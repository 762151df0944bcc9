"""A file → a question set: JSON lines, and SQuAD 1.1 and 2.0 JSON, which brings its articles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from eval.questions import Evidence, Question, QuestionSet, SetError, check
from rag.errors import ModelMissing, NotFound, UsageError
from rag.types import Article, Span, Turn

Kind = Literal["jsonl", "squad"]

_SUFFIXES: dict[str, Kind] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "squad"}
_GAP = "\n\n"  # between the paragraphs of an article
_ASKS = re.compile(r"\b(who|what|which|when|where|why|how)\b")


def load_set(path: Path, kind: Kind | None = None) -> QuestionSet:
    """The set in a file; its kind is told by the suffix (.jsonl, .json; .zst after either) unless given.

    Raises NotFound, UsageError for an unknown suffix, SetError for what is in it.
    """
    suffix = Path(path.stem).suffix if path.suffix == ".zst" else path.suffix
    kind = kind or _SUFFIXES.get(suffix)
    if kind is None:
        raise UsageError(
            expected="a set whose name ends in .jsonl or .json", found=path.name, remedy="say what it is with --as"
        )
    text = read_text(path)
    return parse_jsonl(text, path.name) if kind == "jsonl" else parse_squad(text, path.name)


def read_text(path: Path) -> str:
    """The UTF-8 text of a file, unpacked when its name ends in .zst.

    Raises NotFound, SetError, or ModelMissing without the zstandard package.
    """
    if not path.is_file():
        raise NotFound(expected="a question set", found=f"no file {path}", remedy="give the path of a set")
    data = path.read_bytes()
    try:
        return (_unpack(data, path) if path.suffix == ".zst" else data).decode("utf-8")
    except UnicodeDecodeError as err:
        raise SetError(
            expected=f"UTF-8 in {path}", found=f"byte {data[err.start]:#04x}", remedy="save it as UTF-8"
        ) from err


def _unpack(data: bytes, path: Path) -> bytes:
    try:
        import zstandard
    except ImportError as err:
        raise ModelMissing(
            expected=f"the zstandard package, to unpack {path}",
            found="it is not installed",
            remedy="pip install zstandard, or unpack the file",
        ) from err
    try:
        with zstandard.ZstdDecompressor().stream_reader(data) as stream:
            unpacked: bytes = stream.read()
    except zstandard.ZstdError as err:
        raise SetError(expected=f"zstandard data in {path}", found=str(err), remedy="fetch it again") from err
    return unpacked


def parse_jsonl(text: str, name: str) -> QuestionSet:
    """A set of JSON lines. Raises SetError naming the line."""
    lines = [(n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]
    return check(QuestionSet(name, tuple(_parse_line(line, f"line {n} of {name}") for n, line in lines)))


def _parse_line(line: str, where: str) -> Question:
    try:
        record: dict[str, Any] = json.loads(line)
        return Question(
            id=_text(record["id"]),
            question=_text(record["question"]),
            answers=tuple(_text(answer) for answer in record["answers"]),
            evidence=tuple(Evidence(_text(one["article"]), _text(one["quote"])) for one in record["evidence"]),
            answerable=_flag(record["answerable"]),
            type=_text(record["type"]),
            as_of=record.get("as_of") and _text(record["as_of"]),
            history=tuple(Turn(_role(turn["role"]), _text(turn["text"])) for turn in record.get("history") or ()),
        )
    except json.JSONDecodeError as err:
        raise SetError(expected=f"a JSON object in {where}", found=str(err), remedy="mend that line") from err
    except KeyError as err:
        raise SetError(expected=f"key {err} in {where}", found="none", remedy="add it") from err
    except (TypeError, ValueError) as err:
        raise SetError(expected=f"a question in {where}", found=str(err), remedy="mend that line") from err


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} where a text should be")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} where true or false should be")
    return value


def _role(value: object) -> Literal["user", "assistant"]:
    if value == "user":
        return "user"
    if value == "assistant":
        return "assistant"
    raise ValueError(f"role {value!r}, neither user nor assistant")


def parse_squad(text: str, name: str) -> QuestionSet:
    """Each article's paragraphs, a blank line between them, are one Article, named by its title.

    Gold is where the first answer stands; an unanswerable question has none. The type of a
    question is its question word. Raises SetError.
    """
    articles: list[Article] = []
    questions: list[Question] = []
    try:
        for record in json.loads(text)["data"]:
            article = _article(record, {article.id for article in articles})
            articles.append(article)
            questions.extend(_questions(record, article))
    except json.JSONDecodeError as err:
        raise SetError(expected=f"JSON in {name}", found=str(err), remedy="fetch it again") from err
    except KeyError as err:
        raise SetError(expected=f"SQuAD JSON with {err} in {name}", found="none", remedy="say --as jsonl?") from err
    except TypeError as err:
        raise SetError(expected=f"SQuAD JSON in {name}", found=str(err), remedy="say --as jsonl?") from err
    return check(QuestionSet(name, tuple(questions), tuple(articles)))


def _article(record: dict[str, Any], taken: set[str]) -> Article:
    title = record["title"].replace("_", " ").strip()
    slug = re.sub(r"\W+", "-", title.casefold()).strip("-") or "article"
    unique = (key for n in range(1, len(taken) + 2) if (key := slug if n == 1 else f"{slug}-{n}") not in taken)
    return Article(next(unique), title, _GAP.join(paragraph["context"] for paragraph in record["paragraphs"]))


def _questions(record: dict[str, Any], article: Article) -> Iterator[Question]:
    offset = 0
    for paragraph in record["paragraphs"]:
        for asked in paragraph["qas"]:
            yield _question(asked, article, offset)
        offset += len(paragraph["context"]) + len(_GAP)


def _question(asked: dict[str, Any], article: Article, offset: int) -> Question:
    key, text = str(asked["id"]), asked["question"].strip()
    word = _ASKS.search(text.casefold())
    answerable = not asked.get("is_impossible", False)
    answers = asked["answers"] if answerable else []
    return Question(
        id=key,
        question=text,
        answers=tuple(dict.fromkeys(answer["text"] for answer in answers)),
        evidence=tuple(_evidence(answer, key, article, offset) for answer in answers[:1]),
        answerable=answerable,
        type=word.group(1) if word else "other",
    )


def _evidence(answer: dict[str, Any], key: str, article: Article, offset: int) -> Evidence:
    start, quote = offset + answer["answer_start"], answer["text"]
    if not quote or article.text[start : start + len(quote)] != quote:
        raise SetError(
            expected=f"the answer of question {key!r} at {answer['answer_start']} of its paragraph: {quote!r}",
            found=repr(article.text[start : start + len(quote)]),
            remedy="mend answer_start: it counts code points",
        )
    return Evidence(article.id, quote, Span(start, start + len(quote)))
