"""What cannot be the answer, by the form of the question and of what is found. Pure."""

from __future__ import annotations

import re

from rag.answerers.evidence import NUMBER
from rag.words import MONTHS, words

_COUNTS = re.compile(r"\bhow many\b", re.IGNORECASE)
_OTHER = re.compile(r"\bone$", re.IGNORECASE)  # "one another" counts nothing
_COMPARED = re.compile(r"(?:even |many |far |much )*(?:more|fewer|less)(?: (?!than\b)[a-z]+)?", re.IGNORECASE)
"""Than what is not told: "more batteries"."""
_PAID = re.compile(
    r"\bhow much (?:money )?(?:did|do(?:es)?|will|would|was|were|is|are|ha[sd]|have)\b"
    r".*\b(?:cost|charge[sd]?|pa(?:y|ys|id)|spen[dt]|earn(?:ed)?|worth)\b",
    re.IGNORECASE,
)
_OFTEN = re.compile(r"once|twice|thrice", re.IGNORECASE)
_OCCASIONS = re.compile(r"\b(?:times|occasions|terms)\b", re.IGNORECASE)
_SHARE = re.compile(r"(?:[a-z]+ )*[\d.,]+ ?(?:%|per ?cent)", re.IGNORECASE)
_RATE = re.compile(
    rf"\b(?:in (?!\d|(?:{'|'.join(MONTHS)})\b)|commission|tax(?:es)?|interest|fees?|rate|share)\b", re.IGNORECASE
)
_HOUR = re.compile(r"\b(?:what|which) time(?: of (?:the )?day\b|\b(?! of))", re.IGNORECASE)
_DAY = re.compile(r"(?:mon|tues|wednes|thurs|fri|satur|sun)day", re.IGNORECASE)
_FIGURE_ASKED = re.compile(r"\b(?:what|which) number\b", re.IGNORECASE)
_MONTH = re.compile(rf"\b(?:{'|'.join(MONTHS)})\b", re.IGNORECASE)
_WHO = re.compile(
    r"^(?:who|(?:what|which) (?:\w+ )?(?:person|man|woman|company|firm|agency|organi[sz]ation|group|team|senator"
    r"|president|minister|mayor|official|engineer|scientist|author))\b"
    r"(?!.*\b(?:in|at|for|of|to|with|by|from)[?. ]*$)",
    re.IGNORECASE,
)
_PLACED = re.compile(
    r"\b(?:what|which) (?:river|lake|bridge|canal|sea|ocean|mountain|street|road|dam|tunnel)s?\b"
    r"(?!.*\b(?:in|at|for|of|to|with|by|from|on)[?. ]*$)",
    re.IGNORECASE,
)
_NAME_OF = r"\bnames? of (?:the|an?|his|her|its|their) (?:[\w'’-]+ ){0,3}?"
_BELONGS = re.compile(r"(\w+) (?:at|for|from|with) (?:the )?$", re.IGNORECASE)
_CHANGED = re.compile(r" (?:off|more|less|shorter|taller|higher|lower|deeper|longer)\b", re.IGNORECASE)
"""What follows a measure that is the difference of two."""
_INSIDE = re.compile(r"\bin (?:the )?$", re.IGNORECASE)
_NAMES = re.compile(r"[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)?")
_WHO_IS = re.compile(r"^who (?:is|was|are|were)\b", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:the )?(?:dr|mrs?|ms|prof(?:essor)?|sir|dame|lord|lady)\.?", re.IGNORECASE)
_UNITS = {
    "time": r"(?:seconds?|minutes?|hours?|days?|nights?|weeks?|months?|years?|decades?|century|centuries)",
    "length": r"(?:(?:kilo|centi|milli)?met(?:re|er)s?|[kcm]m|miles?|feet|foot|inch(?:es)?|yards?)",
    "space": r"(?:(?:square|cubic|sq)\ \w+|lit(?:re|er)s?|gallons?|acres?|hectares?)",
    "weight": r"(?:(?:kilo)?gram(?:me)?s?|kg|tons?|tonnes?|ounces?|oz|pounds?)",
    "money": r"(?:dollars?|euros?|pounds?|crowns?|kronor|yen|yuan|rupees?|francs?|marks?|rou?bles?|cents?|pence)",
}
_WORTH = re.compile(
    rf"""{NUMBER}
    |\d|\b(?:cost|charged?|fees?|prices?|money|shipping|cheap\w*|free|nothing|lot|fortune|same|less|more|percent|dimes?
    |penny|bucks?|grand|{_UNITS["money"]}|shillings?)\b""",
    re.IGNORECASE,
)
_MEASURED = {
    kind: re.compile(rf"(?x)(?:{NUMBER.removeprefix('(?x)')})[\ -]{unit}\b", re.IGNORECASE)
    for kind, unit in _UNITS.items()
}
_NAMED_UNIT = {kind: re.compile(rf"(?x)\b{unit}\b", re.IGNORECASE) for kind, unit in _UNITS.items()}
_PRICE = re.compile(r"[$£€¥]\s?\d")
_EXTENT = (
    (re.compile(r"\bwhat\b.*\bcost\b(?! of)", re.IGNORECASE), frozenset({"money"})),
    (
        re.compile(r"\bhow long (?:did|do(?:es)?|will|would|ha[sd]|have|can|could)\b", re.IGNORECASE),
        frozenset({"time"}),
    ),
    (
        re.compile(
            r"\bhow long (?:is|was) (?:the )?(?:[\w'’-]+ ){0,3}(?:canal|river|bridge|road|tunnel|wall|street|railway"
            r"|route|coast|border|ship|boat|pier|dam|lake|beach|runway|island)[?. ]*$",
            re.IGNORECASE,
        ),
        frozenset({"length"}),
    ),
    (re.compile(r"\bhow long\b", re.IGNORECASE), frozenset({"time", "length"})),
    (re.compile(r"\bhow old\b", re.IGNORECASE), frozenset({"time"})),
    (re.compile(r"\bhow (?:big|large)\b.*\b(?:surface|area)\b", re.IGNORECASE), frozenset({"space"})),
    (re.compile(r"\bhow (?:big|large)\b", re.IGNORECASE), frozenset(_UNITS)),
    (re.compile(r"\bhow far\b", re.IGNORECASE), frozenset({"time", "length", "space"})),
    (re.compile(r"\bhow high\b", re.IGNORECASE), frozenset({"length", "space", "money"})),
    (re.compile(r"\bhow (?:tall|deep|wide)\b", re.IGNORECASE), frozenset({"length", "space"})),
)
"""What may be told where the question asks what something costs, or how far it reaches ("two hours away")."""
_QUANTITY = re.compile(
    rf"""{NUMBER}
    |\d|\b(?:a|an|no|single|both|all|every|zero|pair|couple|duo|trio|quartet|handful|number|lots?|plenty|numerous|multiple
    |various|diverse|some|any|most|more|fewer|less|enough|majority|minority|fraction|percent\w*|scores|tens|series|crowd
    |double|triple|each|sole|countless|first|second|entire|whole|only|repeatedly|often|always|never|nobody|nothing|unlimited|infinite\w*)\b""",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"\d{1,2}:\d\d(?: ?[ap]\.?m\.?)?", re.IGNORECASE)
_AGE_ASKED = re.compile(r"\b(?:how old|ages?|aged|young\w*|old\w*|born|when|year)\b", re.IGNORECASE)
_OLDEST = 130  # years that nobody gets to be
_HOW_OLD = re.compile(r"\bhow old\b", re.IGNORECASE)
_FOR = re.compile(
    r"\b(?:for|over|in|within|during|lasted)(?: (?:about|some|nearly|almost|more than|just|the (?:last|past)))? $",
    re.IGNORECASE,
)
_NAME_ENDS = re.compile(r"[A-ZÀ-Þ][\w'’-]+, $")
_NAME_ASKED = re.compile(
    r"^(?:and )?who(?:m|se)?\b|\bnames? of\b|^what (?:is|was|are|were) .*\b(?:called|named?)[? ]*$", re.IGNORECASE
)
_FIGURES = re.compile(
    rf"(?:(?:(?:about|some|nearly|almost|around|over|under|at least) )?(?:{NUMBER.removeprefix('(?x)')})[\s,.]*)+",
    re.IGNORECASE | re.VERBOSE,
)
_LASTING = re.compile(r"\bhow long (?!ago\b|ha(?:s|ve)\b)", re.IGNORECASE)
_DATE = re.compile(
    rf"(?:(?:the )?\d{{1,2}}(?:st|nd|rd|th)? )?(?:of )?(?:{'|'.join(MONTHS)})(?: \d{{1,2}}(?:st|nd|rd|th)?)?,?"
    rf"(?: \d{{4}})?|{_DAY.pattern}(?: \w+)?|(?:1\d|20)\d\d",
    re.IGNORECASE,
)
_ENDS = re.compile(r"\b(?:until|till|since|from|to|before|through|by|between|and) (?:\w+ )?$", re.IGNORECASE)
_SAID = re.compile(r"\b(?:said|says|told [\w ]{2,25}) (?:late |early )?on $")
_SAYING = re.compile(
    r"\b(?:sa(?:y|id)|t(?:ell|old)|announce|report|claim|explain|comment|statement|warn|confirm|sp(?:eak|oke)|admit)",
    re.IGNORECASE,
)
_DAY_ASKED = re.compile(r"^(?:and )?when\b|\b(?:what|which) (?:day|date)\b", re.IGNORECASE)
_WILL = re.compile(
    r"^(?:and )?(?:when|(?:on |in )?(?:what|which) (?:day|date|month|year)) (?:will|shall)\b"
    r"|\bwhen (?:is|are) .*\b(?:due|scheduled|expected|supposed|going) to\b",
    re.IGNORECASE,
)
_WAS = re.compile(r"\b(?:was|were|had) (?:[\w-]+ ){0,3}?(?:in|on|at|since|by|between) (?:the )?$", re.IGNORECASE)
_ASKS_WHEN = re.compile(r"^(?:and )?when\b", re.IGNORECASE)
_LAPSE = re.compile(r"(?:[\w-]+ ){0,3}(?:second|minute|hour|day|week|month|year|decade)s?", re.IGNORECASE)
_APART = re.compile(r" (?:before|after|ahead of)\b", re.IGNORECASE)
_TEAM = r"(?:the )?([a-z]\w+(?: [a-z]\w+)*)"
_OPPONENTS = re.compile(rf"^who (?:wins?|won|los[et]s?|lost)\b.*\bbetween {_TEAM} and {_TEAM}", re.IGNORECASE)


def unfit(question: str, text: str, before: str, after: str) -> bool:
    """Whether the words of ``text``, between ``before`` and ``after``, tell no quantity where one is asked for, or one
    of something else: crowns where people are counted, cubic metres where a time is asked; or where something is, and
    it is asked who did it or which river it is ("in Ostrand"). Where it is asked who somebody is, how he is addressed
    ("Dr"), or who belongs to him ("Pell's lawyer"); where it is asked what the clerk is called, whose he is ("a clerk
    at Nordmud"). A match between two is won by one of them. "Three weeks" before something is not when, and "40 metres
    off its height" not how high. "Twice" counts no things, a share is no price, a weekday no time of day. The age of
    "Ulf Reiser, 47," tells nothing else, and 37 years of teaching no age; a figure is nobody's name, a time no height,
    a date no length of time; 1974, when it was opened, is not when it will be, and Wednesday, on which somebody said
    so, not when it was.

    "How much" may be answered "considerably". Of 3,012 questions of the training sets that ask how many 1 % are
    answered without a quantity, 4 with a bare "more", one with "twice"; of 4,362 that ask how many, how long, how far,
    8 with a unit that does not fit, none with a difference; of 155 that ask how much is paid none without a word of
    figures or of paying; of 117 that ask for a cost none with another unit; of 48 that ask for a number none with a
    date; of 8,610 that ask who 20 with a name after "in", of 99 that ask which river or road one; of 676 that ask for
    a name none with whose; of 2,895 that ask who somebody is one with a form of address; of 9,791 that ask for
    a name 20 with a figure (half of them by mistake); of 148 that ask how old, 588 how long and 2,722 when or on which
    day, none with the rest.
    """
    inside = (_WHO.search(question) and _INSIDE.search(before)) or (_PLACED.search(question) and before.endswith("in "))
    if inside and _NAMES.fullmatch(text):
        return True
    of = _BELONGS.search(before) if text[0].isupper() else None
    if of and re.search(rf"{_NAME_OF}{of[1]}\b", question, re.IGNORECASE):
        return True
    if _FIGURE_ASKED.search(question) and _MONTH.search(text):
        return True
    if _ASKS_WHEN.search(question) and _LAPSE.fullmatch(text) and _APART.match(after):
        return True
    if (two := _OPPONENTS.search(question)) and not set(words(text)) & set(words(" ".join(two.groups()))):
        return True
    if (who := _WHO_IS.search(question)) and (_ADDRESS.fullmatch(text) or _is_owned(before, question[who.end() :])):
        return True
    return (
        _no_figure(question, text, after)
        or _other_extent(question, text, after)
        or _other_time(question, text, before)
        or _age(question, text, before, after)
        or bool(_NAME_ASKED.search(question) and _FIGURES.fullmatch(text))
    )


def _no_figure(question: str, text: str, after: str) -> bool:
    if _COUNTS.search(question):
        compared = _COMPARED.fullmatch(text) or (_OTHER.search(text) and after.startswith(" another"))
        often = _OFTEN.fullmatch(text) and not _OCCASIONS.search(question)
        return bool(compared or often or not _QUANTITY.search(text))
    if _PAID.search(question):
        share = _SHARE.fullmatch(text) and not _RATE.search(question)
        return bool(share or not _WORTH.search(text))
    return bool(_HOUR.search(question) and _DAY.fullmatch(text))


def _other_extent(question: str, text: str, after: str) -> bool:
    counted = _COUNTS.search(question) is not None
    wanted = frozenset[str]() if counted else next((kinds for asks, kinds in _EXTENT if asks.search(question)), None)
    if wanted is None:
        return False
    wanted |= {kind for kind, unit in _NAMED_UNIT.items() if unit.search(question)}
    whole = text + (re.match(r"(?:[ -]\w+){0,2}", after) or [""])[0] if text[-1:].isalnum() else text
    told = {kind for kind, measure in _MEASURED.items() if any(m.start() < len(text) for m in measure.finditer(whole))}
    told |= {"money"} if _PRICE.search(text) else set()
    told |= {"time"} if _CLOCK.fullmatch(text) else set()
    return bool(told) and (not told & wanted or _CHANGED.match(after) is not None)


def _other_time(question: str, text: str, before: str) -> bool:
    """Whether it is a date where it is asked how long something lasts, and is not one of its ends; when something
    was that it is asked when it will be; or the day on which somebody said what else happened."""
    if _LASTING.search(question) and _DATE.fullmatch(text):
        return _ENDS.search(before) is None
    if _WILL.search(question) and _WAS.search(before) and _DATE.fullmatch(text):
        return True
    reported = _DAY_ASKED.search(question) and _SAID.search(before) and not _SAYING.search(question)
    return bool(reported and _DAY.match(text))


def _age(question: str, text: str, before: str, after: str) -> bool:
    """Whether it is somebody's age where that is not asked ("Ulf Reiser, 47, the chief"), or no age where it is."""
    figure = int(text.replace(",", "")) if re.fullmatch(r"\d[\d,]{0,8}", text) else 0
    if _HOW_OLD.search(question):
        lasting = _FOR.search(before) and _NAMED_UNIT["time"].search(text) and not after.startswith(" old")
        return bool(lasting) or (figure > _OLDEST and not re.match(r"[ -]?(?:\w+[ -])?(?:years?|million)", after))
    beside = _NAME_ENDS.search(before) and after[:1] in (",", ";")
    return bool(9 < figure < 100 and beside and not _AGE_ASKED.search(question))


def _is_owned(before: str, asked: str) -> bool:
    """Whether ``before`` ends with the name that is ``asked`` about, as its owner."""
    owner = re.search(r"(\w+)['’]s? $", before)
    return owner is not None and words(owner[1]) == words(asked)[-1:]
