"""Markdown, with or without YAML front matter → Article. The body stays Markdown: its characters are what is quoted."""

from __future__ import annotations

import re
from collections.abc import Mapping

import yaml

from rag.errors import ReadError
from rag.readers.clean import canonical, one_line
from rag.readers.facts import date_of, id_of, is_web_url, language_of, metadata_of, text_of
from rag.readers.records import Draft, Origin, finish
from rag.types import Article

_FRONT_MATTER = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_MAX_FRONT_MATTER = 65_536
_MAX_TITLE = 1_000
# Front matter has no one vocabulary. The first of each row that is there is the fact; the rest is metadata.
_NAMES = {
    "id": ("id",),
    "title": ("title",),
    "url": ("url", "canonical_url", "link", "source_url"),
    "published_at": ("published_at", "date", "published", "pubDate"),
    "publisher": ("publisher", "site", "site_name"),
    "language": ("language", "lang"),
}


def read_markdown(raw: str, origin: Origin, *, max_chars: int) -> Article:
    """The title is the front matter's, else the first ``# Heading``, which stays in the text.

    Raises ReadError for front matter that is not YAML, or whose date, id or language does not fit.
    """
    match = _FRONT_MATTER.match(raw)
    front = _front_matter(match[1]) if match else None
    text = canonical(raw[match.end() :] if match and front is not None else raw)
    facts = dict(front or {})
    found = {key: _first(facts, names) for key, names in _NAMES.items()}
    url = found["url"] if isinstance(found["url"], str) else ""
    if found["url"] is not None and not is_web_url(url):
        facts["url"] = found["url"]  # a path within a site, as Hugo has it
    draft = Draft(
        text=text,
        title=text_of(_plain(found["title"]), "title", _MAX_TITLE) or _heading(text),
        id=id_of(_plain(found["id"])),
        url=url if is_web_url(url) else None,
        published_at=date_of(found["published_at"]),
        publisher=text_of(_plain(found["publisher"]), "publisher"),
        language=language_of(found["language"]),
        metadata=metadata_of(facts),
    )
    return finish(draft, origin, max_chars=max_chars)


def _front_matter(block: str) -> Mapping[str, object] | None:
    """None where the block between two ``---`` is no mapping: then they are rules in the text."""
    if len(block) > _MAX_FRONT_MATTER:
        raise _not_yaml(f"{len(block):,} characters of it")
    try:
        found = yaml.safe_load(block)
    except yaml.MarkedYAMLError as err:
        line = err.problem_mark.line + 2 if err.problem_mark else 1
        raise _not_yaml(f"{err.problem or 'an error'} in line {line}") from err
    # What PyYAML lets through of its own conversions: a 31st of February, "!!int x", 10,000 open brackets.
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as err:
        raise _not_yaml(f"{type(err).__name__}: {str(err)[:100]}") from err
    if found is None and not block.strip():
        return {}
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else None


def _not_yaml(found: str) -> ReadError:
    return ReadError(
        expected=f"YAML front matter of at most {_MAX_FRONT_MATTER:,} characters between the two --- lines",
        found=found,
        remedy="mend it, or take it out",
    )


def _first(facts: dict[str, object], names: tuple[str, ...]) -> object:
    for name in names:
        if facts.get(name) is not None:
            return facts.pop(name)
    return None


def _plain(value: object) -> object:
    """A title or an id that YAML took for a number (``title: 1984``) is the text that was written."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _heading(text: str) -> str:
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence and line.startswith(("# ", "#\t")):
            words = line[2:].strip()
            bare = words.rstrip("#")  # "# Title #" closes its heading, "# About C#" does not
            return one_line(bare if bare.endswith((" ", "\t")) else words)
    return ""
