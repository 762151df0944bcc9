"""The teacher: a language model six times the reader's size that reads both ways, with the reader's three heads.

It has read 2,000 billion words, so a hundred thousand examples take it further than they take the reader. What it finds
likely, place by place, is carried over from its word pieces to the reader's, which then learns from that (``distil``).
All examples lie on the GPU from the start (``stock``), and batches are gathered there: no step waits for the processor.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from rag.training import reader, smollm
from rag.training.examples import Example
from rag.training.noise import in_other_words
from rag.training.smollm import BEGIN, HIDDEN_PIECE, PART

KEPT = 8  # of what the teacher finds likely, so many places are kept
MADE_UP = "asked"  # the kind of an example of which nobody has said whether, and where, it is answered


@dataclass(frozen=True, slots=True)
class Pair:
    """An example in the word pieces of reader and teacher. ``starts`` and ``ends`` lead from the teacher's places to
    the reader's where a word starts and ends there; ``start`` and ``end`` are the answer's in the teacher's, as in
    ``Encoded``. ``known``: somebody has said whether it is answered.
    """

    read: reader.Encoded
    ids: Any
    question: int
    starts: Any
    ends: Any
    start: int
    end: int
    known: bool = True


def paired(given: tuple[Sequence[Example], int], words: Mapping[str, Sequence[str]]) -> Packed:
    """In both kinds of word pieces; without what does not fit the reader's window.

    Where there are ``words`` for others the reader is asked some of the questions in other words than the teacher.
    """
    examples, seed = given
    rng = random.Random(seed)
    questions = [in_other_words(e.question, words, rng) if rng.random() < 0.5 else e.question for e in examples]
    found = reader.tokenizer().encode_batch([(q, e.passage) for q, e in zip(questions, examples, strict=True)])
    asked = smollm.tokenizer().encode_batch([e.question for e in examples])
    told = smollm.tokenizer().encode_batch([e.passage for e in examples])
    pairs = []
    for example, pieces, question, passage in zip(examples, found, asked, told, strict=True):
        read = reader.encoded(example, pieces, rng)
        if read is not None:
            pairs.append(pair(example, read, pieces.offsets, question.ids, passage))
    return packed(pairs)


def pair(example: Example, read: reader.Encoded, offsets: Any, question: list[int], passage: Any) -> Pair:
    text, last = example.passage, len(read.ids) - 1
    place = np.zeros(len(text), np.int64)
    for n in range(read.question, last):
        place[offsets[n][0] : offsets[n][1]] = n
    place = np.maximum.accumulate(place)
    place[place == 0] = read.question
    room = offsets[last - 1][1]
    spans = []
    for start, end in passage.offsets:
        piece = text[start:end]
        start += len(piece) - len(piece.lstrip())
        if start < room:
            spans.append((min(start, len(text) - 1), max(start, end - len(piece) + len(piece.rstrip()) - 1)))
    before = len(question) + 2
    ids = [BEGIN, *question, PART, *passage.ids[: len(spans)], PART]
    start, end = read.start, read.end
    if start > 0:
        first, beyond = offsets[start][0], offsets[end][1]
        start = before + next(n for n, (_, b) in enumerate(spans) if b >= first)
        end = before + max(n for n, (a, _) in enumerate(spans) if a < beyond)
    starts, ends = np.zeros(len(ids), np.uint16), np.zeros(len(ids), np.uint16)
    starts[before:-1], ends[before:-1] = place[[a for a, _ in spans]], place[[b for _, b in spans]]
    small = reader.Encoded(np.array(read.ids, np.uint16), read.question, read.start, read.end, read.answered)
    return Pair(small, np.array(ids, np.uint16), before, starts, ends, start, end, example.kind != MADE_UP)


@dataclass(frozen=True)
class Texts:
    """Word pieces of many texts end to end; ``at`` is where each begins, the other three are as in ``Encoded``."""

    pieces: Any
    lengths: Any
    at: Any
    question: Any
    start: Any
    end: Any

    def places(self, numbers: Any, length: int) -> Any:
        """Where in ``pieces`` those texts stand, ``(n, length)``; all are of that length."""
        return self.at[numbers][:, None] + torch.arange(length, device=numbers.device)

    def allowed(self, numbers: Any, length: int) -> Any:
        """Which places may hold an answer, ``(n, length)``: the passage's, and the first, which stands for none."""
        places = torch.arange(length, device=numbers.device)
        return ((places >= self.question[numbers][:, None]) & (places < length - 1)) | (places == 0)


@dataclass(frozen=True)
class Packed:
    """Many pairs as arrays: ``Pair``'s fields, end to end."""

    read: Texts
    told: Texts
    starts: Any
    ends: Any
    answered: Any
    known: Any

    def __len__(self) -> int:
        return len(self.answered)


def packed(pairs: Sequence[Pair]) -> Packed:
    def texts(of: Callable[[Pair], Any]) -> Texts:
        ids = [of(one).ids for one in pairs]
        lengths = np.array([len(one) for one in ids], np.int64)
        rest = (np.array([getattr(of(one), name) for one in pairs], np.int64) for name in ("question", "start", "end"))
        return Texts(np.concatenate(ids) if ids else np.zeros(0, np.uint16), lengths, _begins(lengths), *rest)

    starts, ends = (
        np.concatenate([getattr(one, name) for one in pairs]) if pairs else np.zeros(0, np.uint16)
        for name in ("starts", "ends")
    )
    answered, known = (
        np.array([float(flag) for flag in flags], np.float32)
        for flags in ((one.read.answered for one in pairs), (one.known for one in pairs))
    )
    return Packed(texts(lambda one: one.read), texts(lambda one: one), starts, ends, answered, known)


def _begins(lengths: Any) -> Any:
    return np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64) if len(lengths) else lengths


def stock(parts: Sequence[Packed], device: str) -> Packed:
    """All of them as one, on the device; lengths stay here, for batches are drawn here."""

    def there(values: Sequence[Any]) -> Any:
        every = np.concatenate(values)
        return torch.from_numpy(every.astype(np.int32) if every.dtype == np.uint16 else every).to(device)

    def texts(every: Sequence[Texts]) -> Texts:
        lengths = np.concatenate([one.lengths for one in every])
        rest = (there([getattr(one, name) for one in every]) for name in ("question", "start", "end"))
        return Texts(there([one.pieces for one in every]), lengths, there([_begins(lengths)]), *rest)

    return Packed(
        texts([part.read for part in parts]),
        texts([part.told for part in parts]),
        *(there([getattr(part, name) for part in parts]) for name in ("starts", "ends", "answered", "known")),
    )


def batches(lengths: Any, tokens: int, rng: np.random.Generator, of: Any = None) -> Iterator[Any]:
    """Numbers of texts of one length, about so many word pieces together: pass after pass over all (or ``of`` them),
    each in an order of its own, without end."""
    numbers = np.arange(len(lengths)) if of is None else of
    while True:
        once = alike(numbers[rng.permutation(len(numbers))], lengths, tokens)
        for n in rng.permutation(len(once)):
            yield once[n]


def alike(numbers: Any, lengths: Any, tokens: int) -> list[Any]:
    """As ``reader.alike``, but that none is alone: what is compiled is for two or more."""
    made = reader.alike(numbers.tolist(), lengths.__getitem__, tokens)
    return [np.array(one if len(one) > 1 else one * 2) for one in made]


class Teacher(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, model: smollm.SmolLM) -> None:
        super().__init__()
        self.model = model
        self.span = torch.nn.Linear(smollm.HIDDEN, 2)
        self.answerable = torch.nn.Linear(smollm.HIDDEN, 1)

    def forward(self, ids: Any, allowed: Any) -> tuple[Any, Any]:
        """Logits of start and end, ``(batch, seq, 2)``, and of an answer being there, ``(batch,)``, in fp32."""
        states = self.model(ids).float()
        spans = self.span(states).masked_fill(~allowed.unsqueeze(-1), -1e4)
        return spans, self.answerable(states[:, 0]).squeeze(-1)


def steps_of(
    parameters: Sequence[Any], rounds: Iterable[Any], rate: float, loss_of: Any, what: str, seconds: float
) -> None:
    """Steps for so many seconds after the first: the rate rises over a twentieth of them, then falls to nothing.

    ``loss_of`` gives the loss and the number of word pieces of one of ``rounds``."""
    flat, deep = [p for p in parameters if p.ndim < 2], [p for p in parameters if p.ndim >= 2]
    optimizer = torch.optim.AdamW(
        [{"params": deep, "weight_decay": 0.01}, {"params": flat, "weight_decay": 0.0}],
        lr=rate, betas=(0.9, 0.98), fused=True,
    )  # fmt: skip
    if seconds <= 0:
        raise ValueError(f"expected time to {what}, found {seconds:.0f} s of it; give more --seconds")
    began, seen, step = time.monotonic(), 0, 0
    for given in rounds:
        gone = (time.monotonic() - began) / seconds
        if gone >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, 20 * gone + 0.01, (1 - gone) / 0.95)
        loss, pieces = loss_of(given)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seen, step = seen + pieces, step + 1
        if step == 1:  # it compiled
            began = time.monotonic()
        if step % 100 == 0:
            speed = seen / (time.monotonic() - began)
            print(f"{what} {step}: loss {loss.item():.4f}, {seen:,} pieces, {speed:,.0f} a second", flush=True)
    print(f"{what}: {step} steps, {seen:,} pieces in {time.monotonic() - began:.0f} s", flush=True)


def adapt(model: smollm.SmolLM, given: Packed, tokens: int, rate: float, seconds: float, seed: int) -> None:
    """Lets it read both ways: it guesses hidden pieces, each at the place before (BehnamGhader et al., 2024)."""
    device = model.norm.device.type

    def loss_of(numbers: Any) -> tuple[Any, int]:
        ids = _ids(given.told, numbers, device)[1]
        hidden = torch.rand(ids.shape, device=device) < 0.2
        hidden[:, 0] = False
        states = model(torch.where(hidden, HIDDEN_PIECE, ids))
        guessed = model.next(states[:, :-1][hidden[:, 1:]])
        return functional.cross_entropy(guessed.float(), ids[:, 1:][hidden[:, 1:]].long()), ids.numel()

    rounds = batches(given.told.lengths, tokens, np.random.default_rng(seed))
    steps_of([*model.layers.parameters(), model.norm], rounds, rate, loss_of, "adapt", seconds)


def _ids(texts: Texts, numbers: Any, device: str) -> tuple[Any, Any]:
    """The numbers on the device, and the word pieces of those texts, ``(n, length)``."""
    length = int(texts.lengths[numbers[0]])
    there = torch.from_numpy(numbers).to(device)
    return there, texts.pieces[texts.places(there, length)]


def teach(teacher: Teacher, given: Packed, tokens: int, rate: float, seconds: float, seed: int) -> None:
    rounds = batches(given.told.lengths, tokens, np.random.default_rng(seed))
    parameters = [p for p in teacher.parameters() if p.requires_grad]
    steps_of(parameters, rounds, rate, lambda numbers: loss_of(teacher, given, numbers), "teach", seconds)


def loss_of(teacher: Teacher, given: Packed, numbers: Any) -> tuple[Any, int]:
    device = teacher.span.weight.device.type
    there, ids = _ids(given.told, numbers, device)
    starts, ends = given.told.start[there], given.told.end[there]
    places = torch.arange(ids.shape[1], device=device)
    hidden = torch.rand(ids.shape, device=device) < 0.04
    hidden &= ids > HIDDEN_PIECE
    hidden &= ~((places >= starts[:, None]) & (places <= ends[:, None]))
    spans, answerable = teacher(torch.where(hidden, HIDDEN_PIECE, ids), given.told.allowed(there, ids.shape[1]))
    marked = (starts >= 0).sum().clamp(min=1)
    edges = (
        functional.cross_entropy(spans[..., side], where, ignore_index=-1, reduction="sum")
        for side, where in enumerate((starts, ends))
    )
    answered = functional.binary_cross_entropy_with_logits(answerable, given.answered[there])
    return sum(edges) / 2 / marked + 0.5 * answered, ids.numel()


@dataclass(frozen=True)
class Told:
    """What the teacher finds of each pair: the likeliest places of the reader's to start and to end, ``(n, 2, KEPT)``,
    the probability of each, and that of an answer being there, ``(n,)``."""

    places: Any
    likely: Any
    answered: Any


@torch.no_grad()  # type: ignore[untyped-decorator]
def told(teacher: Teacher, given: Packed, tokens: int, of: Any) -> Told:
    """Of the pairs ``of`` those numbers; of the others nothing is known."""
    device, began = teacher.span.weight.device.type, time.monotonic()
    places = torch.zeros(len(given), 2, KEPT, dtype=torch.int32, device=device)
    likely = torch.zeros(len(given), 2, KEPT, dtype=torch.float16, device=device)
    answered = torch.zeros(len(given), dtype=torch.float16, device=device)
    for numbers in alike(of, given.told.lengths, tokens):
        there, ids = _ids(given.told, numbers, device)
        spans, answerable = teacher(ids, given.told.allowed(there, ids.shape[1]))
        best = spans.softmax(1).transpose(1, 2).topk(min(KEPT, spans.shape[1]), -1)
        kept = best.indices.shape[-1]
        where = given.told.at[there][:, None, None] + best.indices
        places[there, 0, :kept], places[there, 1, :kept] = given.starts[where[:, 0]], given.ends[where[:, 1]]
        likely[there, :, :kept] = (best.values / best.values.sum(-1, keepdim=True)).half()
        answered[there] = answerable.sigmoid().half()
    said = Told(places, likely, answered)
    print(f"told of {len(of)}, {answered[torch.from_numpy(of)].mean().item():.2f} of them answered, ", end="")
    print(f"in {time.monotonic() - began:.0f} s", flush=True)
    return said
