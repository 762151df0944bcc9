"""What every reader ends in: one record of facts → Article, with its id, its title and its date checked."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from rag.errors import ReadError, TooLarge
from rag.readers.clean import canonical, one_line
from rag.readers.facts import date_of, id_of, language_of, metadata_of, shown, text_of, url_of
from rag.types import Article, Json

KEYS = ("id", "title", "text", "url", "published_at", "publisher", "language", "metadata")
_MAX_TITLE, _MAX_HEADLINE, _MAX_SLUG = 1_000, 80, 60
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])\s")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record is from. ``label`` is what a person calls it, without folders: ``metadata["source"]``.

    ``path`` is the absolute path of a file that was read from disk; ``url`` the address that was asked for, ``landed``
    the one that it led to.
    """

    label: str
    path: str | None = None
    url: str | None = None
    landed: str | None = None

    @property
    def stem(self) -> str:
        """The file's name without its suffix, or the last part of the URL's path, or the URL's host."""
        return _url_stem(self.url) if self.url else self.label.rsplit(".", 1)[0] or self.label


@dataclass(frozen=True, slots=True)
class Draft:
    """What a reader found; ``text`` is canonical already, every other fact has been checked."""

    text: str
    title: str = ""
    id: str | None = None
    url: str | None = None
    published_at: str | None = None
    publisher: str | None = None
    language: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)


def make_article(record: Mapping[str, object], *, source: str, max_chars: int) -> Article:
    """The article of one JSON object: ``{id?, title?, text, url?, published_at?, publisher?, language?, metadata?}``.

    A ``revision``, as an article that was read back has, is left out: the text decides it.
    ``source`` becomes ``metadata["source"]``. The text is made canonical; a title that is missing is the first
    sentence, a date that is missing stays None. Raises ReadError naming the key that does not fit, and TooLarge for a
    text over ``max_chars`` code points.
    """
    unknown = [key for key in record if key not in (*KEYS, "revision")]
    if unknown:
        raise ReadError(
            expected=f"an article with the keys {', '.join(KEYS)}",
            found=f"the unknown key {', '.join(repr(key)[:60] for key in unknown[:5])}",
            remedy="put further facts under metadata",
        )
    text = record.get("text")
    if not isinstance(text, str):
        raise ReadError(expected='"text" as a string', found=shown(text), remedy="give the article's text")
    if len(text) > 4 * max_chars:
        raise too_long(len(text), max_chars)
    return finish(
        Draft(
            text=canonical(text),
            title=text_of(record.get("title"), "title", _MAX_TITLE) or "",
            id=id_of(record.get("id")),
            url=url_of(record.get("url")),
            published_at=date_of(record.get("published_at")),
            publisher=text_of(record.get("publisher"), "publisher"),
            language=language_of(record.get("language")),
            metadata=metadata_of(record.get("metadata")),
        ),
        Origin(one_line(source)),
        max_chars=max_chars,
    )


def finish(draft: Draft, origin: Origin, *, max_chars: int) -> Article:
    """The Article of a draft. Raises ReadError for an empty text, TooLarge for one over ``max_chars``.

    A fetched page has no say in its id, which could be another article's.
    """
    if not draft.text:
        raise ReadError(expected="an article with text", found="no text after cleaning", remedy="check the source")
    if len(draft.text) > max_chars:
        raise too_long(len(draft.text), max_chars)
    url = draft.url
    if origin.landed and (not url or _host(url) != _host(origin.landed)):
        url = origin.landed  # what a fetched page says of itself is not believed where it names another's address
    title = one_line(draft.title) or headline(draft.text) or one_line(origin.stem) or "Untitled"
    return Article(
        id=(draft.id if not origin.url else None) or _derived_id(draft, origin, title),
        title=title,
        text=draft.text,
        url=url,
        published_at=draft.published_at,
        publisher=draft.publisher,
        language=draft.language,
        metadata={**draft.metadata, "source": origin.label},
    )


def too_long(found: int, max_chars: int, unit: str = "characters") -> TooLarge:
    """The error for a text over ``max_chars``, or for ``4 * max_chars`` bytes of it."""
    return TooLarge(
        expected=f"at most {max_chars if unit == 'characters' else 4 * max_chars:,} {unit}",
        found=f"{found:,}",
        remedy="split it into several articles, or raise QUOTEWELL_MAX_ARTICLE_CHARS",
    )


def headline(text: str) -> str:
    """The first sentence of the first line, at most 80 characters; "" where that holds no letter or digit."""
    first = _SENTENCE_END.split(text.partition("\n")[0][:1000], maxsplit=1)[0]
    line = one_line(first)
    if len(line) > _MAX_HEADLINE:
        cut = line[: _MAX_HEADLINE - 1]
        line = (cut.rsplit(" ", 1)[0] if " " in cut[_MAX_HEADLINE // 2 :] else cut).rstrip() + "…"
    return line if any(char.isalnum() for char in line) else ""


def slug(text: str) -> str:
    """ASCII letters, digits and hyphens, 1 to 60 of them; "article" where nothing of ``text`` is left."""
    plain = unicodedata.normalize("NFKD", text[:500]).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_MAX_SLUG].rstrip("-") or "article"


def _derived_id(draft: Draft, origin: Origin, title: str) -> str:
    if origin.url:
        return f"{slug(origin.stem)}-{_ten(origin.url)}"
    if origin.path:
        return f"{slug(origin.stem)}-{_ten(draft.url or origin.path)}"
    if draft.url:
        return f"{slug(_url_stem(draft.url))}-{_ten(draft.url)}"
    return f"{slug(title)}-{_ten(title + chr(0) + draft.text)}"


def _ten(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:10]


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower().removeprefix("www.")


def _url_stem(url: str) -> str:
    parts = urlsplit(url)
    last = unquote(parts.path.rstrip("/").rsplit("/", 1)[-1]).rsplit(".", 1)[0]
    return last or parts.hostname or "article"
