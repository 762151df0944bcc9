"""Plain text → Article."""

from __future__ import annotations

from rag.readers.clean import canonical
from rag.readers.records import Draft, Origin, finish
from rag.types import Article

_MAX_TITLE = 200


def read_text(raw: str, origin: Origin, *, max_chars: int) -> Article:
    """A first line of at most 200 characters that does not end as a sentence does, with a blank line under it, is
    the title, and then no part of the text."""
    text = canonical(raw)
    first, _, rest = text.partition("\n\n")
    a_sentence = first.rstrip("\"'”’»)]").endswith((".", ",", ";", ":", "…"))
    if rest and "\n" not in first and len(first) <= _MAX_TITLE and not a_sentence:
        return finish(Draft(canonical(rest), title=first), origin, max_chars=max_chars)
    return finish(Draft(text), origin, max_chars=max_chars)
