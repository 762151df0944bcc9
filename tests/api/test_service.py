"""What holds for every route, the pages, and the documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.app import create_app
from api.html import Markup, el, join, web_url
from api.problems import TITLES
from rag import errors
from rag.types import Passage, Span
from tests.api.fake_system import FERRY, HOSTILE, FakeSystem, answered, failing, whole_chunk

SCRIPTS = [{"src": f"/static/{name}.js", "type": "module"} for name in ("page", "articles", "quote", "back", "field")]
PAGES = ["/", "/?q=crossing", "/?q=danger", "/?q=nothing", "/?q=", "/docs", "/articles/ferry", "/articles", "/nowhere"]
HTML = {"accept": "text/html,*/*"}


class Elements(HTMLParser):
    """The elements of a page, with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    "path",
    [*PAGES, "/healthz", "/api/articles", "/api/nowhere", "/v1/nowhere", "/static/quotewell.css", "/openapi.json"],
)
def test_every_response_is_guarded(client: TestClient, path: str) -> None:
    headers = client.get(path, headers=HTML).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert "unsafe" not in headers["content-security-policy"]
    assert re.fullmatch(r"[0-9a-f]{32}", headers["x-request-id"])


def test_a_request_may_bring_its_id_if_it_is_a_plain_one(client: TestClient) -> None:
    assert client.get("/healthz", headers={"x-request-id": "my.id-1"}).headers["x-request-id"] == "my.id-1"
    for odd in ("a b", "x" * 65, "<i>", ""):
        assert client.get("/healthz", headers={"x-request-id": odd}).headers["x-request-id"] != odd


@pytest.mark.parametrize("path", ["/api/ask", "/api/articles", "/api/search"])
def test_a_body_over_the_limit_is_refused_declared_or_not(make_system: Callable[..., FakeSystem], path: str) -> None:
    client = TestClient(create_app(make_system(max_body_bytes=1000)))
    sent = 0

    def parts() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b" " * 100

    for content in (b" " * 1001, parts()):
        response = client.post(path, content=content, headers={"content-type": "application/json"})
        assert (response.status_code, response.json()["code"]) == (413, "too_large")
        assert response.headers["content-type"] == "application/problem+json"
        assert "1000 bytes" in response.json()["detail"]
        assert response.headers["connection"] == "close"
    files = {"file": ("a.txt", b"word " * 300)}
    assert client.post("/api/articles", files=files).status_code == 413
    assert client.post(path, content=b" " * 1000, headers={"content-type": "application/json"}).status_code == 422


def test_unknown_routes_and_methods(client: TestClient) -> None:
    for path in ("/api/nowhere", "/api", "/nowhere", "/static/nowhere", "/static/../app.py"):
        response = client.get(path)
        assert (response.status_code, response.json()["code"]) == (404, "not_found"), path
        assert response.headers["content-type"] == "application/problem+json"
    assert "text/html" in client.get("/nowhere", headers=HTML).headers["content-type"]
    response = client.put("/api/ask")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


def test_health(client: TestClient, system: FakeSystem) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready", "reasons": []}
    assert client.get("/version").json()["name"] == "quotewell"
    system.reasons = ["expected 3 vectors in the index; found 2"]
    response = client.get("/readyz")
    assert (response.status_code, response.json()["reasons"]) == (503, system.reasons)


def test_a_page_before_any_article(make_system: Callable[..., FakeSystem]) -> None:
    system = make_system()
    system.library.held.clear()
    client = TestClient(create_app(system))
    for path in ("/", "/?q=crossing"):
        assert "quotewell ingest PATH" in Elements(client.get(path).text).text


def test_a_page_with_an_answer(client: TestClient) -> None:
    page = Elements(client.get("/?q=When+was+the+first+crossing%3F").text)
    assert FERRY["text"][:53] in page.text
    assert "[1]" in page.text
    assert page.text.count("When was the first crossing?") >= 2, "in the title and in the field"
    links = [given["href"] for tag, given in page.found if tag == "a"]
    assert "#c1" in links
    assert FERRY["url"] in links
    place = next(link for link in links if link and link.startswith("/articles/ferry@"))
    assert place.endswith("?char=0,53#quote")
    article = client.get(place.partition("#")[0]).text
    assert f'<mark id="quote">{FERRY["text"][:53]}</mark>' in article


def test_an_answer_of_several_quotes_is_numbered_in_place(client: TestClient, system: FakeSystem) -> None:
    passage = Passage(whole_chunk(system.library.article("ferry")), 1.0)
    system.script = answered("q", [passage], [(passage, Span(0, 53)), (passage, Span(54, 78))])
    page = Elements(client.get("/?q=q").text)
    assert f"{FERRY['text'][:53]}[1] {FERRY['text'][54:]}[2]" in page.text


def test_a_page_without_an_answer_shows_what_is_near(client: TestClient) -> None:
    page = Elements(client.get("/?q=nothing").text)
    assert "No sure answer" in page.text
    assert FERRY["text"] in page.text


def test_errors_of_a_question_on_the_page(client: TestClient, system: FakeSystem) -> None:
    for query in ("", "+", "x" * 3000):
        response = client.get(f"/?q={query}")
        assert (response.status_code, response.headers["content-type"]) == (422, "text/html; charset=utf-8")
    system.script = [failing(errors.LibraryError)]
    response = client.get("/?q=a", headers=HTML)
    assert response.status_code == 503
    assert "mend it" in Elements(response.text).text


def test_no_page_lets_an_article_or_a_question_write_html(client: TestClient, system: FakeSystem) -> None:
    place = f"/articles/{quote(HOSTILE['id'], safe='')}"
    revision = system.library.article(HOSTILE["id"]).revision
    question = '"><script>alert(4)</script> danger'
    for path in (
        "/?q=danger", f"/?q={quote(question)}", "/?q=<img src=x onerror=alert(5)>",
        f"{place}?char=5,9", f"{place}@{revision}", "/<script>alert(6)</script>", "/articles/<script>@x",
    ):  # fmt: skip
        page = Elements(client.get(path, headers=HTML).text)
        found = {tag for tag, given in page.found if dict(given) not in SCRIPTS}
        assert not {"script", "img", "svg", "b", "i"} & found, path
        assert not [name for _, given in page.found for name in given if name.startswith("on") or name == "style"]
    assert HOSTILE["text"] in Elements(client.get(place).text).text


def test_an_address_that_is_not_of_the_web_is_no_link(client: TestClient, system: FakeSystem) -> None:
    article = system.library.article("ferry")
    object.__setattr__(article, "url", "javascript:alert(1)")
    for path in ("/?q=crossing", "/articles/ferry"):
        page = Elements(client.get(path).text)
        assert not [value for _, given in page.found for value in given.values() if value and "javascript" in value]


@pytest.mark.parametrize("path", PAGES)
def test_pages_ask_nothing_of_anybody_else(client: TestClient, path: str) -> None:
    page = Elements(client.get(path, headers=HTML).text)
    loaded = [
        given.get("src") or given.get("href") or "" for tag, given in page.found if tag in ("link", "img", "script")
    ]
    assert loaded
    assert all(address.startswith("/static/") for address in loaded)
    for address in loaded:
        assert client.get(address).status_code == 200
    assert [given for tag, given in page.found if tag == "script" and given not in SCRIPTS] == []


def test_permalinks(client: TestClient, system: FakeSystem) -> None:
    first = system.library.article("ferry")
    assert "earlier revision" not in client.get(f"/articles/ferry@{first.revision}").text
    client.post("/api/articles", json=FERRY | {"text": "All is new."})
    old = client.get(f"/articles/ferry@{first.revision}")
    assert "earlier revision" in old.text
    assert "first crossing" in old.text
    assert "All is new." in client.get("/articles/ferry").text
    assert client.get(f"/articles/ferry@{'0' * 64}", headers=HTML).status_code == 404
    for char in ("0,9999", "5,5", "9,1", "x", "1", "²,³", "99999999999999999999,1"):
        response = client.get("/articles/ferry", params={"char": char})
        assert response.status_code == 200
        assert "<mark" not in response.text


def test_an_id_with_an_at_sign(client: TestClient, system: FakeSystem) -> None:
    list(system.ingest([system.make_article({"id": "a@b", "text": "Words."}, "t")]))
    assert client.get("/articles/a%40b").status_code == 200
    assert client.get(f"/articles/a%40b@{system.library.article('a@b').revision}").status_code == 200


@given(st.text(), st.text())
def test_text_is_never_markup(text: str, value: str) -> None:
    page = el("p", text, title=value, class_=None)
    assert page.startswith("<p title=")
    assert page.count("<") == 2
    assert join(page, Markup("<br>"), text).startswith(page + "<br>")


@pytest.mark.parametrize(
    "url", [None, "", "javascript:alert(1)", "JAVASCRIPT:x", "data:x", "//x", "ftp://x", "http://[x"]
)
def test_addresses_not_to_follow(url: str | None) -> None:
    assert web_url(url) is None


def test_the_schema_is_complete(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    operations = [(path, one) for path, item in schema["paths"].items() for one in item.values()]
    assert {path for path, _ in operations} == {
        "/api/ask", "/api/search", "/api/articles", "/api/articles/read", "/api/articles/{article_id}",
        "/api/revisions/{article_id}", "/v1/models", "/v1/models/{model}",
        "/v1/chat/completions", "/v1/responses", "/openwebui/v1/chat/completions",
        "/api/verify", "/healthz", "/readyz", "/version",
    }  # fmt: skip
    ids = [one["operationId"] for _, one in operations]
    assert len(ids) == len(set(ids))
    assert all(one["tags"] and one["summary"] for _, one in operations)
    assert "HTTPValidationError" not in json.dumps(schema["paths"])
    for name in ("AskIn", "SearchIn", "AnswerOut", "ArticleOut", "ResultsOut", "Problem", "ChatIn"):
        assert schema["components"]["schemas"][name]["examples"], name


def test_the_documentation_shows_every_route_and_code(client: TestClient) -> None:
    page = Elements(client.get("/docs").text)
    for route in (
        "POST /api/ask",
        "GET /api/articles",
        "DELETE /api/articles/{article_id}",
        "POST /v1/chat/completions",
    ):
        assert route in page.text
    assert "curl 'http://testserver/api/ask'" in page.text
    anchors = {given.get("id") for _, given in page.found}
    assert set(TITLES) <= anchors


def test_every_error_has_a_title() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.QuotewellError)
    ]
    assert {kind.code for kind in kinds} - {"port_in_use"} <= set(TITLES)
