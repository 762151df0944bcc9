"""What the README says to run, run as it stands there: only the address is another."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.api.test_serving import start

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SERVED = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readme")


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    server, url = start(home)
    try:
        for path in sorted((ROOT / "seeds").glob("*.md")):
            given = {"file": (path.name, path.read_bytes())}
            httpx.post(f"{url}/api/articles", files=given, timeout=60).raise_for_status()
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=20)


def snippet(first_line: str) -> str:
    """The code in the README that begins with this line, up to its fence or the first line that is less indented."""
    lines = README.splitlines()
    at = next(n for n, line in enumerate(lines) if line.strip() == first_line)
    indent = len(lines[at]) - len(lines[at].lstrip())
    taken = []
    for line in lines[at:]:
        if line.startswith("```") or (line.strip() and len(line) - len(line.lstrip()) < indent):
            break
        taken.append(line[indent:])
    return "\n".join(taken)


def test_plain_http(url: str) -> None:
    asked = re.search(r"    curl -s (\S+) .*\\\n.*", README)
    assert asked is not None
    _, _, address, _, header, _, body = shlex.split(asked.group().replace("\\\n", " "))
    name, value = header.split(": ")
    answer = httpx.post(address.replace(SERVED, url), headers={name: value}, content=body, timeout=60).json()
    assert answer["status"] == "answered" and answer["citations"]


def test_the_openai_sdk(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(snippet("from openai import OpenAI").replace(SERVED, url), {})
    told = capsys.readouterr().out
    assert "1869" in told and "url_citation" in told


def test_langchain(url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUOTEWELL_HOME", str(home))
    made: dict = {}
    exec(snippet("from rag.build import build"), made)
    assert made["documents"][0].metadata["article_id"]
    assert made["message"].content
    made["system"].close()
