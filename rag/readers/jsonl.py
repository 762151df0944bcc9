"""JSON lines, streamed line by line, and JSON: one article or a list of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import BinaryIO, NoReturn

from rag.errors import QuotewellError, ReadError
from rag.readers.decode import decode, refuse_binary
from rag.readers.records import make_article, too_long
from rag.types import Article, Refusal

_BLOCK = 65_536


def read_lines(
    stream: BinaryIO, *, place: str, label: str, max_chars: int, first: bytes = b""
) -> Iterator[Article | Refusal]:
    """An article, or a refusal named ``place:LINE``, for each line that is not blank; ``first`` is a line read already.

    One line at a time is in memory, of at most ``6 * max_chars`` bytes (JSON may write six for a character) and 64 KiB.
    """
    limit = 6 * max_chars + _BLOCK
    for number, line in enumerate(_lines(stream, limit, first), start=1):
        try:
            if len(line) > limit:
                raise too_long(len(line), max_chars, "bytes")
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
                refuse_binary(line)
            if line.strip():
                yield make_article(_object(line), source=f"{label}:{number}", max_chars=max_chars)
        except QuotewellError as err:
            yield Refusal(f"{place}:{number}", err.code, str(err))


def read_json(data: bytes, *, place: str, label: str, max_chars: int) -> Iterator[Article | Refusal]:
    """The article of one object, or of each object of a list; a refused item of a list is named ``place:ITEM``.

    Raises ReadError where the whole is no JSON.
    """
    found = _parse(decode(data))
    if isinstance(found, Mapping):
        yield make_article(found, source=label, max_chars=max_chars)
        return
    if not isinstance(found, list) or not found:
        raise ReadError(
            expected="one article as a JSON object, or a list of them",
            found="an empty list" if found == [] else f"a {type(found).__name__}",
            remedy='write {"text": …}',
        )
    for number, item in enumerate(found, start=1):
        try:
            yield make_article(_mapping(item), source=f"{label}:{number}", max_chars=max_chars)
        except QuotewellError as err:
            yield Refusal(f"{place}:{number}", err.code, str(err))


def _lines(stream: BinaryIO, limit: int, first: bytes) -> Iterator[bytes]:
    """Lines of ``stream``; of one that is too long, ``limit + 1`` bytes, the rest is passed over."""
    heads: Iterable[bytes] = iter(lambda: stream.readline(limit + 1), b"")
    for line in chain([first] if first else [], heads):
        block = line
        while len(line) > limit and not block.endswith(b"\n"):
            block = stream.readline(_BLOCK)
            if not block:
                break
        yield line


def _object(line: bytes) -> Mapping[str, object]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as err:
        raise ReadError(
            expected="JSON lines in UTF-8",
            found=f"{err.reason} at byte {err.start} of the line",
            remedy="save it as UTF-8",
        ) from err
    return _mapping(_parse(text))


def _mapping(found: object) -> Mapping[str, object]:
    if not isinstance(found, dict):
        raise ReadError(
            expected="an article as a JSON object", found=f"a {type(found).__name__}", remedy='write {"text": …}'
        )
    return found


def _parse(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as err:
        found = f"{err.msg} at line {err.lineno}, column {err.colno}"
        raise ReadError(expected="JSON", found=found, remedy="mend it; several objects go into a .jsonl file") from err
    except RecursionError as err:
        raise ReadError(expected="JSON of an article", found="very deep nesting", remedy="flatten it") from err
    except ValueError as err:  # NaN, or a number of thousands of digits
        raise ReadError(expected="JSON", found=str(err)[:100], remedy="mend the number") from err


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name}, which is no JSON number")
