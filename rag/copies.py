"""Near duplicates: which articles, and which passages, say the same in nearly the same words. Pure.

News is syndicated: cut, re-headed, lightly edited. Texts are compared by their runs of three words; a
MinHash signature of these (Broder, 1997) in bands finds the candidates, the runs themselves decide.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Set
from functools import lru_cache

import numpy as np
from rensa import RMinHash

_RUN = 3
_BAND_ROWS = 3
_BANDS = 42
_SEED = 1
_LEAST_RUNS = 20
_MOST = 100_000  # characters of a text that are looked at
_SHARED = 0.55
_SHARED_FIGURES = 0.6
_WORD = re.compile(r"\w+(?:[.,]\d+)*")


def runs(text: str) -> frozenset[str]:
    """All runs of three words in ``text``, case folded; the whole of a text that has fewer."""
    words = _WORD.findall(text[:_MOST].casefold())
    return frozenset(" ".join(words[n : n + _RUN]) for n in range(max(1, len(words) - _RUN + 1)))


def figures(text: str) -> frozenset[str]:
    """The words of ``text`` with a digit in them."""
    return frozenset(word for word in _WORD.findall(text[:_MOST].casefold()) if any(c.isdigit() for c in word))


def signature(found: Set[str]) -> bytes:
    """126 numbers of 32 bits, of which two texts share about as many as they share runs."""
    sketch = RMinHash(num_perm=_BANDS * _BAND_ROWS, seed=_SEED)
    sketch.update(sorted(found))
    return np.array(sketch.digest(), "<u4").tobytes()


def bands(signed: bytes) -> list[int]:
    """A hash of 63 bits for each band of a signature: texts that share one may be near duplicates."""
    width = 4 * _BAND_ROWS
    parts = (bytes([n]) + signed[n * width : (n + 1) * width] for n in range(_BANDS))
    return [int.from_bytes(hashlib.blake2b(part, digest_size=8).digest(), "big") >> 1 for part in parts]


def nearest(signed: bytes, others: Iterable[tuple[int, bytes]], most: int) -> list[int]:
    """The keys of the ``most`` signatures that agree best with ``signed``, best first."""
    own = np.frombuffer(signed, "<u4")
    scored = [(int((np.frombuffer(other, "<u4") == own).sum()), key) for key, other in others]
    return [key for _, key in sorted(scored, reverse=True)[:most]]


def alike(a: str, b: str) -> bool:
    """Whether the shorter of two texts is nearly all in the longer one, in words and in figures."""
    short, long = sorted((_read(a), _read(b)), key=lambda read: len(read[0]))
    if len(short[0]) < _LEAST_RUNS:
        return short[0] == long[0]
    if len(short[0] & long[0]) < _SHARED * len(short[0]):
        return False
    few = min(len(short[1]), len(long[1]))
    return len(short[1] & long[1]) >= _SHARED_FIGURES * few


def repeats(passage: str, other: str) -> bool:
    """Whether a reader of ``other`` learns nothing from ``passage``: its words are there, and every figure."""
    mine, theirs = _read(passage), _read(other)
    return mine[1] <= theirs[1] and len(mine[0] & theirs[0]) >= _SHARED * len(mine[0])


@lru_cache(maxsize=64)
def _read(text: str) -> tuple[frozenset[str], frozenset[str]]:
    return runs(text), figures(text)
