"""The reader's examples: questions over passages, from public sets that allow a model to be shipped.

Each set keeps its passages in groups (an article's paragraphs, or the whole set where paragraphs stand alone): what
negatives are drawn from. Sets for development (squad2_dev_half, lost_in_middle_nq, newsqa_sample50,
time_collection) are not here, and QNLI is not, for its questions are those of SQuAD's development set.
Statements with the texts that bear them out, or do not, teach to tell one name, number or opposite from another.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import random
import re
import tarfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rag.types import Span


@dataclass(frozen=True, slots=True)
class Example:
    """A question over one passage: ``answers`` are the ways to answer it there, none where it does not say.

    ``near`` is where the answer to the question that this one was made from stood. ``holds`` says of passages
    without marked answers whether they tell; a statement in the question's place asks whether the passage says so.
    ``alone`` is what the question's words say by themselves, in log-odds of an answer: see ``tune``.
    """

    question: str
    passage: str
    answers: tuple[Span, ...]
    kind: str = "given"
    holds: bool | None = None
    title: str = ""
    near: Span | None = None
    alone: float = 0.0


@dataclass(frozen=True)
class Group:
    """Passages that belong together, and the questions asked over each."""

    passages: list[str]
    examples: list[tuple[int, Example]] = field(default_factory=list)


@dataclass(frozen=True)
class Source:
    """A set: its groups, and how many of its questions an epoch takes (None: all)."""

    name: str
    licence: str
    groups: list[Group]
    share: int | None = None


def load(data: Path) -> list[Source]:
    """All sets, from the folder that holds them."""
    squad = "squad_train_subset/train-v2.0.json.zst"
    shifts = "squadshifts/datasets__{}_v1.0.json.zst"
    policy = [_squad(_json(data / f"policyqa/data__{part}.json.zst")) for part in ("dev", "test")]
    return [
        Source("squad_train_subset", "CC BY-SA 4.0", _squad(_json(data / squad), titled=True)),
        Source("squadshifts new_wiki", "CC BY 4.0", _squad(_json(data / shifts.format("new_wiki")), titled=True)),
        Source("squadshifts reddit", "CC BY 4.0", _squad(_json(data / shifts.format("reddit"))), share=6000),
        Source(
            "squadshifts amazon",
            "CC BY 4.0",
            _merged(_squad(_json(data / shifts.format("amazon_reviews")))),
            share=6000,
        ),
        Source("qamr", "MIT", _qamr(data / "qamr"), share=8000),
        Source("timeqa", "BSD-3-Clause", _timeqa(data / "timeqa")),
        Source("covidqa", "Apache-2.0", _covidqa(data / "covidqa")),
        Source("policyqa", "MIT", [*policy[0], *policy[1]], share=1500),
        Source("selqa", "Apache-2.0", _selqa(data / "selqa")),
        Source("foolmetwice", "Apache-2.0, texts CC BY-SA 3.0", _foolmetwice(data / "foolmetwice")),
        Source("multinli dev", "OANC, CC BY-SA 3.0 and others", _nli(data / _NLI, "mnli/dev.csv", ","), share=8000),
        Source("cad_nli", "Apache-2.0", _nli(data / _CAD, "all_combined/train.tsv", "\t"), share=3000),
    ]


def development(data: Path) -> list[Group]:
    """Articles of half of SQuAD 2.0's development set, in their order there: no example of them is ever trained on."""
    return _squad(_json(data / "squad2_dev_half/dev-v2.0.json.zst"), titled=True)


def searched(data: Path) -> list[Group]:
    """Passages, and what people asked a search engine (Natural Questions): for development and for the weights of
    choice; no example of them is ever trained on."""
    groups: dict[str, Group] = {}
    for line in _bytes(data / "lost_in_middle_nq/qa_data__nq-open-oracle.jsonl.gz").decode().splitlines():
        one = json.loads(line)
        told = next(place for place in one["ctxs"] if place["isgold"])
        text, title = told["text"], told["title"]
        answers = tuple(
            Span(*match.span())
            for answer in one["answers"]
            for match in re.finditer(rf"(?<!\w){re.escape(answer)}(?!\w)", text)
        )
        if answers:
            group = groups.setdefault(text, Group([text]))
            group.examples.append((0, Example(one["question"], text, answers, title=title)))
    return list(groups.values())


def parted(sources: list[Source], held: bool) -> list[Source]:
    """The sources without what is held out of training, or that alone: every twelfth article of those with a title."""
    chosen = []
    for source in sources:
        groups = [group for group in source.groups if _held(group) == held]
        if groups:
            chosen.append(replace(source, groups=groups))
    return chosen


def _held(group: Group) -> bool:
    title = group.examples[0][1].title if group.examples else ""
    return bool(title) and hashlib.sha256(title.encode()).digest()[1] % 12 == 0


def _json(path: Path) -> Any:
    return json.loads(_bytes(path))


def _bytes(path: Path) -> bytes:
    import zstandard

    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    with zstandard.open(path, "rb") as file:
        content: bytes = file.read()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def _squad(content: Any, titled: bool = False) -> list[Group]:
    groups = []
    for article in content["data"]:
        group = Group([paragraph["context"] for paragraph in article["paragraphs"]])
        title = article["title"].replace("_", " ") if titled else ""
        for place, paragraph in enumerate(article["paragraphs"]):
            for asked in paragraph["qas"]:
                answers = _spans(paragraph["context"], asked["answers"])
                if answers or asked.get("is_impossible"):
                    example = Example(asked["question"].strip(), paragraph["context"], answers, title=title)
                    group.examples.append((place, example))
        groups.append(group)
    return groups


def _spans(text: str, answers: Iterable[Any]) -> tuple[Span, ...]:
    spans = [Span(a["answer_start"], a["answer_start"] + len(a["text"])) for a in answers if a["text"]]
    return tuple(s for s, a in zip(spans, answers, strict=True) if text[s.start : s.end] == a["text"])


def _merged(groups: list[Group]) -> list[Group]:
    """One group of all: where each alone has too few passages to be mistaken for another."""
    one = Group([])
    for group in groups:
        one.examples.extend((place + len(one.passages), example) for place, example in group.examples)
        one.passages.extend(group.passages)
    return [one]


_NLI = "nli_small/nli_small.tar.zst"
_CAD = "cad_nli/cad_nli.tar.zst"
_BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}"}


def _joined(tokens: list[str]) -> tuple[str, list[Span]]:
    """Running text of a tokenised sentence, and where each token stands in it."""
    text, spans, opened = "", [], False
    for token in tokens:
        token = _BRACKETS.get(token, token)
        if token in ("``", "''"):
            closing, token = token == "''", '"'
        else:
            closing = token in ".,;:!?%)]}" or token in ("'s", "'re", "'ve", "'ll", "'d", "'m", "n't", "'")
        if text and not closing and not opened:
            text += " "
        spans.append(Span(len(text), len(text) + len(token)))
        text += token
        opened = (token == '"' and not closing) or token in "([{$£"
    return text, spans


def _qamr(folder: Path) -> list[Group]:
    """Questions over one sentence each, with the sentences of the same article before and after where there are."""
    lines = _bytes(folder / "data__wiki-sentences.tsv.zst").decode().splitlines()
    sentences = {key: _joined(text.split()) for key, text in (line.split("\t") for line in lines)}
    asked: dict[str, list[tuple[str, list[int]]]] = defaultdict(list)
    for part in ("dev", "test"):
        for row in _bytes(folder / f"data__filtered__{part}.tsv.zst").decode().splitlines():
            cells = row.split("\t")
            numbers = [int(n) for n in cells[6].split()]
            if numbers and numbers[-1] - numbers[0] + 1 == len(numbers) and cells[0] in sentences:
                asked[cells[0]].append((cells[5], numbers))
    group = Group([])
    for key, questions in asked.items():
        text, places = sentences[key]
        group.passages.append(text)
        for question, numbers in questions:
            span = Span(places[numbers[0]].start, places[numbers[-1]].end)
            group.examples.append((len(group.passages) - 1, Example(question, text, (span,))))
    return [group]


def _timeqa(folder: Path) -> list[Group]:
    """Questions about a time, over the paragraphs of one article; the set's text is tokenised, and joined here."""
    groups = []
    articles = [
        one for part in ("train", "test") for one in _json(folder / f"dataset__human_annotated_{part}.json.zst")
    ]
    for article in articles:
        joined = [_joined(paragraph.split()) for paragraph in article["paras"]]
        starts = [_token_starts(paragraph) for paragraph in article["paras"]]
        group = Group([text for text, _ in joined])
        for question, answers in article["questions"]:
            found: dict[int, list[Span]] = defaultdict(list)
            for answer in answers:
                place = answer.get("para")
                if place is None or not answer["answer"] or place >= len(joined):
                    continue
                first = starts[place].get(answer["from"])
                count = len(answer["answer"].split())
                if first is not None and first + count <= len(joined[place][1]):
                    tokens = joined[place][1]
                    found[place].append(Span(tokens[first].start, tokens[first + count - 1].end))
            for place, spans in found.items():
                example = Example(question, group.passages[place], tuple(spans), title=group.passages[0])
                group.examples.append((place, example))
        if group.examples:
            groups.append(group)
    return groups


def _token_starts(text: str) -> dict[int, int]:
    """Where in the text each token of it starts, to its number."""
    starts, at = {}, 0
    for number, token in enumerate(text.split()):
        at = text.index(token, at)
        starts[at] = number
        at += len(token)
    return starts


def _covidqa(folder: Path) -> list[Group]:
    """Long scientific texts, each parted into passages of about a thousand characters at paragraphs' ends."""
    content = _json(folder / "data__question-answering__200423_covidQA.json.zst")
    groups = []
    for article in content["data"]:
        text = article["paragraphs"][0]["context"]
        cuts = _cuts(text, 1000)
        passages = [text[start:end] for start, end in zip(cuts, cuts[1:], strict=False)]
        group = Group(passages)
        for asked in article["paragraphs"][0]["qas"]:
            for answer in asked["answers"][:1]:
                start, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
                place = max(n for n, cut in enumerate(cuts) if cut <= start)
                if place < len(passages) and end <= cuts[place + 1] and end - start <= 300:
                    span = Span(start - cuts[place], end - cuts[place])
                    group.examples.append((place, Example(asked["question"], passages[place], (span,))))
        groups.append(group)
    return groups


def _cuts(text: str, size: int) -> list[int]:
    cuts = [0]
    for found in re.finditer(r"(?<=[.!?])\s+|\n+", text):
        if found.end() - cuts[-1] >= size:
            cuts.append(found.end())
    return cuts if cuts[-1] == len(text) else [*cuts, len(text)]


def _selqa(folder: Path) -> list[Group]:
    """Sections of Wikipedia and the sentences that answer: passages with them (told), and without (not answered)."""
    groups = []
    for part in ("dev", "test"):
        for asked in _json(folder / f"ass__selqa-ass-{part}.json.zst"):
            without = " ".join(s for n, s in enumerate(asked["candidates"]) if n not in asked["answers"])
            whole = " ".join(asked["candidates"])
            if asked["answers"] and without:
                examples = [
                    (0, Example(asked["question"], whole, (), holds=True, title=asked["article"])),
                    (1, Example(asked["question"], without, (), title=asked["article"])),
                ]
                groups.append(Group([whole, without], examples))
    return groups


def _foolmetwice(folder: Path) -> list[Group]:
    """Claims over the sentences of Wikipedia that settle them."""
    group = Group([])
    for part in ("dev", "test"):
        for line in _bytes(folder / f"dataset__{part}.jsonl.zst").decode().splitlines():
            told = json.loads(line)
            text = " ".join(piece["text"] for piece in told["gold_evidence"])
            group.passages.append(text)
            example = Example(told["text"], text, (), holds=told["label"] == "SUPPORTS")
            group.examples.append((len(group.passages) - 1, example))
    return [group]


def _nli(path: Path, member: str, delimiter: str) -> list[Group]:
    """Statements over a premise: whether it says so."""
    with tarfile.open(fileobj=io.BytesIO(_bytes(path))) as archive:
        name = next(one for one in archive.getnames() if one.endswith(member))
        file = archive.extractfile(name)
        text = file.read().decode("utf-8") if file else ""
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter, quoting=csv.QUOTE_NONE if delimiter == "\t" else 0))
    group = Group([])
    for premise, statement, label in (row[:3] for row in rows[1:] if len(row) >= 3):
        group.passages.append(premise)
        example = Example(statement, premise, (), holds=label.strip() == "entailment")
        group.examples.append((len(group.passages) - 1, example))
    return [group]


def sample(source: Source, rng: random.Random) -> list[tuple[Group, int, Example]]:
    """This epoch's questions of a set."""
    every = [(group, place, example) for group in source.groups for place, example in group.examples]
    return every if source.share is None or source.share >= len(every) else rng.sample(every, source.share)
