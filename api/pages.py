"""The pages: asking, the articles, one article, what changed in it, and what went wrong. Pure; nothing from elsewhere.

All of them work without a script. Those in ``static/`` make asking a conversation with the article beside it, and take
files in. What they show is text, written as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from urllib.parse import urlencode

from api.html import Markup, el, join, web_url
from rag.types import Answer, Article, Citation, Passage, Span
from rag.wire import permalink

_ENDS = re.compile(r"(?<=[.!?…。！？])[\s\u200b]+|\n+")
_WORDS = re.compile(r"(?:\w+(?:[.,:'’-]\w+)*|[^\w\s])\s*")
_ALIKE = 0.5  # of the words that two sentences have in common, for one to be the other in a later form
_STATUS = {
    "partial": "The articles answer a part of this",
    "conflicting": "The articles differ",
}


def page(title: str, *body: str, question: str = "", scripts: Sequence[str] = (), ask: bool = True) -> Markup:
    """A whole document, with the form on top unless ``ask`` is False."""
    scripts = [*scripts, *([] if "page.js" in scripts else ["back.js"]), *(["field.js"] if ask else [])]
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
        el("link", rel="stylesheet", href="/static/quotewell.css"),
        *(el("script", src=f"/static/{name}", type="module") for name in scripts),
    )
    top = el(
        "header",
        el("a", "Quotewell", href="/", class_="brand"),
        el("nav", el("a", "Articles", href="/articles"), " ", el("a", "API", href="/docs"), aria_label="Pages"),
    )
    main = el("main", *([_form(question)] if ask else []), *body, id="main")
    skip = el("a", "To the content", href="#main", class_="skip")
    return join(Markup("<!doctype html>"), el("html", head, el("body", skip, top, main), lang="en"))


def _form(question: str) -> Markup:
    return el(
        "form",
        el("label", "Ask the articles", for_="q", class_="hidden"),
        el(
            "textarea",
            question,
            id="q",
            name="q",
            rows="1",
            placeholder="Ask the articles",
            required="",
            autocomplete="off",
            maxlength="2000",
            dir="auto",
        ),
        el("button", "Ask"),
        id="ask",
        action="/",
        method="get",
        role="search",
    )


def home_page(articles: int, some: Sequence[Article], questions: Sequence[str], here: str) -> Markup:
    """What is shown before a question: how many articles, ``some`` of them, and ``questions`` that they answer.

    ``here`` is the service's address.
    """
    if not articles:
        return page("Quotewell", _empty(here), scripts=["page.js"])
    count = "1 article" if articles == 1 else f"{articles:,} articles"
    named = [article for article in some if article.title]
    chips = [
        el("li", el("a", one, href=f"/?{urlencode({'q': one})}", class_="proposal", dir="auto")) for one in questions
    ]
    more = [
        el("h2", "The latest articles"),
        el("ul", *(el("li", _title(article), *_dated(article)) for article in named), class_="plain"),
        el("p", el("a", "All articles, and a place to add your own", href="/articles"), class_="small"),
    ]
    return page(
        "Quotewell",
        el(
            "section",
            el("h1", "Ask your articles, and be shown the proof"),
            el(
                "p",
                f"{count} to ask. Every answer comes with the sentence that says so, marked in its article.",
                class_="lead",
            ),
            *([el("p", "For example:", class_="lead"), el("ul", *chips, class_="chips")] if chips else []),
            *(more if named else []),
            id="start",
        ),
        scripts=["page.js"],
    )


def answer_page(question: str, answer: Answer, articles: int, data: str, here: str) -> Markup:
    """A question, its answer and the quotes; where there is no answer, the nearest passages.

    ``data`` is the same as JSON: the script shows it without asking again. ``here`` is the service's address.
    """
    title = f"{question} · Quotewell"
    if not articles:
        return page(title, _empty(here), question=question, scripts=["page.js"])
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
    given = el("p", data, id="given", hidden="")
    return page(
        title,
        el("section", *parts, aria_live="polite", id="start"),
        given,
        question=question,
        scripts=["page.js"],
    )


def articles_page(
    articles: Sequence[Article], total: int, given: dict[str, str], following: str | None, publishers: Sequence[str]
) -> Markup:
    """Those articles of ``total`` that the filters ``given`` (words, from, to, publisher) let through.

    ``publishers`` are offered to choose from.
    """
    fields = (
        ("words", "Search", "search"),
        ("from", "From", "date"),
        ("to", "To", "date"),
        ("publisher", "Publisher", ""),
    )
    inputs = [
        el(
            "label",
            label,
            el(
                "input",
                name=name,
                type=kind or "text",
                value=given.get(name, ""),
                maxlength="200",
                list=None if kind else "publishers",
            ),
        )
        for name, label, kind in fields
    ]
    inputs.append(el("datalist", *(el("option", value=one) for one in publishers), id="publishers"))
    listing: list[str] = [el("ul", *(_row(article) for article in articles), class_="articles")]
    if not articles:
        told = _no_article(given) if total else "There are no articles yet."
        listing = [el("p", told, class_="note")]
    if following:
        listing.append(el("p", el("a", "More articles", href=f"/articles?{urlencode({**given, 'cursor': following})}")))
    count = "1 article" if total == 1 else f"{total:,} articles"
    if given:
        shown = f"{'More than ' if following else ''}{len(articles)} of {count} found"
        lead = el("p", f"{shown} · ", el("a", "Show all", href="/articles"), class_="lead")
    else:
        lead = el("p", f"{count}, the last added first" if total > 1 else count, class_="lead")
    return page(
        "Articles · Quotewell",
        el("h1", "Articles"),
        el("section", id="add"),
        lead,
        el(
            "form",
            *inputs,
            el("button", "Find"),
            action="/articles",
            method="get",
            class_="filters",
            hidden=None if total else "",
        ),
        el("section", *listing, id="list", aria_label="Articles"),
        scripts=["articles.js"],
        ask=False,
    )


def _no_article(given: dict[str, str]) -> str:
    if "from" in given and "to" in given and given["from"] > given["to"]:
        return "No article fits: the first day is after the last."
    words = "fewer words" if len(given.get("words", "").split()) > 2 else "other words"
    other = {"words": words, "from": "other dates", "to": "other dates", "publisher": "another publisher"}
    return f"No article fits. Try {' or '.join(dict.fromkeys(other[name] for name in given)) or 'other words'}."


def _row(article: Article) -> Markup:
    details = " · ".join(part for part in (article.publisher, (article.published_at or "")[:10]) if part)
    return el(
        "li",
        _title(article),
        el("span", details, class_="small", dir="auto"),
        data_id=article.id,
        data_title=article.title,
    )


def _title(article: Article) -> Markup:
    return el("a", article.title or "Untitled", href=_article_link(article.id, article.revision), dir="auto")


def _dated(article: Article) -> list[str]:
    return [el("span", f" · {article.published_at[:10]}", class_="small date")] if article.published_at else []


def article_page(article: Article, revisions: Sequence[Article], span: Span | None) -> Markup:
    """One revision's text, with the characters of ``span`` marked; ``revisions`` are those kept, current first."""
    text = article.text
    body: list[str] = [text]
    if span is not None and span.end <= len(text):
        mark = el("mark", span.of(text), id="quote")
        body = [text[: span.start], mark, text[span.end :]]
    notes: list[str] = []
    if revisions[0].revision != article.revision:
        link = el("a", "the current one", href=_article_link(article.id, revisions[0].revision))
        notes = [el("p", "This is an earlier revision. See ", link, ".", class_="note")]
    return page(
        f"{article.title} · Quotewell",
        el(
            "article",
            el("h1", article.title, dir="auto"),
            el("p", *_details(article), class_="small"),
            *notes,
            el("div", *body, class_="text", dir="auto", lang=article.language),
            *_history(article, revisions),
            el(
                "p",
                el("a", "Change its text, date or publisher", href=f"/articles?{urlencode({'revise': article.id})}"),
                " · ",
                el("a", "Remove it", href=f"/articles?{urlencode({'remove': article.id})}"),
                class_="small",
            ),
            el(
                "details",
                el("summary", "Id and revision"),
                el("p", f"{article.id} @ {article.revision}", class_="revision"),
                class_="small",
            ),
        ),
        scripts=["quote.js"],
    )


def _history(article: Article, revisions: Sequence[Article]) -> list[str]:
    """Every revision, and a way to what each changed."""
    if len(revisions) < 2:
        return []
    rows = []
    for n, one in enumerate(revisions):
        name = f"Revision {len(revisions) - n}{_day_of(one)}" + (", the current one" if n == 0 else "")
        here = one.revision == article.revision
        place = el("strong", name) if here else el("a", name, href=_article_link(one.id, one.revision))
        before = revisions[n + 1] if n + 1 < len(revisions) else None
        change = f"{_article_link(one.id, one.revision)}?since={before.revision[:12]}" if before else ""
        rows.append(el("li", place, *([" · ", el("a", "what changed", href=change)] if change else [])))
    return [el("h2", "Revisions"), el("ul", *rows, class_="plain")]


def _day_of(article: Article) -> str:
    return f" of {article.published_at[:10]}" if article.published_at else ""


def changes_page(old: Article, new: Article) -> Markup:
    """What ``new`` says otherwise than ``old``: title, publisher and date, then sentences; the rest folded away."""
    parts: list[str] = []
    for before, after in ((old.title, new.title), (_details(old)[0], _details(new)[0])):
        if before != after:
            parts.append(el("p", *_changed([before], [after]), dir="auto"))
    mine, theirs = _pieces(old.text), _pieces(new.text)
    for kind, a, b, c, d in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        if kind == "equal":
            parts.append(_folded(mine[a:b]))
        else:
            parts.append(el("p", *_changed(mine[a:b], theirs[c:d]), dir="auto"))
    here = el("a", f"the later one{_day_of(new)}", href=_article_link(new.id, new.revision))
    before = el("a", f"the earlier revision{_day_of(old)}", href=_article_link(old.id, old.revision))
    return page(
        f"What changed in {new.title} · Quotewell",
        el(
            "article",
            el("h1", "What changed in ", el("span", new.title, dir="auto")),
            el("p", "Between ", before, " and ", here, ".", class_="small"),
            el("div", *parts, class_="changes", lang=new.language),
        ),
    )


def _changed(gone: Sequence[str], came: Sequence[str]) -> list[str]:
    """Sentences that took the place of others: word by word where each is a later form of one, else whole."""
    if len(gone) == len(came):
        pairs = [(_WORDS.findall(old), _WORDS.findall(new)) for old, new in zip(gone, came, strict=True)]
        compared = [_matched(*pair) for pair in pairs]
        if all(one.ratio() >= _ALIKE for one in compared):
            told = [_by_word(one, *pair) for one, pair in zip(compared, pairs, strict=True)]
            return [part for sentence in told for part in (*sentence, " ")]
    pieces = [*(el("del", piece) for piece in gone), *(el("ins", piece) for piece in came)]
    return [part for piece in pieces for part in (piece, " ")]


def _matched(old: Sequence[str], new: Sequence[str]) -> SequenceMatcher[str]:
    return SequenceMatcher(None, [word.strip() for word in old], [word.strip() for word in new], autojunk=False)


def _by_word(compared: SequenceMatcher[str], old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """The words of ``new``, with those that are not in ``old`` put in and those of ``old`` alone taken out."""
    for kind, a, b, c, d in compared.get_opcodes():
        if kind == "equal":
            yield "".join(new[c:d])
        else:
            for tag, some in (("del", "".join(old[a:b])), ("ins", "".join(new[c:d]))):
                if some:  # the space after it is neither gone nor new
                    yield from (el(tag, some.rstrip()), some[len(some.rstrip()) :])


def _pieces(text: str) -> list[str]:
    """Sentences, as near as their comparison needs; a text without any, such as of CJK, by its lines."""
    return [piece for piece in _ENDS.split(text) if piece.strip()]


def _folded(pieces: Sequence[str]) -> Markup:
    count = "1 sentence is the same" if len(pieces) == 1 else f"{len(pieces)} sentences are the same"
    return el("details", el("summary", count), el("p", " ".join(pieces), dir="auto"))


def error_page(title: str, detail: str, question: str = "") -> Markup:
    return page(f"{title} · Quotewell", el("h1", title), el("p", detail, class_="note"), question=question)


def gone_page(current: Article | None) -> Markup:
    """An article that is not there, or a revision of one of which ``current`` is."""
    title, told = "This article is not here", ["It was removed, or the address is wrong."]
    if current:
        link = el("a", "the current one", href=_article_link(current.id, current.revision))
        title, told = "This revision is not here", ["It is no longer kept, or the address is wrong. See ", link, "."]
    return page(
        "No longer here · Quotewell",
        el("h1", title),
        el("p", *told, class_="note"),
        el("p", el("a", "All articles", href="/articles")),
        ask=False,
    )


def _empty(here: str) -> Markup:
    return el(
        "section",
        el("h1", "There are no articles yet"),
        el("p", "Put some in, then ask: ", el("a", "add files or text here", href="/articles"), "."),
        el("p", "Or on the command line, where PATH is a file or a folder of .txt, .md, .html or .jsonl:"),
        el("pre", "quotewell ingest PATH", tabindex="0"),
        el("p", "Or over HTTP:"),
        el("pre", f"curl -F file=@article.md {here}api/articles", tabindex="0"),
        class_="empty",
        id="start",
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


def _details(article: Article) -> list[str]:
    return [" · ".join(part for part in (article.publisher, article.published_at) if part), *_source(article.url)]


def _source(url: str | None) -> list[str]:
    """A link to where the article is from, if it can be followed safely."""
    safe = web_url(url)
    return [" · ", el("a", "source", href=safe, rel="noopener noreferrer")] if safe else []


def _article_link(article_id: str, revision: str, span: Span | None = None) -> str:
    """The permalink, with the span as a query too: a server does not see what follows the #."""
    path = permalink(article_id, revision, 0, 1).partition("#")[0]
    return f"{path}?char={span.start},{span.end}#quote" if span else path
