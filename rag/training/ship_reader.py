"""Makes ``rag/models/reader`` of the checkpoints of ``make reader``: ``make ship-reader``. See ``quantise`` for how.

What ships is the mean of the weights at the end of each fall of the learning rate (Izmailov et al., 2018): it answers
one to three points of F1 better than any.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from rag.training.examples import load
from rag.training.quantise import Feed, export, feed, loudest, quantise, sha256, smooth
from rag.training.reader import WINDOW, Epochs, encode, untrained

_MINILM = Path(__file__).parents[1] / "models" / "minilm"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    falls = [Path(f"runs/reader/fall-{steps}.pt") for steps in (9500, 19000, 28500, 36000)]
    parser.add_argument("--checkpoint", type=Path, nargs="+", default=falls)
    parser.add_argument("--out", type=Path, default=Path("rag/models/reader"))
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="of which texts for calibration are taken"
    )
    parser.add_argument("--alpha", type=float, default=0.8)
    parser.add_argument("--fp32", action="store_true", help="leave it in fp32, to compare")
    given = parser.parse_args()
    model = untrained()
    states = [torch.load(path, weights_only=True, map_location="cpu") for path in given.checkpoint]
    model.load_state_dict(states[-1]["model"])
    averages = zip(*(state["average"] for state in states), strict=True)
    with torch.no_grad():
        torch._foreach_copy_(model.trained(), [torch.stack(alike).mean(0) for alike in averages])
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        made = export(model, ["edges", "answer"], Path(folder))
        if given.fp32:
            shutil.copyfile(made, given.out / "model.onnx")
        else:
            made = smooth(made, loudest(made, _feeds(given.data)), given.alpha, Path(folder))
            quantise(made, given.out / "model.onnx")
    shutil.copyfile(_MINILM / "tokenizer.json", given.out / "tokenizer.json")
    _write_card(given.out, states[-1]["step"])


def _feeds(data: Path) -> Iterator[Feed]:
    """A thousand questions over passages, of each set and kind."""
    encoded = encode(random.Random(0).sample(Epochs(load(data), seed=0).examples(0), 1000), random.Random(0))
    for one in encoded:
        types = [0] * one.question + [1] * (len(one.ids) - one.question)
        yield feed(one.ids, types)


def _write_card(folder: Path, steps: int) -> None:
    files = {name: sha256(folder / name) for name in ("model.onnx", "tokenizer.json")}
    card: dict[str, Any] = {"name": "quotewell-reader", "window": WINDOW, "steps": steps, "files": files}
    (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
