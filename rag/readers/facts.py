"""The facts of an article, each checked: what fits is returned in its stored form, what does not is a ReadError."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from urllib.parse import urlsplit

from rag.errors import ReadError
from rag.readers.clean import one_line
from rag.types import Json

_MAX_ID, _MAX_NAME, _MAX_URL = 200, 200, 2_000
_MAX_VALUES, _MAX_DEPTH = 10_000, 20
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}.*)?")


def text_of(value: object, key: str, limit: int = _MAX_NAME) -> str | None:
    """``value`` on one line; None for None or blank. Raises ReadError for another type, or over ``limit``."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ReadError(expected=f'"{key}" as a string', found=shown(value), remedy="put it in quotes")
    line = one_line(value[: 4 * limit + 1])
    if len(value) > 4 * limit or len(line) > limit:
        raise ReadError(expected=f'"{key}" of at most {limit} characters', found=f"{len(value):,}", remedy="shorten it")
    return line or None


def id_of(value: object) -> str | None:
    """An id: 1 to 200 characters, none of them a control character, not blank. Raises ReadError."""
    if value is None:
        return None
    fits = isinstance(value, str) and 0 < len(value) <= _MAX_ID and bool(value.strip())
    if not fits or any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in str(value)):
        raise ReadError(
            expected=f'"id" as a string of 1 to {_MAX_ID} characters, not blank and without control characters',
            found=shown(value),
            remedy="mend the id, or leave it out to have one made",
        )
    return str(value)


def url_of(value: object) -> str | None:
    """An http or https address; None for None or blank. Raises ReadError."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not is_web_url(value.strip()):
        raise ReadError(
            expected='"url" as an http or https address', found=shown(value), remedy="mend it, or leave it out"
        )
    return value.strip()


def is_web_url(value: str) -> bool:
    """Whether ``value`` is an absolute http or https address that is safe to store and to link."""
    if len(value) > _MAX_URL or any(
        char.isspace() or unicodedata.category(char) in ("Cc", "Cs") or char in "<>\"'`\\" for char in value
    ):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme.lower() in ("http", "https") and bool(parts.hostname)


def date_of(value: object) -> str | None:
    """An ISO 8601 date, or date and time, as precise as it came; None for None or blank. Raises ReadError."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime | date):
        return value.isoformat()
    text = value.strip() if isinstance(value, str) else ""
    for kind in (date, datetime):
        try:
            moment = kind.fromisoformat(text)
        except ValueError:
            continue
        return text[:10] + text[10:].replace(" ", "T", 1) if _ISO.fullmatch(text) else moment.isoformat()
    raise ReadError(
        expected='"published_at" as an ISO 8601 date such as 2018-10-24, or date and time',
        found=shown(value),
        remedy="mend it, or leave it out",
    )


def language_of(value: object) -> str | None:
    """A language tag such as "en" or "pt-BR"; None for None or blank. Raises ReadError."""
    text = text_of(value, "language")
    if text is not None and (len(text) > 35 or not _LANGUAGE.fullmatch(text)):
        raise ReadError(expected='"language" as a tag such as "en" or "pt-BR"', found=shown(value), remedy="mend it")
    return text


def metadata_of(value: object) -> Mapping[str, Json]:
    """JSON values of an object: dates become ISO strings, other keys strings. Raises ReadError for other things."""
    if value is None:
        return {}
    found = _json(value, [_MAX_VALUES], _MAX_DEPTH)
    if not isinstance(found, Mapping):
        raise ReadError(expected='"metadata" as an object', found=shown(value), remedy="mend it")
    return found


def _json(value: object, left: list[int], depth: int) -> Json:
    """``left`` counts down over the whole value: YAML's aliases can make a few lines into billions."""
    left[0] -= 1
    if left[0] < 0 or depth < 0:
        raise ReadError(
            expected=f"metadata of at most {_MAX_VALUES:,} values, nested at most {_MAX_DEPTH} deep",
            found="more",
            remedy="leave some out",
        )
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if not value.isascii() else value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(_json(str(k), left, depth)): _json(v, left, depth - 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set):
        return [_json(item, left, depth - 1) for item in value]
    raise ReadError(expected="metadata of JSON values", found=f"a {type(value).__name__}", remedy="write it as text")


def shown(value: object) -> str:
    """What was found, short enough for one line."""
    if value is None:
        return "nothing"
    if isinstance(value, str | int | float):
        text = repr(value[:80] if isinstance(value, str) else value)
        return text.encode("utf-8", "backslashreplace").decode()
    return f"a {type(value).__name__}"
