"""The Model Context Protocol: tools search, fetch and ask, in the form that clients of it expect.

``search`` and ``fetch`` follow the convention of ChatGPT's connectors; an article's address is never empty, for
without one they cite nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import BaseModel, Field

from api.html import web_url
from api.routes_health import installed_version
from api.system import System
from rag.build import build
from rag.errors import ModelMissing, NotFound, QuotewellError
from rag.settings import Settings, load_settings
from rag.types import Answer, Article, Citation
from rag.wire import permalink

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer
    from starlette.routing import BaseRoute

_SNIPPET = 300
_INSTRUCTIONS = (
    "Quotewell answers questions about a collection of articles with exact quotes, or says that they do not answer. "
    "Use ask for an answer with its proof; search and fetch to read for yourself. Quote what is quoted; add nothing."
)


class FoundArticle(BaseModel):
    """An article that fits, and the passage of it that does best."""

    id: str
    title: str
    url: str
    text: str


class SearchResults(BaseModel):
    results: list[FoundArticle]


class Document(BaseModel):
    """A whole article."""

    id: str
    title: str
    text: str
    url: str
    metadata: dict[str, str]


class Quote(BaseModel):
    """The characters of an article that prove a statement: ``text[start_char_index:end_char_index]`` of it."""

    number: int
    quote: str
    article_id: str
    revision: str
    title: str
    url: str
    published_at: str | None
    start_char_index: int
    end_char_index: int


class Answered(BaseModel):
    """An answer; ``abstained`` where the articles do not give one."""

    answer: str
    short: str | None
    status: str
    abstained: bool
    confidence: float
    citations: list[Quote]


def make_server(system: System, base_url: str) -> MCPServer[Any]:
    """Raises ModelMissing where the package mcp is not installed."""
    if not installed():
        raise ModelMissing(expected="the package mcp", found="no such package", remedy="pip install 'quotewell[mcp]'")
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp_types import ToolAnnotations

    server: MCPServer[Any] = MCPServer(
        "quotewell", title="Quotewell", instructions=_INSTRUCTIONS, version=installed_version(), log_level="WARNING"
    )
    reading = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False, destructive_hint=False)

    @server.tool(annotations=reading, title="Search the articles")
    def search(
        query: Annotated[str, Field(description="What to look for, in words or as a question.")],
    ) -> SearchResults:
        """Find articles that fit, best first, each with its best passage. Read one whole with fetch."""
        try:
            passages = system.search(query)
        except QuotewellError as err:
            raise ToolError(str(err)) from err
        best = {passage.chunk.article_id: passage.chunk for passage in reversed(passages)}
        found = [best[key] for key in dict.fromkeys(passage.chunk.article_id for passage in passages)]
        return SearchResults(
            results=[
                FoundArticle(
                    id=chunk.article_id,
                    title=chunk.title,
                    url=_address(base_url, chunk.url, chunk.article_id, chunk.revision),
                    text=chunk.text[:_SNIPPET],
                )
                for chunk in found
            ]
        )

    @server.tool(annotations=reading, title="Read an article")
    def fetch(id: Annotated[str, Field(description="The id of an article, as search gives it.")]) -> Document:  # noqa: A002
        """Read one article whole."""
        try:
            article = system.library.article(id)
        except QuotewellError as err:
            raise ToolError(str(err)) from err
        url = _address(base_url, article.url, article.id, article.revision)
        return Document(id=article.id, title=article.title, text=article.text, url=url, metadata=_facts(article))

    @server.tool(annotations=reading, title="Ask the articles")
    def ask(
        question: Annotated[str, Field(description="One question, in a sentence or two.")],
        top_k: Annotated[int | None, Field(description="Passages to consult.", ge=1, le=50)] = None,
    ) -> Answered:
        """Answer in the articles' own words, each statement with the quote that proves it, or say that they do not."""
        try:
            answer = next(piece for piece in system.ask(question, k=top_k) if isinstance(piece, Answer))
        except QuotewellError as err:
            raise ToolError(str(err)) from err
        return Answered(
            answer=answer.text,
            short=answer.short,
            status=answer.status,
            abstained=answer.status == "unanswerable",
            confidence=round(answer.confidence, 4),
            citations=[_quote(base_url, citation) for citation in answer.citations],
        )

    return server


def installed() -> bool:
    return find_spec("mcp") is not None


def routes(server: MCPServer[Any], settings: Settings) -> list[BaseRoute]:
    """``/mcp``: streamable HTTP, without sessions. Only hosts that we are known by, and their pages, may call it."""
    from mcp.server.transport_security import TransportSecuritySettings

    hosts = ["127.0.0.1", "localhost", "[::1]", *filter(None, settings.allowed_hosts.split(","))]
    hosts += [f"{host}:*" for host in hosts]
    pages = [f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")]
    app = server.streamable_http_app(
        json_response=True,
        stateless_http=True,
        transport_security=TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=pages),
    )
    return list(app.routes)


@asynccontextmanager
async def running(server: MCPServer[Any]) -> AsyncIterator[None]:
    """While the application runs, so does what answers its MCP requests."""
    async with server.session_manager.run():
        yield


def _quote(base_url: str, citation: Citation) -> Quote:
    return Quote(
        number=citation.number,
        quote=citation.quote,
        article_id=citation.article_id,
        revision=citation.revision,
        title=citation.title,
        url=_address(base_url, citation.url, citation.article_id, citation.revision),
        published_at=citation.published_at,
        start_char_index=citation.span.start,
        end_char_index=citation.span.end,
    )


def _address(base_url: str, url: str | None, article_id: str, revision: str) -> str:
    ours = permalink(article_id, revision, 0, 0).partition("#")[0]
    return web_url(url) or base_url.rstrip("/") + ours


def _facts(article: Article) -> dict[str, str]:
    facts = {"published_at": article.published_at, "publisher": article.publisher, "language": article.language}
    return {name: value for name, value in facts.items() if value} | {"revision": article.revision}


def mcp_stdio(
    home: Annotated[
        Path | None, typer.Option("--home", help="Folder of the collection.", show_default="./.quotewell")
    ] = None,
) -> None:
    """Serve the Model Context Protocol on standard input and output, for a program that starts this one."""
    settings = load_settings(home=home)
    if not (settings.home / "library.db").exists():
        raise NotFound(
            expected=f"a collection in {settings.home}", found="none", remedy="put articles in: quotewell ingest PATH"
        )
    with closing(build(settings)) as system:
        make_server(system, f"http://{settings.host}:{settings.port}").run("stdio")
