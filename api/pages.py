"""The pages: asking, one article, and what went wrong. Pure; nothing from elsewhere, and one script, which takes a
permalink (``#char=start,end``, which no server sees) to its quote."""

from __future__ import annotations

from itertools import pairwise

from api.html import Markup, el, join, web_url
from rag.types import Answer, Article, Citation, Passage, Span
from rag.wire import permalink

_STATUS = {
    "partial": "The articles answer a part of this",
    "conflicting": "The articles contradict each other",
}


def page(title: str, *body: str, question: str = "") -> Markup:
    """A whole document with the form on top."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
        el("link", rel="stylesheet", href="/static/quotewell.css"),
    )
    top = el(
        "header",
        el("a", "Quotewell", href="/", class_="brand"),
        el("nav", el("a", "API", href="/docs")),
    )
    form = el(
        "form",
        el("label", "Ask the articles", for_="q", class_="hidden"),
        el("input", type="search", id="q", name="q", value=question, placeholder="Ask the articles", required=""),
        el("button", "Ask"),
        action="/",
        method="get",
        role="search",
    )
    main = el("main", form, *body)
    return join(Markup("<!doctype html>"), el("html", head, el("body", top, main), lang="en"))


def home_page(articles: int) -> Markup:
    """What is shown before a question."""
    if not articles:
        return page("Quotewell", _empty())
    count = "1 article" if articles == 1 else f"{articles:,} articles"
    return page(
        "Quotewell",
        el("p", f"{count} to ask. Every answer is in the articles' own words, with its place.", class_="lead"),
    )


def answer_page(question: str, answer: Answer, articles: int) -> Markup:
    """A question, its answer and the quotes; where there is no answer, the nearest passages."""
    title = f"{question} · Quotewell"
    if not articles:
        return page(title, _empty(), question=question)
    note = el("p", _STATUS[answer.status], class_="note") if answer.status in _STATUS else join()
    total = answer.timings.get("total")
    took = f" · {total:.0f} ms" if total is not None else ""
    parts: list[str] = [note, el("p", *_marked_answer(answer), class_="answer", dir="auto")]
    if answer.citations:
        parts += [
            el("p", f"Confidence {answer.confidence:.0%}{took}", class_="small"),
            el("ol", *(_citation(citation) for citation in answer.citations), class_="quotes"),
        ]
    elif answer.passages:
        parts += [
            el("h2", "Nearest passages, which may or may not help"),
            el("ul", *(_passage(passage) for passage in answer.passages[:3]), class_="quotes"),
        ]
    return page(title, el("section", *parts, aria_live="polite"), question=question)


def article_page(article: Article, current: str, span: Span | None) -> Markup:
    """One revision's text, with the characters of ``span`` marked."""
    details = [part for part in (article.publisher, article.published_at) if part]
    text = article.text
    body: list[str] = [text]
    if span is not None and span.end <= len(text):
        mark = el("mark", span.of(text), id="quote")
        body = [text[: span.start], mark, text[span.end :]]
    notes: list[str] = []
    if current != article.revision:
        link = el("a", "the current one", href=_article_link(article.id, current))
        notes = [el("p", "This is an earlier revision. See ", link, ".", class_="note")]
    return page(
        f"{article.title} · Quotewell",
        el(
            "article",
            el("h1", article.title, dir="auto"),
            el("p", " · ".join(details), *_source(article.url), class_="small"),
            *notes,
            el("div", *body, class_="text", dir="auto", lang=article.language),
            el("p", f"{article.id} @ {article.revision}", class_="small revision"),
        ),
        el("script", src="/static/quote.js"),
    )


def error_page(title: str, detail: str, question: str = "") -> Markup:
    return page(f"{title} · Quotewell", el("h1", title), el("p", detail, class_="note"), question=question)


def _empty() -> Markup:
    return el(
        "section",
        el("h1", "There are no articles yet"),
        el("p", "Put some in, then ask. On the command line:"),
        el("pre", "quotewell ingest PATH"),
        el("p", "where PATH is a file or a folder of .txt, .md, .html or .jsonl. Or over HTTP:"),
        el("pre", "curl -F file=@article.md http://HOST:PORT/api/articles"),
        class_="empty",
    )


def _marked_answer(answer: Answer) -> list[str]:
    """The answer's text, with the number of each citation after what it supports."""
    ends = sorted({citation.answer_span.end for citation in answer.citations})
    parts: list[str] = []
    for start, end in pairwise([0, *ends]):
        numbers = [c.number for c in answer.citations if c.answer_span.end == end]
        marks = (el("a", f"[{n}]", href=f"#c{n}") for n in numbers)
        parts += [answer.text[start:end], el("sup", *marks)]
    return [*parts, answer.text[ends[-1] if ends else 0 :]]


def _citation(citation: Citation) -> Markup:
    href = _article_link(citation.article_id, citation.revision, citation.span)
    place = _place(citation.title, citation.published_at, href)
    before, after = _around(citation)
    context = (el("span", before, class_="around"), el("mark", citation.quote), el("span", after, class_="around"))
    quote = el("blockquote", el("p", *context), dir="auto")
    return el("li", quote, el("p", place, *_source(citation.url), class_="small"), id=f"c{citation.number}")


def _around(citation: Citation) -> tuple[str, str]:
    """What stands before and after the quote, less the words that were cut."""
    before, after = citation.prefix, citation.suffix
    if citation.span.start > len(before):
        before = "… " + before.partition(" ")[2]
    if after:
        after = after.rpartition(" ")[0] + " …"
    return before, after


def _passage(passage: Passage) -> Markup:
    chunk = passage.chunk
    href = _article_link(chunk.article_id, chunk.revision, chunk.span)
    place = _place(chunk.title, chunk.published_at, href)
    return el("li", el("blockquote", el("p", chunk.text), dir="auto"), el("p", place, class_="small"))


def _place(title: str, published_at: str | None, href: str) -> Markup:
    date = f" · {published_at[:10]}" if published_at else ""
    return join(el("a", title or "Untitled", href=href), date)


def _source(url: str | None) -> list[str]:
    """A link to where the article is from, if it can be followed safely."""
    safe = web_url(url)
    return [" · ", el("a", "source", href=safe, rel="noopener noreferrer")] if safe else []


def _article_link(article_id: str, revision: str, span: Span | None = None) -> str:
    """The permalink, with the span as a query too: a server does not see what follows the #."""
    path = permalink(article_id, revision, 0, 1).partition("#")[0]
    return f"{path}?char={span.start},{span.end}#quote" if span else path
