"""A collection whose answers a language model words: LangChain's real client, and a server that misbehaves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rag.answerers.language_model import OWN_WORDS
from rag.build import System, build
from rag.errors import ModelMissing, NotFound, UsageError
from rag.settings import load_settings
from rag.types import Answer, Article

pytestmark = pytest.mark.network

TEXT = "The ferry to Ostrel made its first crossing on 3 May 2019. It carries forty cars and two hundred people."
QUESTION = "When did the ferry to Ostrel make its first crossing?"
GOOD = json.dumps(
    {"statement": "It first crossed on 3 May 2019.", "passage": 1, "quote": "first crossing on 3 May 2019"}
)


class Server(BaseHTTPRequestHandler):
    """Chat completions, streamed: well, or as badly as ``mode`` says."""

    mode = "good"
    over = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.mode == "limited":
            return self._whole(429, "application/json", b'{"error": {"message": "slow down", "code": "rate_limit"}}')
        if self.mode == "html":
            return self._whole(200, "text/html", b"<html>Please log in</html>")
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        if self.mode == "hangs":
            self.over.wait(20)
            return None
        reply = GOOD if self.mode in ("good", "half") else "I cannot help with that."
        for piece in (reply[:20], reply[20:]):
            choice = {"index": 0, "delta": {"role": "assistant", "content": piece}, "finish_reason": None}
            chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        if self.mode != "half":
            self.wfile.write(b"data: [DONE]\n\n")
        return None

    def _whole(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as made:
        made.daemon_threads = True
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_address[1]}/v1"
        Server.over.set()
        made.shutdown()


@pytest.fixture
def system(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    monkeypatch.setenv("OPENAI_BASE_URL", server)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-to-be-seen")
    settings = load_settings(home=tmp_path, models="openai:m, anthropic:n", patience=2, threshold=0.0)
    with closing(build(settings)) as made:
        list(made.ingest([Article("ferry", "A ferry for Ostrel", TEXT)]))
        yield made


def ask(system: System, mode: str) -> Answer:
    Server.mode = mode
    *deltas, answer = system.ask(QUESTION, model="openai:m")
    assert isinstance(answer, Answer)
    assert "".join(delta.text for delta in deltas if not isinstance(delta, Answer)) == answer.text
    assert answer.citations and all(TEXT[c.span.start : c.span.end] == c.quote for c in answer.citations)
    return answer


@pytest.mark.parametrize("mode", ["good", "half"])
def test_its_wording_is_told_with_the_sentence_that_says_so(system: System, mode: str) -> None:
    answer = ask(system, mode)
    assert (answer.text, answer.model) == ("It first crossed on 3 May 2019.", "openai:m")
    assert answer.citations[0].quote == "The ferry to Ostrel made its first crossing on 3 May 2019."


@pytest.mark.parametrize("mode", ["limited", "html", "hangs", "refuses"])
def test_a_server_that_fails_ends_in_the_articles_own_words(
    system: System, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    start = time.monotonic()
    answer = ask(system, mode)
    assert time.monotonic() - start < 10
    assert answer.text.startswith("The ferry to Ostrel made its first crossing on 3 May 2019.")
    assert answer.text.endswith(OWN_WORDS)
    assert answer.model is None
    assert "sk-not" not in caplog.text


def test_a_model_that_is_not_set_or_not_installed(system: System) -> None:
    with pytest.raises(NotFound, match="QUOTEWELL_MODELS"):
        list(system.ask(QUESTION, model="openai:other"))
    with pytest.raises((ModelMissing, UsageError), match="anthropic:n"):
        list(system.ask(QUESTION, model="anthropic:n"))
