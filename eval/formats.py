"""A path → a question set. JSON lines of our own and SQuAD are read here, other sets by ``eval.adapters``."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from eval.adapters import kind_of_question, parse_beir, parse_csv, parse_multihop, parse_nq, parse_time
from eval.metrics import Place
from eval.questions import Evidence, Question, QuestionSet, SetError, check
from rag.errors import ModelMissing, NotFound, UsageError
from rag.types import Article, Span, Turn

Kind = Literal["jsonl", "squad", "csv", "beir", "multihop", "nq", "time"]

_SUFFIXES: dict[str, Kind] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "squad",
    ".csv": "csv",
    ".tsv": "csv",
}
_FOLDERS: dict[str, Kind] = {"queries.jsonl": "beir", "MultiHopRAG.json": "multihop", "TIME.QUE": "time"}
_PACKED = (".zst", ".gz")
_GAP = "\n\n"  # between the paragraphs of an article


def load_set(path: Path, kind: Kind | None = None, *, split: str = "test") -> QuestionSet:
    """The set at ``path``; its kind is told by the suffix (.jsonl, .json, .csv; .zst or .gz after it), or by what is in
    the folder, unless given. ``split`` is that of BEIR's judgements.

    Raises NotFound, UsageError for what it cannot tell, SetError for what is in it.
    """
    kind = kind or _kind(path)
    name = path.name or str(path)
    if kind in ("beir", "multihop", "time"):
        read = partial(_read_in, path if path.is_dir() else path.parent)
        if kind == "beir":
            return parse_beir(read, name, split)
        return parse_multihop(read, name) if kind == "multihop" else parse_time(read, name)
    text = read_text(path)
    if kind == "jsonl" and _is_nq(text):
        kind = "nq"
    parse = {"jsonl": parse_jsonl, "squad": parse_squad, "csv": parse_csv, "nq": parse_nq}[kind]
    return parse(text, name)


def _kind(path: Path) -> Kind:
    if path.is_dir():
        for name, kind in _FOLDERS.items():
            if _named(path, name):
                return kind
        raise UsageError(
            expected=f"a folder with one of {', '.join(_FOLDERS)}", found=str(path), remedy="name the file of the set"
        )
    if not path.is_file():
        raise NotFound(expected="a question set", found=f"no file {path}", remedy="give the path of a set")
    suffix = Path(path.stem).suffix if path.suffix in _PACKED else path.suffix
    if path.name == "MultiHopRAG.json":
        return "multihop"
    if suffix.casefold() not in _SUFFIXES:
        raise UsageError(
            expected=f"a set whose name ends in one of {', '.join(_SUFFIXES)}",
            found=path.name,
            remedy=f"say what it is with --as {'|'.join(get_args(Kind))}",
        )
    return _SUFFIXES[suffix.casefold()]


def _is_nq(text: str) -> bool:
    try:
        first = json.loads(text.split("\n", 1)[0])
    except json.JSONDecodeError:
        return False
    return isinstance(first, dict) and "ctxs" in first


def _named(folder: Path, name: str) -> Path | None:
    """The file of that name in the folder, packed or not; copies may have a longer name that ends in it."""
    names = (name, *(name + packed for packed in _PACKED))
    exact = [folder / one for one in names if (folder / one).is_file()]
    longer = [path for path in sorted(folder.iterdir()) if path.name.endswith(tuple(f"__{one}" for one in names))]
    return next(iter([*exact, *longer]), None)


def _read_in(folder: Path, name: str) -> str:
    path = _named(folder / Path(name).parent, Path(name).name) if (folder / Path(name).parent).is_dir() else None
    return read_text(path or folder / name)


def read_text(path: Path) -> str:
    """The text of a file, in UTF-8 (a byte order mark is dropped), unpacked when its name ends in .zst or .gz.

    Raises NotFound, SetError, or ModelMissing without the zstandard package.
    """
    if not path.is_file():
        raise NotFound(expected="a question set", found=f"no file {path}", remedy="give the path of a set")
    data = _unpack(path.read_bytes(), path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise SetError(
            expected=f"UTF-8 in {path}", found=f"byte {data[err.start]:#04x}", remedy="save it as UTF-8"
        ) from err


def _unpack(data: bytes, path: Path) -> bytes:
    if path.suffix == ".gz":
        try:
            return gzip.decompress(data)
        except (OSError, EOFError) as err:
            raise SetError(expected=f"gzip data in {path}", found=str(err), remedy="fetch it again") from err
    if path.suffix != ".zst":
        return data
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
            answers=tuple(_text(answer) for answer in record.get("answers") or ()),
            evidence=tuple(_piece(one) for one in record.get("evidence") or ()),
            answerable=_flag(record.get("answerable", bool(record.get("answers") or record.get("evidence")))),
            type=_text(record.get("type") or kind_of_question(record["question"])),
            as_of=record.get("as_of") and _text(record["as_of"]),
            history=tuple(Turn(_role(turn["role"]), _text(turn["text"])) for turn in record.get("history") or ()),
        )
    except json.JSONDecodeError as err:
        raise SetError(expected=f"a JSON object in {where}", found=str(err), remedy="mend that line") from err
    except KeyError as err:
        raise SetError(expected=f"key {err} in {where}", found="none", remedy="add it") from err
    except (TypeError, ValueError) as err:
        raise SetError(expected=f"a question in {where}", found=str(err), remedy="mend that line") from err


def _piece(record: Any) -> Evidence:
    if not isinstance(record, dict):
        raise TypeError(f"{record!r} where evidence should be")
    article, quote = (None if record.get(key) is None else _text(record[key]) for key in ("article", "quote"))
    if article is None and quote is None:
        raise ValueError("evidence with neither article nor quote")
    return Evidence(article, quote, others=tuple(_piece(one) for one in record.get("or") or ()))


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
            yield _question(asked, article, offset, len(paragraph["context"]))
        offset += len(paragraph["context"]) + len(_GAP)


def _question(asked: dict[str, Any], article: Article, offset: int, length: int) -> Question:
    key, text = str(asked["id"]), asked["question"].strip()
    answerable = not asked.get("is_impossible", False)
    answers = asked["answers"] if answerable else []
    return Question(
        id=key,
        question=text,
        answers=tuple(dict.fromkeys(answer["text"] for answer in answers)),
        evidence=tuple(_evidence(answer, key, article, offset) for answer in answers[:1]),
        answerable=answerable,
        type=kind_of_question(text),
        paragraph=Place(article.id, Span(offset, offset + length)),
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
