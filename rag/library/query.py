"""Questions and filters as SQLite reads them. Values are always parameters, never text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import Stemmer

from rag.types import AsOf, Either, Every, Is, Not, Published, Where
from rag.words import STOPWORDS, content_words, stems

_NOT_FTS = re.compile(r"[^\w]")
_LISTED = "(SELECT value FROM json_each(?))"


def query_words(query: str) -> list[str]:
    """The query's content words as FTS5 knows words, each once."""
    words = dict.fromkeys(_NOT_FTS.sub("", word) for word in content_words(query))
    return [word for word in words if word]


def match_expression(words: Sequence[str]) -> str:
    """An FTS5 expression that any of ``words`` matches."""
    return " OR ".join(f'"{word}"' for word in words)


def starting(words: str) -> str:
    """An FTS5 expression for all words of what somebody is typing, of which the last may go on; "" for none."""
    found = re.findall(r"\w+", words)
    return " ".join(f'"{word}"' for word in found) + "*" if found else ""


def mistaken(words: str) -> list[str]:
    """Those of the words that FTS5 takes for a common one of which they are no form, in the singular: its stemmer makes
    "her" of "herring", as it makes "us" of "using"."""
    found = re.findall(r"\w+", words.casefold())
    short = Stemmer.Stemmer("porter").stemWords(found)  # FTS5's
    pairs = zip(found, short, stems(found), strict=True)
    return [word.removesuffix("s") for word, one, other in pairs if one in STOPWORDS and len(other) > len(one) + 1]


def condition(where: Where) -> tuple[str, list[str]]:
    """``where`` as a condition on ``articles a``, always true or false and never NULL, and its values."""
    match where:
        case Published(since, until):
            days = [("a.day >= ?", since), ("a.day <= ?", until)]
            given = [(text, day[:10]) for text, day in days if day]
            return " AND ".join(["a.day IS NOT NULL", *(text for text, _ in given)]), [limit for _, limit in given]
        case AsOf(day):
            return "a.day IS NULL OR a.day <= ?", [day[:10]]
        case Is("tag", values):
            return f"a.number IN (SELECT t.number FROM tags t WHERE t.tag IN {_LISTED})", [json.dumps(values)]
        case Is(field, values):
            column = {"id": "a.id", "publisher": "a.publisher", "language": "a.language"}[field]
            return f"{column} IS NOT NULL AND {column} IN {_LISTED}", [json.dumps(values)]
        case Every(parts):
            return _joined(" AND ", "1", parts)
        case Either(parts):
            return _joined(" OR ", "0", parts)
        case Not(part):
            text, bound = condition(part)
            return f"NOT ({text})", bound


def _joined(word: str, empty: str, parts: tuple[Where, ...]) -> tuple[str, list[str]]:
    compiled = [condition(part) for part in parts]
    values = [value for _, given in compiled for value in given]
    return word.join(f"({text})" for text, _ in compiled) or empty, values
