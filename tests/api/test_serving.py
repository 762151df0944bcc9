"""A real server in another process, and real clients."""

from __future__ import annotations

import json
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import httpx2 as httpx
import pytest
from openai import APIError, NotFoundError, OpenAI

from api.server import listen, serve
from rag.build import build
from rag.errors import PortInUse, UsageError
from rag.settings import load_settings
from rag.types import Article

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]
TEXT = "The ferry to Ostrel made its first crossing on 3 May 2019. It carries forty cars and two hundred people."
QUESTION = {"role": "user", "content": "When did the ferry to Ostrel make its first crossing?"}


def start(home: Path) -> tuple[subprocess.Popen[str], str]:
    """A server of its own, and where it says it is."""
    command = [sys.executable, "-m", "rag", "serve", "--home", str(home), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert server.stdout is not None
    line = server.stdout.readline()
    match = re.fullmatch(r"Quotewell serves \d+ articles? at (http://127\.0\.0\.1:\d+)  \(API at /docs\)\n", line)
    assert match, line
    return server, match[1]


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server, url = start(tmp_path_factory.mktemp("served"))
    try:
        article = {"id": "ferry", "title": "A ferry for Ostrel", "text": TEXT, "published_at": "2019-05-04"}
        assert httpx.post(f"{url}/api/articles", json=article).json()["results"][0]["outcome"] == "added"
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=20)
    assert (server.returncode, out, err) == (0, "", "")


@pytest.fixture
def openai(base_url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{base_url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_openai_gets_an_annotated_answer_whole(openai: OpenAI, base_url: str) -> None:
    assert [model.id for model in openai.models.list()] == ["quotewell", "quotewell+footnotes"]
    completion = openai.chat.completions.create(model="quotewell", messages=[QUESTION])
    message = completion.choices[0].message
    assert message.content
    assert message.annotations
    cited = message.annotations[0].url_citation
    assert message.content[cited.start_index : cited.end_index] == TEXT[:58]
    assert cited.url.startswith(f"{base_url}/articles/ferry@")
    (citation,) = completion.x_quotewell["citations"]  # type: ignore[attr-defined]
    assert TEXT[citation["start_char_index"] : citation["end_char_index"]] == citation["cited_text"]
    assert httpx.get(cited.url.partition("#")[0]).status_code == 200


def test_openai_gets_an_annotated_answer_streamed(openai: OpenAI) -> None:
    whole = openai.chat.completions.create(model="quotewell", messages=[QUESTION]).choices[0].message
    chunks = list(
        openai.chat.completions.create(
            model="quotewell", messages=[QUESTION], stream=True, stream_options={"include_usage": True}
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == whole.content
    annotations = [one for delta in deltas for one in (delta.model_extra or {}).get("annotations", [])]
    assert [one["url_citation"] for one in annotations] == [
        one.url_citation.model_dump() for one in whole.annotations or []
    ]
    assert chunks[-1].usage is not None
    assert chunks[-2].x_quotewell["status"] == "answered"  # type: ignore[attr-defined]


def test_openai_joins_the_annotations_of_a_stream(openai: OpenAI) -> None:
    whole = openai.chat.completions.create(model="quotewell", messages=[QUESTION]).choices[0].message
    with openai.chat.completions.stream(model="quotewell", messages=[QUESTION]) as stream:
        for _ in stream:
            pass
        message = stream.get_final_completion().choices[0].message
    assert message.content == whole.content
    assert [one.url_citation for one in message.annotations or []] == [
        one.url_citation for one in whole.annotations or []
    ]


def test_openai_gets_errors_that_it_knows(openai: OpenAI) -> None:
    with pytest.raises(NotFoundError) as unknown:
        openai.chat.completions.create(model="gpt-4o", messages=[QUESTION])
    assert unknown.value.code == "model_not_found"
    assert unknown.value.request_id
    with pytest.raises(APIError) as empty:
        openai.chat.completions.create(model="quotewell", messages=[{"role": "user", "content": ""}])
    assert empty.value.type == "invalid_request_error"


def test_a_stream_carries_the_same_citations_as_the_answer(base_url: str) -> None:
    body = {"question": QUESTION["content"]}
    whole = httpx.post(f"{base_url}/api/ask", json=body).text
    streamed = httpx.post(f"{base_url}/api/ask", json=body, headers={"accept": "text/event-stream"}).text
    citations = re.findall(r"^event: citation\ndata: (.*)$", streamed, re.MULTILINE)
    assert citations
    assert f'"citations":[{",".join(citations)}]' in whole
    assert json.loads(whole)["status"] == "answered"


def test_a_large_body_is_refused_while_it_is_sent(base_url: str) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(400):
            yield b" " * 100_000

    try:
        response = httpx.post(f"{base_url}/api/ask", content=parts(), headers={"content-type": "application/json"})
    except httpx.WriteError:
        return  # refused so early that the client was still talking
    assert response.status_code == 413


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly(tmp_path: Path, sign: signal.Signals) -> None:
    server, url = start(tmp_path / "home")
    assert httpx.get(f"{url}/readyz").json()["status"] == "ready"
    server.send_signal(sign)
    out, err = server.communicate(timeout=20)
    assert (server.returncode, out, err) == (0, "", "")


def test_a_port_in_use_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with closing(listen("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"expected port {port} .*; found another program on it; .*--port"):
            serve(home=tmp_path / "home", host=None, port=port)
    assert not (tmp_path / "home").exists()
    with closing(listen("127.0.0.1", port)):
        pass


def test_an_address_that_cannot_be_had() -> None:
    with pytest.raises(UsageError, match="--host"):
        listen("192.0.2.1", 0)
    with pytest.raises(UsageError, match="--host"):
        listen("no such host", 0)


def test_the_first_text_of_a_stream_comes_as_soon_as_the_whole_answer(openai: OpenAI) -> None:
    asked: dict[str, Any] = {"model": "quotewell", "messages": [QUESTION]}

    def whole() -> None:
        openai.chat.completions.create(**asked)

    def first_text() -> None:
        with openai.chat.completions.create(**asked, stream=True) as stream:
            assert next(iter(chunk for chunk in stream if chunk.choices and chunk.choices[0].delta.content))

    def seconds(act: Callable[[], None]) -> float:
        began = time.perf_counter()
        act()
        return time.perf_counter() - began

    ratios = [seconds(first_text) / seconds(whole) for _ in range(25)]
    assert statistics.median(ratios) <= 1.2, statistics.quantiles(ratios)


def test_a_server_holds_its_port_before_it_is_up() -> None:
    with closing(listen("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname(), timeout=5):
        pass


def test_a_permalink_opens_at_its_quote(browser: Any, base_url: str) -> None:
    found = httpx.post(f"{base_url}/api/ask", json={"question": QUESTION["content"]}).json()["citations"][0]
    page = browser.new_page()
    page.goto(base_url + found["permalink"])
    page.wait_for_selector("mark#quote")
    assert page.inner_text("mark#quote") == found["cited_text"]
    assert httpx.get(f"{base_url}/articles/ferry@{found['revision'][:12]}").status_code == 200
    page.close()


def test_several_processes_answer_from_the_newest_state(tmp_path: Path) -> None:
    """What one process, or the command line, commits is seen by each of the others within 200 ms."""
    home = tmp_path / "home"
    command = [sys.executable, "-m", "rag", "serve", "--home", str(home), "--port", "0", "--workers", "2"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert server.stdout is not None
    match = re.search(r"at (http://127\.0\.0\.1:\d+)  \(API at /docs\), with 2 processes", server.stdout.readline())
    assert match
    try:
        httpx.get(f"{match[1]}/readyz", timeout=60).raise_for_status()
        with closing(build(load_settings(home=home))) as writer:
            for n in range(5):
                text = f"The ferry number {n} is called Marta {n}."
                (receipt,) = writer.ingest([Article("ferry", "A ferry", text)])
                assert receipt.revision
                time.sleep(0.2)
                answers = [  # each on a connection of its own, so that either process gets some
                    httpx.post(f"{match[1]}/api/search", json={"question": "What is the ferry called?"}).json()
                    for _ in range(8)
                ]
                assert {one["passages"][0]["text"] for one in answers} == {text}
    finally:
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=30)
    assert (server.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize("streamed", [False, True])
def test_langchains_openai_client_in_both_modes(base_url: str, streamed: bool) -> None:
    """Of chat completions it keeps the text alone; of responses the citations too."""
    langchain_openai = pytest.importorskip("langchain_openai")
    for responses in (False, True):
        model = langchain_openai.ChatOpenAI(
            model="quotewell", base_url=f"{base_url}/v1", api_key="none", max_retries=0, use_responses_api=responses
        )
        if streamed:
            chunks = list(model.stream(QUESTION["content"]))
            message = sum(chunks[1:], chunks[0])
        else:
            message = model.invoke(QUESTION["content"])
        assert message.text == TEXT[:58]
        cited = [one for block in message.content_blocks for one in block.get("annotations", [])]
        assert len(cited) == int(responses)
        for one in cited:
            assert one["type"] == "citation"
            assert message.text[one["start_index"] : one["end_index"]] == TEXT[:58]


def test_mcp_over_a_socket(base_url: str) -> None:
    client = pytest.importorskip("mcp.client.client")

    async def run() -> Any:
        async with client.Client(f"{base_url}/mcp") as session:
            return (await session.call_tool("ask", {"question": QUESTION["content"]})).structured_content

    with ThreadPoolExecutor(1) as other:  # a browser's test may have left its loop running in this thread
        answer = other.submit(anyio.run, run).result()
    assert answer["answer"] == TEXT[:58]
    assert answer["citations"][0]["url"].startswith(f"{base_url}/articles/ferry@")
