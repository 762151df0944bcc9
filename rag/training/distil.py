"""Teaches the reader that ships with a larger model's word: ``make distil`` (a GPU, a quarter of an hour).

``lessons`` has written examples down. A language model learns from them to read both ways, and to answer (``teacher``).
It says where it finds each question answered, and whether; the reader goes on from the weights that ship, towards what
the teacher says and what the sets say, half and half (Hinton et al., 2015). What is kept is the mean of the reader's
weights before and after (Wortsman et al., 2022).
"""

from __future__ import annotations

import argparse
import copy
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from rag.training import lessons, smollm, teacher
from rag.training.encoder import states
from rag.training.reader import Reader, tensors
from rag.training.ship_reader import shipped
from rag.training.teacher import Pair, Told

HEARD = 0.5  # the teacher's share beside the sets' own word


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lessons", type=Path, default=Path("runs/lessons.jsonl.zst"))
    parser.add_argument("--start", type=Path, default=Path("rag/models/reader/model.onnx"))
    parser.add_argument("--out", type=Path, default=Path("runs/distil"))
    parser.add_argument("--tokens", type=int, default=32768, help="word pieces in a batch")
    parser.add_argument("--adapt", type=int, default=150, help="steps in which the teacher learns to read both ways")
    parser.add_argument("--teach", type=float, default=0.6, help="the teacher's passes over the lessons")
    parser.add_argument("--told", type=int, default=240_000, help="so many of the lessons the reader is told about")
    parser.add_argument("--passes", type=float, default=2.6, help="the reader's, over those")
    parser.add_argument(
        "--rate", type=float, default=4e-4, help="the reader's learning rate; the teacher's is half of it"
    )
    parser.add_argument(
        "--compile", action="store_true", help="the teacher's layers: half a minute, then twice as fast"
    )
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(given.seed)
    pairs = teacher.paired(lessons.read(given.lessons), given.seed)
    teaching = _teacher(pairs, given, device)
    pairs = pairs[: given.told]
    said = teacher.told(teaching.eval(), pairs, 2 * given.tokens)
    before = shipped(given.start)
    model = copy.deepcopy(before).to(device).train()
    learn(model, pairs, said, tokens=given.tokens, passes=given.passes, rate=given.rate, seed=given.seed)
    torch.save(mean(before, model.cpu()), given.out / "reader.pt")


def mean(one: Reader, other: Reader) -> dict[str, Any]:
    """The weights half way between the two."""
    others = other.state_dict()
    return {name: torch.lerp(weight, others[name], 0.5) for name, weight in one.state_dict().items()}


def _teacher(pairs: list[Pair], given: Any, device: str) -> Any:
    model = teacher.Teacher(smollm.pretrained()).to(device)
    if given.compile:
        model.model.layer = torch.compile(model.model.layer, dynamic=True)
    path = given.out / "teacher.pt"
    if path.exists():
        model.load_state_dict(torch.load(path, weights_only=True, map_location=device))
    else:
        teacher.adapt(model.model, pairs, given.tokens, given.adapt, given.rate / 2, given.seed)
        teacher.teach(model, pairs, given.tokens, given.teach, given.rate / 2, given.seed)
        torch.save(model.state_dict(), path)
    return model


def learn(model: Reader, pairs: list[Pair], said: Told, *, tokens: int, passes: float, rate: float, seed: int) -> None:
    device = model.span.weight.device.type
    kind = torch.bfloat16 if device == "cuda" else torch.float32
    rng, masked = random.Random(seed), np.random.default_rng(seed)
    batches = teacher.drawn(range(len(pairs)), lambda n: len(pairs[n].read.ids), tokens, passes, rng)

    def loss_of(numbers: list[int], step: int) -> tuple[Any, int]:
        batch = [pairs[n] for n in numbers]
        ids, types, allowed = (values.to(device) for values in tensors([p.read for p in batch], masked))
        spans, answerable = model.heads(states(model.bert, ids, types, kind))
        spans = spans.masked_fill(~allowed.unsqueeze(-1), -1e4)
        marked = torch.tensor([float(p.read.start >= 0) for p in batch], device=device)
        wanted = torch.zeros(len(batch), 2, ids.shape[1], device=device)
        places = torch.from_numpy(said.places[numbers].astype(np.int64)).to(device)
        likely = torch.from_numpy(said.likely[numbers]).to(device).float()
        wanted.scatter_add_(2, places, likely * HEARD)
        own = torch.tensor([[max(0, p.read.start), max(0, p.read.end)] for p in batch], device=device)
        wanted.scatter_add_(2, own.unsqueeze(-1), torch.full_like(wanted[..., :1], 1 - HEARD))
        entropy = -(wanted * spans.transpose(1, 2).log_softmax(-1)).sum(-1).mean(-1)
        span = (entropy * marked).sum() / marked.sum().clamp(min=1)
        answered = torch.tensor([float(p.read.answered) for p in batch], device=device)
        answered = torch.lerp(answered, torch.from_numpy(said.answered[numbers]).to(device).float(), HEARD)
        return span + 0.5 * functional.binary_cross_entropy_with_logits(answerable, answered), ids.numel()

    model.bert.embeddings.word_embeddings.weight.requires_grad_(False)
    teacher.steps_of(model.trained(), batches, rate, loss_of, "learn")


if __name__ == "__main__":
    main()
