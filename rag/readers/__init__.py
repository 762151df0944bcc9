"""A file, a folder, a URL, an upload or a record → articles; what cannot be one is refused with its reason.

read(source)          path, folder, http(s) URL or "-" → Article | Refusal …
read_bytes(data)      an upload                        → Article | Refusal …
make_article(record)  a JSON object                    → Article, or an error
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import urldefrag, urlsplit

from rag.errors import QuotewellError, ReadError
from rag.readers import web
from rag.readers.clean import canonical, one_line
from rag.readers.files import open_file, read_bounded, read_file_bytes, unreadable, walk
from rag.readers.formats import SUFFIXES, Kind, content_type_of, kind_of, parse, unknown_format
from rag.readers.jsonl import read_lines
from rag.readers.records import Origin, make_article, too_long
from rag.types import Article, Refusal

__all__ = ["canonical", "make_article", "read", "read_bytes"]

Found = Iterator[Article | Refusal]


def read(source: str, *, max_chars: int, allow_private: bool = False) -> Found:
    """The articles of a file, of a folder (all below it, by name), of an http(s) URL, or of standard input ("-").

    What cannot be read is a Refusal with its reason, never an exception; the rest still comes. ``max_chars`` bounds the
    text of an article in code points, and a file or page to ``4 * max_chars`` bytes before it is read. A URL leads to
    public addresses only, unless ``allow_private``.
    """
    if source == "-":
        return _refusing(source, _standard_input(sys.stdin.buffer, max_chars))
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", source):
        return _refusing(source, _url(source, max_chars, allow_private))
    return _refusing(source, _path(Path(source), max_chars))


def read_bytes(data: bytes, name: str, *, max_chars: int, content_type: str | None = None) -> Found:
    """The articles of an upload. ``content_type`` tells the format or, where it does not, the ending of ``name``, which
    is a label besides: no path is opened by it. An article without id and URL gets an id made of its title and text.
    """
    label = one_line(re.split(r"[/\\]", name)[-1])[:200] or "upload"
    return _refusing(label, _upload(data, Origin(label), content_type, max_chars))


def _refusing(place: str, found: Found) -> Found:
    """The same, with an error that ends it made into its last item."""
    try:
        yield from found
    except QuotewellError as err:
        yield Refusal(place, err.code, str(err))


def _path(path: Path, max_chars: int) -> Found:
    try:
        is_folder = path.is_dir()
    except OSError as err:
        raise unreadable(err) from err
    if not is_folder:
        yield from _file(path, max_chars, follow=True)
        return
    empty = True
    for found in walk(path, frozenset(SUFFIXES)):
        empty = False
        if isinstance(found, Path):
            yield from _refusing(str(found), _file(found, max_chars, follow=False))
        else:
            yield Refusal(found[0], found[1].code, str(found[1]))
    if empty:
        raise ReadError(
            expected=f"a folder with files that end in one of {', '.join(SUFFIXES)}",
            found="none in it",
            remedy="name another folder",
        )


def _file(path: Path, max_chars: int, *, follow: bool) -> Found:
    label = one_line(path.name)
    kind = kind_of(path.suffix)
    if kind is None or kind == "lines":
        with open_file(path, follow=follow) as stream:
            if kind is None:
                raise unknown_format(stream.read(4096), path.suffix)
            yield from read_lines(stream, place=str(path), label=label, max_chars=max_chars)
    else:
        data = read_file_bytes(path, max_chars=max_chars, follow=follow)
        origin = Origin(label, path=str(path.resolve()))
        yield from parse(data, kind, origin, place=str(path), max_chars=max_chars)


def _upload(data: bytes, origin: Origin, content_type: str | None, max_chars: int) -> Found:
    suffix = PurePosixPath(origin.label).suffix
    kind = kind_of(suffix, content_type)
    if kind is None:
        raise unknown_format(data[:4096], suffix)
    if kind != "lines" and len(data) > 4 * max_chars:
        raise too_long(len(data), max_chars, "bytes")
    charset = content_type_of(content_type)[1]
    yield from parse(data, kind, origin, place=origin.label, max_chars=max_chars, charset=charset)


def _url(source: str, max_chars: int, allow_private: bool) -> Found:
    page = web.fetch(source, max_chars=max_chars, allow_private=allow_private)
    yield from read_page(page, source, max_chars=max_chars)


def read_page(page: web.Page, source: str, *, max_chars: int) -> Found:
    """The articles of a page that was fetched for the URL ``source``. Raises ReadError and TooLarge."""
    asked = urldefrag(source.strip()).url
    kind = kind_of(PurePosixPath(urlsplit(page.url).path).suffix, page.content_type)
    origin = Origin(asked, url=asked, landed=page.url)
    yield from parse(page.data, kind or "text", origin, place=source, max_chars=max_chars, charset=page.charset)


def _standard_input(stream: BinaryIO, max_chars: int) -> Found:
    """JSON lines where the first line that is not blank opens an object, else one JSON value or plain text."""
    origin = Origin("standard input")
    first = b"\n"
    while first and not first.strip():
        first = stream.readline(4 * max_chars + 1)
    start = first.removeprefix(b"\xef\xbb\xbf").strip()
    if start.startswith(b"{") and start != b"{":
        yield from read_lines(stream, place="-", label=origin.label, max_chars=max_chars, first=first)
        return
    data = read_bounded(stream, max_chars=max_chars, first=first)
    is_json = re.match(rb"(?:\xef\xbb\xbf)?\s*(?:\{|\[\s*[\{\]])", data) is not None  # not "[1] A note"
    kind: Kind = "json" if is_json else "text"
    yield from parse(data, kind, origin, place="-", max_chars=max_chars)
