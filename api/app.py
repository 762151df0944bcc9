"""The HTTP application over one System."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Lifespan

from api import problems, routes_articles, routes_ask, routes_health, routes_openai, routes_pages
from api.limits import Guard, add_headers
from api.mcp_server import installed, make_server, routes, running
from api.routes_health import installed_version
from api.system import System

_DESCRIPTION = (
    "Questions over your articles, answered with exact quotes, or not at all.\n\n"
    "Every citation names the revision of the article and the half-open range of Unicode code points that "
    "it quotes: text[start_char_index:end_char_index] of that revision is cited_text, character for character."
)
_ROUTES = (routes_ask, routes_articles, routes_openai, routes_health, routes_pages)


def create_app(system: System, lifespan: Lifespan[FastAPI] | None = None, base_url: str | None = None) -> FastAPI:
    """The application. ``system`` stays the caller's: it is used here, and closed by whoever made it.

    ``base_url`` is where it is served, for addresses of articles that have none of their own.
    """
    settings = system.settings
    mcp = make_server(system, base_url or f"http://{settings.host}:{settings.port}") if installed() else None
    app = FastAPI(
        lifespan=_lifespan(lifespan, mcp),
        title="Quotewell",
        version=installed_version(),
        description=_DESCRIPTION,
        docs_url=None,  # their pages fetch scripts from elsewhere; ours is in routes_pages
        redoc_url=None,
        redirect_slashes=False,
        responses={422: {"model": problems.Problem, "description": "What is wrong with the request."}},
    )
    app.state.system = system
    for module in _ROUTES:
        app.include_router(module.router)
    app.include_router(routes_articles.revisions)
    app.router.routes.extend(routes(mcp, settings) if mcp else [])
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    problems.install(app)
    app.add_exception_handler(Exception, _on_unexpected)
    app.add_middleware(Guard, max_body_bytes=system.settings.max_body_bytes)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _lifespan(given: Lifespan[FastAPI] | None, mcp: Any) -> Lifespan[FastAPI]:
    @asynccontextmanager
    async def both(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if mcp is not None:
                await stack.enter_async_context(running(mcp))
            if given is not None:
                await stack.enter_async_context(given(app))
            yield

    return both


async def _on_unexpected(request: Request, err: Exception) -> Response:
    """Runs outside of Guard, so it adds the headers itself."""
    response = problems.respond(request, problems.unexpected(request, err))
    add_headers(response.headers, problems.request_id(request))
    return response


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The schema, with problem details under their own media type. Made once."""
    if not app.openapi_schema:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        for path, item in schema["paths"].items():
            for operation in item.values():
                _mend(path, operation["responses"])
        app.openapi_schema = schema
    return app.openapi_schema


def _mend(path: str, responses: dict[str, Any]) -> None:
    if not path.startswith("/api/"):
        responses.pop("422", None)  # /v1 answers 400 in OpenAI's shape; the others take no input
        return
    content = responses["422"]["content"]
    content["application/problem+json"] = content.pop("application/json")
