"""Questions and filters as SQLite reads them. Values are always parameters, never text."""

from __future__ import annotations

import re

from rag.types import Where
from rag.words import content_words

_NOT_FTS = re.compile(r"[^\w]")


def match_expression(query: str) -> str:
    """An FTS5 expression: the query's content words, any of which may match; "" if there are none."""
    words = dict.fromkeys(_NOT_FTS.sub("", word) for word in content_words(query))
    return " OR ".join(f'"{word}"' for word in words if word)


def where_clause(where: Where | None) -> tuple[str, list[str]]:
    """A SELECT of the chunk ids that ``where`` lets through, and its values; "" for all of them."""
    if where is None or where == Where():
        return "", []
    conditions: list[str] = []
    values: list[str] = []

    def add(condition: str, *given: str) -> None:
        conditions.append(condition)
        values.extend(given)

    if where.published_from:
        add("substr(r.published_at, 1, 10) >= ?", where.published_from[:10])
    if where.published_to:
        add("substr(r.published_at, 1, 10) <= ?", where.published_to[:10])
    if where.as_of:
        add("(r.published_at IS NULL OR substr(r.published_at, 1, 10) <= ?)", where.as_of[:10])
    if where.publisher:
        add("r.publisher = ?", where.publisher)
    if where.language:
        add("r.language = ?", where.language)
    if where.article_ids:
        add(f"a.id IN ({','.join('?' * len(where.article_ids))})", *where.article_ids)
    return (
        "SELECT c.id FROM chunks c JOIN articles a ON a.id = c.article_id "
        "JOIN revisions r ON r.article_id = a.id AND r.revision = a.revision "
        "WHERE " + " AND ".join(conditions),  # the conditions above, nothing from outside
        values,
    )
