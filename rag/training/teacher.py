"""The teacher: a language model six times the reader's size that reads both ways, with the reader's three heads.

It has read 2,000 billion words, so a hundred thousand examples take it further than they take the reader. What it finds
likely, place by place, is carried over from its word pieces to the reader's, which then learns from that (``distil``).
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from rag.training import reader, smollm
from rag.training.examples import Example
from rag.training.smollm import BEGIN, HIDDEN_PIECE, PART

KEPT = 8  # of what the teacher finds likely, so many places are kept
_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Pair:
    """An example in the word pieces of reader and teacher. ``starts`` and ``ends`` lead from the teacher's places to
    the reader's where a word starts and ends there; ``start`` and ``end`` are the answer's in the teacher's, as in
    ``Encoded``.
    """

    read: reader.Encoded
    ids: Any
    question: int
    starts: Any
    ends: Any
    start: int
    end: int


def paired(examples: Sequence[Example], seed: int) -> list[Pair]:
    """In both kinds of word pieces; without what does not fit the reader's window."""
    chunks = [(examples[at : at + _CHUNK], seed + at) for at in range(0, len(examples), _CHUNK)]
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the processes are side by side already
    with multiprocessing.Pool() as pool:
        return [pair for pairs in pool.imap(_paired, chunks) for pair in pairs]


def _paired(given: tuple[Sequence[Example], int]) -> list[Pair]:
    examples, seed = given
    rng = random.Random(seed)
    found = reader.tokenizer().encode_batch([(e.question, e.passage) for e in examples])
    asked = smollm.tokenizer().encode_batch([e.question for e in examples])
    told = smollm.tokenizer().encode_batch([e.passage for e in examples])
    pairs = []
    for example, pieces, question, passage in zip(examples, found, asked, told, strict=True):
        read = reader.encoded(example, pieces, rng)
        if read is not None:
            pairs.append(_pair(example, read, pieces.offsets, question.ids, passage))
    return pairs


def _pair(example: Example, read: reader.Encoded, offsets: Any, question: list[int], passage: Any) -> Pair:
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
    return Pair(small, np.array(ids, np.uint16), before, starts, ends, start, end)


class Teacher(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, model: smollm.SmolLM) -> None:
        super().__init__()
        self.model = model
        self.span = torch.nn.Linear(smollm.HIDDEN, 2)
        self.answerable = torch.nn.Linear(smollm.HIDDEN, 1)

    def forward(self, pairs: Sequence[Pair], ids: Any) -> tuple[Any, Any]:
        """Logits of start and end, ``(batch, seq, 2)``, and of an answer being there, ``(batch,)``, in fp32."""
        states = self.model(ids)
        allowed = torch.zeros(ids.shape, dtype=torch.bool)
        for row, pair in enumerate(pairs):
            allowed[row, pair.question : -1] = allowed[row, 0] = True
        spans = self.span(states).float().masked_fill(~allowed.to(ids.device).unsqueeze(-1), -1e4)
        return spans, self.answerable(states[:, 0]).squeeze(-1).float()


def drawn(
    items: Sequence[Any], length: Callable[[Any], int], tokens: int, passes: float, rng: random.Random
) -> list[list[Any]]:
    """Batches of so many passes over the items, each in an order of its own; of a part of one a part is drawn."""
    batches: list[list[Any]] = []
    while passes > 0:
        order = rng.sample(items, len(items))
        once = reader.alike(order[: int(len(order) * min(1.0, passes))], length, tokens)
        batches += rng.sample(once, len(once))
        passes -= 1
    return batches


def steps_of(parameters: Sequence[Any], batches: Sequence[Any], rate: float, loss_of: Any, what: str) -> None:
    """One step for each of ``batches``: the rate rises over a twentieth of them, then falls in a line to nothing."""
    flat, deep = [p for p in parameters if p.ndim < 2], [p for p in parameters if p.ndim >= 2]
    optimizer = torch.optim.AdamW(
        [{"params": deep, "weight_decay": 0.01}, {"params": flat, "weight_decay": 0.0}],
        lr=rate, betas=(0.9, 0.98), fused=True,
    )  # fmt: skip
    began, seen = time.monotonic(), 0
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, 20 * (step + 1) / len(batches), (len(batches) - step) / len(batches) / 0.95)
        loss, pieces = loss_of(batch, step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seen += pieces
        if step % 50 == 49 or step + 1 == len(batches):
            speed = seen / (time.monotonic() - began)
            print(f"{what} {step + 1} of {len(batches)}: loss {loss.item():.4f}, {speed:,.0f} pieces/s", flush=True)


def on(device: str) -> Any:
    return torch.autocast(device, torch.bfloat16, enabled=device == "cuda")


def ids_of(pairs: Sequence[Pair], device: str) -> Any:
    return torch.from_numpy(np.stack([pair.ids for pair in pairs]).astype(np.int64)).to(device)


def adapt(model: smollm.SmolLM, pairs: Sequence[Pair], tokens: int, steps: int, rate: float, seed: int) -> None:
    """Lets it read both ways: it guesses hidden pieces, each at the place before (BehnamGhader et al., 2024)."""
    device = model.norm.device.type
    rng, draw = random.Random(seed), torch.Generator(device).manual_seed(seed)
    batches = reader.alike(pairs, lambda pair: len(pair.ids), tokens)
    rng.shuffle(batches)

    def loss_of(batch: list[Pair], step: int) -> tuple[Any, int]:
        ids = ids_of(batch, device)
        hidden = torch.rand(ids.shape, device=device, generator=draw) < 0.2
        hidden[:, 0] = False
        with on(device):
            states = model(torch.where(hidden, HIDDEN_PIECE, ids))
            guessed = model.next(states[:, :-1][hidden[:, 1:]])
            return functional.cross_entropy(guessed.float(), ids[:, 1:][hidden[:, 1:]]), ids.numel()

    steps_of([*model.layers.parameters(), model.norm], batches[:steps], rate, loss_of, "adapt")


def teach(teacher: Teacher, pairs: Sequence[Pair], tokens: int, passes: float, rate: float, seed: int) -> None:
    device = teacher.span.weight.device.type
    rng, draw = random.Random(seed), torch.Generator(device).manual_seed(seed)
    batches = drawn(pairs, lambda pair: len(pair.ids), tokens, passes, rng)

    def loss_of(batch: list[Pair], step: int) -> tuple[Any, int]:
        ids = ids_of(batch, device)
        starts, ends = (torch.tensor([getattr(p, w) for p in batch], device=device) for w in ("start", "end"))
        places = torch.arange(ids.shape[1], device=device)
        hidden = torch.rand(ids.shape, device=device, generator=draw) < 0.04
        hidden &= ids > HIDDEN_PIECE
        hidden &= ~((places >= starts[:, None]) & (places <= ends[:, None]))
        with on(device):
            spans, answerable = teacher(batch, torch.where(hidden, HIDDEN_PIECE, ids))
        entropy = functools.partial(functional.cross_entropy, ignore_index=-1, reduction="sum")
        marked = (starts >= 0).sum().clamp(min=1)
        span = (entropy(spans[..., 0], starts) + entropy(spans[..., 1], ends)) / 2 / marked
        answered = torch.tensor([float(p.read.answered) for p in batch], device=device)
        return span + 0.5 * functional.binary_cross_entropy_with_logits(answerable, answered), ids.numel()

    frozen = teacher.model.words.weight
    steps_of([p for p in teacher.parameters() if p is not frozen], batches, rate, loss_of, "teach")


@dataclass(frozen=True)
class Told:
    """What the teacher finds of each pair: the likeliest places of the reader's to start and to end, ``(n, 2, KEPT)``,
    the probability of each, and that of an answer being there, ``(n,)``."""

    places: Any
    likely: Any
    answered: Any


@torch.no_grad()  # type: ignore[untyped-decorator]
def told(teacher: Teacher, pairs: Sequence[Pair], tokens: int) -> Told:
    device = teacher.span.weight.device.type
    places = np.zeros((len(pairs), 2, KEPT), np.uint16)
    likely = np.zeros((len(pairs), 2, KEPT), np.float16)
    answered = np.zeros(len(pairs), np.float16)
    began = time.monotonic()
    for numbers in reader.alike(range(len(pairs)), lambda n: len(pairs[n].ids), tokens):
        batch = [pairs[n] for n in numbers]
        with on(device):
            spans, answerable = teacher(batch, ids_of(batch, device))
        best = spans.softmax(1).transpose(1, 2).topk(min(KEPT, spans.shape[1]), -1)
        where, much = best.indices.cpu().numpy(), best.values / best.values.sum(-1, keepdim=True)
        for side, name in enumerate(("starts", "ends")):
            lead = np.stack([getattr(pair, name) for pair in batch])
            places[numbers, side, : where.shape[-1]] = np.take_along_axis(lead, where[:, side], 1)
        likely[numbers, :, : where.shape[-1]] = much.half().cpu().numpy()
        answered[numbers] = answerable.sigmoid().half().cpu().numpy()
    print(f"told of {len(pairs)} in {time.monotonic() - began:.0f} s", flush=True)
    return Told(places, likely, answered)
