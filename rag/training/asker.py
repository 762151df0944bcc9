"""Questions that nobody has asked: a language model learns from people's what is asked over a passage, and asks on.

People's questions that may be trained on stand over six thousand passages. The same model that becomes the teacher
(``smollm``), reading forwards here, asks some over many more, among them passages that it has written on itself from a
first sentence. It says nothing of the answers: whether a passage has one, and where, is the teacher's to say.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from rag.chunks import sentences
from rag.training import smollm
from rag.training.smollm import BEGIN, PART
from rag.training.teacher import steps_of

LONGEST = 224  # word pieces of a passage
WRITTEN_ON, ASKED_ON = 150, 80  # word pieces that are drawn, of a passage and of the questions over one
_ASKED = 8  # people's questions over a passage, of those so many are learnt from at once
_WARM, _LIKELY = 0.9, 0.95  # temperature, and the share of what is likely that is drawn from
_WRITTEN = (200, 900)  # characters of a passage that is worth asking about


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage to ask about. ``questions`` are people's; ``near`` are the numbers of passages much like it; one that
    is only ``begun`` is first to be written on."""

    text: str
    title: str = ""
    questions: tuple[str, ...] = ()
    near: tuple[int, ...] = ()
    begun: bool = False


def dialogues(passages: Sequence[Passage]) -> Callable[[random.Random], list[list[int]]]:
    """What draws word pieces of each passage that people asked about, then of their questions, in any order."""
    asked = [one for one in passages if one.questions]
    encode = smollm.tokenizer().encode_batch
    told = [[BEGIN, *found.ids[:LONGEST], PART] for found in encode([one.text for one in asked])]
    questions = [[[*found.ids, PART] for found in encode(one.questions)] for one in asked]

    def drawn(rng: random.Random) -> list[list[int]]:
        chosen = [rng.sample(some, min(_ASKED, len(some))) for some in questions]
        return [sum(some, text) for text, some in zip(told, chosen, strict=True)]

    return drawn


def loss_of(model: smollm.SmolLM, rows: Sequence[list[int]], device: str) -> tuple[Any, int]:
    """How unlikely the questions are to it; of the passages it is asked nothing."""
    length = max(map(len, rows))
    ids = torch.tensor([row + [PART] * (length - len(row)) for row in rows], device=device)
    places = torch.arange(length, device=device)
    first = torch.tensor([row.index(PART) for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    scored = ((places > first[:, None]) & (places < lengths[:, None]))[:, 1:]
    states = model(ids, causal=True)[:, :-1][scored]
    return functional.cross_entropy(model.next(states).float(), ids[:, 1:][scored]), ids.numel()


def learn(
    model: smollm.SmolLM, passages: Sequence[Passage], tokens: int, rate: float, seconds: float, seed: int
) -> None:
    device, rng = model.norm.device.type, random.Random(seed)
    drawn = dialogues(passages)

    def rounds() -> Iterator[list[list[int]]]:
        while True:
            rows = sorted(drawn(rng), key=len)
            most = max(2, tokens // max(map(len, rows)))
            batches = [rows[at : at + most] for at in range(0, max(1, len(rows) - 1), most)]
            yield from rng.sample(batches, len(batches))

    parameters = [*model.layers.parameters(), model.norm]
    steps_of(parameters, rounds(), rate, lambda rows: loss_of(model, rows, device), "ask", seconds)


@torch.no_grad()  # type: ignore[untyped-decorator]
def continued(model: smollm.SmolLM, begun: Sequence[list[int]], steps: int, rows: int, seed: int) -> list[list[int]]:
    """``steps`` more word pieces of each text, drawn as the model finds them likely; so many texts side by side."""
    device = model.norm.device.type
    draw = torch.Generator(device).manual_seed(seed)
    made: list[list[int]] = [[] for _ in begun]
    order = sorted(range(len(begun)), key=lambda n: len(begun[n]))
    layers = [dict(layer) for layer in model.layers]
    for at in range(0, len(order), rows):
        chosen = order[at : at + rows]
        length = len(begun[chosen[-1]])
        blank = torch.tensor([length - len(begun[n]) for n in chosen], device=device)
        ids = torch.tensor([[PART] * (length - len(begun[n])) + begun[n] for n in chosen], device=device)
        seen = torch.arange(length + steps, device=device) >= blank[:, None]
        memory = [Memory(len(chosen), length + steps, model.words.weight) for _ in layers]
        drawn = []
        for step in range(steps):
            end = length + step
            x = through(model, layers, memory, ids, seen[:, :end])
            ids = _drawn(model.next(model.normed(x[:, -1])), draw)
            drawn.append(ids)
        for n, pieces in zip(chosen, torch.cat(drawn, 1).tolist(), strict=True):
            made[n] = pieces
    return made


class Memory:
    """Keys and values of a layer, ``(batch, heads, places, _)``, of the texts so far."""

    def __init__(self, rows: int, places: int, like: Any) -> None:
        kind = torch.bfloat16 if like.is_cuda else torch.float32
        shape = (2, rows, smollm.SHARED, places, smollm.HIDDEN // smollm.HEADS)
        self.kept = torch.empty(shape, dtype=kind, device=like.device)


def through(model: smollm.SmolLM, layers: Any, memory: list[Memory], ids: Any, seen: Any) -> Any:
    """States of the last pieces, which are remembered; ``seen`` are the places, these among them, that count."""
    rows, new = ids.shape
    end = seen.shape[1]
    x = model.words(ids).to(memory[0].kept.dtype)
    cosine, sine = model.cosine[end - new : end], model.sine[end - new : end]
    allowed = seen[:, None, None, :]
    if new > 1:  # a place that counts for nothing sees itself: else nothing would be left to weigh
        places = torch.arange(end, device=ids.device)
        allowed = allowed & (places[:, None] >= places) | (places[:, None] == places)
    for of, own in zip(layers, memory, strict=True):
        query, key, value = smollm.projected(x, of, cosine, sine)
        own.kept[0, :, :, end - new : end], own.kept[1, :, :, end - new : end] = key, value
        keys, values = own.kept[:, :, :, :end]
        if new > 1:
            found = functional.scaled_dot_product_attention(query, keys, values, attn_mask=allowed, enable_gqa=True)
        else:  # the heads that share a key stand in the place of the pieces
            shared = query.view(rows, smollm.SHARED, -1, query.shape[-1])
            found = functional.scaled_dot_product_attention(shared, keys, values, attn_mask=allowed).reshape(
                query.shape
            )
        x = smollm.added(x, of, found)
    return x


def _drawn(logits: Any, draw: Any) -> Any:
    """One piece for each row, ``(batch, 1)``."""
    best = (logits.float() / _WARM).topk(min(64, logits.shape[-1]), -1)
    chances = best.values.softmax(-1)
    chances = chances.masked_fill(chances.cumsum(-1) - chances > _LIKELY, 0.0)
    return best.indices.gather(1, torch.multinomial(chances, 1, generator=draw))


def written_on(begun: str, pieces: list[int]) -> str | None:
    """The whole sentences of a text that was begun and written on; None where it turned in circles or is too short."""
    text = begun + smollm.tokenizer().decode([piece for piece in pieces if piece > PART], skip_special_tokens=False)
    text = re.sub(r"\s+", " ", text.split("\n\n\n")[0]).strip()
    spans = sentences(text)[:-1]
    told = [text[span.start : span.end] for span in spans]
    if not told or len(set(told)) < len(told):
        return None
    text = text[: spans[-1].end]
    return text if _WRITTEN[0] <= len(text) <= 2 * _WRITTEN[1] else None


def questions_in(pieces: list[int]) -> list[str]:
    """The questions that ended, each once."""
    found: dict[str, None] = {}
    one: list[int] = []
    for piece in pieces:
        if piece != PART:
            one.append(piece)
            continue
        text = smollm.tokenizer().decode(one, skip_special_tokens=False).strip()
        one = []
        if 8 <= len(text) <= 200 and "\n" not in text and "\ufffd" not in text:
            found[text] = None
    return list(found)
