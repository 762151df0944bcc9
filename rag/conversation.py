"""A question in a conversation → the question that stands alone. Rules of form; no language model. Pure.

What was asked and answered before is worked through from the first turn on, so a subject lasts over several turns. A
question that names what it is about is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from typing import Literal

from rag.types import Turn
from rag.words import MONTHS, STOPWORDS, content_words, stems, words

_WH = r"(?:who|whom|whose|what|when|where|which|why|how(?:\s+(?:many|much|often|long|far|old|tall|big))?)"
_PERSON = re.compile(r"\b(he|she|him|his|her|hers)\b", re.I)
_THING = re.compile(r"\b(it|its)\b", re.I)
_DUMMY = re.compile(
    r"\bit\s+(?:costs?|takes?|took|needs?|be|is|was)\b.*\bto\s+[a-z]+\s+(?:an?|the|his|her|their|our|its|[A-Z]|\d)",
    re.I,
)
"""An "it" that stands for nothing, as in "How long will it take to mend the roof?"."""
_THINGS = re.compile(r"\b(they|them|their|theirs)\b", re.I)
_THERE = re.compile(r"\b(there)\b(?!\s+(?:is|are|was|were|any|been)\b)(?<!\bis there)(?<!\bare there)", re.I)
_POSSESSIVE = frozenset({"his", "her", "hers", "its", "their", "theirs"})
_NAME = re.compile(r"\b(?:the\s+)?[A-ZÀ-Þ][\w'’.-]*(?:\s+(?:(?:of|the|and|de|van|von)\s+)*[A-ZÀ-Þ0-9][\w'’.-]*)*")
_PLAIN = rf"(?!(?:{'|'.join(sorted(STOPWORDS))})\b)[a-z]+(?:-[a-z]+)*"  # a word in small letters that means something
_THE = re.compile(rf"\b(?:the|a|an)\s+((?:{_PLAIN}\s+){{0,3}}{_PLAIN})")
_TOPIC = re.compile(
    rf"(?:\babout|\bof|^what(?:['’]s|\s+(?:is|are|was|were)))\s+(?:(?:the|a|an)\s+)?((?:{_PLAIN}\s+){{0,3}}{_PLAIN})$",
    re.I,
)
_DEFINED = re.compile(rf"^what(?:['’]s|\s+(?:is|are))\s+((?:{_PLAIN}\s+){{0,3}}{_PLAIN})$", re.I)
_MONTHS = "|".join(MONTHS)
_TIME = re.compile(
    rf"\b(?:(?:in|on|since|by|before|after|during)\s+)?(?:\d{{1,2}}\s+)?(?:(?:{_MONTHS})\s+)?(?:1\d{{3}}|20\d{{2}})\b",
    re.I,
)
_DATED = re.compile(rf"(?:{_MONTHS})\b", re.I)
_LEAD = re.compile(r"^(?:and|but|so|ok(?:ay)?|well|also|then|now|oh|hm+|alright|right)\b[,\s]*", re.I)
_ABOUT = re.compile(r"^(?:and\s+)?(?:what|how)\s+about\s+(.+)$", re.I)
_MEANT = re.compile(r"^(?:(?:no|nope|sorry|actually|wait)\s*[,.!:]\s*)?(?:(?:i\s+meant?|rather)[,:\s]+)?(.+)$", re.I)
_KIND = r"(?:what|which)\s+(?:year|month|date|day|century|time|country|city|town|state|place)"
_AUXILIARY = r"(?:is|are|was|were|be|been|has|have|had|do|does|did|can|could|will|would|shall|should|may|might|must)"
_BEFORE = r"(?:(?:since|until|from|to|by|for|with|in|on|at)\s+)?"
_BARE = re.compile(rf"^{_BEFORE}(?:{_KIND}|{_WH})(?:\s+(?:exactly|not|else|so|then|there))?$", re.I)
_THAT = re.compile(
    rf"^({_BEFORE}(?:when|where|why|how))\s+(?:(?:is|was)\s+(?:that|this)"
    r"|(?:do|does|did)\s+(?:(?:all\s+)?that|this|it)\s+(?:happen|occur|take\s+place|come\s+about))$",
    re.I,
)
"""What is asked of all that was asked before, as in "And when was that?"."""
_WHY = re.compile(
    r"^why\s+(?:did|does|do|would|has|have)\s+(?:he|she|they|it)\s+(?:do|done)\s+(?:that|this|so|it)$", re.I
)
_DOER = re.compile(rf"^(?:by\s+)?who\s+(?!{_AUXILIARY}\b)(?P<did>[a-z]+\b.*)$", re.I)
_WHO_IS = re.compile(rf"^(?i:who\s+(?:is|was|are|were))\s+{_NAME.pattern}$")
_SAID = re.compile(r"^who\s+(?:said|says|told|claimed|reported|wrote)\s+(?:that|this|so|it)$", re.I)
_ASKS = re.compile(rf"^{_BEFORE}{_WH}\b", re.I)
_VERB = re.compile(rf"\b{_AUXILIARY}\b", re.I)
_ORDERS = frozenset("tell give list name describe explain compare show summarise summarize".split())
_FIRST_WORDS = _ORDERS | frozenset(
    "who whom whose what when where which why how is are was were do does did has have had can could will would should "
    "and but so in on at for from by to with after before between during until a an the "
    "he she they it his her their its this that these those there here nobody nothing everybody everyone someone none "
    "one two three four five six seven eight nine ten many most some several few all both each another others more "
    "less since under over against through about within".split()
)

_OF_ONESELF = re.compile(r"\b(?:I|me|my)\b")  # "How do I …" asks of no article's subject
_BESIDE = re.compile(r"\b(?:in|at|near|from|by)\s$", re.I)
_TOLD = re.compile(r"\babout\s$", re.I)  # "What did Norham say about it?": of something else
_NOUN = re.compile(rf"\bthe\s+(?:{_PLAIN}['’]?\s+){{1,3}}(of|to|for|in|at|on|near)\s$")
_STANDS_BY = re.compile(r"(the [a-z ’'-]+?) (?:of|to|for|in|at|on|near) (.+)")  # "the dredging at Lindmouth"
_NAMELESS = re.compile(r"the [a-z ’'-]+")
_SUBJECT = re.compile(rf"\b(?i:({_AUXILIARY}))\s+(the|there an?)\s+({_PLAIN}(?:\s+{_PLAIN}){{0,3}})(?=$|\s)")
_SEVERAL = re.compile(r"do|are|were|have", re.I)
_TIMES = (
    r"(?:time|moment|end|start|beginning|past|future|meantime|weekend|day|night|morning|afternoon|evening|week|month|year"
    r"|season|spring|summer|autumn|winter|place)s?$"
)
_OBJECT = re.compile(
    rf"\b(?:about|against|for|of|to|with|in|at|on|from|into)\s+(the\s+(?:{_PLAIN}\s+)?(?!{_TIMES}){_PLAIN})$"
)
_DONE_TO = re.compile(rf"^(?:and\s+)?who\s+(?!{_AUXILIARY}\b)[a-z]+\s+(the\s+{_PLAIN})$", re.I)
_IS = re.compile(r"(?:what|who|which)(?:\s+[a-z]+){0,2}\s+(?:is|are|was|were|be|been)\s", re.I)
_NO_PLACE = re.compile(
    r"\b(?:money|cost|price|letter|report|law|bill|vote|plan|decision|idea|work|project|story|news|question|answer|trust"
    r"|company|group|team|people)s?$"
)
_DONE = re.compile(r"(?:do|does|did|can|could|will|would|shall|should|may|might|must)\b|.*(?:ed|en|wn|nt|lt|ld)$", re.I)
_ADDED = re.compile(r"\s\(([^()]*)\)\??$")
_SAID_LENGTH = 500
_LASTS = 4  # a name is put in until so many later questions were about something else
_OF_A_PEOPLE = re.compile(
    r"African|American|Asian|Australian|Austrian|Belgian|Brazilian|British|Canadian|Chinese|Danish|Dutch|Egyptian|English"
    r"|European|Finnish|French|German|Greek|Hungarian|Indian|Irish|Israeli|Italian|Japanese|Korean|Mexican|Norwegian"
    r"|Polish|Portuguese|Roman|Russian|Scottish|Spanish|Swedish|Swiss|Turkish|Ukrainian|Welsh"
)
_BODY = re.compile(  # what may be "they": the councils, the crew
    r".*(?:s|army|band|bank|board|club|committee|company|council|court|couple|crew|family|firm|government|group|ministry"
    r"|parliament|party|people|police|school|team|trust|union)$"
)
_HEAD = re.compile(rf"\s{_PLAIN}")  # "the Norham bridge" in "does the Norham bridge open"
_INTERJECTIONS = frozenset("oh interesting wow great yes no ok okay sure right really".split())
_GREETING = re.compile(r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|greetings)(?: there)?", re.I)
_THANKS = re.compile(
    r"(?:ok(?:ay)?,? |great,? |perfect,? )?(?:many )?thank(?:s| you)(?: (?:a lot|so much|very much))?", re.I
)
_HELP = re.compile(
    r"help|who are you|what can (?:i|you) (?:ask|do)(?: you)?(?: about)?|what do you (?:know|do)(?: about)?"
    r"|what (?:is|are) (?:this|you) (?:about|for)",
    re.I,
)


_COUNTED = re.compile(rf"^(?:and )?how many ((?:[a-z-]+ )??[a-z]+) {_AUXILIARY}\b", re.I)
_COUNTED_DOERS = re.compile(
    r"^(?i:(?:and\s+)?how many) ((?:[a-z-]+ )??[a-z]+) "
    r"(?:(were|are|have|had)\s+(?!there\b)[a-z]+(?:ed|en|wn|nt|lt|ld)\b"
    rf"|(?!{_AUXILIARY}\b)(?:[a-z]+ed|lost|left|came|went|fell)\b)"
)
"""Of whom something was done or befell: they are "they", whatever it happened at."""
_DEGREE = re.compile(r"how (much|long|often|far) (?=(?:did|does|do|was|were|is|are|has|have|will)\b)", re.I)


def small_talk(text: str) -> Literal["greeting", "thanks", "help"] | None:
    """What is said rather than asked of the articles; None where it is a question."""
    plain = text.strip().rstrip("?.! ")
    if _GREETING.fullmatch(plain):
        return "greeting"
    if _THANKS.fullmatch(plain):
        return "thanks"
    return "help" if _HELP.fullmatch(plain) else None


def standalone(question: str, history: Sequence[Turn]) -> str:
    """``question`` with what it leaves to the turns before it put in."""
    asked = _standalone(question, history)
    return asked if asked == question else asked[0].upper() + asked[1:]


def _standalone(question: str, history: Sequence[Turn]) -> str:
    before, answered = "", ""
    told: list[str] = []
    met: list[str] = []  # whom only answers told of
    people: set[str] = set()  # whom "he" or "she" stood for
    said = " ".join(turn.text for turn in history if turn.role == "user")
    for turn in history:
        if turn.role == "assistant":
            answered = turn.text
        elif _LEAD.sub("", turn.text).strip("?.! ") and not small_talk(turn.text):
            before, answered = _resolved(turn.text, before, answered, told, met, people), ""
            if _PERSON.search(turn.text):
                people.update(name for name in names(before) if name not in turn.text)
            asked = _about(before, turn.text, told)
            (met if asked and names(f"so {asked[-1]}") and asked[-1] not in said else told).extend(asked)
    return _resolved(question, before, answered, told, met, people) if before else question


def without_subject(question: str) -> tuple[str, str]:
    """A question without the subject that ``standalone`` told it in brackets at its end, and that subject, or ""."""
    added = _ADDED.search(question)
    return (f"{question[: added.start()]}?", added[1]) if added else (question, "")


def last_said(history: Sequence[Turn]) -> str:
    """The last question and its answer in one text, "" where there was none: what is talked about stands in it."""
    asked = max((n for n, turn in enumerate(history) if turn.role == "user"), default=None)
    return "" if asked is None else " ".join(turn.text for turn in history[asked:])[:_SAID_LENGTH]


def elsewhere(asked: str, found: Sequence[str], plainly: Sequence[str]) -> bool:
    """Whether a question was told a subject that it is not about: ``found`` are the texts that it finds with that
    subject, ``plainly`` those of the best article that it finds without.

    It is where those that tell of the subject lack two of its words, and that article has all (of four or more, three
    in four) and does not tell of the subject.
    """
    question, subject = without_subject(asked)
    told, wanted = set(stems(content_words(subject))), set(stems(content_words(question)))
    known = [set(stems(words(text))) for text in found]
    lacking = wanted.difference(*(one for one in known if told <= one))
    best = set(stems(words(" ".join(plainly))))
    return bool(told) and len(lacking) > 1 and len(wanted - best) <= len(wanted) // 4 and not told <= best


def _resolved(
    question: str, before: str, answered: str, told: Sequence[str], met: Sequence[str], people: Set[str]
) -> str:
    asked = _LEAD.sub("", question.strip()).rstrip("?.! ")
    if not before or not asked:
        return question
    earlier = before.rstrip("?.! ")
    if _SAID.match(asked):
        return f"Who said that {_sentence(answered)}?" if answered else f"Who said {earlier}?"
    asked = _bare(asked)
    if _BARE.match(asked):
        if asked.casefold() == "why" and (doer := _DOER.match(earlier)):
            someone, did, _ = _sentence(answered).partition(f" {doer['did'].split()[0]} ")
            if who := names(_sentence(answered)) or ([someone[0].lower() + someone[1:]] if did else []):
                return f"{asked} {who[0]} {doer['did']}?"
        degree = _DEGREE.match(earlier) if asked.casefold().startswith("why") else None
        return f"{asked} {_without_asking(earlier)}{f' so {degree[1].lower()}' if degree else ''}?"
    correction = _MEANT.match(asked)
    if correction and (meant := correction[1]) != asked:
        if _ASKS.match(meant) or _VERB.search(meant):
            return _with_subject(f"{meant}?", *_subjects(before, answered, told, met, people))
        return _replaced(earlier, meant)
    about = _ABOUT.match(asked)
    if about or _fragment(asked):
        return _replaced(earlier, about[1] if about else asked)
    return _with_subject(question, *_subjects(before, answered, told, met, people))


def _bare(asked: str) -> str:
    """A question without what in it means all of the one before: "when was that" → "when"."""
    if _WHY.match(asked):
        return "why"
    that = _THAT.match(asked)
    return that[1] if that else asked


def _fragment(asked: str) -> bool:
    """Whether it is no sentence: "the Panama Canal", "in 2019"."""
    few = asked.split()
    return len(few) <= 6 and not _ASKS.match(asked) and not _VERB.search(asked) and few[0].casefold() not in _ORDERS


def _sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text.strip())[0].rstrip(".!? ")


def _without_asking(question: str) -> str:
    """What follows the question word: "When was the bridge closed" → "was the bridge closed"."""
    if (doers := _COUNTED_DOERS.match(question)) and doers[2]:  # "How many people were killed" → "were people killed"
        return f"{doers[2]} {doers[1]}{question[doers.end(2) :]}"
    rest = _ASKS.sub("", question).strip()
    verb = _VERB.search(rest)
    return rest[verb.start() :] if verb else rest


def _replaced(earlier: str, new: str) -> str:
    """The earlier question about something else: a time for a time, a name for a name, or else both in one."""
    new = new.strip().rstrip("?.! ")
    time = _TIME.search(earlier)
    if _TIME.fullmatch(new):
        return f"{earlier[: time.start()]}{new}{earlier[time.end() :]}?" if time else f"{earlier} {new}?"
    named = names(earlier)
    mentioned = names(f"so {new}")
    if named and named[-1] in mentioned and content_words(" ".join(re.split("|".join(map(re.escape, mentioned)), new))):
        return f"{new}?"  # something else of it, or the same in other words
    if named and not mentioned and not new.casefold().startswith(("its ", "their ", "his ", "her ")):
        return f"What about {new} of {named[-1]}?"
    if named:
        return f"{earlier.replace(named[-1], new)}?"
    things = [match.group() for match in _THE.finditer(earlier)]
    return f"{earlier.replace(things[-1], new)}?" if things else f"{earlier} {new}?"


def _with_subject(question: str, person: str, several: str, thing: str, topic: str) -> str:
    """Pronouns replaced by what they stand for; a question that names nothing is told its subject at the end."""
    there = _STANDS_BY.sub(r"\2", topic if _NAMELESS.fullmatch(thing) else thing)
    for pattern, subject in ((_PERSON, person), (_THINGS, several), (_THING, thing), (_THERE, there)):
        match = None if pattern is _THING and _DUMMY.search(question) else pattern.search(question)
        before, after = (question[: match.start()], question[match.end() :]) if match else ("", "")
        stands = _STANDS_BY.fullmatch(subject) if pattern is _THINGS else None
        if stands and not _BODY.fullmatch(
            stands[1]
        ):  # "Why did they shut it?" after "the library in Norham": whoever did
            continue
        if pattern is _THERE and _NAMELESS.fullmatch(subject) and _NO_PLACE.search(subject):
            continue
        if match and subject and (not names(before) or _TOLD.search(before)):
            put = f"{subject}'s" if match[1].casefold() in _POSSESSIVE and _owns(question, match) else subject
            if pattern is _THERE and not re.search(r"\b(?:in|at|from|to|near)\s*$", before):
                put = f"in {put}"
            question = before + put + after
            if not _NAMELESS.match(subject):
                return question
            break
    if names(question) or topic in question or _OF_ONESELF.search(question):
        return question
    short = len(question.split()) <= 3  # "Who objected?" has no noun of its own
    told = topic if short else _STANDS_BY.sub(r"\2", topic)
    return f"{question.rstrip('?.! ')} ({told})?" if short or told != told.lower() else question


def _owns(text: str, match: re.Match[str]) -> bool:
    """Whether a word of belonging stands before what belongs: "her book", and not "met her"."""
    after = re.match(r"\s+([a-z]+)", text[match.end() :])
    return after is not None and (match[1].casefold() != "her" or after[1] not in STOPWORDS)


def _subjects(
    before: str, answered: str, told: Sequence[str], met: Sequence[str], people: Set[str]
) -> tuple[str, str, str, str]:
    """What "he", "they" and "it" would stand for, and what a question that has none of them is about.

    A person is who answered "who", else the name that came up most; a thing is what was asked about last.
    """
    answer = _sentence(answered)
    asked = set(words(before))
    new = [name for name in names(answer) if name not in told and name.lower() not in before.lower()]
    new.sort(key=lambda name: name.startswith("the "))  # "the Greens" are nobody
    titled = [name for name in new if asked & set(words(answer.partition(name)[0])[-1:] + words(name))]
    who = re.match(r"(?:and\s+)?(?:by\s+)?who\b", before, re.I) and not _WHO_IS.match(before.rstrip("?.! "))
    thing = next((one for one in reversed(told) if one not in people), "")
    named = [name for one in (*told, *met) for name in names(f"so {one}") if not name.startswith("the ")]
    often = max(named, key=named.count, default="" if thing.startswith("the ") else thing)
    if who or re.match(r"which\b", before, re.I):
        often = (titled or (new if who else []) or [often])[0]
    elif told and _WHO_IS.match(before.rstrip("?.! ")):
        often = told[-1]
    topic = next((one for one in told[: -_LASTS - 1 : -1] if not _NAMELESS.fullmatch(one)), thing)
    counted = _COUNTED.match(before)
    several = (topic if _NAMELESS.fullmatch(thing) else thing) or (f"the {counted[1]}" if counted else "")
    if told and _WHO_IS.match(before.rstrip("?.! ")):  # nobody is "it"
        thing = next((one for one in told[-2::-1] if one not in people), "")
    if doers := _COUNTED_DOERS.match(before):
        several = f"the {doers[1]}"
    subject = _SUBJECT.search(before)
    if subject and subject[2] == "the" and _SEVERAL.fullmatch(subject[1]):
        noun, _, last = subject[3].rpartition(" ")
        several = f"the {noun or last}"
    return often, several, thing, topic


def _about(question: str, written: str, told: Sequence[str]) -> list[str]:
    """What a question is about: its names, with the noun that they stand by, the last rather than where; or a noun."""
    whole = question.rstrip("?.! ")
    added = _ADDED.search(whole)
    earlier = whole[: added.start()] if added and added[1] not in written else whole
    found: list[tuple[bool, str]] = []
    at = 0
    for name in names(earlier):
        at = earlier.find(name, at)
        end = at + len(name)
        if _OF_A_PEOPLE.fullmatch(name) and _HEAD.match(earlier, end):
            continue
        head = _HEAD.match(earlier, end) if re.fullmatch(r"the \w+(?: \w+)?", name) else None
        verb = _VERB.search(earlier, 0, at) and not re.search(r"\b(?:is|are) $", earlier[:at])
        if head and verb and not _HEAD.match(earlier, head.end()):
            head = None  # "did the Titanic sink"
        start = _start(earlier, at, end, told)
        what = start < at or _BESIDE.search(earlier, 0, at) is None
        found.append((what, earlier[start:end] + (head.group() if head else "")))
        at = end
    if found:
        return [name for _, name in sorted(found, key=lambda one: one[0])]
    if _THINGS.search(written):  # "it" is none of "they"
        told_of = _OBJECT.search(written.rstrip("?.! "))
        if told_of:
            return [told_of[1]]
    if again := [one for one in told if _STANDS_BY.sub(r"\1", one) in earlier]:
        return again[-1:]
    subject = _SUBJECT.search(earlier)
    if subject and not _IS.fullmatch(earlier, 0, subject.start(2)):
        if _SEVERAL.fullmatch(subject[1]):  # "it" is none of "the fishermen"
            told_of = _OBJECT.search(earlier)
            return [told_of[1]] if told_of else []
        noun, _, last = subject[3].rpartition(" ")
        done = subject[2] == "the" and (not subject.start() or _DONE.match(f"{subject[1]} {last}"))
        return [f"the {noun if noun and done else subject[3]}"]
    topic = _TOPIC.search(whole) or _DEFINED.search(earlier)
    object_ = _DONE_TO.search(earlier)
    return [topic[1]] if topic else [object_[1]] if object_ else []


def _start(question: str, at: int, end: int, told: Sequence[str]) -> int:
    """Where a name starts with the noun that it stands by: "the dredging at Lindmouth"."""
    noun = _NOUN.search(question, 0, at)
    if not noun or (end == len(question) and _IS.fullmatch(question, 0, noun.start())):
        return at  # "What is the capital of Peru?"
    asked = noun[1] in ("in", "at", "on", "near") or question[noun.start() : end] in told
    return noun.start() if asked or re.search(rf"\b{_AUXILIARY}\s$", question[: noun.start()], re.I) else at


def names(text: str) -> list[str]:
    """Names in a text, without a question's first word, whose capital says nothing."""
    found = []
    for match in _NAME.finditer(text):
        name = match.group().rstrip(".'’-")
        first, _, rest = re.sub(r"['’]s\b", "", name).partition(" ")
        if match.start() == 0 and first.casefold() in _FIRST_WORDS:
            name = f"the {rest}" if first.casefold() == "the" and rest else rest
        name = re.split(r"(?<=[a-z]{3})\.\s", name)[-1]
        if len(name) > 1 and name.casefold() not in STOPWORDS | _INTERJECTIONS and not _DATED.match(name):
            found.append(re.sub(r"['’]s$", "", name))
    return found
