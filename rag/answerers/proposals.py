"""Questions that a text answers, made of its sentences by their form: what can be asked where an answer is declined."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag.chunks import sentences
from rag.words import STOPWORDS

_NAME = r"[A-Z][\w'’.-]+(?:\s+(?:(?:of|the|and|de|van|von)\s+)*[A-Z][\w'’.-]+)*"
_THING = rf"The\s+(?:[\w'’-]+\s+){{0,3}}?[\w'’-]+|{_NAME}"
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_WHEN = rf"(?:in|on)\s+(?P<answer>(?:\d{{1,2}}\s+)?(?:(?:{_MONTH})\s+)?(?:\d{{1,2}},\s+)?(?:1\d{{3}}|20\d{{2}}))\b"
_OPENED = re.compile(
    rf"^(?P<thing>{_THING})\s+(?P<was>was|were)\s+(?P<done>[a-z]+(?:ed|ilt|ung|un|wn|ade|ught|old))\s+{_WHEN}"
)
_PERSON = re.compile(
    r"^(?P<answer>(?:[A-Z][\w'’-]+\s+){1,4})(?P<did>[a-z]+ed)\s+(?P<rest>[a-z][^,;:()“”\"]{8,70}?)(?:[,;.]|$)"
)
_WHAT = re.compile(
    rf"^(?P<thing>{_NAME})\s+(?P<is>is|was)\s+(?P<answer>(?:a|an|the)\s+[^,;:()“”\"]{{8,90}}?)(?:[,;.]|$)"
)
_VAGUE = re.compile(r"^(?:This|Its?|An?|He|She|They|There|That|These|Those)\b")


def proposals(text: str) -> Iterator[tuple[str, str]]:
    """Questions with the words that answer each; none that hangs on another sentence by a pronoun in front."""
    for span in sentences(text):
        sentence = " ".join(span.of(text).split())
        if _VAGUE.match(sentence):
            continue
        if found := _OPENED.match(sentence):
            yield f"When {found['was']} {_inside(found['thing'])} {found['done']}?", found["answer"]
        elif found := _WHAT.match(sentence):
            yield f"What {found['is']} {found['thing']}?", found["answer"]
        elif (found := _PERSON.match(sentence)) and not found["answer"].startswith("The "):
            rest = found["rest"].split()
            if rest[-1] not in STOPWORDS | {"because"}:
                yield f"Who {found['did']} {' '.join(rest)}?", found["answer"].strip()


def _inside(thing: str) -> str:
    """As it stands inside a sentence: "the bridge", but "Norham"."""
    return thing[0].lower() + thing[1:] if thing.startswith("The ") else thing
