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

import numpy as np
import torch

from rag.training.examples import load
from rag.training.quantise import Feed, export, feed, loudest, quantise, sha256, smooth
from rag.training.reader import WINDOW, Epochs, Reader, encode, untrained

_MINILM = Path(__file__).parents[1] / "models" / "minilm"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    falls = [Path(f"runs/reader/fall-{steps}.pt") for steps in (9500, 19000, 28500, 36000)]
    parser.add_argument("--checkpoint", type=Path, nargs="+", default=falls)
    parser.add_argument("--state", type=Path, help="of make distil, instead of the checkpoints")
    parser.add_argument("--out", type=Path, default=Path("rag/models/reader"))
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="of which texts for calibration are taken"
    )
    parser.add_argument("--alpha", type=float, default=0.8)
    parser.add_argument("--fp32", action="store_true", help="leave it in fp32, to compare")
    given = parser.parse_args()
    model = untrained()
    if given.state:
        model.load_state_dict(torch.load(given.state, weights_only=True, map_location="cpu"))
    else:
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
    _write_card(given.out)


def shipped(path: Path) -> Reader:
    """The reader of an int8 file, in fp32, to go on with: what ``export``, ``smooth`` and ``quantise`` did, undone."""
    import onnx
    from onnx import numpy_helper
    from transformers import BertConfig, BertModel

    graph = onnx.load(path).graph
    stored = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    louder = {f"{name}_out_quantized": 1 / factor for name, factor in stored.items() if name.endswith("_smooth")}

    def plain(name: str) -> Any:
        base = name.removesuffix("_quantized")
        return (stored[name].astype(np.float32) - stored[f"{base}_zero_point"]) * stored[f"{base}_scale"]

    found = {name: value for name, value in stored.items() if name.startswith(("bert.", "span.", "answerable.bias"))}
    found = {name: value for name, value in found.items() if value.dtype == np.float32 and value.ndim}
    found |= {n.removesuffix("_quantized"): plain(n) for n in stored if n.startswith("bert.embeddings") and "_qu" in n}
    for node in graph.node:
        if node.op_type not in ("QAttention", "MatMulInteger"):
            continue
        weight = (plain(node.input[1]) / louder.get(node.input[0], np.ones(1))[:, None]).T
        if node.op_type == "MatMulInteger":
            layer = node.name.split("/MatMul")[0].split("/Gemm")[0].strip("/").replace("/", ".")
            found[f"{layer}.weight"] = weight
            continue
        layer = f"bert.encoder.layer.{node.name.split('_')[1]}.attention.self"
        for name, part, bias in zip(
            ("query", "key", "value"), np.split(weight, 3), np.split(stored[node.input[2]], 3), strict=True
        ):
            found |= {f"{layer}.{name}.weight": part, f"{layer}.{name}.bias": bias}
    config = BertConfig(
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
        attn_implementation="eager",
    )
    model = Reader(BertModel(config, add_pooling_layer=False))
    model.load_state_dict({name: torch.from_numpy(np.array(value, np.float32)) for name, value in found.items()})
    return model


def _feeds(data: Path) -> Iterator[Feed]:
    """A thousand questions over passages, of each set and kind."""
    encoded = encode(random.Random(0).sample(Epochs(load(data), seed=0).examples(0), 1000), random.Random(0))
    for one in encoded:
        types = [0] * one.question + [1] * (len(one.ids) - one.question)
        yield feed(one.ids, types)


def _write_card(folder: Path) -> None:
    files = {name: sha256(folder / name) for name in ("model.onnx", "tokenizer.json")}
    card: dict[str, Any] = {"name": "quotewell-reader", "window": WINDOW, "files": files}
    (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
