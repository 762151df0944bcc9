"""Words as retrieval counts them: lower case, stemmed, without those that say nothing. Pure."""

from __future__ import annotations

import re
import threading
from functools import lru_cache

import Stemmer

_WORD = re.compile(r"\w+")
_local = threading.local()

STOPWORDS = frozenset(
    "a an the of in on at to for from by with and or but is are was were be been being am do does did has "
    "have had having what which who whom whose when where why how many much it its this that these those as "
    "than then there their they them he she his her him i you we us our your my me not no can could would "
    "should will shall may might must about into so if s t d ll re ve m".split()
)


MONTHS = tuple("january february march april may june july august september october november december".split())


def words(text: str) -> list[str]:
    """The words of ``text`` in lower case, in order."""
    return _WORD.findall(text.lower())


def content_words(text: str) -> list[str]:
    """Words without stopwords; all of them where only stopwords are left ("Who was he?")."""
    found = words(text)
    return [word for word in found if word not in STOPWORDS] or found


def stems(found: list[str]) -> list[str]:
    """Their English stems (Porter2); words of other languages mostly stay as they are."""
    stemmer = getattr(_local, "stemmer", None)
    if stemmer is None:  # a Stemmer has state: one for each thread
        stemmer = _local.stemmer = Stemmer.Stemmer("english")
    return list(stemmer.stemWords(found))


@lru_cache(maxsize=20_000)
def sentence_stems(text: str) -> tuple[str, ...]:
    """The stems of a sentence in order, remembered: the same sentences are read again and again."""
    return tuple(stems(words(text)))
