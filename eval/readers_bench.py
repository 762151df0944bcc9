"""``python -m eval.readers_bench``: how long an answer takes, beside the same with a RoBERTa-base reader.

Both readers get the same passages of the same question, in turn. RoBERTa-base's weights are random: its speed does not
depend on them. Memory is that of a process that serves our answers alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import track

from eval.bench import prepare
from eval.sides import memory_mb, read_articles
from rag.build import System, build
from rag.settings import load_settings
from rag.types import Answer

PASSAGES = 8
_WARM_UP = 5


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m eval.readers_bench", description="Answers beside a larger reader's."
    )
    parser.add_argument("--articles", type=Path, default=Path("seeds"), help="a SQuAD file, or a folder of articles")
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        print(json.dumps({"resident_mb": _resident(given.alone)}))
        return
    with TemporaryDirectory(prefix="quotewell-bench-") as folder:
        work = Path(folder)
        prepare(work, given.articles, given.questions)
        with closing(build(load_settings(home=work / "home", passages=PASSAGES))) as ours:
            for _ in ours.ingest(read_articles(work)):
                pass
            roberta_base(work / "roberta")
            with closing(
                build(load_settings(home=work / "home", passages=PASSAGES, reader=str(work / "roberta")))
            ) as larger:
                asked = track(_questions(work), "asking", console=Console(stderr=True), transient=True)
                laps = [(_lap(ours, question), _lap(larger, question)) for question in asked][_WARM_UP:]
        alone = subprocess.run(
            [sys.executable, "-m", "eval.readers_bench", "--alone", str(work)],
            capture_output=True,
            text=True,
            check=True,
        )
    reading = [theirs["answer"] / mine["answer"] for mine, theirs in laps]
    total = [mine["total"] for mine, _ in laps]
    told = {
        "questions": len(laps),
        "passages": PASSAGES,
        "ask_p50_ms": round(median(total), 1),
        "ask_p95_ms": round(quantiles(total, n=20)[-1], 1),
        "times_faster_than_roberta_base": round(median(reading), 2),
        "times_faster_least": round(min(reading), 2),
        "resident_mb": round(json.loads(alone.stdout)["resident_mb"]),
    }
    print(json.dumps(told, indent=1))


def roberta_base(folder: Path) -> None:
    """A model of RoBERTa-base's size and shape in ``folder``, over our own word pieces."""
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForQuestionAnswering

    from rag.build import MODELS

    config = RobertaConfig(vocab_size=50_265, max_position_embeddings=514, type_vocab_size=1, pad_token_id=0)
    RobertaForQuestionAnswering(config).save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(MODELS / "minilm" / "tokenizer.json"),
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        model_max_length=512,
        model_input_names=["input_ids", "attention_mask"],
    )
    tokenizer.save_pretrained(folder)


def _questions(work: Path) -> list[str]:
    asked: list[str] = json.loads((work / "questions.json").read_text(encoding="utf-8"))
    return asked


def _lap(system: System, question: str) -> dict[str, float]:
    """Milliseconds by stage."""
    *_, answer = system.ask(question)
    if not isinstance(answer, Answer):
        raise TypeError("expected the stream to end with an Answer")
    return dict(answer.timings)


def _resident(work: Path) -> float:
    with closing(build(load_settings(home=work / "home", passages=PASSAGES))) as system:
        for question in _questions(work):
            _lap(system, question)
        return memory_mb("VmRSS")


if __name__ == "__main__":
    main()
