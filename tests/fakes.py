"""Stand-ins with the same promises as the real rooms: no model, no file, no socket."""

from __future__ import annotations

import copy
import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from Stemmer import Stemmer

from rag.errors import NotFound
from rag.types import (
    ARTICLE_BITS,
    Answer,
    Article,
    AsOf,
    Changes,
    Chunk,
    Delta,
    Either,
    Entry,
    Every,
    Is,
    Mark,
    Matrix,
    Not,
    Numbers,
    Passage,
    Published,
    Reading,
    Stats,
    Turn,
    Where,
    tags,
)
from rag.words import content_words


class HashEmbedder:
    """A bag of hashed words, unit length; a word is a word piece. Equal texts have equal vectors."""

    name = "hash"
    fingerprint = "hash/1"

    def __init__(self, dim: int = 64, window: int = 40) -> None:
        self.dim, self.window = dim, window
        self.embedded: list[str] = []

    def count_pieces(self, texts: Sequence[str]) -> list[int]:
        return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        self.embedded.extend(texts)
        return self.embed_queries(texts)

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                digest = hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()
                row[digest[0] % self.dim] += 1.0
            row[0] += 0.01
            row /= np.linalg.norm(row)
        return rows


class MemoryLibrary:
    """The oracle of a library: a whole copy of everything for each state, and brute force over it.

    It is one reading of itself, too: of the newest state. Scores of words are not BM25's, only who matches.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.states = [MemoryReading(dim, Mark(0, random.getrandbits(62)))]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.states[-1], name)

    @contextmanager
    def reading(self) -> Iterator[MemoryReading]:
        yield self.states[-1]

    def _change(self) -> MemoryReading:
        new = copy.deepcopy(self.states[-1])
        new.mark = Mark(new.mark.seq + 1, random.getrandbits(62))
        new.past = {state.mark: state for state in self.states}
        return new

    def put(self, batch: Sequence[Entry]) -> Mark:
        new = self._change()
        for entry in batch:
            assert len(entry.chunks) == len(entry.vectors)
            new.numbers[entry.article.id] = new.next_number = new.next_number + 1
            revisions = new.revisions.setdefault(entry.article.id, {})
            revisions.pop(entry.article.revision, None)
            revisions[entry.article.revision] = entry.article
            first = new.next_number << ARTICLE_BITS
            new.rows[entry.article.id] = {
                first + n: (replace(chunk, id=first + n), vector)
                for n, (chunk, vector) in enumerate(zip(entry.chunks, entry.vectors, strict=True))
            }
        self.states.append(new)
        return new.mark

    def delete(self, article_ids: Sequence[str]) -> Mark:
        new = self._change()
        for article_id in article_ids:
            new.article(article_id)
            del new.numbers[article_id], new.revisions[article_id], new.rows[article_id]
        self.states.append(new)
        return new.mark

    def prune(self, keep: int = 0) -> int:
        new = self._change()
        count = 0
        for revisions in new.revisions.values():
            for old in list(revisions)[: max(0, len(revisions) - 1 - keep)]:
                del revisions[old]
                count += 1
        self.states.append(new)
        return count

    def problems(self) -> list[str]:
        return []

    def close(self) -> None: ...


class MemoryReading:
    """One state. ``revisions`` are in the order in which they were put, the current one last."""

    def __init__(self, dim: int, mark: Mark) -> None:
        self.dim, self.mark = dim, mark
        self.next_number = 0
        self.numbers: dict[str, int] = {}
        self.revisions: dict[str, dict[str, Article]] = {}
        self.rows: dict[str, dict[int, tuple[Chunk, Matrix]]] = {}
        self.past: dict[Mark, MemoryReading] = {}

    def article(self, article_id: str, revision: str | None = None) -> Article:
        held = list(self.revisions.get(article_id, {}).values())
        named = [a for a in held if revision is None or (len(revision) >= 12 and a.revision.startswith(revision))]
        if not named:
            raise NotFound(expected="an article", found="none", remedy="list them")
        return named[-1]

    def articles(
        self,
        *,
        limit: int,
        after: str | None = None,
        where: Where | None = None,
        words: str = "",
        latest: bool = False,
    ) -> list[Article]:
        names = sorted(self.numbers)
        if latest:
            names = sorted(self.numbers, key=lambda name: -self.numbers[name])
            names = names[names.index(after) + 1 :] if after in self.numbers else names
        else:
            names = [name for name in names if name > (after or "")]
        found = [self.article(name) for name in names]
        return [one for one in found if lets_through(where or Every(), one) and self._holds(one.id, words)][:limit]

    def _holds(self, article_id: str, words: str) -> bool:
        """Whether one passage has all of the words, the last perhaps but begun."""
        stem = Stemmer("porter").stemWord
        *whole, last = re.findall(r"\w+", words.lower()) or [""]
        for chunk, _ in self.rows[article_id].values():
            own = [stem(word) for word in re.findall(r"\w+", f"{chunk.title} {chunk.text}".lower())]
            if {stem(word) for word in whole} <= set(own) and any(word.startswith(stem(last)) for word in own):
                return True
        return not words

    def publishers(self, limit: int) -> list[str]:
        counts = Counter(one for name in self.numbers if (one := self.article(name).publisher))
        return sorted(counts, key=lambda one: (-counts[one], one))[:limit]

    def revisions_of(self, article_id: str) -> list[Article]:
        self.article(article_id)
        return list(self.revisions[article_id].values())[::-1]

    def _all(self) -> dict[int, tuple[Chunk, Matrix]]:
        return {n: row for rows in self.rows.values() for n, row in rows.items()}

    def chunks(self, ids: Sequence[int]) -> list[Chunk]:
        rows = self._all()
        return [rows[n][0] for n in ids if n in rows]

    def stored(self, article_id: str) -> tuple[list[Chunk], Matrix]:
        rows = list(self.rows.get(article_id, {}).values())
        return [chunk for chunk, _ in rows], np.array([v for _, v in rows], np.float32).reshape(-1, self.dim)

    def copies(self, article_id: str) -> list[Article]:
        return []

    def search_text(self, query: str, k: int, allowed: Numbers | None = None) -> list[tuple[int, float]]:
        stem = Stemmer("porter").stemWord
        wanted = {stem(word) for word in content_words(query)}
        found = []
        for article_id, rows in self.rows.items():
            if allowed is None or self.numbers[article_id] in allowed:
                for n, (chunk, _) in rows.items():
                    words = {stem(word) for word in re.findall(r"\w+", f"{chunk.title} {chunk.text}".lower())}
                    if wanted & words:
                        found.append((n, float(len(wanted & words))))
        return sorted(found, key=lambda pair: -pair[1])[:k]

    def allowed(self, where: Where) -> Numbers:
        return np.array(sorted(n for a, n in self.numbers.items() if lets_through(where, self.article(a))), np.int64)

    def changes(self, after: Mark) -> Changes:
        then = self.past.get(after, self if after == self.mark else None)
        rows, old = self._all(), then._all() if then else {}
        ids = np.array(sorted(rows.keys() - old.keys()), np.int64)
        gone = then.numbers.items() - self.numbers.items() if then else ()
        vectors = np.array([rows[n][1] for n in ids], np.float32).reshape(-1, self.dim)
        return Changes(self.mark, then is None, np.array(sorted(n for _, n in gone), np.int64), ids, vectors)

    def stats(self) -> Stats:
        revisions = sum(len(held) for held in self.revisions.values())
        return Stats(len(self.numbers), revisions, len(self._all()), self.mark.seq, 0)


def lets_through(where: Where, article: Article) -> bool:
    """A filter as one would explain it to a person."""
    day = article.published_at and article.published_at[:10]
    match where:
        case Published(since, until):
            return bool(day) and (not since or day >= since[:10]) and (not until or day <= until[:10])
        case AsOf(limit):
            return not day or day <= limit[:10]
        case Is("tag", values):
            return bool(set(values) & set(tags(article)))
        case Is(field, values):
            return getattr(article, field) in values
        case Every(parts):
            return all(lets_through(part, article) for part in parts)
        case Either(parts):
            return any(lets_through(part, article) for part in parts)
        case Not(part):
            return not lets_through(part, article)


class ListIndex:
    """The oracle of an index: every vector of a state in a dictionary, every score computed."""

    def at(self, reading: Reading) -> ListView:
        changes = reading.changes(Mark(0, 0))
        return ListView(reading.mark, dict(zip((int(n) for n in changes.ids), changes.vectors, strict=True)))

    def save(self, reading: Reading) -> None: ...

    def close(self) -> None: ...


class ListView:
    def __init__(self, mark: Mark, rows: dict[int, Matrix]) -> None:
        self.mark, self.rows = mark, rows

    def __len__(self) -> int:
        return len(self.rows)

    def ids(self) -> Numbers:
        return np.array(sorted(self.rows), np.int64)

    def vectors(self, ids: Numbers) -> Matrix:
        return np.array([self.rows[int(n)] for n in ids], np.float32)

    def search(self, vector: Matrix, k: int, allowed: Numbers | None = None) -> list[tuple[int, float]]:
        ids = [n for n in self.rows if allowed is None or n >> ARTICLE_BITS in allowed]
        return sorted(((n, float(self.rows[n] @ vector)) for n in ids), key=lambda pair: (-pair[1], pair[0]))[:k]

    def similarities(self, vector: Matrix, ids: Sequence[int]) -> list[float]:
        return [float(self.rows[n] @ vector) if n in self.rows else -1.0 for n in ids]


class QueueAnswerer:
    """Yields what it was given, whatever is asked, and keeps the passages that it was shown."""

    def __init__(self, *pieces: Delta | Answer) -> None:
        self.pieces = pieces
        self.passages: Sequence[Passage] = ()

    def answer(
        self, question: str, passages: Sequence[Passage], history: Sequence[Turn] = ()
    ) -> Iterator[Delta | Answer]:
        self.passages = passages
        yield from self.pieces


def article(article_id: str, text: str, title: str = "", **more: str) -> Article:
    return Article(article_id, title, text, **more)  # type: ignore[arg-type]
