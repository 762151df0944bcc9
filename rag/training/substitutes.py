"""Words that say otherwise in a word's place, in its own form: opposites, other kinds, what stands there elsewhere."""

from __future__ import annotations

import re
from collections.abc import Set

from rag.training.neighbours import neighbours
from rag.training.wordnet import contrasts, forms
from rag.words import STOPWORDS

_OPPOSITES = """
accept reject|accepted rejected|active inactive|add remove|added removed|advantage disadvantage
advantages disadvantages|after before|agree disagree|agreed disagreed|all none|allow forbid|allowed forbidden
allows forbids|always never|ancient modern|appeared disappeared|arrive leave|arrived left|attack defend
attacked defended|begin end|began ended|begins ends|beginning end|below above|benefit harm|benefits harms|best worst
better worse|big small|bigger smaller|biggest smallest|birth death|born died|build destroy|built destroyed|buy sell
bought sold|cause prevent|caused prevented|causes prevents|cheap expensive|cheapest dearest|close open|closed opened
coldest hottest|common rare|connect separate|connected separated|create destroy|created destroyed|decrease increase
decreased increased|decreases increases|defeat victory|deny admit|denied admitted|die live|died lived|different same
difficult easy|discourage encourage|discouraged encouraged|early late|earlier later|earliest latest|east west
eastern western|easiest hardest|enemy ally|enter leave|entered left|exclude include|excludes includes
excluded included|exclude contain|export import|exports imports|exported imported|external internal|fail succeed
failed succeeded|fall rise|fell rose|falling rising|false true|far near|farthest nearest|fast slow|faster slower
fastest slowest|father mother|female male|few many|fewer more|fewest most|finish start|finished started|first last
found lost|found abolished|friend enemy|gain lose|gained lost|good bad|hate like|hated liked|heavy light
heavier lighter|help hinder|helped hindered|hide show|high low|higher lower|highest lowest|hire fire|hired fired
hot cold|husband wife|ignore notice|ignored noticed|illegal legal|improve worsen|improved worsened|inside outside
join leave|junior senior|king queen|known unknown|large small|larger smaller|largest smallest|leave return|least most
left right|less more|likely unlikely|long short|longer shorter|longest shortest|lose win|lost won|loses wins|love hate
loved hated|lowered raised|major minor|majority minority|married divorced|maximum minimum|men women|man woman
move stay|necessary unnecessary|negative positive|new old|newer older|newest oldest|night day|north south
northern southern|official unofficial|often rarely|old young|older younger|oldest youngest|only hardly
opposed supported|oppose support|permanent temporary|poor rich|poorest richest|possible impossible|praise criticise
praised criticised|present absent|private public|pros cons|protect endanger|protected endangered|public secret
quickly slowly|raise lower|reduce increase|reduced increased|reduces increases|refuse accept|refused accepted
regular irregular|released withheld|remember forget|rural urban|safe dangerous|save spend|saved spent
similar different|simple complex|singular plural|smart stupid|son daughter|brother sister|stable unstable
started stopped|start stop|starts stops|strengthen weaken|strengthened weakened|strong weak|stronger weaker
strongest weakest|success failure|successful unsuccessful|summer winter|survive perish|survived perished|tall short
taller shorter|tallest shortest|teacher student|thick thin|top bottom|under over|usual unusual|usually seldom
valid invalid|visible invisible|war peace|warm cool|wet dry|wide narrow|widest narrowest|with without|world universe
wrong right|all most|most some|all some|both neither|every no|must may|can cannot|first second|second third|last next
only also|always sometimes|usually rarely|before during|many some|none some
"""
OPPOSITES: dict[str, list[str]] = {}
for _pair in re.split(r"[|\n]", _OPPOSITES.strip()):
    for _word, _other in (_pair.split(), _pair.split()[::-1]):
        OPPOSITES.setdefault(_word, []).append(_other)


def opposites(word: str, common: Set[str]) -> list[str]:
    """Its opposites; of an adjective that has none, what is not so."""
    known = OPPOSITES.get(word, [])
    if known or word in STOPWORDS:
        return known
    found = [new for new in contrasts(word, opposite=True) if new in common]
    adjective = plain_word(word) and (formed(word) or ("", ""))[0] == "ADJ"
    return found or ([f"non-{word}", f"non {word}"] if adjective else [])


def sisters(word: str, common: Set[str]) -> list[str]:
    """Other kinds of the same, and words that stand in its place elsewhere: as many of each where there are."""
    near = [new for new in neighbours(word) if new in common]
    return near + [new for new in contrasts(word, opposite=False) if new in common][: max(6, len(near))]


def plain_word(word: str) -> bool:
    return len(word) > 3 and word.islower() and word not in STOPWORDS


def formed(word: str) -> tuple[str, str] | None:
    """Part of speech and tag of a word's first reading."""
    return next(((part, tag) for part, _, tag in forms(word)), None)
