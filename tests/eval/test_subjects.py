"""A remote service, for real: the same questions give the same lines here and there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import uvicorn

from api.app import create_app
from api.server import listen
from eval.metrics import Place
from eval.questions import Evidence, EvidenceError, Question, resolve
from eval.runs import run
from eval.scores import score
from eval.subjects import Local, Remote, ServiceError
from rag.build import build
from rag.errors import NotFound, UsageError
from rag.settings import load_settings
from rag.types import Article, Span, Turn

pytestmark = pytest.mark.network

ARTICLES = [
    Article(
        "ferry",
        "A ferry for Ostrel",
        "The ferry to Ostrel made its first crossing on 3 May 2019. It carries forty cars.",
    ),
    Article("a/b c", "The mill of Ostrel", "The mill burnt down in 1890 🔥. It was built anew."),
]
ASKED = [
    Question(
        "q1", "When did the ferry first cross?", ("3 May 2019",), (Evidence("ferry", "3 May 2019"),), True, "when"
    ),
    Question(
        "q2",
        "When did the mill burn down?",
        ("1890",),
        (Evidence(None, "burnt down in 1890 🔥"),),
        True,
        "when",
        as_of="2024-01-01",
        history=(Turn("user", "Hello"),),
    ),
    Question("q3", "Who was the first king of Denmark?", (), (), False, "who"),
]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    subject = Local(build(load_settings(home=tmp_path_factory.mktemp("home"))))
    list(subject.put(ARTICLES))
    yield subject
    subject.close()


@pytest.fixture(scope="module")
def remote(local: Local) -> Iterator[Remote]:
    server = uvicorn.Server(uvicorn.Config(create_app(local._system), log_level="warning"))
    bound = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
    yield Remote(f"http://127.0.0.1:{bound.getsockname()[1]}/")
    server.should_exit = True
    thread.join(10)


def test_a_service_gives_the_lines_that_this_process_gives(local: Local, remote: Remote) -> None:
    lines = [
        list(run(subject, ASKED, resolve(ASKED, subject), task="ask", k=4))  # type: ignore[arg-type]
        for subject in (local, remote)
    ]
    timeless = [[{k: v for k, v in one.items() if not k.endswith("_ms")} for one in some] for some in lines]
    assert timeless[0] == timeless[1]
    assert score(lines[1])["metrics"]["citation.verified"]["value"] == 1


def test_what_a_service_cannot_do_is_said(remote: Remote) -> None:
    with pytest.raises(UsageError, match="ingest them there"):
        remote.put(ARTICLES)
    with pytest.raises(UsageError, match="--task"):
        remote.read("?", Place("ferry", Span(0, 5)))
    with pytest.raises(NotFound):
        remote.article("gone")
    with pytest.raises(EvidenceError, match="no such article"):
        resolve([Question("q", "?", (), (Evidence("gone", "x"),), True, "x")], remote)
    with pytest.raises(ServiceError, match="422"):
        remote.search(" ", k=3)


@pytest.mark.parametrize("answer", [b"<html>not json", b"{"])
def test_what_is_no_service_is_named(answer: bytes) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *given: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(ServiceError, match="a Quotewell service at"):
            Remote(f"http://127.0.0.1:{server.server_port}").ask("When?")
    with pytest.raises(ServiceError, match="is it up"):
        Remote(f"http://127.0.0.1:{server.server_port}").ask("When?")


def test_addresses_are_http() -> None:
    with pytest.raises(UsageError, match="--url"):
        Remote("file:///etc/passwd")
