"""A request's body → what ``System.ingest`` takes in. A part that cannot be read is a Refusal, and stops nothing."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from api.system import System
from rag.errors import QuotewellError, ReadError
from rag.types import Article, Receipt, Refusal

SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
}
"""Kinds of body that are one file, and the ending that names such a file."""

_MAX_FILES = 1000
_NO_OBJECT = 'expected an object with a text; found a value of type {}; send {{"text": …}}'


@dataclass(frozen=True, slots=True)
class Upload:
    """One file that was sent. ``name`` is a label: it is shown, and never opened."""

    data: bytes
    name: str
    content_type: str | None


async def received(request: Request) -> list[Upload] | object:
    """Files, or what a JSON body says. Raises ReadError, or HTTPException for a kind that is not known."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _files(request)
    data = await request.body()
    if kind in SUFFIXES:
        name = _label(request.query_params.get("name")) or f"body{SUFFIXES[kind]}"
        return [Upload(data, name, request.headers["content-type"])]
    if kind == "application/json":
        return _json(data)
    kinds = ", ".join(["application/json", "multipart/form-data", *SUFFIXES])
    raise HTTPException(415, f"expected one of {kinds}; found {kind[:100] or 'none'}; send Content-Type")


async def _files(request: Request) -> list[Upload]:
    async with request.form(max_files=_MAX_FILES, max_fields=_MAX_FILES) as form:
        found = []
        for key, value in form.multi_items():
            if not isinstance(value, UploadFile):
                raise ReadError(
                    expected="files", found=f"the field {key[:100]!r} without a filename", remedy="send a file"
                )
            found.append(Upload(await value.read(), _label(value.filename) or key, value.content_type))
        return found


def _label(name: str | None) -> str:
    """The last part of a file's name, on one line."""
    return " ".join((name or "").replace("\\", "/").rpartition("/")[2].split())[:200]


def _json(data: bytes) -> object:
    try:
        value: object = json.loads(data.decode("utf-8-sig"), parse_constant=_no_constant)
        if b"\\ud" in data.lower():  # only an escape can bring in half a character
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as err:
        found = f"{type(err).__name__}: {err}"[:200]
        raise ReadError(expected="an article, or a list of them, in sound JSON", found=found, remedy="mend it") from err
    return value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def items(system: System, sent: list[Upload] | object) -> Iterator[Article | Refusal]:
    """Articles, one by one. Raises ReadError when nothing was sent that could be one."""
    if isinstance(sent, list) and sent and all(isinstance(one, Upload) for one in sent):
        for upload in sent:
            yield from system.read_upload(upload.data, upload.name, upload.content_type)
        return
    records = [sent] if isinstance(sent, dict) else sent
    if not isinstance(records, list) or not records:
        raise ReadError(
            expected="an article, a list of them, or files",
            found=f"a value of type {type(sent).__name__}" if not isinstance(sent, list) else "none",
            remedy='send {"title": …, "text": …}',
        )
    for n, record in enumerate(records):
        yield _article(system, record, "body" if isinstance(sent, dict) else f"body[{n}]")


def _article(system: System, record: object, place: str) -> Article | Refusal:
    if not isinstance(record, dict):
        return Refusal(place, ReadError.code, _NO_OBJECT.format(type(record).__name__))
    # The place in the list is not the article's source: sent alone tomorrow, it is unchanged.
    metadata = record.get("metadata")
    source = metadata.get("source") if isinstance(metadata, dict) else None
    try:
        return system.make_article(record, source if isinstance(source, str) else "body")
    except QuotewellError as err:
        return Refusal(place, err.code, str(err))


def in_order(system: System, sent: list[Upload] | object, receipts: list[Receipt]) -> None:
    """Takes in what was sent, and fills ``receipts`` in the order in which it was sent.

    They come in another: a refusal at once, an article when its batch has been committed. What has
    been committed has its receipt, also when an error ends it.
    """
    places: dict[str | None, deque[int]] = defaultdict(deque)

    def noted() -> Iterator[Article | Refusal]:
        for n, item in enumerate(items(system, sent)):
            places[item.id if isinstance(item, Article) else None].append(n)
            yield item

    found: list[tuple[int, Receipt]] = []
    try:
        for receipt in system.ingest(noted()):
            found.append((places[receipt.article_id].popleft(), receipt))
    finally:
        receipts.extend(receipt for _, receipt in sorted(found, key=itemgetter(0)))
