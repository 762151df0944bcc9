"""Open WebUI itself, in a real browser, with this service as its only model: ``make e2e-openwebui``."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2 as httpx
import pytest
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.app import create_app
from api.server import listen
from rag.build import build
from rag.settings import load_settings
from rag.types import Article

OPEN_WEBUI = os.environ.get("QUOTEWELL_TEST_OPENWEBUI")
"""The program ``open-webui`` of an environment of its own (over 2 GB)."""

PICTURES = os.environ.get("QUOTEWELL_TEST_PICTURES")
"""A folder for pictures of what was shown, to be looked at."""

pytestmark = [
    pytest.mark.network,
    pytest.mark.timeout(900),
    pytest.mark.skipif(OPEN_WEBUI is None, reason="make e2e-openwebui installs Open WebUI and runs this"),
]

TITLE = "A ferry for Ostrel"
FACT = "The ferry to Ostrel made its first crossing on 3 May 2019."
TEXT = f"{FACT} It carries forty cars and two hundred people."
QUESTION = "When did the ferry to Ostrel make its first crossing?"
CHORES = 3  # a title, tags, what could be asked next
MOST_S = 0.05


class Call(NamedTuple):
    path: str
    prompt: str
    seconds: float


class Recorder:
    """The service, noting what it was asked and how long each answer took."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.calls: list[Call] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        body = b""

        async def heard() -> Message:
            nonlocal body
            message = await receive()
            body += message.get("body", b"")
            return message

        began = time.perf_counter()
        await self.app(scope, heard, send)
        seconds = time.perf_counter() - began
        prompt = json.loads(body)["messages"][-1]["content"] if scope["path"].endswith("/completions") else ""
        self.calls.append(Call(scope["path"], prompt, seconds))
        return None


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def open_webui(backend: str, folder: Path) -> Iterator[str]:
    """Open WebUI with nothing of the network but ``backend``; its state and its log under ``folder``."""
    assert OPEN_WEBUI is not None
    port = free_port()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DATA_DIR": str(folder / "data"),
        "WEBUI_AUTH": "False",
        "WEBUI_SECRET_KEY": "of this test",
        "OPENAI_API_BASE_URL": f"{backend}/openwebui/v1",
        "OPENAI_API_KEY": "any",
        "ENABLE_OLLAMA_API": "False",
        "RAG_EMBEDDING_ENGINE": "openai",  # its own would be downloaded
        "HF_HUB_OFFLINE": "1",
        "OFFLINE_MODE": "true",
        "ENABLE_VERSION_UPDATE_CHECK": "False",
        "ANONYMIZED_TELEMETRY": "False",
    }
    (folder / "data").mkdir(parents=True)
    with (folder / "open-webui.log").open("wb") as log:
        command = [OPEN_WEBUI, "serve", "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=folder)
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                assert process.poll() is None, (folder / "open-webui.log").read_text()[-3000:]
                try:
                    if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                        break
                except httpx.HTTPError:
                    pass
                time.sleep(1)
            yield url
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with closing(build(load_settings(home=tmp_path_factory.mktemp("home")))) as system:
        (receipt,) = system.ingest([Article("ferry", TITLE, TEXT)])
        assert receipt.revision
        system.ask(QUESTION)  # the models are loaded
        yield Recorder(create_app(system))


@pytest.fixture(scope="module")
def page(recorder: Recorder, browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with served(recorder) as backend, open_webui(backend, tmp_path_factory.mktemp("open-webui")) as url:
        shown = browser.new_page(viewport={"width": 1280, "height": 900})
        shown.set_default_timeout(120_000)
        shown.goto(url)
        yield shown
        shown.close()


def picture(page: Any, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"open-webui-{name}.png")


def ask(page: Any, question: str) -> Any:
    """Types ``question``; the answer's element, once its sources are shown."""
    field = page.locator("#chat-input")
    field.wait_for()
    news = page.get_by_role("button", name="Okay, Let's Go!")  # what is new, at the first visit
    if news.count():
        news.click()
    field.click()
    page.keyboard.type(question)
    page.keyboard.press("Enter")
    answer = page.locator(".chat-assistant").last
    answer.get_by_role("button", name="1 Source").wait_for()
    return answer


def test_an_answer_shows_its_source_and_the_chores_are_answered_at_once(page: Any, recorder: Recorder) -> None:
    answer = ask(page, QUESTION)
    assert FACT in answer.inner_text()
    picture(page, "answer")
    answer.get_by_role("button", name=re.compile("View source")).click()
    source = page.get_by_role("dialog").filter(has_text="Content")
    source.get_by_text(FACT).wait_for()
    assert TITLE in source.inner_text()
    picture(page, "source")
    link = source.get_by_role("link", name=TITLE).get_attribute("href")
    with page.expect_popup() as opened:
        source.get_by_role("link", name=TITLE).click()
    assert opened.value.inner_text("mark#quote") == FACT, link
    opened.value.close()

    chores: list[Call] = []
    for _ in range(60):
        chores = [call for call in recorder.calls if call.prompt.startswith("### Task:")]
        if len(chores) >= CHORES:
            break
        page.wait_for_timeout(1000)
    assert len(chores) >= CHORES, [call.prompt[:40] for call in recorder.calls]
    print("chores:", ", ".join(f"{call.seconds * 1000:.1f} ms" for call in chores))
    slowest = max(chores, key=lambda call: call.seconds)
    assert slowest.seconds < MOST_S, slowest
