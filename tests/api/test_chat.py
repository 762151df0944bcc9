"""/v1: OpenAI's format."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from openai import OpenAI
from starlette.testclient import TestClient

from api.app import create_app
from rag.errors import LibraryError
from rag.types import Delta, Turn
from tests.api.fake_system import FERRY, TEXTS, FakeSystem, failing, quoted

URL = "/v1/chat/completions"
QUESTION = {"role": "user", "content": "When was the first crossing?"}
BODY = {"model": "quotewell", "messages": [QUESTION]}


def read_chunks(text: str) -> list[dict]:
    lines = text.removesuffix("\n\n").split("\n\n")
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_models(client: TestClient) -> None:
    models = client.get("/v1/models").json()
    assert models["object"] == "list"
    assert [model["id"] for model in models["data"]] == ["quotewell", "quotewell+footnotes"]
    model = models["data"][0]
    assert client.get("/v1/models/quotewell").json() == model
    assert set(model) == {"id", "object", "created", "owned_by"}
    assert client.get("/v1/models/gpt").json()["error"]["code"] == "model_not_found"


def test_language_models_that_are_set_are_offered(make_system: Callable[..., FakeSystem]) -> None:
    system = make_system(models="openai:gpt-x, ollama:tiny")
    client = TestClient(create_app(system))
    plain = ["quotewell", "quotewell/openai:gpt-x", "quotewell/ollama:tiny"]
    ids = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert ids == [*plain, *(f"{name}+footnotes" for name in plain)]
    assert client.get("/v1/models/quotewell/openai:gpt-x").json()["id"] == "quotewell/openai:gpt-x"
    for model in ("quotewell", "quotewell/ollama:tiny"):
        assert client.post(URL, json=BODY | {"model": model}).json()["model"] == model
    assert system.models == [None, "ollama:tiny"]
    response = client.post(URL, json=BODY | {"model": "quotewell/openai:other"})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("stream", [False, True])
def test_footnotes_for_programs_that_show_only_text(client: TestClient, system: FakeSystem, stream: bool) -> None:
    asked = BODY | {"model": "quotewell+footnotes", "stream": stream}
    response = client.post(URL, json=asked)
    if stream:
        chunks = read_chunks(response.text)
        deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
        text = "".join(delta.get("content", "") for delta in deltas)
        annotations = [one for delta in deltas for one in delta.get("annotations", [])]
        ours = chunks[-1]["x_quotewell"]
    else:
        message = response.json()["choices"][0]["message"]
        text, annotations, ours = message["content"], message["annotations"], response.json()["x_quotewell"]
    quote = FERRY["text"][:53]
    note = rf"[^1]: “{quote}” [{FERRY['title']}]({FERRY['url']}) ({FERRY['published_at'][:10]})"
    assert text == f"{quote}[^1]\n\n{note}"
    (annotation,) = annotations
    cited = annotation["url_citation"]
    assert text[cited["start_index"] : cited["end_index"]] == quote
    assert [text[c["answer_start"] : c["answer_end"]] for c in ours["citations"]] == [quote]


def test_open_webui_gets_each_citation_as_a_source_with_its_quote(client: TestClient) -> None:
    assert client.get("/openwebui/v1/models").json() == client.get("/v1/models").json()
    chunks = read_chunks(client.post(f"/openwebui{URL}", json=BODY | {"stream": True}).text)
    assert all(chunk["choices"] for chunk in chunks)
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert text == f"{FERRY['text'][:53]}[1]"
    assert not [chunk for chunk in chunks if "annotations" in chunk["choices"][0]["delta"]]
    (event,) = [chunk["event"] for chunk in chunks if "event" in chunk]
    told = event["data"]
    assert (event["type"], told["document"], told["source"]["name"]) == ("source", [FERRY["text"][:53]], FERRY["title"])
    assert told["source"]["url"].startswith("http://testserver/articles/ferry@")
    assert told["source"]["url"].endswith("#char=0,53")
    assert "://" not in told["metadata"][0]["source"]  # it would be the headline in the title's place
    wrong = client.post(f"/openwebui{URL}", json=BODY | {"model": "gpt"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (404, "model_not_found")


def test_footnotes_hold_no_markup_of_an_article(client: TestClient, system: FakeSystem) -> None:
    quote = "The ![x](https://evil/?q=1) <img src=x> crossing."
    system.library.held.clear()
    list(system.ingest([system.make_article({"id": "a", "title": "[a](b)\n# c", "text": quote}, "t")]))
    text = client.post(URL, json=BODY | {"model": "quotewell+footnotes"}).json()["choices"][0]["message"]["content"]
    notes = text.split("\n\n", 1)[1]
    assert notes.startswith(r"[^1]: “The \!\[x\]\(https://evil/?q=1\) \<img src=x\> crossing.” [\[a\]\(b\) \# c](http")


def test_a_whole_completion(client: TestClient) -> None:
    completion = client.post(URL, json=BODY).json()
    assert completion["object"] == "chat.completion"
    assert completion["id"].startswith("chatcmpl-")
    (choice,) = completion["choices"]
    assert choice["finish_reason"] == "stop"
    message = choice["message"]
    (annotation,) = message["annotations"]
    cited = annotation["url_citation"]
    assert message["content"][cited["start_index"] : cited["end_index"]] == FERRY["text"][:53]
    assert (cited["title"], cited["url"]) == (FERRY["title"], FERRY["url"])
    assert completion["usage"] == {"prompt_tokens": 5, "completion_tokens": 11, "total_tokens": 16}
    answer = client.post("/api/ask", json={"question": QUESTION["content"]}).json()
    ours = completion["x_quotewell"]
    assert ours == {key: answer[key] for key in ("status", "short", "confidence", "model", "citations", "passages")}


@pytest.mark.parametrize("url", [None, "javascript:alert(1)", "data:text/html,x", "//x", "https://", "http://[x"])
def test_without_an_address_of_its_own_an_article_is_cited_by_its_permalink(
    client: TestClient, system: FakeSystem, url: str | None
) -> None:
    system.library.held.clear()
    article = system.make_article({"id": "a b", "text": "The first crossing was in May."}, "t")
    object.__setattr__(article, "url", url)
    list(system.ingest([article]))
    completion = client.post(URL, json=BODY).json()
    (annotation,) = completion["choices"][0]["message"]["annotations"]
    expected = f"http://testserver/articles/a%20b@{article.revision}#char=0,30"
    assert annotation["url_citation"]["url"] == expected


def test_a_streamed_completion(client: TestClient) -> None:
    response = client.post(URL, json=BODY | {"stream": True, "stream_options": {"include_usage": True}})
    assert response.headers["content-type"].startswith("text/event-stream")
    role, text, end, usage = read_chunks(response.text)
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert text["choices"][0]["delta"]["content"] == FERRY["text"][:53]
    assert text["choices"][0]["delta"]["annotations"][0]["index"] == 0
    assert (end["choices"][0]["delta"], end["choices"][0]["finish_reason"]) == ({}, "stop")
    assert end["x_quotewell"]["status"] == "answered"
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 16)
    assert {chunk["object"] for chunk in (role, text, end, usage)} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in (role, text, end, usage)}) == 1
    assert role["usage"] is text["usage"] is end["usage"] is None
    assert len(read_chunks(client.post(URL, json=BODY | {"stream": True}).text)) == 3


@settings(max_examples=60)
@given(TEXTS)
def test_whole_and_streamed_say_the_same(texts: list[str]) -> None:
    client = TestClient(create_app(quoted(texts)))
    whole = client.post(URL, json=BODY).json()
    chunks = read_chunks(client.post(URL, json=BODY | {"stream": True}).text)
    message = whole["choices"][0]["message"]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert "".join(delta.get("content", "") for delta in deltas) == message["content"]
    annotations = [one for delta in deltas for one in delta.get("annotations", [])]
    assert [one.pop("index") for one in annotations] == list(range(len(texts)))
    assert annotations == message["annotations"]
    assert chunks[-1]["x_quotewell"] == whole["x_quotewell"]
    for annotation, citation in zip(annotations, whole["x_quotewell"]["citations"], strict=True):
        place = annotation["url_citation"]
        assert message["content"][place["start_index"] : place["end_index"]] == citation["cited_text"]


def test_openai_itself_joins_several_annotations() -> None:
    client = TestClient(create_app(quoted(["One statement here.", "And 🚢 another.", "A third one."])))
    with OpenAI(base_url="http://testserver/v1", api_key="none", max_retries=0, http_client=client) as openai:
        whole = openai.chat.completions.create(**BODY).choices[0].message
        with openai.chat.completions.stream(**BODY) as stream:
            message = list(stream)[-1] and stream.get_final_completion().choices[0].message
    assert message.content == whole.content
    assert [one.url_citation for one in message.annotations] == [one.url_citation for one in whole.annotations]
    assert len(message.annotations) == 3


def test_the_last_message_of_the_user_is_the_question(client: TestClient, system: FakeSystem) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello?"},
        {"role": "assistant", "content": "Hello."},
        {"role": "tool", "content": "42", "tool_call_id": "x"},
        {"role": "user", "content": [{"type": "text", "text": "Which"}, {"type": "text", "text": "crossing?"}]},
    ]
    body = {"model": "quotewell", "messages": messages, "temperature": 0, "tools": [{"type": "function"}]}
    assert client.post(URL, json=body).status_code == 200
    assert system.asked == [("Which\ncrossing?", None, None, [Turn("user", "Hello?"), Turn("assistant", "Hello.")])]


def test_a_long_conversation_keeps_its_last_turns(client: TestClient, system: FakeSystem) -> None:
    old = [{"role": "user", "content": f"{n} " + "x" * 600} for n in range(100)]
    assert client.post(URL, json=BODY | {"messages": [*old, QUESTION]}).status_code == 200
    turns = system.asked[0][3]
    assert turns[-1].text.startswith("99 ")
    assert 19_000 < sum(len(turn.text) for turn in turns) <= 20_000
    short = [{"role": "user", "content": "x"}] * 100
    assert client.post(URL, json=BODY | {"messages": [*short, QUESTION]}).status_code == 200
    assert len(system.asked[1][3]) == 50


@pytest.mark.parametrize(
    ("change", "status", "code", "says"),
    [
        ({"model": "gpt-4o"}, 404, "model_not_found", "gpt-4o"),
        ({"model": None}, 400, "invalid_request", "model"),
        ({"messages": []}, 400, "invalid_request", "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, 400, "usage", "message of the user"),
        ({"messages": [{"role": "user", "content": " "}]}, 400, "usage", "question"),
        ({"messages": [{"role": "user", "content": None}]}, 400, "usage", "question"),
        ({"messages": [{"role": "user", "content": "x" * 3000}]}, 400, "question", "question"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, 400, "usage", "image"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 3}]}]}, 400, "invalid_request", "text"),
        ({"messages": [QUESTION] * 1001}, 400, "invalid_request", "1000"),
        ({"n": 2}, 400, "invalid_request", "n"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_have_the_shape_of_openai(
    client: TestClient, change: dict, status: int, code: str, says: str, stream: bool
) -> None:
    response = client.post(URL, json=BODY | {"stream": stream} | change)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    assert says in error["message"]


def test_a_broken_body_and_a_wrong_route(client: TestClient) -> None:
    broken = client.post(URL, content=b"{", headers={"content-type": "application/json"})
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "invalid_json")
    half = client.post(
        URL,
        content=json.dumps(BODY | {"messages": [{"role": "user", "content": "\ud800"}]}).encode(),
        headers={"content-type": "application/json"},
    )
    assert (half.status_code, half.json()["error"]["code"]) == (400, "invalid_request")
    assert client.get(URL).json()["error"]["code"] == "method_not_allowed"
    assert client.post("/v1/embeddings", json={}).json()["error"]["code"] == "not_found"


def test_a_fault_of_ours_is_not_to_be_tried_again(client: TestClient, system: FakeSystem) -> None:
    for failure, status, code in ((failing(LibraryError), 503, "library"), (ZeroDivisionError("x"), 500, "internal")):
        system.script = [failure]
        response = client.post(URL, json=BODY)
        assert (response.status_code, response.json()["error"]["code"]) == (status, code)
        assert response.json()["error"]["type"] == "server_error"
        assert response.headers["x-should-retry"] == "false"


def test_an_error_under_way_is_an_event(client: TestClient, system: FakeSystem) -> None:
    for failure, code in ((failing(LibraryError), "library"), (ZeroDivisionError("hunter2"), "internal")):
        system.script = [Delta("It "), failure]
        response = client.post(URL, json=BODY | {"stream": True})
        assert response.status_code == 200
        last = response.text.removesuffix("\n\n").split("\n\n")[-1]
        assert json.loads(last.removeprefix("data: "))["error"]["code"] == code
        assert "hunter2" not in response.text


CHORE = """### Task:
{}
### Output:
JSON format: {{ "{}": [] }}
### Chat History:
<chat_history>
USER: When was the first crossing of the ferry to Ostrel?
ASSISTANT: In "title" May.
</chat_history>"""


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("title", '{"title":"When was the first crossing of"}'),
        ("tags", '{"tags":[]}'),
        ("follow_ups", '{"follow_ups":[]}'),
        ("queries", '{"queries":[]}'),
        ("emoji", "Quotewell only answers questions about its articles."),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_chores_are_done_without_retrieval(
    client: TestClient, system: FakeSystem, key: str, answer: str, stream: bool
) -> None:
    message = {"role": "user", "content": CHORE.format("Do it.", key)}
    response = client.post(URL, json=BODY | {"messages": [message], "stream": stream})
    if stream:
        told = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in read_chunks(response.text))
    else:
        told = response.json()["choices"][0]["message"]["content"]
    assert told == answer
    assert system.asked == []


def test_a_body_over_the_limit(make_system: Callable[..., FakeSystem]) -> None:
    client = TestClient(create_app(make_system(max_body_bytes=1000)))
    response = client.post(URL, json=BODY | {"user": "x" * 1000})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("Hello!", "Hello. Ask me about what is in 2 articles, such as “"),
        ("thanks", "You are welcome."),
        ("What can I ask you?", "Ask me about what is in 2 articles"),
    ],
)
def test_small_talk_is_answered_without_retrieval(
    client: TestClient, system: FakeSystem, text: str, start: str
) -> None:
    message = {"role": "user", "content": text}
    completion = client.post(URL, json=BODY | {"messages": [message]}).json()
    assert completion["choices"][0]["message"]["content"].startswith(start)
    assert system.asked == []
