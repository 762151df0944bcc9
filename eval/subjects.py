"""What can be evaluated: a System of ours in this process, or a service anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from eval.metrics import Place
from rag import flow
from rag.build import System
from rag.errors import NotFound, QuotewellError, UsageError
from rag.types import Answer, Article, AsOf, Chunk, Passage, Receipt, Refusal, State, Turn, Where
from rag.wire import Wire, answer_out, passage_out

_TIMEOUT_S = 60
_PAGE = 200


class ServiceError(QuotewellError):
    """A service that does not answer, or answers otherwise than well."""

    code, status = "service", 502


class Local:
    """A System in this process. ``name`` tells its configuration."""

    def __init__(self, system: System, name: str = "quotewell") -> None:
        self._system = system
        self._name = name

    @property
    def identity(self) -> Mapping[str, Any]:
        system = self._system
        stats = system.library.stats()
        return {
            "system": self._name,
            "embedder": system.embedder.fingerprint,
            "chunker": system.splitter.fingerprint,
            "reader": system.reader,
            "threshold": system.threshold,
            "passages": system.settings.passages,
            "articles": stats.articles,
            "chunks": stats.chunks,
        }

    def put(self, items: Iterable[Article | Refusal]) -> Iterator[Receipt]:
        return self._system.ingest(items)

    def article(self, article_id: str, revision: str | None = None) -> Article:
        return self._system.library.article(article_id, revision)

    def everything(self) -> Iterator[Article]:
        after: str | None = None
        while page := self._system.library.articles(limit=_PAGE, after=after):
            yield from page
            after = page[-1].id

    def search(self, question: str, *, k: int, as_of: str | None = None) -> list[Wire]:
        return [passage_out(one) for one in self._system.search(question, k=k, where=_where(as_of))]

    def ask(self, question: str, *, as_of: str | None = None, history: Sequence[Turn] = ()) -> Wire:
        return _last(self._system.ask(question, where=_where(as_of), history=history))

    def read(self, question: str, paragraph: Place) -> Wire:
        article = self.article(paragraph.article)
        if paragraph.span is None:
            raise ValueError(f"a reader is given characters, not the whole of {article.id}")
        chunk = Chunk(
            article_id=article.id,
            revision=article.revision,
            span=paragraph.span,
            text=paragraph.span.of(article.text),
            title=article.title,
            url=article.url,
            published_at=article.published_at,
        )
        answer = flow.ask(
            question,
            retriever=_Given(Passage(chunk, 1.0)),
            answerer=self._system.answerer,
            library=self._system.library,
            index=self._system.index,
            k=1,
        )
        return _last(answer)

    def close(self) -> None:
        self._system.close()


class _Given:
    """A retriever that always finds one passage."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage

    def search(self, question: str, k: int, state: State, where: Where | None = None) -> list[Passage]:
        return [self._passage]


def _where(as_of: str | None) -> Where | None:
    return AsOf(as_of) if as_of else None


def _last(pieces: Iterable[object]) -> Wire:
    *_, answer = pieces
    if not isinstance(answer, Answer):
        raise TypeError(f"expected the stream to end with an Answer; found {answer!r}")
    return answer_out(answer)


class Remote:
    """A Quotewell service at ``url``, with the articles that it has; nothing is put into it."""

    def __init__(self, url: str) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise UsageError(expected="the http(s) address of a service", found=url, remedy="mend --url")
        self._url = url.rstrip("/")
        self._open = build_opener(ProxyHandler({})).open
        self._known: dict[tuple[str, str | None], Article] = {}

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"url": self._url}

    def put(self, items: Iterable[Article | Refusal]) -> Iterator[Receipt]:
        raise UsageError(
            expected="a service that has its articles", found="articles to put in", remedy="ingest them there first"
        )

    def article(self, article_id: str, revision: str | None = None) -> Article:
        if (article_id, revision) not in self._known:
            query = f"?{urlencode({'revision': revision})}" if revision else ""
            self._known[article_id, revision] = _article(self._call(f"/api/articles/{quote(article_id)}{query}"))
        return self._known[article_id, revision]

    def everything(self) -> Iterator[Article]:
        cursor: str | None = None
        while True:
            query = urlencode({"limit": _PAGE} | ({"cursor": cursor} if cursor else {}))
            page = self._call(f"/api/articles?{query}")
            for one in page["articles"]:
                yield self.article(one["id"])
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def search(self, question: str, *, k: int, as_of: str | None = None) -> list[Wire]:
        more = {"as_of": as_of} if as_of else {}
        found: list[Wire] = self._call("/api/search", {"question": question, "k": k, **more})["passages"]
        return found

    def ask(self, question: str, *, as_of: str | None = None, history: Sequence[Turn] = ()) -> Wire:
        turns = [{"role": turn.role, "content": turn.text} for turn in history]
        more = ({"as_of": as_of} if as_of else {}) | ({"history": turns} if turns else {})
        return self._call("/api/ask", {"question": question, **more})

    def read(self, question: str, paragraph: Place) -> Wire:
        raise UsageError(expected="--task ask or retrieve with --url", found="read", remedy="read in this process")

    def close(self) -> None:
        pass

    def _call(self, path: str, body: Wire | None = None) -> Wire:
        """Raises NotFound, or ServiceError with what the service says is wrong."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        try:
            with self._open(Request(self._url + path, data, headers), timeout=_TIMEOUT_S) as answer:
                told: Wire = json.load(answer)
                return told
        except HTTPError as err:
            detail = _detail(err)
            if err.code == 404 and path.startswith("/api/articles/"):
                raise NotFound(
                    expected="the article in the service", found="no such article", remedy="ingest it there"
                ) from err
            raise ServiceError(
                expected=f"an answer of {self._url}{path}", found=f"{err.code}: {detail}", remedy="see its log"
            ) from err
        except (URLError, OSError, ValueError) as err:
            raise ServiceError(
                expected=f"a Quotewell service at {self._url}", found=str(err), remedy="is it up? quotewell serve"
            ) from err


def _article(told: Wire) -> Article:
    """The text is what counts; a revision that is not its hash would fail every citation, and should."""
    return Article(told["id"], told["title"], told["text"], told["url"], told["published_at"])


def _detail(err: HTTPError) -> str:
    try:
        return str(json.load(err).get("detail", err.reason))
    except ValueError:
        return str(err.reason)
