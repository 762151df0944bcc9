"""The encoder of the reader as it trains: all-MiniLM-L6-v2's layers in plain products, three times as fast on a CPU.

Every sequence of a batch is of one length, so that nothing is masked and no product is wasted; what passes between the
layers is in bfloat16 where the processor multiplies that, and sums and weights are kept in fp32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

DROPPED = 0.1
EPSILON = 1e-12  # of the layer norms


def states(bert: Any, ids: Any, types: Any, kind: Any) -> Any:
    """The last layer's states, ``(batch, seq, hidden)`` in fp32, of a ``transformers`` BertModel's weights.

    ``ids`` and ``types`` are ``(batch, seq)``, ``kind`` is the type of the products. While ``bert`` trains, whole
    channels of what a layer adds are dropped, the same at each place of a text: that costs next to nothing.
    """
    table = bert.embeddings
    start = (
        table.word_embeddings(ids)
        + table.position_embeddings.weight[: ids.shape[1]]
        + table.token_type_embeddings(types)
    )
    x = functional.layer_norm(start, start.shape[-1:], table.LayerNorm.weight, table.LayerNorm.bias, EPSILON).to(kind)
    for one in bert.encoder.layer:
        x = _layer(x, dict(one.named_parameters()), bert.config.num_attention_heads, bert.training)
    return x.float()


def _layer(x: Any, of: dict[str, Any], heads: int, training: bool) -> Any:
    """One layer, of which ``of`` are the weights under their names there."""
    rows, length, hidden = x.shape
    scale = (heads / hidden) ** 0.5
    names = [f"attention.self.{name}" for name in ("query", "key", "value")]
    weight, bias = (
        torch.cat([of[f"{names[0]}.{part}"] * scale, *(of[f"{name}.{part}"] for name in names[1:])])
        for part in ("weight", "bias")
    )
    together = functional.linear(x, weight.to(x.dtype), bias.to(x.dtype)).view(rows, length, 3, heads, hidden // heads)
    query, key, value = together.permute(2, 0, 3, 1, 4)
    if x.is_cuda:
        seen = functional.scaled_dot_product_attention(query, key, value, scale=1.0)
    else:
        query, key, value = (one.reshape(rows * heads, length, -1) for one in (query, key, value))
        seen = torch.bmm(torch.softmax(torch.bmm(query, key.transpose(1, 2)), -1), value)
        seen = seen.view(rows, heads, length, -1)
    seen = seen.transpose(1, 2).reshape(rows, length, hidden)
    x = _norm(of, "attention.output", x + _dropped(_linear(of, "attention.output", seen), training))
    inner = functional.gelu(_linear(of, "intermediate", x))
    return _norm(of, "output", x + _dropped(_linear(of, "output", inner), training))


def _linear(of: dict[str, Any], name: str, x: Any) -> Any:
    return functional.linear(x, of[f"{name}.dense.weight"].to(x.dtype), of[f"{name}.dense.bias"].to(x.dtype))


def _norm(of: dict[str, Any], name: str, x: Any) -> Any:
    weight, bias = of[f"{name}.LayerNorm.weight"].to(x.dtype), of[f"{name}.LayerNorm.bias"].to(x.dtype)
    return functional.layer_norm(x, x.shape[-1:], weight, bias, EPSILON)


def _dropped(x: Any, training: bool) -> Any:
    if not training:
        return x
    kept = torch.rand(x.shape[0], 1, x.shape[2], device=x.device) >= DROPPED
    return x * (kept / (1 - DROPPED)).to(x.dtype)
