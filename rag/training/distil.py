"""Teaches the reader that ships with a larger model's word: ``make distil`` (a GPU, a quarter of an hour).

``lessons`` has written examples and passages down. A language model learns to ask, and makes up questions over the
passages (``asker``). The same model learns from the examples to read both ways, and to answer (``teacher``). It says
where it finds each question answered, and whether; the reader goes on from the weights that ship, towards that alone
where the question is made up, else towards what the teacher says and what the sets say, half and half (Hinton et al.,
2015). Some of the questions are put to the reader in other words than to the teacher, so that it learns what may stand
for what. What is kept lies between the reader's weights before and after (Wortsman et al., 2022).

What the teacher says is written to ``said.pt``; a run that was stopped after that has the reader learn from it at once.
"""

from __future__ import annotations

import argparse
import copy
import functools
import json
import multiprocessing
import os
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from rag.training import asker, encoder, lessons, reader, smollm, teacher
from rag.training.examples import Example
from rag.training.noise import noisy
from rag.training.reader import MASK, Reader, between, titled
from rag.training.ship_reader import shipped
from rag.training.teacher import MADE_UP, Packed, Texts, Told

HEARD = 0.5  # the teacher's share beside the sets' own word
_WAY = 0.7  # from the reader's weights before to those after
_OWN = 0.65  # of the questions made up over a passage are asked of it, the others of one much like it
_CHUNK = 1000
_ROWS = 2048  # texts that are continued side by side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lessons", type=Path, default=Path("runs/lessons"))
    parser.add_argument("--start", type=Path, default=Path("rag/models/reader/model.onnx"))
    parser.add_argument("--out", type=Path, default=Path("runs/distil"))
    parser.add_argument("--seconds", type=float, default=640, help="in which all is done")
    parser.add_argument("--ask", type=float, default=30, help="seconds for learning to ask")
    parser.add_argument("--adapt", type=float, default=15, help="seconds for the teacher's learning to read both ways")
    parser.add_argument("--teach", type=float, default=80, help="seconds for its learning to answer")
    parser.add_argument("--passages", type=int, default=60_000, help="so many are asked about")
    parser.add_argument("--told", type=int, default=250_000, help="the reader is told of so many of the lessons")
    parser.add_argument("--tokens", type=int, default=32768, help="word pieces in a batch; the reader's are twice that")
    parser.add_argument(
        "--rate", type=float, default=4e-4, help="the reader's learning rate; the teacher's is half of it"
    )
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the processes are side by side already
    smollm.tokenizer()  # read once, for all processes
    with multiprocessing.Pool() as pool:  # before anything touches the GPU
        _main(given, pool)


@dataclass(frozen=True)
class Lesson:
    """What the reader learns from: examples in its word pieces, whether each is answered, whether that is known, what
    the teacher says, and the numbers of those of which it has said something."""

    read: Texts
    answered: Any
    known: Any
    said: Told
    of: Any


def _main(given: argparse.Namespace, pool: Any) -> None:
    began = time.monotonic()
    asked = _chunks(lessons.examples(given.lessons / "exam.jsonl.zst"), 0)
    exam = pool.starmap_async(teacher.paired, [(one, {}) for one in asked], chunksize=1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.enable_cudnn_sdp(False)  # it plans anew for each length
    torch.manual_seed(given.seed)
    said = given.out / "said.pt"
    if not said.exists():
        save(_lesson(given, pool, exam, device, began), said)
    lesson = loaded(said, device)
    papers = teacher.stock(exam.get(), device)
    before = shipped(given.start)
    model = copy.deepcopy(before).to(device)
    print("reader before:", marks(papers, heard(model.eval(), papers.read, given.tokens)), flush=True)
    left = given.seconds - (time.monotonic() - began)
    learn(model.train(), lesson, tokens=2 * given.tokens, rate=given.rate, seed=given.seed, seconds=left)
    print("reader after:", marks(papers, heard(model.eval(), papers.read, given.tokens)))
    torch.save(model.cpu().state_dict(), given.out / "after.pt")
    torch.save(between(before, model, _WAY), given.out / "reader.pt")
    said.unlink()


def _lesson(given: argparse.Namespace, pool: Any, exam: Any, device: str, began: float) -> Lesson:
    """Questions made up, a teacher taught, and what it says of the examples."""

    def log(text: str) -> None:
        print(f"{time.monotonic() - began:.0f} s: {text}", flush=True)

    examples = lessons.examples(given.lessons / "lessons.jsonl.zst")
    random.Random(given.seed).shuffle(examples)
    words = json.loads((given.lessons / "words.json").read_text(encoding="utf-8"))
    pairing = pool.starmap_async(teacher.paired, [(one, words) for one in _chunks(examples, given.seed)], chunksize=1)
    made_up = pool.starmap_async(_made_up, [(one, words) for one in _asked(given, device)], chunksize=1)
    pairs = pairing.get()
    known = teacher.stock(pairs, device)
    log(f"asked; {len(known)} examples")
    teaching = _taught(given, known, device)
    count, every = len(known), teacher.stock([*pairs, *made_up.get()], device)
    log(f"taught; {len(every) - count} made-up questions")
    papers = teacher.stock(exam.get(), device)
    print("teacher:", marks(papers, teacher.told(teaching, papers, given.tokens, np.arange(len(papers)))))
    chosen = np.concatenate([np.arange(min(given.told, count)), np.arange(count, len(every))])
    said = teacher.told(teaching, every, 2 * given.tokens, chosen)
    _sample(given.out / "asked.jsonl", every, said, chosen[chosen >= count])
    log("told")
    return Lesson(every.read, every.answered, every.known, said, chosen)


def save(lesson: Lesson, path: Path) -> None:
    read = {**vars(lesson.read), "lengths": torch.from_numpy(lesson.read.lengths)}
    rest = {"answered": lesson.answered, "known": lesson.known, "of": torch.from_numpy(lesson.of)}
    beside = path.with_suffix(".new")
    torch.save({"read": read, "said": vars(lesson.said), **rest}, beside)
    beside.replace(path)


def loaded(path: Path, device: str) -> Lesson:
    found = torch.load(path, weights_only=True, map_location=device)
    read, of = found["read"], found["of"].cpu().numpy()
    texts = Texts(**{**read, "lengths": read["lengths"].cpu().numpy()})
    return Lesson(texts, found["answered"], found["known"], Told(**found["said"]), of)


def _chunks(items: Sequence[Any], seed: int) -> list[tuple[Sequence[Any], int]]:
    return [(items[at : at + _CHUNK], seed + at) for at in range(0, len(items), _CHUNK)]


def _asked(given: argparse.Namespace, device: str) -> list[tuple[Sequence[Any], int]]:
    """Passages with what was asked over them, and those most like each, for ``_made_up``."""
    passages = lessons.passages(given.lessons / "passages.jsonl.zst")
    rng = random.Random(given.seed)
    model = smollm.on(device)
    encode = functools.partial(smollm.tokenizer().encode_batch, add_special_tokens=False)
    numbers = [n for n, one in enumerate(passages) if not one.begun]
    numbers = rng.sample(numbers, min(len(numbers), given.passages))
    begun = [one for one in passages if one.begun]
    begun = rng.sample(begun, min(len(begun), given.passages))
    texts = [[smollm.BEGIN, *found.ids] for found in encode([one.text for one in begun])]
    written = asker.continued(model, texts, asker.WRITTEN_ON, _ROWS, given.seed)
    more = [text for one, pieces in zip(begun, written, strict=True) if (text := asker.written_on(one.text, pieces))]
    print(f"{len(more)} of {len(begun)} passages written on:", *more[:3], sep="\n  ")
    asker.learn(model, passages, given.tokens, given.rate / 4, given.ask, given.seed)
    rows = [(passages[n].text, passages[n].title, [passages[k].text for k in passages[n].near]) for n in numbers]
    rows += [(text, "", []) for text in more]
    told = [[smollm.BEGIN, *found.ids[: asker.LONGEST], smollm.PART] for found in encode([row[0] for row in rows])]
    made = asker.continued(model, told, asker.ASKED_ON, _ROWS, given.seed)
    return _chunks([(*row, pieces) for row, pieces in zip(rows, made, strict=True)], given.seed)


def _made_up(given: tuple[Sequence[Any], int], words: Mapping[str, Sequence[str]]) -> Packed:
    """Examples of what was asked, each over its passage or one much like that, as people's are changed and titled."""
    rows, seed = given
    rng = random.Random(seed)
    examples = []
    for text, title, near, pieces in rows:
        for question in asker.questions_in(pieces):
            passage = rng.choice(near) if near and rng.random() > _OWN else text
            example = Example(question, passage, (), MADE_UP, title=title)
            examples.append(titled(noisy(example, rng), rng))
    return teacher.paired((examples, seed), words)


def _taught(given: argparse.Namespace, known: Packed, device: str) -> teacher.Teacher:
    model: teacher.Teacher = teacher.Teacher(smollm.on(device)).to(device)
    teacher.adapt(model.model, known, given.tokens, given.rate / 2, given.adapt, given.seed)
    teacher.teach(model, known, given.tokens, given.rate / 2, given.teach, given.seed)
    return model


def marks(papers: Packed, said: Told) -> str:
    """How well it tells what is answered from what is not, and how often it finds where."""
    from sklearn.metrics import roc_auc_score

    answered = papers.answered.cpu().numpy()
    found = (said.places[:, :, 0] == torch.stack([papers.read.start, papers.read.end], 1)).all(1).cpu().numpy()
    told = roc_auc_score(answered, said.answered.float().cpu().numpy())
    none = 1 - (said.likely * (said.places == 0)).sum(-1).float().mean(-1).cpu().numpy()
    return f"AUROC {told:.4f}, by places {roc_auc_score(answered, none):.4f}, found {found[answered > 0].mean():.4f}"


@torch.no_grad()  # type: ignore[untyped-decorator]
def heard(model: Reader, given: Texts, tokens: int) -> Told:
    """What the reader itself finds of each text."""
    count, device = len(given.lengths), given.pieces.device
    places = torch.zeros(count, 2, teacher.KEPT, dtype=torch.int32, device=device)
    likely = torch.zeros(count, 2, teacher.KEPT, device=device)
    answered = torch.zeros(count, device=device)
    for numbers in teacher.alike(np.arange(count), given.lengths, tokens):
        there, ids, allowed, types = _read(given, numbers)
        spans, answerable = model.heads(encoder.states(model.bert, ids, types, _kind(ids)))
        best = spans.masked_fill(~allowed.unsqueeze(-1), -1e4).softmax(1).transpose(1, 2)
        best = best.topk(min(teacher.KEPT, best.shape[-1]), -1)
        kept = best.indices.shape[-1]
        places[there, :, :kept], likely[there, :, :kept] = best.indices.int(), best.values
        answered[there] = answerable.sigmoid()
    return Told(places, likely, answered)


def _kind(ids: Any) -> Any:
    return torch.bfloat16 if ids.is_cuda else torch.float32


def _read(given: Texts, numbers: Any) -> tuple[Any, Any, Any, Any]:
    """Numbers, the reader's word pieces, which may hold an answer, and the types, on the device."""
    length = int(given.lengths[numbers[0]])
    there = torch.from_numpy(numbers).to(given.pieces.device)
    ids, allowed = given.pieces[given.places(there, length)], given.allowed(there, length)
    types = (torch.arange(length, device=there.device) >= given.question[there][:, None]).int()
    return there, ids, allowed, types


def learn(model: Reader, given: Lesson, *, tokens: int, rate: float, seed: int, seconds: float) -> None:
    model.bert.embeddings.word_embeddings.weight.requires_grad_(False)
    read, said = given.read, given.said

    def loss_of(numbers: Any) -> tuple[Any, int]:
        there, ids, allowed, types = _read(read, numbers)
        own = torch.stack([read.start[there], read.end[there]], 1)
        places = torch.arange(ids.shape[1], device=ids.device)
        hidden = (torch.rand(ids.shape, device=ids.device) < 0.04) & allowed & (places > 0)
        for span in (own, said.places[there, :, 0]):
            hidden &= ~((places >= span[:, :1]) & (places <= span[:, 1:]))
        spans, answerable = model.heads(encoder.states(model.bert, torch.where(hidden, MASK, ids), types, _kind(ids)))
        spans = spans.masked_fill(~allowed.unsqueeze(-1), -1e4)
        listened = 1 - (1 - HEARD) * given.known[there]
        wanted = torch.zeros(len(there), 2, ids.shape[1], device=ids.device)
        wanted.scatter_add_(2, said.places[there].long(), said.likely[there].float() * listened[:, None, None])
        wanted.scatter_add_(2, own.clamp(min=0).unsqueeze(-1), (1 - listened)[:, None, None].expand(-1, 2, 1))
        marked = (own[:, 0] >= 0).float()
        entropy = -(wanted * spans.transpose(1, 2).log_softmax(-1)).sum(-1).mean(-1)
        answered = torch.lerp(given.answered[there], said.answered[there].float(), listened)
        telling = functional.binary_cross_entropy_with_logits(answerable, answered)
        return (entropy * marked).sum() / marked.sum().clamp(min=1) + 0.5 * telling, ids.numel()

    rounds = teacher.batches(read.lengths, tokens, np.random.default_rng(seed), given.of)
    teacher.steps_of(model.trained(), rounds, rate, loss_of, "learn", seconds)


def _sample(path: Path, given: Packed, said: Told, numbers: Any, count: int = 2000) -> None:
    """Some made-up questions, as the reader is asked them, with what the teacher says, to be read by a person."""
    words = reader.tokenizer()
    with path.open("w", encoding="utf-8") as file:
        for n in np.random.default_rng(0).permutation(numbers)[:count]:
            at, length, first = int(given.read.at[n]), int(given.read.lengths[n]), int(given.read.question[n])
            pieces = given.read.pieces[at : at + length].tolist()
            start, end = said.places[n, :, 0].tolist()
            row = {
                "question": words.decode(pieces[:first]),
                "passage": words.decode(pieces[first:]),
                "answer": words.decode(pieces[start : end + 1]) if start else "",
                "answered": round(float(said.answered[n]), 3),
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
