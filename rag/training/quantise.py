"""A PyTorch encoder → int8 ONNX, as small and as quick on a CPU as it goes without losing what it knows.

1. Export to ONNX and fuse (ONNX Runtime's transformer optimizer: attention, layer norm, GELU). Layer
   norms are parted again from the sums before them: ONNX Runtime's fused operator for the two is slow
   on a CPU, and took a fifth of all time.
2. Smooth: dynamic int8 has one scale for all activations of a matrix product, so a few loud channels
   cost all others their precision. Each input channel is divided by s = max|x|^a / max|w|^(1-a) and its
   weights are multiplied by it (SmoothQuant, Xiao et al., 2023), max|x| over sample inputs: the more
   varied they are, the better.
3. Quantise weights to int8, per channel; activations are quantised as they come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
Feed = dict[str, Any]


def export(module: Any, outputs: Sequence[str], folder: Path) -> Path:
    """``fused.onnx``: the module in fp32, its operators fused. It takes INPUTS, ``(batch, seq)`` each."""
    import torch
    from onnxruntime.transformers import optimizer

    ids = torch.tensor([[101, 2028, 3793, 102], [101, 2178, 102, 0]])
    sample = (ids, (ids > 0).long(), torch.zeros_like(ids))
    torch.onnx.export(
        module.eval(),
        sample,
        str(folder / "fp32.onnx"),
        input_names=list(INPUTS),
        output_names=list(outputs),
        dynamic_axes={name: {0: "batch", 1: "seq"} for name in INPUTS} | {name: {0: "batch"} for name in outputs},
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


def feed(ids: Sequence[int], types: Sequence[int] | None = None) -> Feed:
    """The inputs of one text, ``(1, seq)`` each."""
    row = np.array([ids], np.int64)
    return dict(zip(INPUTS, (row, np.ones_like(row), np.array([types or [0] * len(ids)], np.int64)), strict=True))


def loudest(fused: Path, feeds: Iterable[Feed]) -> dict[str, Any]:
    """The largest absolute activation of each channel that enters a matrix product, over ``feeds``."""
    import onnx
    import onnxruntime

    model = onnx.load(fused)
    names = list(dict.fromkeys(node.input[0] for node in _products(model)))
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: dict[str, Any] = {}
    for given in feeds:
        for name, value in zip(names, session.run(names, given), strict=True):
            most = np.abs(value.reshape(-1, value.shape[-1])).max(axis=0)
            found[name] = np.maximum(found.get(name, 0.0), most)
    return found


def smooth(fused: Path, most: dict[str, Any], alpha: float, folder: Path) -> Path:
    import onnx
    from onnx import numpy_helper

    model = onnx.load(fused)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if node.op_type in ("MatMul", "Attention"):
            weight = numpy_helper.to_array(weights[node.input[1]]).astype(np.float64)
            x = np.maximum(most[node.input[0]], 1e-5)
            w = np.maximum(np.abs(weight).max(axis=1), 1e-5)
            scale = x**alpha / w ** (1 - alpha)
            scale /= np.exp(np.log(scale).mean())
            smoothed = (weight * scale[:, None]).astype(np.float32)
            weights[node.input[1]].CopyFrom(numpy_helper.from_array(smoothed, node.input[1]))
            name = f"{node.name}_smooth"
            model.graph.initializer.append(numpy_helper.from_array((1 / scale).astype(np.float32), name))
            nodes.append(onnx.helper.make_node("Mul", [node.input[0], name], [f"{name}_out"], name=name))
            node.input[0] = f"{name}_out"
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, folder / "smooth.onnx")
    return folder / "smooth.onnx"


def quantise(smooth: Path, out: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(smooth),
        str(out),
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": 1},
    )


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
