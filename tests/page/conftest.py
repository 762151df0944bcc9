"""The service over a fake System, and pages of a real browser that note what they ask for and what goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, NamedTuple

import pytest
import uvicorn

from api.app import create_app
from api.server import listen
from rag.settings import Settings
from tests.api.fake_system import FERRY, FakeSystem


class Site(NamedTuple):
    url: str
    system: FakeSystem


@pytest.fixture
def site() -> Iterator[Site]:
    system = FakeSystem(Settings())
    list(system.ingest([system.make_article(FERRY, "body")]))
    with closing(listen("127.0.0.1", 0)) as sock:
        server = uvicorn.Server(uvicorn.Config(create_app(system), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        yield Site(f"http://127.0.0.1:{sock.getsockname()[1]}", system)
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def opened(browser: Any, site: Site) -> Iterator[Callable[..., Any]]:
    """Opens a path in a browser of its own. Scripts' errors, and requests to anybody else, fail the test."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def open_page(path: str = "/", **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
        page = context.new_page()
        page.set_default_timeout(8000)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith(site.url) else None)
        page.goto(site.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
