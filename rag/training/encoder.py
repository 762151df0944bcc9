"""The encoder of the reader as it trains: all-MiniLM-L6-v2's layers in plain products, three times as fast on a CPU.

Every sequence of a batch is of one length, so that nothing is masked and no product is wasted; what passes between the
layers is in bfloat16 where the processor multiplies that, and sums and weights are kept in fp32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

DROPPED = 0.1


def states(bert: Any, ids: Any, types: Any, kind: Any) -> Any:
    """The last layer's states, ``(batch, seq, hidden)`` in fp32, of a ``transformers`` BertModel's weights.

    ``ids`` and ``types`` are ``(batch, seq)``, ``kind`` is the type of the products. While ``bert`` trains, whole
    channels of what a layer adds are dropped, the same at each place of a text: that costs next to nothing.
    """
    rows, length = ids.shape
    table = bert.embeddings
    hidden, heads = bert.config.hidden_size, bert.config.num_attention_heads
    start = table.word_embeddings(ids) + table.position_embeddings.weight[:length] + table.token_type_embeddings(types)
    x = _norm(table.LayerNorm, start).to(kind)
    for layer in bert.encoder.layer:
        own, out = layer.attention.self, layer.attention.output
        scale = (heads / hidden) ** 0.5
        weight = torch.cat([own.query.weight * scale, own.key.weight, own.value.weight])
        bias = torch.cat([own.query.bias * scale, own.key.bias, own.value.bias])
        together = functional.linear(x, weight.to(kind), bias.to(kind)).view(rows, length, 3, heads, hidden // heads)
        query, key, value = together.permute(2, 0, 3, 1, 4).reshape(3, rows * heads, length, -1).unbind(0)
        seen = torch.bmm(torch.softmax(torch.bmm(query, key.transpose(1, 2)), -1), value)
        seen = seen.view(rows, heads, length, -1).transpose(1, 2).reshape(rows, length, hidden)
        x = _norm(out.LayerNorm, x + _dropped(_linear(out.dense, seen), bert.training))
        inner = functional.gelu(_linear(layer.intermediate.dense, x))
        x = _norm(layer.output.LayerNorm, x + _dropped(_linear(layer.output.dense, inner), bert.training))
    return x.float()


def _linear(layer: Any, x: Any) -> Any:
    return functional.linear(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype))


def _norm(layer: Any, x: Any) -> Any:
    return functional.layer_norm(x, x.shape[-1:], layer.weight.to(x.dtype), layer.bias.to(x.dtype), layer.eps)


def _dropped(x: Any, training: bool) -> Any:
    if not training:
        return x
    kept = torch.rand(x.shape[0], 1, x.shape[2], device=x.device) >= DROPPED
    return x * (kept / (1 - DROPPED)).to(x.dtype)
