"""``quotewell eval``: a question set put to a system, and the figures; its gate, report, check and draft."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text
from typer._click.core import Context  # typer brings its own click
from typer.core import TyperGroup

from eval.calibrate import fit
from eval.draft import MOST, Proposal, propose, write_draft
from eval.formats import Kind, load_set
from eval.gate import Baseline, changed_questions, compare, load_baseline, losses
from eval.page import Shown, render
from eval.questions import EvidenceError, QuestionSet, SetError, locate, paragraphs, resolve, sample
from eval.report import print_changes, print_fitted, print_report, print_side_by_side
from eval.runs import Folder, Line, Subject, Task, identify, run
from eval.scores import score
from eval.subjects import Local, Remote
from eval.systems import make, read_articles
from rag.build import build
from rag.calibration import Calibration
from rag.errors import NotFound, UsageError
from rag.settings import load_settings
from rag.types import Article, Refusal
from rag.wire import Wire

SEEDS = Path(__file__).parent / "sets" / "seeds.jsonl"


class Commands(TyperGroup):
    """Whatever is none of our commands is the set of ``run``."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        if not args or args[0] not in self.commands:
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    rich_markup_mode=None,
    help="Figures over questions with known answers.",
)

SetPath = Annotated[Path, typer.Argument(metavar="SET", help="A question set.", show_default="that about seeds/")]
As = Annotated[Kind | None, typer.Option("--as", help="What the set is.", show_default="by its name")]
Split = Annotated[str, typer.Option(help="Which judgements of a BEIR folder.")]
From = Annotated[
    Path | None, typer.Option("--articles", help="File or folder to ingest.", show_default="the set's own, or seeds/")
]
Home = Annotated[
    Path | None,
    typer.Option(help="Folder of a collection; nothing but the set's own articles or --articles is put in it."),
]
Url = Annotated[str | None, typer.Option(help="A Quotewell service to ask, in the place of this process.")]
Name = Annotated[
    str,
    typer.Option(
        "--system", help="quotewell, a part of it (unmerged, fused, dense, lexical), or a peer (langchain, txtai)."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Seed = Annotated[int, typer.Option(help="Seed of the draw and of the intervals.")]


@app.command("run", epilog="Others: quotewell eval check | draft | report, each with --help.")
def evaluate(
    set_path: SetPath = SEEDS,
    kind: As = None,
    split: Split = "test",
    task: Annotated[
        Task, typer.Option(help="Ask each question, stop at its passages, or read the paragraph that the set says.")
    ] = "ask",
    articles: From = None,
    home: Home = None,
    url: Url = None,
    system: Name = "quotewell",
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="Passages to look for the evidence in.")] = 10,
    limit: Annotated[int | None, typer.Option(min=1, help="Questions to draw.", show_default="all")] = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the run and its report.html; a run that was cut off goes on there.")
    ] = None,
    baseline: Annotated[Path | None, typer.Option(help="Baseline, or folder of a run, to compare with.")] = None,
    gate: Annotated[bool, typer.Option("--gate", help="Exit 1 when something is significantly worse.")] = False,
    save_baseline: Annotated[Path | None, typer.Option(help="File to keep this run in, as a baseline.")] = None,
    failures: Annotated[int, typer.Option(min=0, help="Failures to show.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Put a question set to the articles and print how good the answers are."""
    if gate and baseline is None:
        raise UsageError(expected="--baseline with --gate", found="none", remedy="say what to compare with")
    before = load_baseline(baseline) if baseline else None
    question_set = choose(load_set(set_path, kind, split=split), task, limit, seed)
    with _filled(question_set, articles, home, url, system) as (subject, progress):
        question_set, lines, identity = _asked(subject, question_set, task, k, out, progress)
    after = Baseline.of(identity, lines)
    scores = score(lines, seed=seed)
    changes = compare(before, after, seed=seed) if before else []
    flips = changed_questions(before, after) if before else ([], [])
    if save_baseline:
        after.save(save_baseline)
    shown = Shown(_label(identity), lines, scores)
    if out:
        (out / "scores.json").write_text(json.dumps(scores, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        (out / "report.html").write_text(render(question_set.name, [shown], identity=identity), encoding="utf-8")
    lost = losses(changes) if gate else []
    if as_json:
        told = {"gate": {"failed": [one.metric for one in lost]}} if gate else {}
        sys.stdout.write(json.dumps(scores | told, ensure_ascii=False) + "\n")
    else:
        print_report(Console(), question_set.name, scores, lines, failures=failures)
        if before:
            print_changes(Console(), changes, flips, lost, gate=gate)
        if out:
            Console().print(Text(f"\nThe run, its scores and a report to open: {out / 'report.html'}"), soft_wrap=True)
    if lost:
        raise typer.Exit(1)


def calibrate(
    set_path: Annotated[Path, typer.Argument(metavar="SET", help="Questions about the collection, some unanswerable.")],
    kind: As = None,
    home: Annotated[Path | None, typer.Option(help="Folder of the collection.")] = None,
    risk: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Share of questions that may get a wrong answer.")
    ] = 0.05,
    as_json: AsJson = False,
) -> None:
    """Fit the confidence under which an answer is declined to questions of your own."""
    question_set = load_set(set_path, kind)
    settings = load_settings(home=home, threshold=0.0)
    if not (settings.home / "library.db").exists():
        raise NotFound(
            expected=f"a collection in {settings.home}", found="none", remedy="put articles in: quotewell ingest PATH"
        )
    with closing(build(settings)) as system, _progress() as progress:
        _, lines, _ = _asked(Local(system), question_set, "ask", 0, None, progress)
        fitted = fit(lines, risk)
        Calibration(
            threshold=min(1.0, fitted.threshold),
            risk=risk,
            bound=fitted.bound,
            questions=len(lines),
            set_name=question_set.name,
            reader=system.reader,
            articles=system.library.stats().articles,
        ).save(settings.home)
    if as_json:
        sys.stdout.write(json.dumps(asdict(fitted)) + "\n")
    else:
        print_fitted(Console(), fitted, risk, len(lines))


@app.command("check")
def check_set(
    set_path: SetPath = SEEDS,
    kind: As = None,
    split: Split = "test",
    articles: From = None,
    home: Home = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Name every piece of evidence that is not, or no longer, in the articles just once."""
    question_set = load_set(set_path, kind, split=split)
    with _filled(question_set, articles, home, url, "quotewell") as (subject, _):
        found = [
            (key, outcome)
            for key, outcome in locate(question_set.questions, subject)
            if isinstance(outcome, EvidenceError)
        ]
    pieces = sum(len(question.evidence) for question in question_set.questions)
    if as_json:
        wrong = [{"id": key, "expected": one.expected, "found": one.found, "remedy": one.remedy} for key, one in found]
        sys.stdout.write(
            json.dumps({"questions": len(question_set.questions), "evidence": pieces, "wrong": wrong}) + "\n"
        )
    else:
        for _, one in found:
            Console().print(Text(str(one), style="red"), soft_wrap=True)
        told = f"{question_set.name}: {len(question_set.questions)} questions, {pieces} pieces of evidence, "
        Console().print(Text(told + (f"{len(found)} wrong" if found else "all in place")), soft_wrap=True)
    if found:
        raise typer.Exit(1)


@app.command("draft")
def draft(
    out: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Where to write the draft.")],
    articles: Annotated[Path | None, typer.Option(help="File or folder of articles.", show_default="seeds/")] = None,
    home: Home = None,
    url: Url = None,
    n: Annotated[int, typer.Option("-n", min=1, max=MOST, help="Sentences to propose.")] = 40,
    seed: Annotated[int, typer.Option(help="Another seed draws other sentences.")] = 0,
    model: Annotated[
        str | None, typer.Option(help="LangChain's provider:model, to propose questions too (pip install langchain).")
    ] = None,
) -> None:
    """Propose sentences worth a question, as a table to fill in; yes under accepted puts a row in the set."""
    if out.exists():
        raise UsageError(expected=f"no file {out}", found="one", remedy="give another name: a draft is not overwritten")
    with _filled(QuestionSet(out.name, ()), articles, home, url, "quotewell") as (subject, progress):
        found: list[Proposal] = propose(list(subject.everything()), n, seed=seed, model=model, progress=progress)
    write_draft(found, out)
    Console().print(
        Text(
            f"{len(found)} sentences in {out}: write question and answer, and yes under accepted; leave the rest. "
            f"Add rows of your own, some that the articles do not answer. Then: quotewell eval check {out}"
        ),
        soft_wrap=True,
    )


@app.command("report")
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders that --out wrote.")],
    html: Annotated[
        Path | None, typer.Option(help="Where to write the report.", show_default="report.html in the first")
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Score saved runs again, side by side, and write the report of the first, compared with the second."""
    saved = [(Folder(path), path) for path in folders]
    bases = [Baseline.of(folder.identity(), folder.lines()) for folder, _ in saved]
    labels = [_label(base.identity) for base in bases]
    if len(set(labels)) < len(labels):
        labels = [f"{label} ({path.name})" for label, (_, path) in zip(labels, saved, strict=True)]
    runs = [
        Shown(label, folder.lines(), score(folder.lines(), seed=seed))
        for label, (folder, _) in zip(labels, saved, strict=True)
    ]
    comparisons = [compare(bases[0], other, seed=seed) for other in bases[1:]]
    name = str(bases[0].identity["set"])
    changes = compare(bases[1], bases[0], seed=seed) if bases[1:] else []
    flips = changed_questions(bases[1], bases[0]) if bases[1:] else ([], [])
    page = render(name, runs[:2], identity=bases[0].identity, changes=changes, flips=flips)
    target = html or folders[0] / "report.html"
    target.write_text(page, encoding="utf-8")
    if as_json:
        told = {label: one.scores for label, one in zip(labels, runs, strict=True)}
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    else:
        print_side_by_side(Console(), name, runs, comparisons)
        Console().print(Text(f"\nA report to open: {target}"), soft_wrap=True)


def choose(question_set: QuestionSet, task: Task, limit: int | None, seed: int) -> QuestionSet:
    """The questions to put. Retrieval has nothing to find for those without evidence: they go before the draw."""
    if task == "retrieve":
        fit = tuple(question for question in question_set.questions if question.evidence)
        question_set = replace(question_set, questions=fit)
        if not fit:
            raise SetError(
                expected=f"questions with evidence in {question_set.name}", found="none", remedy="use --task ask"
            )
    return sample(question_set, limit, seed)


def _asked(
    subject: Subject, question_set: QuestionSet, task: Task, k: int, out: Path | None, progress: Progress
) -> tuple[QuestionSet, list[Line], Wire]:
    """The set as far as it was put, and its lines; what a folder holds of this very run is not put again."""
    gold = resolve(question_set.questions, subject)
    given = paragraphs(question_set.questions, gold, subject) if task == "read" else {}
    if task == "read":
        question_set = replace(question_set, questions=tuple(one for one in question_set.questions if one.id in given))
        if not given:
            raise SetError(expected="questions with a paragraph to read", found="none", remedy="use --task ask")
    identity = identify(subject, question_set.name, question_set.questions, task=task, k=k)
    folder = Folder(out) if out else None
    done = folder.start(identity) if folder else []
    known = {line["id"] for line in done}
    rest = [question for question in question_set.questions if question.id not in known]
    asked: Iterable[Line] = run(subject, rest, gold, task=task, k=k, paragraphs=given)
    if folder:
        asked = folder.save(asked)
    bar = progress.add_task("asking", total=len(question_set.questions), completed=len(done))
    lines = list(done)
    for line in asked:
        lines.append(line)
        progress.advance(bar)
    order = {question.id: n for n, question in enumerate(question_set.questions)}
    return question_set, sorted(lines, key=lambda line: order[line["id"]]), identity


@contextmanager
def _filled(
    question_set: QuestionSet, articles: Path | None, home: Path | None, url: str | None, system: str
) -> Iterator[tuple[Subject, Progress]]:
    """The subject with its articles, and a progress bar; closed at the end. Raises UsageError, NotFound."""
    if url and (articles or home or system != "quotewell"):
        raise UsageError(
            expected="--url alone", found="it with --articles, --home or --system", remedy="the service has its own"
        )
    with ExitStack() as stack:
        progress = stack.enter_context(_progress())
        if url:
            yield Remote(url), progress
            return
        folder = home or Path(stack.enter_context(TemporaryDirectory(prefix="quotewell-eval-")))
        subject = make(system, folder)
        stack.callback(subject.close)
        source = articles or (Path("seeds") if home is None and not question_set.articles else None)
        _fill(subject, question_set.articles, source, progress)
        yield subject, progress


def _fill(subject: Subject, own: tuple[Article, ...], source: Path | None, progress: Progress) -> None:
    """Puts in the set's own articles and those of ``source``; what is refused is told, and stops nothing.

    Raises NotFound when the collection is empty after that.
    """
    if source is not None and not source.exists():
        raise NotFound(expected=f"articles in {source}", found="no such path", remedy="say where with --articles")
    items: Iterable[Article | Refusal] = own if source is None else [*own, *read_articles(source)]
    for receipt in subject.put(progress.track(items, description="indexing")):
        if receipt.outcome == "refused":
            progress.console.print(Text(f"refused {receipt.source}: {receipt.reason}", style="red"), soft_wrap=True)
    if not any(True for _ in subject.everything()):
        raise NotFound(expected="articles to ask about", found="none", remedy="say where with --articles")


def _label(identity: Wire) -> str:
    subject = identity["subject"]
    return str(subject.get("system") or subject.get("url"))


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
