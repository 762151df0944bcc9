"""The Model Context Protocol, spoken by its own client over each transport and in each version."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from rag.errors import QuestionError
from tests.api.fake_system import FERRY, FakeSystem, failing

mcp = pytest.importorskip("mcp")

from mcp.client.client import Client  # noqa: E402
from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: E402

from api.mcp_server import make_server  # noqa: E402

QUESTION = "When was the first crossing?"
VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")


@asynccontextmanager
async def connected(system: FakeSystem, mode: str = "auto") -> AsyncIterator[Any]:
    async with Client(make_server(system, "http://here"), mode=mode) as client:
        yield client


def called(system: FakeSystem, tool: str, mode: str = "auto", **arguments: object) -> dict[str, Any]:
    async def run() -> Any:
        async with connected(system, mode) as client:
            return await client.call_tool(tool, arguments)

    result = anyio.run(run)
    (block,) = result.content
    if result.is_error:
        return {"error": block.text}
    assert json.loads(block.text) == result.structured_content
    return dict(result.structured_content)


def test_the_tools_say_what_they_do(system: FakeSystem) -> None:
    async def run() -> Any:
        async with connected(system) as client:
            return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in anyio.run(run)}
    assert set(tools) == {"search", "fetch", "ask"}
    for tool in tools.values():
        assert tool.description
        assert tool.annotations.read_only_hint
        assert tool.output_schema["type"] == "object"
    assert tools["search"].input_schema["required"] == ["query"]
    assert tools["fetch"].input_schema["required"] == ["id"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_search_then_fetch(system: FakeSystem, mode: str) -> None:
    found = called(system, "search", mode, query=QUESTION)["results"]
    assert found[0]["id"] == "ferry"
    assert found[0]["title"] == FERRY["title"]
    assert all(one["url"] for one in found)
    assert len({one["id"] for one in found}) == len(found)
    document = called(system, "fetch", mode, id="ferry")
    assert (document["id"], document["text"], document["url"]) == ("ferry", FERRY["text"], FERRY["url"])
    assert document["metadata"]["revision"]


def test_an_answer_comes_with_its_proof(system: FakeSystem) -> None:
    answer = called(system, "ask", question=QUESTION)
    assert (answer["status"], answer["abstained"]) == ("answered", False)
    (quote,) = answer["citations"]
    assert FERRY["text"][quote["start_char_index"] : quote["end_char_index"]] == quote["quote"] == answer["answer"]


def test_what_the_articles_do_not_say(system: FakeSystem) -> None:
    answer = called(system, "ask", question="Xylophones?")
    assert (answer["abstained"], answer["citations"]) == (True, [])


def test_an_article_without_an_address_has_one_here(system: FakeSystem) -> None:
    list(system.ingest([system.make_article({"id": "a b", "text": "The first crossing was in May."}, "t")]))
    assert called(system, "fetch", id="a b")["url"].startswith("http://here/articles/a%20b@")


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("fetch", {"id": "nobody"}, "expected an article"),
        ("ask", {"question": ""}, "expected a question"),
        ("ask", {"question": QUESTION, "top_k": 51}, "50"),
        ("ask", {}, "question"),
        ("search", {"query": 5}, "query"),
    ],
)
def test_errors_are_told_to_the_model(
    system: FakeSystem, tool: str, arguments: dict[str, object], expected: str
) -> None:
    assert expected in called(system, tool, **arguments)["error"]


def test_a_failure_under_way_is_an_error_of_the_tool(system: FakeSystem) -> None:
    system.script = [failing(QuestionError)]
    assert "expected" in called(system, "ask", question=QUESTION)["error"]


def rpc(method: str, params: dict[str, Any], number: int = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
INFO = {"capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_over_http(system: FakeSystem, version: str) -> None:
    with TestClient(create_app(system), base_url="http://127.0.0.1:8000") as client:
        begun = client.post("/mcp", json=rpc("initialize", {"protocolVersion": version, **INFO}), headers=HEADERS)
        assert begun.status_code == 200, begun.text
        assert begun.json()["result"]["protocolVersion"] == version
        headers = HEADERS | {"mcp-protocol-version": version}
        call = rpc("tools/call", {"name": "ask", "arguments": {"question": QUESTION}}, 2)
        result = client.post("/mcp", json=call, headers=headers).json()["result"]
        assert json.loads(result["content"][0]["text"])["answer"] == FERRY["text"][:53]
        assert len(result["content"]) == 1


@pytest.mark.parametrize("header", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
def test_other_hosts_and_origins_are_refused(system: FakeSystem, header: dict[str, str]) -> None:
    body = rpc("initialize", {"protocolVersion": VERSIONS[-1], **INFO})
    with TestClient(create_app(system), base_url="http://127.0.0.1:8000") as client:
        assert client.post("/mcp", json=body, headers=HEADERS | header).status_code in (403, 421)


def test_a_host_that_is_named_may_call(make_system: Any) -> None:
    system = make_system(allowed_hosts="quotes.example")
    body = rpc("initialize", {"protocolVersion": VERSIONS[-1], **INFO})
    with TestClient(create_app(system), base_url="https://quotes.example") as client:
        assert client.post("/mcp", json=body, headers=HEADERS).status_code == 200


def test_over_standard_input_and_output(tmp_path: Path) -> None:
    from rag.build import build
    from rag.settings import load_settings

    system = build(load_settings(home=tmp_path / "home"))
    for _ in system.ingest([system.make_article({"id": "ferry", "title": "A ferry", "text": FERRY["text"]}, "t")]):
        pass
    system.close()
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "rag", "mcp", "--home", str(tmp_path / "home")], cwd=str(tmp_path)
    )

    async def run() -> Any:
        async with Client(stdio_client(command)) as client:
            return await client.call_tool("fetch", {"id": "ferry"})

    assert anyio.run(run).structured_content["text"] == FERRY["text"]
