"""POST /api/ask and /api/search."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import anyio
import pytest
from hypothesis import given, settings
from starlette.testclient import TestClient
from starlette.types import Message

from api import examples
from api.app import create_app
from api.wire import AnswerOut, AskIn, SearchIn, SearchOut
from rag.errors import CitationError, LibraryError, ModelMissing
from rag.types import Answer, AsOf, Delta, Either, Every, Is, Not, Published, Turn
from tests.api.fake_system import FERRY, TEXTS, FakeSystem, failing, quoted

ASK = "When was the first crossing?"
STREAM = {"accept": "text/event-stream"}


def read_events(text: str) -> list[tuple[str, str]]:
    """(name, data) of each event; each is one ``event:`` and one ``data:`` line."""
    found = [re.fullmatch(r"event: (\w+)\ndata: (.*)", one) for one in text.removesuffix("\n\n").split("\n\n")]
    assert all(found)
    return [(match[1], match[2]) for match in found if match]


def test_an_answer_has_the_agreed_form(client: TestClient) -> None:
    response = client.post("/api/ask", json={"question": ASK})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer = AnswerOut.model_validate(response.json())
    (citation,) = answer.citations
    assert citation.cited_text == FERRY["text"][citation.start_char_index : citation.end_char_index]
    assert answer.text[citation.answer_start : citation.answer_end] == citation.cited_text
    assert citation.permalink == f"/articles/ferry@{citation.revision}#char=0,53"


def test_utf16_positions_are_those_of_javascript(client: TestClient) -> None:
    (citation,) = client.post("/api/ask", json={"question": "How many cars?"}).json()["citations"]
    units = FERRY["text"].encode("utf-16-le")
    assert citation["cited_text"].startswith("🚢")
    cut = units[2 * citation["start_utf16"] : 2 * citation["end_utf16"]].decode("utf-16-le")
    assert cut == citation["cited_text"]
    assert citation["end_utf16"] - citation["start_utf16"] == len(citation["cited_text"]) + 1


def test_everything_that_is_asked_for_reaches_the_system(client: TestClient, system: FakeSystem) -> None:
    where = {
        "published_from": "2019-01-01",
        "published_to": "2019-12-31T10:00:00Z",
        "publisher": "P",
        "language": ["en", "de"],
        "tags": ["sea"],
        "article_ids": ["ferry"],
        "all": [{"published_from": "2019-02-01"}],
        "any": [{"tags": "a"}, {}],
        "not": {"publisher": "Q"},
    }
    history = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    body = {"question": ASK, "k": 3, "where": where, "as_of": "2020-02-29", "history": history}
    assert client.post("/api/ask", json=body).status_code == 200
    parts = (
        Published("2019-01-01", "2019-12-31T10:00:00Z"), Is("publisher", ("P",)), Is("language", ("en", "de")),
        Is("tag", ("sea",)), Is("id", ("ferry",)), Published(since="2019-02-01"),
        Either((Is("tag", ("a",)), Every(()))), Not(Is("publisher", ("Q",))),
    )  # fmt: skip
    expected = Every((AsOf("2020-02-29"), Every(parts)))
    assert system.asked == [(ASK, 3, expected, [Turn("user", "a"), Turn("assistant", "b")])]


def test_as_of_alone_restricts_too(client: TestClient, system: FakeSystem) -> None:
    client.post("/api/ask", json={"question": ASK, "as_of": "2020-02-29"})
    client.post("/api/ask", json={"question": ASK})
    assert [where for _, _, where, _ in system.asked] == [AsOf("2020-02-29"), None]


def test_a_stream_tells_each_citation_before_its_text_and_the_answer_last(client: TestClient) -> None:
    whole = client.post("/api/ask", json={"question": ASK})
    response = client.post("/api/ask", json={"question": ASK}, headers=STREAM)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    events = read_events(response.text)
    assert [name for name, _ in events] == ["citation", "delta", "answer"]
    assert events[-1][1] == whole.text


@settings(max_examples=60)
@given(TEXTS)
def test_whole_and_streamed_say_the_same_byte_for_byte(texts: list[str]) -> None:
    client = TestClient(create_app(quoted(texts)))
    whole = client.post("/api/ask", json={"question": ASK})
    events = read_events(client.post("/api/ask", json={"question": ASK}, headers=STREAM).text)
    assert events[-1] == ("answer", whole.text)
    citations = [data for name, data in events if name == "citation"]
    assert f'"citations":[{",".join(citations)}]' in whole.text
    assert "".join(json.loads(data)["text"] for name, data in events if name == "delta") == whole.json()["text"]
    told = ""
    for name, data in events[:-1]:
        if name == "citation":
            assert json.loads(data)["answer_start"] >= len(told)
        else:
            told += json.loads(data)["text"]
    for citation in whole.json()["citations"]:
        article = client.get(f"/api/articles/{citation['article_id']}?revision={citation['revision']}").json()
        assert article["text"][citation["start_char_index"] : citation["end_char_index"]] == citation["cited_text"]


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\x1c", "\x0b", "\n", "\r"])
def test_no_character_breaks_an_event_for_clients_that_split_lines(character: str) -> None:
    client = TestClient(create_app(quoted([f"a{character}" * 9])))
    text = client.post("/api/ask", json={"question": ASK}, headers=STREAM).text
    assert text.split("\n") == re.split(r"\r\n|\r|\n", text) == text.splitlines() + [""] * text.endswith("\n")


def test_a_bad_question_has_its_own_status_streamed_too(client: TestClient) -> None:
    for question in ("", " ", "x" * 10_000):
        for headers in ({}, STREAM):
            response = client.post("/api/ask", json={"question": question}, headers=headers)
            assert response.status_code == 422
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["code"] == "question"


@pytest.mark.parametrize(("kind", "status"), [(LibraryError, 503), (ModelMissing, 503), (CitationError, 500)])
def test_errors_of_the_system_are_problems(client: TestClient, system: FakeSystem, kind: type, status: int) -> None:
    system.script = [failing(kind)]
    problem = client.post("/api/ask", json={"question": ASK})
    assert problem.status_code == problem.json()["status"] == status
    assert problem.json()["detail"] == "expected a thing; found another; mend it"
    assert problem.json()["type"] == f"/docs#{kind.code}"
    assert "retry-after" not in problem.headers


def test_an_error_after_the_first_piece_ends_the_stream(client: TestClient, system: FakeSystem) -> None:
    system.script = [Delta("It "), failing(LibraryError)]
    response = client.post("/api/ask", json={"question": ASK}, headers=STREAM)
    assert response.status_code == 200
    (delta, error) = read_events(response.text)
    assert delta == ("delta", '{"text":"It "}')
    assert error[0] == "error"
    assert json.loads(error[1])["status"] == 503
    assert json.loads(error[1])["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize("headers", [{}, STREAM])
def test_what_nobody_expected_is_logged_and_not_told(
    client: TestClient, system: FakeSystem, caplog: pytest.LogCaptureFixture, headers: dict[str, str]
) -> None:
    system.script = [Delta("It "), ZeroDivisionError("hunter2")]
    response = client.post("/api/ask", json={"question": ASK}, headers=headers)
    assert "hunter2" not in response.text
    assert "ZeroDivision" not in response.text
    assert '"code":"internal"' in response.text
    assert f"request {response.headers['x-request-id']}" in caplog.text
    assert "hunter2" in caplog.text
    assert "content-security-policy" in response.headers


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({}, "question", "required"),
        ({"question": 3}, "question", "string"),
        ({"question": "a", "k": 0}, "k", "greater than or equal to 1"),
        ({"question": "a", "k": 51}, "k", "less than or equal to 50"),
        ({"question": "a", "k": True}, "k", "integer"),
        ({"question": "a", "wher": {}}, "wher", "not permitted"),
        ({"question": "a", "where": {"published_from": "May 2019"}}, "where.published_from", "2018-10-24"),
        ({"question": "a", "where": {"published_to": "2019-02-30"}}, "where.published_to", "calendar"),
        ({"question": "a", "where": {"published_to": "2019-W01-1"}}, "where.published_to", "ISO"),
        ({"question": "a", "as_of": "20190101"}, "as_of", "ISO"),
        ({"question": "a", "as_of": "2019-01-01T25:00"}, "as_of", "calendar"),
        ({"question": "a", "where": {"published_from": "2020-01-01", "published_to": "2019-01-01"}}, "where", "later"),
        ({"question": "a", "history": [{"role": "system", "content": ""}]}, "history.0.role", "assistant"),
        ({"question": "a", "history": [{"role": "user", "content": ""}] * 51}, "history", "50"),
        ({"question": "a", "history": [{"role": "user", "content": "x" * 20_001}]}, "body", "20000"),
        (["question"], "body", "valid dictionary"),
    ],
)
def test_what_does_not_fit_is_named(client: TestClient, body: object, field: str, says: str) -> None:
    response = client.post("/api/ask", json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["code"] == "invalid_request"
    assert [error["field"] for error in problem["errors"]] == [field]
    assert says in problem["detail"]
    assert all(set(error) == {"field", "detail"} for error in problem["errors"])


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b'{"question": ', "application/json", 422, "invalid_json"),
        (b"\xff", "application/json", 422, "invalid_json"),
        (b"[" * 100_000, "application/json", 422, "invalid_json"),
        (b'{"question":"\\ud800"}', "application/json", 422, "invalid_request"),
        (b'{"question":"a"}', "text/plain", 415, "unsupported_media_type"),
        (b"question=a", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"", "application/json", 422, "invalid_request"),
    ],
)
def test_a_body_that_is_no_json(client: TestClient, content: bytes, kind: str, status: int, code: str) -> None:
    response = client.post("/api/ask", content=content, headers={"content-type": kind})
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"


def test_search_gives_passages_and_no_answer(client: TestClient, system: FakeSystem) -> None:
    response = client.post("/api/search", json={"question": ASK, "k": 1, "where": {"language": "en"}})
    (passage,) = SearchOut.model_validate(response.json()).passages
    assert passage.text == FERRY["text"]
    assert system.asked == [(ASK, 1, Is("language", ("en",)), [])]
    assert client.post("/api/search", json={"question": " "}).json()["code"] == "question"


def test_a_client_that_leaves_stops_the_work(make_system: Callable[..., FakeSystem]) -> None:
    system = make_system()
    told = 0

    def endless() -> list[Delta | Answer]:
        nonlocal told
        while True:
            told += 1
            yield Delta("more ")  # type: ignore[misc]

    system.script = endless()  # type: ignore[assignment]
    body = json.dumps({"question": ASK}).encode()
    inbox: list[Message] = [{"type": "http.request", "body": body}]
    heard: list[Message] = []

    async def leave_after_three() -> None:
        async def receive() -> Message:
            if inbox:
                return inbox.pop()
            while len(heard) < 4:
                await anyio.sleep(0.001)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            heard.append(message)
            await anyio.sleep(0.001)

        headers = [(b"content-type", b"application/json"), (b"accept", b"text/event-stream"), (b"host", b"h")]
        scope = {
            "type": "http", "method": "POST", "path": "/api/ask", "query_string": b"", "headers": headers,
            "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "scheme": "http",
        }  # fmt: skip
        with anyio.fail_after(10):
            await create_app(system)(scope, receive, send)

    anyio.run(leave_after_three)
    assert system.closed_asks == 1
    assert told < 50


def test_examples_are_sound() -> None:
    citation, article = examples.CITATION, examples.ARTICLE
    quote = article["text"][citation["start_char_index"] : citation["end_char_index"]]
    assert quote == citation["cited_text"]
    AnswerOut.model_validate(examples.ANSWER)
    AskIn.model_validate(examples.ASK)
    SearchIn.model_validate(examples.SEARCH)
