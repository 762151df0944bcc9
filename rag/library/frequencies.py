"""How many chunks hold a word, and which words of a question are worth looking for. Remembered between questions."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import apsw

_BUDGET = 8_000  # rows that the words of one question may match together; each costs about a microsecond
_LEAST = 2  # words that are looked for however common they are
_STALE = 1000  # changes after which a number is counted anew
_TOKENIZER = ("porter", ["unicode61", "remove_diacritics", "2"])


class Frequencies:
    """Counts of chunks by word, as of some state not long ago: they say what a search costs, not what it finds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._seq = 0

    def worthwhile(self, db: apsw.Connection, words: Sequence[str], seq: int) -> list[str]:
        """The rarest of ``words``, as many as the budget allows: all of them in a library of a thousand chunks.

        With squad2_dev_half among 123,163 other chunks, the right passage came first for 83.2 %, in four
        for 91.4 % of 500 questions, in a third of the time that all words took (82.8 and 91.6 %).
        """
        with self._lock:
            if not self._seq <= seq < self._seq + _STALE:
                self._counts, self._seq = {}, seq
            counts = self._counts
        found = {word: counts[word] if word in counts else _count(db, word) for word in words}
        counts.update(found)
        kept: list[str] = []
        total = 0
        for word in sorted(found, key=lambda word: found[word]):
            total += found[word]
            if len(kept) >= _LEAST and total > _BUDGET:
                break
            kept.append(word)
        return kept


def _count(db: apsw.Connection, word: str) -> int:
    """How many chunks hold ``word``; the most frequent of its parts where it is several to FTS5."""
    name, arguments = _TOKENIZER
    terms = db.fts5_tokenizer(name, arguments)(word.encode(), apsw.FTS5_TOKENIZE_QUERY, None, include_offsets=False)
    counts = [db.execute("SELECT doc FROM vocabulary WHERE term = ?", part[:1]).get or 0 for part in terms]
    return max(counts, default=0)
