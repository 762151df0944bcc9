"""/api/articles."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from api import examples
from api.app import create_app
from api.wire import ArticleOut, ArticlesOut, ResultsOut
from rag.errors import LibraryError
from tests.api.fake_system import FERRY, HOSTILE, FakeSystem, failing

NEW = {"id": "n", "title": "T", "text": "Some words."}


def test_one_article(client: TestClient, system: FakeSystem) -> None:
    response = client.post("/api/articles", json=NEW)
    assert response.status_code == 200
    (result,) = ResultsOut.model_validate(response.json()).results
    assert (result.id, result.outcome, result.chunks) == ("n", "added", 1)
    assert result.revision == system.library.article("n").revision
    assert client.post("/api/articles", json=NEW).json()["results"][0]["outcome"] == "unchanged"
    assert client.post("/api/articles", json=NEW | {"text": "Others."}).json()["results"][0]["outcome"] == "updated"


def test_the_same_article_in_a_list_is_unchanged(client: TestClient) -> None:
    client.post("/api/articles", json=NEW)
    results = client.post("/api/articles", json=[FERRY, NEW]).json()["results"]
    assert [result["outcome"] for result in results] == ["unchanged", "unchanged"]


def test_results_keep_the_order_of_what_was_sent(client: TestClient) -> None:
    sent = [NEW, 3, {"text": " "}, {"id": "m", "text": "More."}, NEW]
    response = client.post("/api/articles", json=sent)
    assert response.status_code == 200
    results = response.json()["results"]
    assert [result["id"] for result in results] == ["n", None, None, "m", "n"]
    assert [result["outcome"] for result in results] == ["added", "refused", "refused", "added", "unchanged"]
    assert [result["source"] for result in results[1:3]] == ["body[1]", "body[2]"]
    assert all("expected" in result["reason"] and result["code"] == "unreadable" for result in results[1:3])


def test_files(client: TestClient, system: FakeSystem) -> None:
    files = [
        ("file", ("a.md", b"---\ntitle: Of a\n---\nWords of a.", "text/markdown")),
        ("file", ("../../etc/b.txt", "Wörter von b.".encode(), "text/plain")),
        ("file", ("c.jsonl", b'{"id":"c1","text":"One."}\n{broken\n{"id":"c2","text":"Two."}\n', None)),
        ("file", ("d.txt", b"", "text/plain")),
    ]
    results = client.post("/api/articles", files=files).json()["results"]
    assert [result["outcome"] for result in results] == ["added", "added", "added", "refused", "added", "refused"]
    assert results[1]["source"] == "b.txt"
    assert "2" in results[3]["source"] + results[3]["reason"]
    assert system.library.article(results[0]["id"]).title == "Of a"
    assert system.library.article(results[1]["id"]).text == "Wörter von b."


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain; charset=utf-8", "Plain — words.", "Plain — words."),
        ("text/markdown", "# A title\n\nBody words.", "Body words."),
        ("text/html", "<html><body><article><p>Body words in it.</p></article></body></html>", "Body words in it."),
        ("application/x-ndjson", '{"text":"Line words."}', "Line words."),
    ],
)
def test_a_body_that_is_one_file(client: TestClient, system: FakeSystem, kind: str, body: str, text: str) -> None:
    response = client.post("/api/articles", content=body.encode(), headers={"content-type": kind})
    assert response.status_code == 200, response.text
    (result,) = response.json()["results"]
    assert text in system.library.article(result["id"]).text


def test_a_body_is_called_what_the_client_says(client: TestClient) -> None:
    response = client.post(
        "/api/articles?name=..%2Fx%2Fminutes.txt", content=b"Words.", headers={"content-type": "text/plain"}
    )
    assert response.json()["results"][0]["source"] == "minutes.txt"


def test_what_is_read_is_as_it_would_be_stored_and_is_not(client: TestClient, system: FakeSystem) -> None:
    before = list(system.library.held)
    files = [("file", ("a.md", b"# A mill\n\nIt burned in 1901.")), ("file", ("b.txt", b""))]
    read = client.post("/api/articles/read", files=files).json()
    assert [(one["title"], one["text"]) for one in read["articles"]] == [("A mill", "# A mill\n\nIt burned in 1901.")]
    assert [(one["source"], one["outcome"]) for one in read["refused"]] == [("b.txt", "refused")]
    assert list(system.library.held) == before
    (stored, _) = client.post("/api/articles", files=files).json()["results"]
    assert (stored["id"], stored["revision"]) == (read["articles"][0]["id"], read["articles"][0]["revision"])
    assert client.post("/api/articles/read", json="text").json()["code"] == "unreadable"


@pytest.mark.parametrize("sent", [{"text": ""}, [{"text": ""}, None], {"txt": "a"}, {"text": 4}, [[]]])
def test_where_all_is_refused_it_is_an_error_with_results(client: TestClient, sent: object) -> None:
    response = client.post("/api/articles", json=sent)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["code"] == "nothing_taken_in"
    assert {result["outcome"] for result in problem["results"]} == {"refused"}
    assert problem["detail"] == problem["results"][0]["reason"]


@pytest.mark.parametrize("sent", [[], "text", 3])
def test_what_holds_no_article(client: TestClient, sent: object) -> None:
    response = client.post("/api/articles", json=sent)
    assert (response.status_code, response.json()["code"]) == (422, "unreadable")


@pytest.mark.parametrize(
    "content",
    [b'{"text":', b"\xff\xfe", b"[" * 100_000, b'{"text":"a","metadata":{"x":NaN}}', b'{"text":"\\ud83d"}'],
)
def test_json_that_is_not_sound(client: TestClient, system: FakeSystem, content: bytes) -> None:
    response = client.post("/api/articles", content=content, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (422, "unreadable")
    assert len(system.library.held) == 2


def test_a_surrogate_pair_is_one_character(client: TestClient, system: FakeSystem) -> None:
    content = b'{"id":"s","text":"\\ud83d\\udea2 sails."}'
    assert (
        client.post("/api/articles", content=content, headers={"content-type": "application/json"}).status_code == 200
    )
    assert system.library.article("s").text == "🚢 sails."


@pytest.mark.parametrize("kind", ["application/pdf", "image/png", ""])
def test_other_kinds_of_body(client: TestClient, kind: str) -> None:
    response = client.post("/api/articles", content=b"x", headers={"content-type": kind})
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    assert "text/markdown" in response.json()["detail"]


def test_a_form_without_files(client: TestClient) -> None:
    for form in ({"data": {"text": "Words."}, "files": {"x": ("a.txt", b"Words.")}}, {"files": {"": (None, b"a")}}):
        response = client.post("/api/articles", **form)  # type: ignore[arg-type]
        assert (response.status_code, response.json()["code"]) == (422, "unreadable")


def test_a_broken_form(client: TestClient) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    for content in (b"--c\r\n", b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\nx', b""):
        response = client.post("/api/articles", content=content, headers=headers)
        assert 400 <= response.status_code < 500
        assert response.headers["content-type"] == "application/problem+json"


def test_an_article_over_its_limit(make_system: Callable[..., FakeSystem]) -> None:
    client = TestClient(create_app(make_system(max_article_chars=100)))
    response = client.post("/api/articles", json={"text": "word " * 30})
    assert response.status_code == 413
    assert response.json()["results"][0]["code"] == "too_large"
    mixed = client.post("/api/articles", json=[{"text": "word " * 30}, NEW])
    assert [result["outcome"] for result in mixed.json()["results"]] == ["refused", "added"]


def test_a_full_disk_says_what_was_stored(client: TestClient, system: FakeSystem) -> None:
    system.failure = failing(LibraryError)
    response = client.post("/api/articles", json=[NEW, FERRY])
    assert (response.status_code, response.json()["code"]) == (503, "library")
    assert [result["id"] for result in response.json()["results"]] == ["n", "ferry"]


def test_the_list_is_paged(client: TestClient, system: FakeSystem) -> None:
    list(system.ingest(system.make_article({"id": f"p{n:03}é", "text": "x."}, "t") for n in range(7)))
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(5):
        page = ArticlesOut.model_validate(
            client.get("/api/articles", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        )
        seen += [row.id for row in page.articles]
        assert len(page.articles) <= 2
        cursor = page.next_cursor
    assert cursor is None
    assert seen == sorted(system.library.held)
    assert "text" not in client.get("/api/articles").json()["articles"][0]
    latest = client.get("/api/articles", params={"latest": True, "limit": 3}).json()["articles"]
    assert [row["id"] for row in latest] == ["p006é", "p005é", "p004é"]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=%20", "cursor=____", "cursor=a"])
def test_a_bad_page(client: TestClient, query: str) -> None:
    response = client.get(f"/api/articles?{query}")
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("article_id", ["ferry", HOSTILE["id"]])
def test_reading_and_removing(client: TestClient, system: FakeSystem, article_id: str) -> None:
    url = f"/api/articles/{quote(article_id, safe='')}"
    article = ArticleOut.model_validate(client.get(url).json())
    assert (article.id, article.text) == (article_id, system.library.article(article_id).text)
    assert client.get(url, params={"revision": article.revision}).json() == article.model_dump()
    assert client.get(url, params={"revision": "0" * 64}).status_code == 404
    response = client.delete(url)
    assert (response.status_code, response.content) == (204, b"")
    for response in (client.get(url), client.delete(url)):
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_an_earlier_revision_is_still_there(client: TestClient) -> None:
    first = client.post("/api/articles", json=NEW).json()["results"][0]["revision"]
    client.post("/api/articles", json=NEW | {"text": "Others."})
    assert client.get("/api/articles/n").json()["text"] == "Others."
    assert client.get(f"/api/articles/n?revision={first}").json()["text"] == "Some words."


def test_examples_are_sound(client: TestClient) -> None:
    ResultsOut.model_validate(examples.RESULTS)
    ArticlesOut.model_validate(examples.ARTICLES)
    (result,) = client.post(
        "/api/articles", content=json.dumps(examples.ARTICLE_IN).encode(), headers={"content-type": "application/json"}
    ).json()["results"]
    assert result["revision"] == examples.ARTICLE["revision"]
