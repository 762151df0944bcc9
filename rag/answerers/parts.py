"""A question that asks for two things, taken apart by its form. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.conversation import names, standalone
from rag.types import Turn

_WH = r"(?:what|when|where|which|who|whom|whose|why|how)"
_SECOND = re.compile(rf"^(?P<first>.+?),?\s+and\s+(?P<second>(?:(?:in|on|at|by|for|from|to|with)\s+)?{_WH}\b.+)$", re.I)
_ASKS = re.compile(rf"(?:\w+\s+)?{_WH}\b.*\s(?!{_WH}$)\S+$", re.I)
_NAME = r"(?:the\s+)?[A-Z][\w'’.-]*(?:\s+(?:of\s+(?:the\s+)?)?[A-Z0-9][\w'’.-]*)*"
_BOTH = re.compile(rf"(?P<one>{_NAME})\s+and\s+(?:of\s+)?(?P<other>{_NAME})")
_COMPARE = re.compile(r"^compare\s+(?=the\b)", re.I)
_TOGETHER = re.compile(r"\b(?:between|both|together|relation\w*|differ\w*|agree\w*)\b", re.I)


def parts(question: str, texts: Sequence[str]) -> list[str]:
    """The questions in ``question``: itself alone, or two where it joins them with "and".

    It does so before a second question word, or between two names that ``texts`` do not join themselves. Where the
    first names something, the second's "it" is that. What is to be compared is asked of each.
    """
    whole = question.strip().rstrip("?.! ")
    joined = _SECOND.match(whole)
    if joined and _ASKS.match(joined["first"]):
        first, second = f"{joined['first']}?", f"{joined['second'][0].upper()}{joined['second'][1:]}?"
        return [first, standalone(second, [Turn("user", first)]) if names(first) else second]
    both = _BOTH.search(whole)
    if both and not _TOGETHER.search(whole) and not any(both.group() in text for text in texts):
        before, after = _COMPARE.sub("What are ", whole[: both.start()]), whole[both.end() :]
        return [f"{before}{name}{after}?" for name in (both["one"], both["other"])]
    return [question]
