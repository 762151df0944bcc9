"""What somebody said: questions that ask for it, and the sentences that tell it. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from rag.chunks import sentences
from rag.types import Span
from rag.words import STOPWORDS, content_words, stems, words

_SAY = (
    r"(?:sa(?:y|id)|tell|told|think|claim|argue|warn|promise|call|describe|believe|complain|suggest|insist|admit|explain"
    r"|announce|answer|reply|react|respond|make\ of|feel|demand|predict|deny|propose|recommend|criticise|praise|blame)"
)
_ASKED = re.compile(
    rf"""(?x)^(?:and\ |but\ )?(?:
      (?:what|how|why)\ (?:else\ )?(?:did|does|do|has|had|have)\ (?P<who>(?:(?!\b(?:not|it)\b).)+?)
        \ (?:(?:have|got|had)\ to\ )?(?:{_SAY})\b(?P<about>.*)
      |what\ (?:reasons?|explanation|cause|advice|answer|estimate)\ (?:did|does|do|has|had)\ (?P<giver>.+?)
        \ given?\b(?P<given>.*)
      |what\ (?:was|is|were|are)\ (?P<owner>.+?)['’]s?\ (?:reaction|response|view|opinion|comment|advice|answer)s?
        \b(?P<of>.*)
    )$""",
    re.IGNORECASE,
)
_TOLD = re.compile(
    r"""(?x)\b(?:said|says|saying|tells?|told|adds?|added|argue[sd]?|warn(?:s|ed)|promise[sd]?|claim(?:s|ed)|call(?:s|ed)
    |describe[sd]?|insist(?:s|ed)|admit(?:s|ted)|explain(?:s|ed)|according\ to|announce[sd]?|complain(?:s|ed)
    |suggest(?:s|ed)|believe[sd]?|thinks|thought|wrote|writes|repl(?:ies|ied)|denie[sd]|accused|blame[sd]|praise[sd]
    |urge[sd]|predict(?:s|ed)|asked|joked|conceded|responded|put\ it|estimate[sd]?|criticised|demand(?:s|ed)|thanked
    |hopes?d?|fear(?:s|ed))\b""",
    re.IGNORECASE,
)
_QUOTE = re.compile(r"^[\"“„«]|[\"”]\s*$")
_HE = re.compile(r"\b(?:he|she|they)\b", re.IGNORECASE)
_OF = re.compile(r" (?:of|at|in|for|from) ")
_NAME = re.compile(r"[A-ZÀ-Þ][\w’'-]+")


class Saying(NamedTuple):
    """Who is asked about, by the stems of his name or of what he is, and the stems of what it is about."""

    who: frozenset[str]
    about: frozenset[str]


def asked_saying(question: str) -> Saying | None:
    """What is asked where a question asks what somebody said, None where it does not."""
    found = _ASKED.search(question.strip().rstrip("?.! "))
    if not found:
        return None
    who = found["who"] or found["giver"] or found["owner"]
    about = found["about"] or found["given"] or found["of"] or ""
    if _HE.fullmatch(who):
        return None
    role = _OF.split(who)[0] if who.lower().startswith("the ") else who
    named = [name for name in _NAME.findall(role) if name.lower() not in STOPWORDS]
    own = stems(words(named[-1])[:1] if named else content_words(role)[-1:])
    return Saying(frozenset(own), frozenset(stems(content_words(about))) if words(about) else frozenset())


def said(saying: Saying, text: str) -> list[tuple[Span, float]]:
    """The sentences of a text that tell what he said, each with the share of what it is about that stands in it; what
    stands in the sentence before, and not in it, counts half."""
    spans = sentences(text)
    own = [frozenset(stems(words(span.of(text)))) for span in spans]
    found: list[tuple[Span, float]] = []
    speaks = False
    for n, span in enumerate(spans):
        sentence = span.of(text)
        told = _TOLD.search(sentence) is not None
        if saying.who <= own[n]:
            speaks = told or _QUOTE.search(sentence) is not None
        elif speaks:
            speaks = bool(_QUOTE.search(sentence) or (told and _HE.search(sentence)))
        if speaks:
            here = len(saying.about & own[n])
            before = len(saying.about & own[n - 1] - own[n]) if n else 0
            found.append((span, (here + before / 2) / len(saying.about) if saying.about else 1.0))
    return found
