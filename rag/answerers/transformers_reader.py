"""Any question-answering model of Hugging Face that the user names; torch is imported when it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from rag.answerers.span_reader import best_spans, joined
from rag.errors import ModelMissing
from rag.types import Finding

_WINDOW = 384
_OVERLAP = 64


class TransformersSpanReader:
    """A model with start and end logits, by hub id or folder, whose first token stands for no answer, as in SQuAD 2.0.

    A model that was trained without unanswerable questions points just as well, but its odds mean less.
    """

    def __init__(self, model: str) -> None:
        if find_spec("transformers") is None or find_spec("torch") is None:
            raise ModelMissing(
                expected=f"transformers and torch, for the reader {model!r}",
                found="no such package",
                remedy="pip install 'quotewell[models]', or unset QUOTEWELL_READER",
            )
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
            self._model = AutoModelForQuestionAnswering.from_pretrained(model, trust_remote_code=False).eval()
        except (OSError, ValueError) as err:
            raise ModelMissing(
                expected=f"a question-answering model at {model!r}",
                found=str(err).splitlines()[0][:200],
                remedy="name a folder that holds one, or a model id that can be downloaded",
            ) from err
        self.name = Path(model).name
        (probe,) = self.find("Who made this?", [("", "Quotewell made this.")])
        odds = np.round([odds for _, odds in probe.spans], 3)
        self.fingerprint = f"{self.name} odds:{hashlib.sha256(odds.tobytes()).hexdigest()[:16]}"

    def find(self, question: str, texts: Sequence[tuple[str, str]]) -> list[Finding]:
        return [self._find(question, heading, text) for heading, text in texts]

    def _find(self, question: str, heading: str, text: str) -> Finding:
        import torch

        head = f"{heading}\n" if heading else ""
        given = self._tokenizer(
            question,
            head + text,
            truncation="only_second",
            max_length=min(_WINDOW, self._tokenizer.model_max_length),
            stride=_OVERLAP,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            padding=True,
            return_tensors="pt",
        )
        offsets = given.pop("offset_mapping").numpy() - len(head)
        given.pop("overflow_to_sample_mapping")
        with torch.inference_mode():
            output = self._model(**given)
        edges = torch.stack([output.start_logits, output.end_logits], dim=-1).float().numpy()
        found = []
        for window, places in enumerate(offsets):
            sequence = given.encodings[window].sequence_ids
            inside = [n for n, part in enumerate(sequence) if part == 1 and places[n, 0] >= 0]
            if not inside:
                continue
            spans = tuple(best_spans(edges[window], inside[0], places[inside[0] : inside[-1] + 1], text))
            found.append(Finding(spans[0][1] if spans else -np.inf, spans))
        return joined(found) if found else Finding(-np.inf, ())
