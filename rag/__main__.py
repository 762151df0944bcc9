"""The command line. It only calls System and prints; commands of api and eval are found by entry point."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import entry_points
from itertools import groupby
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text
from typer._click.core import Command, Context  # typer brings its own click
from typer.core import TyperGroup

from rag.build import System, build
from rag.build import rebuild as build_anew
from rag.doctor import examine
from rag.errors import NotFound, QuotewellError, UsageError
from rag.settings import Settings, load_settings
from rag.types import Answer, Article, AsOf, Citation, Every, Is, Outcome, Published, Receipt, Status, Where
from rag.verification import Statement, Verdict
from rag.wire import answer_out, article_out, claim_in, passage_out, receipt_out, verification_out

Home = Annotated[Path | None, typer.Option("--home", help="Folder of the collection.", show_default="./.quotewell")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

_NOTES: dict[Status, str] = {
    "conflicting": "The articles differ:",
    "partial": "The articles answer a part of this:",
}
_MARKS: dict[Outcome, str] = {"added": "green", "updated": "yellow", "unchanged": "dim", "refused": "red"}


class Commands(TyperGroup):
    """Our commands, and those that installed packages offer, imported when they are called."""

    def list_commands(self, ctx: Context) -> list[str]:
        offered = [entry.name for entry in entry_points(group="quotewell.commands")]
        return [*super().list_commands(ctx), *sorted(offered)]

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for entry in entry_points(group="quotewell.commands", name=cmd_name):
            return _command(cmd_name, entry.load())
        return None


def _command(name: str, offered: Callable[..., object] | typer.Typer) -> Command:
    """The command of a function, or of an app with commands of its own."""
    one = offered
    if not isinstance(one, typer.Typer):
        one = typer.Typer(add_completion=False)
        one.command(name)(offered)
    command = typer.main.get_command(one)
    command.name = name
    return command


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Ask your articles, and be shown the proof.",
)
articles = typer.Typer(no_args_is_help=True, help="List, show or delete articles.")
app.add_typer(articles, name="articles")


def main() -> None:
    """Exit code 0 done, 1 failed, 2 wrong usage; an error is one line."""
    try:
        app()
    except QuotewellError as err:
        Console(stderr=True).print(Text.assemble(("error: ", "bold red"), str(err)), soft_wrap=True)
        sys.exit(err.exit_code)


def _open(home: Path | None) -> System:
    return build(load_settings(home=home))


def _open_existing(home: Path | None, **given: object) -> System:
    return build(_settings_of_existing(home, **given))


def _settings_of_existing(home: Path | None, **given: object) -> Settings:
    """Raises NotFound where nothing was ever put in: asking makes no folders."""
    settings = load_settings(home=home, **given)
    if not (settings.home / "library.db").exists():
        raise NotFound(
            expected=f"a collection in {settings.home}",
            found="none",
            remedy="make one with quotewell ingest PATH, or name another with --home",
        )
    return settings


def _console() -> Console:
    """Wraps lines for a person at a terminal; a pipe gets them whole."""
    return Console() if sys.stdout.isatty() else Console(width=100_000)


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


@app.command()
def ingest(
    sources: Annotated[list[str], typer.Argument(help="Files, folders, URLs, or - for standard input.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Put articles in: .txt, .md, .html, .json, .jsonl. Exit code 1 when any was refused."""
    system = _open(home)
    counts: dict[Outcome, int] = dict.fromkeys(_MARKS, 0)
    with Progress(
        TextColumn("indexing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        out = progress.console if sys.stdout.isatty() else Console()
        bar = progress.add_task("indexing", total=_expected(sources), rate="")
        started, chunks = perf_counter(), 0
        for receipt in system.ingest(item for source in sources for item in system.read(source)):
            counts[receipt.outcome] += 1
            chunks += receipt.chunks if receipt.outcome != "unchanged" else 0
            progress.update(
                bar, advance=1, rate=f"{chunks / (perf_counter() - started):.0f} chunks/s" if chunks else ""
            )
            if as_json:
                _print_json(receipt_out(receipt))
            else:
                out.print(_receipt_line(receipt), soft_wrap=True)
    system.keep_up()
    if not as_json:
        stats = system.library.stats()
        told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count) or "nothing found"
        Console().print(f"{told}; the library holds {_count(stats.articles)} in {_count(stats.chunks, 'chunk')}")
    system.close()
    if counts["refused"]:
        raise typer.Exit(1)


def _rate(chunks: int, started: float) -> str:
    return f"{chunks / (perf_counter() - started):.0f} chunks/s" if chunks else ""


def _expected(sources: list[str]) -> int | None:
    """How many articles will come, where it can be told in little time: a file each, or a line of JSON lines each."""
    paths = [Path(source) for source in sources]
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
    if any(not path.exists() for path in paths) or any(file.suffix == ".json" for file in files):
        return None
    return sum(_lines(file) if file.suffix in (".jsonl", ".ndjson") else 1 for file in files)


def _lines(file: Path) -> int:
    with file.open("rb") as data:
        return sum(1 for line in data if line.strip())


def _receipt_line(receipt: Receipt) -> Text:
    line = Text.assemble((f"{receipt.outcome:>9} ", _MARKS[receipt.outcome]), receipt.source)
    if receipt.reason:
        line.append(f": {receipt.reason}")
    return line


def _where(since: str | None, until: str | None, as_of: str | None, *names: list[str] | None) -> Where | None:
    """What the options of a search let through; of one that is given twice, either. Raises UsageError."""
    for day in filter(None, (since, until, as_of)):
        try:
            date.fromisoformat(day)
        except ValueError as err:
            raise UsageError(expected="a day such as 2018-10-24", found=day, remedy="write it so") from err
    parts: list[Where] = [Published(since, until)] if since or until else []
    parts += [AsOf(as_of)] if as_of else []
    given = zip(("publisher", "language", "tag"), names, strict=True)
    parts += [Is(field, tuple(values)) for field, values in given if values]  # type: ignore[arg-type]
    return Every(tuple(parts)) if parts else None


Since = Annotated[str | None, typer.Option("--from", metavar="DAY", help="Published on this day or later.")]
Until = Annotated[str | None, typer.Option("--to", metavar="DAY", help="Published on this day or earlier.")]
AsOfDay = Annotated[str | None, typer.Option("--as-of", metavar="DAY", help="As if it were this day.")]
Publisher = Annotated[list[str] | None, typer.Option(help="Only this publisher; may be given several times.")]
Language = Annotated[list[str] | None, typer.Option(help="Only this language; may be given several times.")]
Tag = Annotated[list[str] | None, typer.Option(help="Only articles with this tag; may be given several times.")]


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="One question, in quotes.")],
    since: Since = None,
    until: Until = None,
    as_of: AsOfDay = None,
    publisher: Publisher = None,
    language: Language = None,
    tag: Tag = None,
    model: Annotated[
        str | None, typer.Option(help="provider:model of a language model to word the answer; its words are checked.")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Ask the articles: the answer, then its numbered quotes."""
    where = _where(since, until, as_of, publisher, language, tag)
    system = _open_existing(home, models=model)
    answer = next(piece for piece in system.ask(question, where=where, model=model) if isinstance(piece, Answer))
    if as_json:
        _print_json(answer_out(answer))
    else:
        _print_answer(answer, system)
    system.close()


def _print_answer(answer: Answer, system: System) -> None:
    console = _console()
    if answer.status == "unanswerable":
        _print_declined(console, answer, system)
        return
    if answer.status in _NOTES:
        console.print(_NOTES[answer.status], style="yellow")
    text, at = Text(), 0
    for span, citations in groupby(answer.citations, key=lambda one: one.answer_span):
        text.append(answer.text[at : span.end])
        text.append(" " + "".join(f"[{citation.number}]" for citation in citations), style="cyan")
        at = span.end
    text.append(answer.text[at:], style="dim")
    if answer.short:
        text.highlight_words(answer.short.split("; "), "bold")
    console.print(text)
    console.print()
    for citation in answer.citations:
        _print_citation(console, citation)


def _print_declined(console: Console, answer: Answer, system: System) -> None:
    console.print(Text(answer.text, style="bold"))
    if not system.library.stats().articles:
        console.print("The library is empty: put articles in with quotewell ingest PATH.")
    if answer.instead:
        console.print("\nWhat they do answer:", style="dim")
    for proposal in answer.instead:
        console.print(Text(f"  · {proposal}"))
    if answer.passages:
        console.print("\nNearest passages, which may or may not help:", style="dim")
    for passage in answer.passages[:3]:
        chunk = passage.chunk
        console.print(Text(f"  · {_place(chunk.title, chunk.published_at)}", style="cyan"))
        console.print(_indented(Text(_shortened(chunk.text), style="dim")))


def _print_citation(console: Console, citation: Citation) -> None:
    console.print(Text(f"[{citation.number}] {_place(citation.title, citation.published_at)}", style="cyan"))
    console.print(_indented(Text(f"“{citation.quote}”")))
    where = f"{citation.article_id}@{citation.revision[:12]}, characters {citation.span.start}–{citation.span.end}"
    console.print(_indented(Text(where, style="dim")))


def _indented(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 4), expand=False)


def _place(title: str, published_at: str | None) -> str:
    return f"{title} ({published_at[:10]})" if published_at else title


def _shortened(text: str, most: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: line.rfind(" ", 0, most)] + " …"


@app.command()
def search(
    question: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="Passages to show.")] = 5,
    since: Since = None,
    until: Until = None,
    as_of: AsOfDay = None,
    publisher: Publisher = None,
    language: Language = None,
    tag: Tag = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show the passages that fit a question best, with their scores."""
    where = _where(since, until, as_of, publisher, language, tag)
    system = _open_existing(home)
    passages = system.search(question, k=k, where=where)
    if as_json:
        _print_json({"passages": [passage_out(passage) for passage in passages]})
    else:
        console = _console()
        for n, passage in enumerate(passages, start=1):
            chunk = passage.chunk
            heading = f"{n}. {passage.score:.3f}  {_place(chunk.title, chunk.published_at)}"
            console.print(Text(heading, style="cyan"))
            console.print(_indented(Text(_shortened(chunk.text, 400))))
        if not passages:
            console.print("Nothing found.")
    system.close()


@app.command()
def verify(
    source: Annotated[str, typer.Argument(metavar="FILE|-", help="JSON: an answer of ours, or {answer, citations}.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Check an answer with citations, ours or anybody's, against the articles; exit code 1 where something fails."""
    told = _read_answer(source)
    system = _open_existing(home)
    verdicts, sentences = system.verify(told[0], [claim_in(record) for record in told[1]])
    system.close()
    found = verification_out(verdicts, sentences)
    if as_json:
        _print_json(found)
    else:
        _print_verification(_console(), verdicts, sentences)
    if not found["verified"]:
        raise typer.Exit(1)


def _read_answer(source: str) -> tuple[str, list[dict[str, Any]]]:
    """The text and the citations of an answer, a completion or {answer, citations}. Raises UsageError, NotFound."""
    path = Path(source)
    if source != "-" and not path.is_file():
        raise NotFound(expected=f"a file {source}", found="no such file", remedy="name one, or - for standard input")
    try:
        told = json.loads(sys.stdin.read() if source == "-" else path.read_text(encoding="utf-8"))
        if "choices" in told:
            message = told["choices"][0]["message"]
            citations = told.get("x_quotewell", {}).get("citations") or message.get("annotations") or []
            return message["content"] or "", list(citations)
        return str(told.get("answer") or told.get("text") or ""), [dict(one) for one in told["citations"]]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as err:
        raise UsageError(
            expected="JSON with citations", found=str(err) or type(err).__name__, remedy="see quotewell ask --json"
        ) from err


def _print_verification(console: Console, verdicts: Sequence[Verdict], sentences: Sequence[Statement]) -> None:
    for n, verdict in enumerate(verdicts, start=1):
        mark, style = ("✓", "green") if verdict.holds else ("✗", "red")
        told = verdict.status if verdict.holds else (verdict.reason or "absent").replace("_", " ")
        console.print(Text.assemble((f"{mark} [{verdict.claim.number or n}] {told}", style)))
        if verdict.place:
            article, span = verdict.place.article, verdict.place.span
            where = f"{article.id}@{article.revision[:12]}, characters {span.start}–{span.end}"
            old = "" if verdict.newest else " (not the newest revision)"
            console.print(_indented(Text(_place(article.title, article.published_at) + old, style="cyan")))
            console.print(_indented(Text(where, style="dim")))
    for sentence in sentences:
        if sentence.status != "proved":
            lacking = f": its quotes do not say {', '.join(sentence.lacking)}" if sentence.lacking else ""
            console.print(Text(f"✗ {sentence.status}{lacking}", style="red"))
            console.print(_indented(Text(_shortened(sentence.text))))


@articles.command("list")
def list_articles(home: Home = None, as_json: Json = False) -> None:
    """All articles, in the order of their ids."""
    system = _open_existing(home)
    after: str | None = None
    while page := system.library.articles(limit=100, after=after):
        for article in page:
            if as_json:
                _print_json(article_out(article, text=False))
            else:
                _print_row(article)
        after = page[-1].id
    system.close()


def _print_row(article: Article) -> None:
    line = Text.assemble((article.id, "cyan"), f"  {article.published_at or '—'}  {article.title}")
    _console().print(line)


@articles.command("show")
def show_article(
    article_id: Annotated[str, typer.Argument(help="Id, as in the list, or ID@REVISION, as under a quote.")],
    revision: Annotated[str | None, typer.Option(help="An earlier revision.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """One article, as it is stored."""
    system = _open_existing(home)
    named, _, digits = article_id.rpartition("@")
    if revision is None and re.fullmatch("[0-9a-f]{12,64}", digits):
        article_id, revision = named, digits
    article = system.library.article(article_id, revision)
    if as_json:
        _print_json(article_out(article))
    else:
        console = _console()
        console.print(Text(article.title, style="bold"))
        console.print(Text(f"{article.id}@{article.revision[:12]}  {article.published_at or 'undated'}\n", style="dim"))
        console.print(Text(article.text))
    system.close()


@articles.command("delete")
def delete_article(
    article_ids: Annotated[list[str], typer.Argument(help="Ids, as in the list.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Remove articles with all their revisions, out of every file; all of them or, if one is not there, none."""
    system = _open_existing(home)
    system.delete(*article_ids)
    for article_id in article_ids:
        if as_json:
            _print_json({"id": article_id, "outcome": "deleted"})
        else:
            Console().print(Text(f"deleted {article_id}"))
    system.close()


@app.command()
def prune(
    keep: Annotated[int, typer.Option(min=0, help="Earlier revisions of each article to keep.")] = 0,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Remove earlier revisions, which old citations may name, and give their space back."""
    system = _open_existing(home)
    count = system.prune(keep)
    if as_json:
        _print_json({"removed": count, "bytes": system.library.stats().bytes})
    else:
        Console().print(f"removed {count} earlier revisions; the library has {_size(system.library.stats().bytes)} now")
    system.close()


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="File to write; one that is there is replaced, when all went well.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Write the whole library to one file, checked, while it may be in use."""
    system = _open_existing(home)
    system.back_up(file)
    stats = system.library.stats()
    if as_json:
        _print_json({"file": str(file), "articles": stats.articles, "seq": stats.seq, "bytes": file.stat().st_size})
    else:
        Console().print(f"{_count(stats.articles)} in {file} ({_size(file.stat().st_size)})", soft_wrap=True)
    system.close()


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What quotewell backup wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what the collection holds now.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take the library back from a backup, while it may be in use."""
    system = _open(home)
    held = system.library.stats().articles
    if held and not force:
        raise UsageError(
            expected=f"an empty collection in {system.settings.home}",
            found=_count(held),
            remedy="add --force to replace them, or name another --home",
        )
    system.restore(file)
    stats = system.library.stats()
    if as_json:
        _print_json({"articles": stats.articles, "seq": stats.seq})
    else:
        Console().print(f"{_count(stats.articles)} restored into {system.settings.home}", soft_wrap=True)
    system.close()


def _count(count: int, noun: str = "article") -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


@app.command()
def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Read all that is stored and compare it.")] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make index and full text anew, and take what is stored for the truth.")
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """What is installed, found and missing; exit code 1 when something needed is missing."""
    if rebuild:
        build_anew(_settings_of_existing(home))
    findings = examine(lambda: _open(home), deep=deep)
    if as_json:
        _print_json([{"name": f.name, "ok": f.ok, "needed": f.needed, "found": f.found} for f in findings])
    else:
        console = Console()
        for finding in findings:
            mark = ("ok  ", "green") if finding.ok else ("MISS", "red") if finding.needed else ("–   ", "dim")
            console.print(Text.assemble(mark, f" {finding.name:<22}", finding.found), soft_wrap=True)
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
