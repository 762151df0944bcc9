"""/v1/responses, read by OpenAI's own client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from openai import APIError, BadRequestError, OpenAI
from starlette.testclient import TestClient

from api import examples
from api.app import create_app
from api.responses import ResponsesIn
from rag.errors import LibraryError
from rag.types import Delta, Turn
from tests.api.fake_system import FERRY, TEXTS, FakeSystem, failing, quoted

URL = "/v1/responses"
BODY: dict[str, Any] = {"model": "quotewell", "input": "When was the first crossing?"}


def openai(client: TestClient) -> OpenAI:
    return OpenAI(base_url="http://testserver/v1", api_key="none", max_retries=0, http_client=client)


def events(text: str) -> list[dict[str, Any]]:
    found = []
    for one in text.removesuffix("\n\n").split("\n\n"):
        name, data = one.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    assert [one["sequence_number"] for one in found] == list(range(len(found)))
    return found


def test_a_whole_response(client: TestClient) -> None:
    response = openai(client).responses.create(**BODY)
    assert response.status == "completed"
    assert response.output_text == FERRY["text"][:53]
    (item,) = response.output
    (part,) = item.content  # type: ignore[union-attr]
    (annotation,) = part.annotations  # type: ignore[union-attr]
    assert annotation.type == "url_citation"
    assert response.output_text[annotation.start_index : annotation.end_index] == FERRY["text"][:53]
    assert (annotation.title, annotation.url) == (FERRY["title"], FERRY["url"])
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (5, 11, 16)
    answer = client.post("/api/ask", json={"question": BODY["input"]}).json()
    assert response.model_extra is not None
    ours = response.model_extra["x_quotewell"]
    assert ours == {key: answer[key] for key in ("status", "short", "confidence", "model", "citations", "passages")}


def test_a_streamed_response_is_the_whole_one_in_openais_order(client: TestClient) -> None:
    whole = client.post(URL, json=BODY).json()
    kinds = [
        one["type"].removeprefix("response.") for one in events(client.post(URL, json=BODY | {"stream": True}).text)
    ]
    assert kinds == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    with openai(client).responses.stream(**BODY) as stream:
        final = [*stream] and stream.get_final_response()
    assert final.output_text == whole["output"][0]["content"][0]["text"]
    (annotation,) = final.output[0].content[0].annotations  # type: ignore[union-attr]
    assert annotation.to_dict() == whole["output"][0]["content"][0]["annotations"][0]


@settings(max_examples=60)
@given(TEXTS)
def test_whole_and_streamed_say_the_same(texts: list[str]) -> None:
    client = TestClient(create_app(quoted(texts)))
    whole = client.post(URL, json=BODY).json()
    found = events(client.post(URL, json=BODY | {"stream": True}).text)
    (part,) = whole["output"][0]["content"]
    assert "".join(one["delta"] for one in found if one["type"].endswith(".delta")) == part["text"]
    assert [one["annotation"] for one in found if one["type"].endswith("annotation.added")] == part["annotations"]
    last = found[-1]["response"]
    assert last["output"][0]["content"] == whole["output"][0]["content"]
    assert (last["x_quotewell"], last["usage"]) == (whole["x_quotewell"], whole["usage"])
    for annotation, citation in zip(part["annotations"], whole["x_quotewell"]["citations"], strict=True):
        assert part["text"][annotation["start_index"] : annotation["end_index"]] == citation["cited_text"]


def test_the_last_message_of_the_user_is_the_question(client: TestClient, system: FakeSystem) -> None:
    conversation = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "Is there a ferry?"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]},
        {"type": "reasoning", "summary": []},
        {"role": "user", "content": "When was the first crossing?"},
    ]
    assert client.post(URL, json=BODY | {"input": conversation}).status_code == 200
    ((question, _, _, history),) = system.asked
    assert question == "When was the first crossing?"
    assert list(history) == [Turn("user", "Is there a ferry?"), Turn("assistant", "Yes.")]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"input": ""}, 400),
        ({"input": []}, 400),
        ({"input": [{"role": "system", "content": "x"}]}, 400),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, 400),
        ({"previous_response_id": "resp_1"}, 400),
        ({"model": "gpt"}, 404),
        ({"input": 5}, 400),
    ],
)
def test_errors_have_the_shape_of_openai(client: TestClient, change: dict[str, Any], status: int) -> None:
    response = client.post(URL, json=BODY | change)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}


def test_openais_client_raises_what_is_wrong(client: TestClient, system: FakeSystem) -> None:
    with pytest.raises(BadRequestError, match="previous_response_id"):
        openai(client).responses.create(**BODY, previous_response_id="resp_1")
    system.script = [Delta("It "), failing(LibraryError)]
    with pytest.raises(APIError), openai(client).responses.stream(**BODY) as stream:
        list(stream)
    last = events(client.post(URL, json=BODY | {"stream": True}).text)[-1]
    assert (last["type"], last["code"]) == ("error", "library")


def test_chores_are_done_without_retrieval(client: TestClient, system: FakeSystem) -> None:
    asked = "<chat_history>\nUSER: Is there a ferry?\n</chat_history>"
    chore = f'### Task:\nMake a title.\nJSON format: {{ "title": "" }}\n{asked}'
    assert openai(client).responses.create(**BODY | {"input": chore}).output_text == '{"title":"Is there a ferry"}'
    assert system.asked == []


def test_the_documented_example_is_valid() -> None:
    ResponsesIn.model_validate(examples.RESPONSES)
