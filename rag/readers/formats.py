"""Which format some bytes are in, and the reader of it."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from io import BytesIO
from typing import Literal

from rag.errors import ReadError
from rag.readers.decode import decode, refuse_binary
from rag.readers.jsonl import read_json, read_lines
from rag.readers.markdown import read_markdown
from rag.readers.records import Origin
from rag.readers.text import read_text
from rag.types import Article, Refusal

Kind = Literal["text", "markdown", "html", "lines", "json"]

SUFFIXES: dict[str, Kind] = {
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".jsonl": "lines",
    ".ndjson": "lines",
    ".json": "json",
}
_TYPES: dict[str, Kind] = {
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/jsonl": "lines",
    "application/x-jsonlines": "lines",
    "application/x-ndjson": "lines",
    "application/ndjson": "lines",
    "application/json": "json",
}


def kind_of(suffix: str, content_type: str | None = None) -> Kind | None:
    """The format that a content type names, else the suffix of a file (".md"), else plain text if the type is that."""
    named, _ = content_type_of(content_type)
    return _TYPES.get(named) or SUFFIXES.get(suffix.lower()) or ("text" if named == "text/plain" else None)


def content_type_of(header: str | None) -> tuple[str, str | None]:
    """A Content-Type header as ``(type, charset)``; ("", None) for none."""
    if not header:
        return "", None
    message = Message()
    message["Content-Type"] = header.replace("\r", " ").replace("\n", " ")
    return message.get_content_type(), message.get_content_charset()


def unknown_format(data: bytes, suffix: str) -> ReadError:
    """The error for bytes in no format that is read: what they are where that can be told, else their suffix."""
    try:
        refuse_binary(data)
    except ReadError as err:
        return err
    return ReadError(
        expected=f"a file that ends in one of {', '.join(SUFFIXES)}",
        found=f"{suffix!r}" if suffix else "no ending",
        remedy="rename it to what it is",
    )


def parse(
    data: bytes, kind: Kind, origin: Origin, *, place: str, max_chars: int, charset: str | None = None
) -> Iterator[Article | Refusal]:
    """The articles in ``data``; ``place`` is what a refused line or item is named by. Raises ReadError and TooLarge."""
    if kind == "lines":
        yield from read_lines(BytesIO(data), place=place, label=origin.label, max_chars=max_chars)
    elif kind == "json":
        yield from read_json(data, place=place, label=origin.label, max_chars=max_chars)
    elif kind == "html":
        # Loaded when the first page is: trafilatura takes longer to import than all the rest of us.
        from rag.readers.html import charset_of, read_html

        yield read_html(decode(data, declared=charset or charset_of(data)), origin, max_chars=max_chars)
    else:
        read_one = read_markdown if kind == "markdown" else read_text
        yield read_one(decode(data, declared=charset), origin, max_chars=max_chars)
