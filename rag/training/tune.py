"""Teaches the reader that ships invented passages, on a CPU: ``make tune`` (twenty minutes on two cores).

``invented/`` has news and encyclopedia passages that a language model made up, and what it asked about each: questions
in other words than the passage's, and others that look answered and are not, with the words that mislead. The public
sets have 348 of those by people; here are 3,800.

Whoever writes such questions writes the two kinds unlike each other: by the words of the question alone, whatever the
passage says, they are told apart with AUROC .84 (news) and .72. A reader that learned that would know nothing of
passages. So what the question's words alone say, by a model fitted to the other half of the writers, stands beside the
reader's own odds while it learns, and is taken away after (Clark, Yatskar and Zettlemoyer, 2019).

What is kept lies between the weights before and after, as in ``distil``. It is examined on ``twins``: pairs of passages
and questions that one of the two answers, so that the question alone tells nothing. None of them is learned from.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from rag.training.encoder import states
from rag.training.examples import Example, Source, load, parted, sample
from rag.training.noise import noisy
from rag.training.reader import (
    BATCH_TOKENS,
    WINDOW,
    Encoded,
    Reader,
    alike,
    between,
    cut,
    encoded,
    tensors,
    titled,
    tokenizer,
)
from rag.training.ship_reader import shipped
from rag.types import Span

_INVENTED = Path(__file__).with_name("invented")
_TAUGHT = ("encyclopedia", "news")
_EXAMINED = 400  # of the questions over twins
_WAY = 0.7  # from the weights before to those after
_MOST = 3.0  # log-odds that a question's words may say of themselves
_ALONE = 0.3  # of the sentences that answer, or mislead, are read by themselves as well
_BESIDE = 0.4  # of the questions that are answered are asked of another part of the article
_ELSEWHERE = 0.1  # and of another article
_REPLAYED = {
    "squad_train_subset": 900,
    "squadshifts new_wiki": 900,
    "qamr": 200,
    "squadshifts reddit": 150,
    "squadshifts amazon": 150,
}
"""Questions of the public sets that are asked again, so that what was learned of them stays; of the others _OTHERS."""
_OTHERS = 100
_MOVED = 0.3  # of those are asked of another passage of their article
_PART = 200  # characters of an article, at the least, that such a question is asked of
_RISE, _FALL = 40, 0.6  # steps in which the learning rate rises, and the part of the time in which it falls


@dataclass(frozen=True, slots=True)
class Asked:
    """A question over an invented passage: where it answers (``span``), or else where it misleads."""

    question: str
    title: str
    text: str
    span: Span
    answered: bool
    told: Span
    """The sentence, or so, of ``span``."""


def invented(path: Path) -> list[Asked]:
    """A file of passages, one a line: ``{"title", "text", "questions": [{"question", "answer", "told"} | {"question",
    "near"}]}``; ``told`` and ``near`` stand once in the text, the answer in ``told``."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        for asked in one["questions"]:
            words = asked.get("told") or asked["near"]
            at = one["text"].index(words)
            told = Span(at, at + len(words))
            answer = asked.get("answer")
            start = at + words.index(answer) if answer else at
            span = Span(start, start + len(answer)) if answer else told
            found.append(Asked(asked["question"], one["title"], one["text"], span, answer is not None, told))
    return found


def words_alone(asked: Sequence[Asked]) -> list[float]:
    """Of each question the log-odds of an answer by its words alone, by a model that was fitted to the other half."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    titles = list(dict.fromkeys(one.title for one in asked))
    first = set(titles[: len(titles) // 2])
    halves = [[one for one in asked if (one.title in first) is half] for half in (True, False)]
    said: dict[tuple[str, str], float] = {}
    for own, other in (halves, halves[::-1]):
        words = TfidfVectorizer(ngram_range=(1, 3), token_pattern=r"\w+|\?", min_df=2)
        model = LogisticRegression(C=2, max_iter=500)
        model.fit(words.fit_transform([one.question for one in other]), [one.answered for one in other])
        odds = model.decision_function(words.transform([one.question for one in own]))
        said |= {(one.title, one.question): float(value) for one, value in zip(own, odds, strict=True)}
    return [max(-_MOST, min(_MOST, said[one.title, one.question])) for one in asked]


def examples(asked: Sequence[Asked], rng: random.Random) -> list[tuple[Example, float]]:
    """Examples of the questions, each with what its words alone say: nothing where the passage is another one."""
    made = []
    bodies = list(dict.fromkeys((one.title, one.text) for one in asked))
    for one, odds in zip(asked, words_alone(asked), strict=True):
        spans = (one.span,) if one.answered else ()
        whole = Example(one.question, one.text, spans, title=one.title, near=None if spans else one.span)
        made.append((whole, odds))
        if rng.random() < _ALONE:
            inside = tuple(Span(s.start - one.told.start, s.end - one.told.start) for s in spans)
            made.append((replace(whole, passage=one.told.of(one.text), answers=inside, near=None), odds))
        if one.answered and rng.random() < _BESIDE:
            parts = (one.text[: one.told.start].rpartition("\n\n")[0], one.text[one.told.end :].partition("\n\n")[2])
            long = [part for part in parts if len(part) > _PART]
            if long:
                made.append((replace(whole, passage=rng.choice(long), answers=()), 0.0))
        if one.answered and rng.random() < _ELSEWHERE:
            title, text = rng.choice(bodies)
            if text != one.text:
                made.append((replace(whole, passage=text, title=title, answers=()), 0.0))
    return made


def replayed(sources: Sequence[Source], rng: random.Random) -> Iterator[tuple[Example, float]]:
    for source in sources:
        asked = [(group, one) for group, _, one in sample(source, rng) if one.holds is None]
        for group, one in rng.sample(asked, min(len(asked), _REPLAYED.get(source.name, _OTHERS))):
            other = rng.choice(group.passages)
            if one.answers and other != one.passage and rng.random() < _MOVED:
                yield replace(one, passage=other, answers=()), 0.0
            else:
                yield one, 0.0


def encode(made: Sequence[tuple[Example, float]], rng: random.Random) -> list[tuple[Encoded, float]]:
    changed = [(titled(noisy(cut(one, rng, 0.1), rng), rng), odds) for one, odds in made]
    found = tokenizer().encode_batch([(one.question, one.passage) for one, _ in changed])
    pairs = [(encoded(one, pieces, rng), odds) for (one, odds), pieces in zip(changed, found, strict=True)]
    return [(one, odds) for one, odds in pairs if one is not None]


def loss_of(model: Reader, batch: Sequence[tuple[Encoded, float]], masked: np.random.Generator) -> Any:
    """The reader's loss of the spans and of whether there is an answer, its odds beside what the words alone say."""
    of, alone = [one for one, _ in batch], torch.tensor([odds for _, odds in batch])
    ids, types, allowed = tensors(of, masked)
    spans, answerable = model.heads(states(model.bert, ids, types, torch.float32))
    spans = spans.masked_fill(~allowed.unsqueeze(-1), -1e4)
    spans = torch.cat([spans[:, :1] - alone[:, None, None], spans[:, 1:]], 1)  # the first place says: not here
    starts, ends = (torch.tensor([getattr(one, edge) for one in of]) for edge in ("start", "end"))
    entropy = functional.cross_entropy(spans[..., 0], starts) + functional.cross_entropy(spans[..., 1], ends)
    answered = torch.tensor([float(one.answered) for one in of])
    telling = functional.binary_cross_entropy_with_logits(answerable + alone, answered)
    return entropy / 2 + 0.5 * telling


def learn(model: Reader, given: Sequence[tuple[Encoded, float]], *, seconds: float, rate: float, seed: int) -> int:
    """Learns for so long; says in how many steps."""
    torch.manual_seed(seed)
    model.train().bert.embeddings.word_embeddings.weight.requires_grad_(False)
    weights = model.trained()
    deep, flat = [p for p in weights if p.ndim >= 2], [p for p in weights if p.ndim < 2]
    optimizer = torch.optim.AdamW([{"params": deep, "weight_decay": 0.01}, {"params": flat, "weight_decay": 0.0}])
    batches = alike(given, lambda one: len(one[0].ids), BATCH_TOKENS)
    random.Random(seed).shuffle(batches)
    began = time.monotonic()
    for step, batch in enumerate(cycle(batches)):
        gone = (time.monotonic() - began) / seconds
        if gone >= 1:
            return step
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / _RISE, (1 - gone) / _FALL)
        loss = loss_of(model, batch, np.random.default_rng([seed, step]))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 25 == 0:
            print(f"{step} of {len(batches)} batches, {gone * seconds:.0f} s: loss {loss.item():.3f}", flush=True)
    return 0


@torch.no_grad()  # type: ignore[untyped-decorator]
def told_apart(model: Reader, asked: Sequence[Asked]) -> float:
    """Of questions that stand over two passages, one of which answers: the share that the reader says so of."""
    model.eval()
    said: dict[str, list[tuple[bool, float]]] = {}
    pieces = tokenizer().encode_batch([(one.question, f"{one.title}\n{one.text}") for one in asked])
    for one, found in zip(asked, pieces, strict=True):
        ids = torch.tensor([found.ids[:WINDOW]])
        types = torch.tensor([found.type_ids[:WINDOW]])
        _, answerable = model.heads(states(model.bert, ids, types, torch.float32))
        said.setdefault(one.question, []).append((one.answered, float(answerable)))
    both = [dict(pair) for every in said.values() for pair in zip(every[::2], every[1::2], strict=False)]
    return sum(one[True] > one[False] for one in both) / len(both)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--start", type=Path, default=Path("rag/models/reader/model.onnx"))
    parser.add_argument("--out", type=Path, default=Path("runs/tune/reader.pt"))
    parser.add_argument("--seconds", type=float, default=1100)
    parser.add_argument("--rate", type=float, default=1.2e-4)
    parser.add_argument("--way", type=float, default=_WAY)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    made = [one for name in _TAUGHT for one in examples(invented(_INVENTED / f"{name}.jsonl"), rng)]
    made += replayed(parted(load(given.data), held=False), rng)
    before = shipped(given.start)
    model = copy.deepcopy(before)
    steps = learn(model, encode(made, rng), seconds=given.seconds, rate=given.rate, seed=given.seed)
    print(f"{len(made)} examples, {steps} steps")
    twins = invented(_INVENTED / "twins.jsonl")[: 2 * _EXAMINED]
    print(f"twins told apart: before {told_apart(before, twins):.3f}, after {told_apart(model, twins):.3f}")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), given.out.with_name("after.pt"))
    torch.save(between(before, model, given.way), given.out)


if __name__ == "__main__":
    main()
