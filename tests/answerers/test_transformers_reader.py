"""Any question-answering model in place of the built-in reader: a tiny one with random weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.answerers.transformers_reader import TransformersSpanReader
from rag.build import MODELS
from rag.errors import ModelMissing

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

TEXT = "The Ardent Bridge was opened on 4 May 1931 by Queen Maud. " * 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(4)
    path = tmp_path_factory.mktemp("model")
    config = transformers.BertConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, initializer_range=0.5
    )
    transformers.BertForQuestionAnswering(config).save_pretrained(path)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(MODELS / "minilm" / "tokenizer.json"),
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        model_max_length=512,
    )
    tokenizer.save_pretrained(path)
    return path


def test_spans_are_of_the_text_and_never_of_the_heading(folder: Path) -> None:
    reader = TransformersSpanReader(str(folder))
    finding, short = reader.find("When was it opened?", [("A heading of some words", TEXT), ("", "Opened in 1931.")])
    assert 1 <= len(finding.spans) <= 8
    for span, _ in finding.spans:
        assert 0 <= span.start < span.end <= len(TEXT)
        assert span.of(TEXT) == span.of(TEXT).strip()
    assert [odds for _, odds in finding.spans] == sorted((odds for _, odds in finding.spans), reverse=True)
    assert all(span.end <= 15 for span, _ in short.spans)


def test_the_best_span_is_that_of_the_largest_sum_of_logits(folder: Path) -> None:
    text = "The Ardent Bridge was opened on 4 May 1931."
    reader = TransformersSpanReader(str(folder))
    ((span, odds), *_) = reader.find("When was it opened?", [("", text)])[0].spans
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    given = tokenizer("When was it opened?", text, return_tensors="pt", return_offsets_mapping=True)
    places = given.pop("offset_mapping")[0].tolist()
    with torch.inference_mode():
        output = model(**given)
    starts, ends = output.start_logits[0].tolist(), output.end_logits[0].tolist()
    inside = [n for n, part in enumerate(given.sequence_ids()) if part == 1]
    best, first, last = max((starts[s] + ends[e], s, e) for s in inside for e in inside if s <= e < s + 40)
    assert (span.start, span.end) == (places[first][0], places[last][1])
    assert odds == pytest.approx(best - starts[0] - ends[0], abs=1e-4)


def test_the_same_model_has_the_same_fingerprint(folder: Path) -> None:
    one, other = TransformersSpanReader(str(folder)), TransformersSpanReader(str(folder))
    assert one.fingerprint == other.fingerprint


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="question-answering model"):
        TransformersSpanReader(str(tmp_path))
