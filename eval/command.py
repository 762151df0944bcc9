"""``quotewell eval [SET]``: a question set put to a collection, and the figures."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from eval.formats import Kind, load_set
from eval.questions import QuestionSet, SetError, resolve, sample
from eval.report import print_report
from eval.runs import Line, Subject, Task, run, save
from eval.scores import score
from rag.build import build
from rag.errors import NotFound
from rag.settings import load_settings
from rag.types import Article, Refusal

SEEDS = Path(__file__).parent / "sets" / "seeds.jsonl"


def evaluate(
    set_path: Annotated[
        Path, typer.Argument(metavar="SET", help="A question set.", show_default="that about seeds/")
    ] = SEEDS,
    kind: Annotated[Kind | None, typer.Option("--as", help="What the set is.", show_default="by its suffix")] = None,
    task: Annotated[Task, typer.Option(help="Ask each question, or stop at its passages.")] = "ask",
    articles: Annotated[
        Path | None, typer.Option(help="File or folder to ingest.", show_default="the set's own, or seeds/")
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(help="Folder of the collection; nothing but the set's own articles or --articles is put in it."),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="Passages to look for the evidence in.")] = 10,
    limit: Annotated[int | None, typer.Option(min=1, help="Questions to draw.", show_default="all")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw and of the intervals.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for run.jsonl, a line a question.")] = None,
    failures: Annotated[int, typer.Option(min=0, help="Failures to show.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Put a question set to the articles and print how good the answers are."""
    question_set = choose(load_set(set_path, kind), task, limit, seed)
    with ExitStack() as stack:
        folder = home or Path(stack.enter_context(TemporaryDirectory(prefix="quotewell-eval-")))
        system = build(load_settings(home=folder))
        stack.callback(system.close)
        progress = stack.enter_context(_progress())
        source = articles or (Path("seeds") if home is None and not question_set.articles else None)
        fill(system, question_set.articles, source, progress)
        gold = resolve(question_set.questions, system.library)
        asked = run(system, question_set.questions, gold, task=task, k=k)
        saved = save(asked, out / "run.jsonl") if out else asked
        total = len(question_set.questions)
        lines: list[Line] = list(progress.track(saved, total=total, description="asking"))
    scores = score(lines, seed=seed)
    if as_json:
        sys.stdout.write(json.dumps(scores, ensure_ascii=False) + "\n")
    else:
        print_report(Console(), question_set.name, scores, lines, failures=failures)


def choose(question_set: QuestionSet, task: Task, limit: int | None, seed: int) -> QuestionSet:
    """The questions to put. Retrieval has nothing to find for unanswerable ones: they go before the draw."""
    if task == "retrieve":
        answerable = tuple(question for question in question_set.questions if question.answerable)
        question_set = replace(question_set, questions=answerable)
        if not answerable:
            raise SetError(
                expected=f"answerable questions in {question_set.name}", found="none", remedy="use --task ask"
            )
    return sample(question_set, limit, seed)


def fill(system: Subject, own: tuple[Article, ...], source: Path | None, progress: Progress) -> None:
    """Ingests the set's own articles and those of ``source``; what is refused is told, and stops nothing.

    Raises NotFound when the collection is empty after that.
    """
    if source is not None and not source.exists():
        raise NotFound(expected=f"articles in {source}", found="no such path", remedy="say where with --articles")
    items: Iterable[Article | Refusal] = own if source is None else [*own, *system.read(str(source))]
    for receipt in system.ingest(progress.track(items, description="indexing")):
        if receipt.outcome == "refused":
            progress.console.print(Text(f"refused {receipt.source}: {receipt.reason}", style="red"), soft_wrap=True)
    if not system.library.stats().articles:
        raise NotFound(expected="articles to ask about", found="none", remedy="say where with --articles")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
