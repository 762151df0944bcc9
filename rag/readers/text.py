"""Plain text → Article."""

from __future__ import annotations

import re
from datetime import datetime

from rag.readers.clean import canonical
from rag.readers.records import Draft, Origin, finish
from rag.types import Article

_MAX_TITLE = 200
_MAX_LINE = 100  # of a line with a date
_DAY = re.compile(r"\b(?:\d{4}-\d\d-\d\d|\d{1,2} [A-Z][a-z]+ \d{4}|[A-Z][a-z]+ \d{1,2}, \d{4})\b")
_FORMS = ("%Y-%m-%d", "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y")
_BETWEEN = " ,|·•–—-()\t"  # what stands between a date and a name
_BESIDE_A_DATE = re.compile(
    r"^(?:(?:first )?(?:published|posted|printed)\b(?: on\b)?:?)?\s*(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day\b)?",
    re.I,
)
_PRESS = re.compile(
    r"""^The\s|\b(?:Chronicle|Courier|Echo|Gazette|Guardian|Herald|Journal|Mail|Messenger|Mirror|News|Observer|Post|Press
    |Record|Register|Reuters|Standard|Star|Sun|Telegraph|Times|Tribune|AFP|AP|BBC)\b""",
    re.VERBOSE,
)


def read_text(raw: str, origin: Origin, *, max_chars: int) -> Article:
    """A first line of at most 200 characters that does not end as a sentence does is the title where a blank line
    stands under it, or a line with the date and, if any, the publisher: "3 October 2024, The Ashby Gazette". That line
    may have a blank line above it too. What is a fact of the article is no part of its text, all else is."""
    text = canonical(raw)
    title, gap, rest = text.partition("\n")
    a_sentence = title.rstrip("\"'”’»)]").endswith((".", ",", ";", ":", "…"))
    under, blank, after = rest.lstrip("\n").partition("\n\n")
    day, publisher, left = _dateline(under) if blank else (None, None, under)
    body = f"{left}\n\n{after}" if day else rest
    if not gap or len(title) > _MAX_TITLE or a_sentence or not (day or rest.startswith("\n")):
        return finish(Draft(text), origin, max_chars=max_chars)
    draft = Draft(canonical(body), title=title, published_at=day, publisher=publisher)
    return finish(draft, origin, max_chars=max_chars)


def _dateline(line: str) -> tuple[str | None, str | None, str]:
    """The ISO date and the publisher of a line that says little else, and what is neither; all of it for any other."""
    found = _DAY.findall(line)
    if "\n" in line or len(found) != 1 or len(line) > _MAX_LINE or (day := _iso(found[0])) is None:
        return None, None, line
    name = _BESIDE_A_DATE.sub("", _DAY.sub("", line).strip(_BETWEEN)).strip(_BETWEEN)
    if any(word[0].islower() and word not in ("of", "and", "the", "for") for word in name.split()):
        return None, None, line
    if name and not _PRESS.search(name):
        return day, None, line
    return day, name or None, ""


def _iso(day: str) -> str | None:
    for form in _FORMS:
        try:
            return datetime.strptime(day, form).date().isoformat()
        except ValueError:
            continue
    return None
