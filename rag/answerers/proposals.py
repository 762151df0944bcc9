"""Questions that a text answers, made of its sentences by their form: what one can ask to begin with, or instead."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag.chunks import sentences
from rag.words import STOPWORDS

_NAME = r"[A-Z][\w'’.-]+(?:\s+(?:(?:of|the|and|de|van|von)\s+)*[A-Z][\w'’.-]+)*"
_THING = rf"The\s+(?:[\w'’-]+\s+){{0,3}}?[\w'’-]+|{_NAME}"
_TRANSITIVE = "build|buy|close|cut|get|give|launch|lose|miss|offer|pay|receive|replace|sell|spend|wear"
_NO_NAME = r"(?:(?:In|On|At|By|From|For|But|And|If|When|Until|After|Before|Then|So|Yet)\b|[A-Z][a-z]+s\s+will\b)"
_OF_A_NAME = rf"(?!{_NO_NAME})(?:The\s+(?:[\w'’-]+\s+){{0,3}}?)?{_NAME}(?:\s+[a-z][\w-]*){{0,3}}?"
"""Such as "Norham's town council"."""
_PERSON = r"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.?\s+)?[A-Z][\w'’-]+(?:\s+(?:de|van|von|[A-Z]\.?))?\s+[A-Z][\w'’-]+"
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATE = rf"(?P<answer>(?:\d{{1,2}}\s+)?(?:(?:{_MONTH})\s+)?(?:\d{{1,2}},\s+)?(?:1\d{{3}}|20\d{{2}}))\b"
_WHEN = rf"(?:{_DATE}|(?P<month>{_MONTH})\b)"
_DAY = (
    rf"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|\d{{1,2}}\s+(?:{_MONTH})(?:\s+\d{{4}})?|(?:{_MONTH})\s+\d{{1,2}})"
)
_ABOUT = r"(?:(?:about|around|some|nearly|almost|over|more\s+than)\s+)?"
_SUM = rf"(?P<answer>{_ABOUT}[$€£]?\d[\d.,]*\s+(?:(?:hundred|thousand|million|billion)\s+)?[a-z]+)"
_DONE = r"[a-z]+(?:ed|ilt|ung|un|wn|ade|ught|old)"
_END = r"(?:[,;.]|$)"
_PLAIN = r"[^,;:()“”\"]"
_ASKED = dict(
    pair.split("/")
    for pair in "paid/pay spent/spend lost/lose earned/earn raised/raise plans/plan wants/want intends/intend "
    "hopes/hope expects/expect run/runs led/leads owned/owns made/makes "
    "voted/vote decided/decide agreed/agree refused/refuse".split()
)
"""The forms that a question needs of verbs."""
_FORMS = tuple(
    (re.compile(sentence), question)
    for sentence, question in (
        (
            rf"^(?P<thing>{_THING})\s+(?P<was>was|were)\s+(?P<done>{_DONE}(?:\s+[\w'’-]+){{0,6}}?)\s+(?:in|on)\s+{_DATE}",
            "When {was} {thing} {done}?",
        ),
        (
            rf"^(?P<thing>{_NAME})\s+(?P<did>paid|spent|lost|earned|raised)\s+{_SUM}"
            rf"\s+(?P<rest>(?:for|on|to|in)\s+[^.;,:()“”\"]{{4,80}}?){_END}",
            "How much did {thing} {did} {rest}?",
        ),
        (rf"^(?P<thing>{_NAME})\s+(?P<was>is|was)\s+worth\s+{_SUM}", "How much {was} {thing} worth?"),
        (
            rf"^(?P<thing>{_NAME})\s+(?:now\s+)?(?P<does>plans|wants|intends|hopes|expects)\s+to"
            rf"\s+(?P<answer>{_PLAIN}{{8,90}}?){_END}",
            "What does {thing} {does} to do?",
        ),
        (
            rf"^(?P<thing>{_NAME})\s+is\s+(?P<does>run|led|owned|made)\s+by\s+(?P<answer>(?:the\s+)?{_NAME})",
            "Who {does} {thing}?",
        ),
        (
            rf"^(?P<thing>{_NAME})\s+was\s+(?P<done>[a-z]+ed|built|made|led)\s+by\s+(?P<answer>(?:the\s+)?{_NAME})",
            "Who {done} {thing}?",
        ),
        (
            rf"^(?P<thing>{_OF_A_NAME})\s+will\s+be\s+(?P<done>{_DONE}(?:\s+[\w'’-]+){{0,6}}?)\s+(?:in|on)\s+{_WHEN}",
            "When will {thing} be {done}?",
        ),
        (
            rf"^(?P<thing>{_OF_A_NAME})\s+will\s+(?P<do>{_TRANSITIVE})\s+(?P<answer>{_PLAIN}{{4,90}}?){_END}",
            "What will {thing} {do}?",
        ),
        (
            rf"^(?P<thing>{_OF_A_NAME})\s+(?:has\s+)?(?P<did>voted|decided|agreed|refused)\s+(?:on\s+{_DAY}\s+)?to"
            rf"\s+(?P<answer>{_PLAIN}{{8,90}}?){_END}",
            "What did {thing} {did} to do?",
        ),
        (
            rf"^.*\b(?:said|says)\s+(?P<thing>{_PERSON}),\s+(?P<answer>(?:who\s|its\s|the\s|an?\s|head\s|chair)"
            rf"{_PLAIN}{{8,60}}?){_END}",
            "Who is {thing}?",
        ),
        (rf"^(?P<thing>{_NAME})\s+(?P<was>is|was)\s+(?P<answer>an?\s+{_PLAIN}{{8,90}}?){_END}", "What {was} {thing}?"),
        (
            rf"^(?P<answer>(?!The\s)(?:[A-Z][\w'’-]+\s+){{1,4}})(?P<verb>[a-z]+ed)\s+(?P<rest>[a-z]{_PLAIN}{{8,50}}?){_END}",
            "Who {verb} {rest}?",
        ),
    )
)
_VAGUE = re.compile(r"^(?:This|Its?|An?|He|She|They|There|That|These|Those)\b")


def proposals(text: str) -> Iterator[tuple[str, str]]:
    """Questions with the words that answer each; none that hangs on another sentence by a pronoun in front."""
    for span in sentences(text):
        sentence = " ".join(span.of(text).split())
        if _VAGUE.match(sentence):
            continue
        for form, question in _FORMS:
            if found := form.match(sentence):
                parts = {name: told for name, told in found.groupdict().items() if told}
                answer = parts.get("answer") or parts["month"]
                if not parts.get("rest") or parts["rest"].split()[-1] not in STOPWORDS | {"because"}:
                    yield question.format_map(_inside(parts)), answer.strip(" .")
                break


def _inside(parts: dict[str, str]) -> dict[str, str]:
    """Parts of a sentence as they stand inside a question: "the bridge", but "Norham"; "pay" for "paid"."""
    made = {name: told[0].lower() + told[1:] if told.startswith("The ") else told for name, told in parts.items()}
    return made | {name: _ASKED.get(parts[name], parts[name]) for name in parts.keys() & {"did", "does"}}
