"""POST /api/verify."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from api import examples
from api.wire import VerifyIn, VerifyOut
from tests.api.fake_system import FERRY

ASK = "When was the first crossing?"


def asked(client: TestClient) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/api/ask", json={"question": ASK}).json()
    return answer


def verified(client: TestClient, answer: str, *citations: dict[str, Any]) -> VerifyOut:
    response = client.post("/api/verify", json={"answer": answer, "citations": citations})
    assert response.status_code == 200, response.text
    return VerifyOut.model_validate(response.json())


def test_our_own_answer_is_verified_as_it_comes(client: TestClient) -> None:
    answer = asked(client)
    found = verified(client, answer["text"], *answer["citations"])
    assert found.verified
    assert [(one.number, one.verification.status, one.newest) for one in found.citations] == [(1, "exact", True)]
    assert found.citations[0].found is not None
    assert found.citations[0].found["permalink"] == answer["citations"][0]["permalink"]
    assert [one.status for one in found.statements] == ["proved"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"start_char_index": 1, "end_char_index": 54}, "elsewhere"),
        ({"cited_text": "It never crossed."}, "altered"),
        ({"article_id": "nobody"}, "no_such_article"),
        ({"revision": "0" * 64}, "no_such_revision"),
        ({"cited_text": " "}, "no_quote"),
    ],
)
def test_a_tampered_citation_is_told_with_its_reason(client: TestClient, change: dict[str, Any], reason: str) -> None:
    answer = asked(client)
    (citation,) = answer["citations"]
    found = verified(client, answer["text"], citation | change)
    assert not found.verified
    assert [(one.verification.status, one.reason) for one in found.citations] == [("absent", reason)]
    assert [one.status for one in found.statements] == ["unsupported"]


def test_what_a_statement_adds_is_told(client: TestClient) -> None:
    (citation,) = asked(client)["citations"]
    wanted = {"article_id": citation["article_id"], "cited_text": citation["cited_text"], "number": 1}
    found = verified(client, "The ferry sank in 1907 near Lund [1].", wanted)
    assert not found.verified
    (statement,) = found.statements
    assert statement.status == "unsupported"
    assert {"1907", "Lund"} <= set(statement.lacking)


def test_other_systems_forms_are_read(client: TestClient) -> None:
    quote = FERRY["text"][:53]
    annotation = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 5}}
    forms: list[dict[str, Any]] = [
        {"type": "char_location", "cited_text": quote, "article_id": "ferry", "document_index": 0},
        {"quote": quote, "article_id": "ferry"},
        annotation | {"text": quote, "article_id": "ferry"},
    ]
    found = verified(client, "", *forms)
    assert [one.verification.status for one in found.citations] == ["exact"] * 3
    assert found.statements == []


def test_an_annotation_without_a_quote_proves_nothing(client: TestClient) -> None:
    found = verified(client, "", {"type": "url_citation", "url_citation": {"url": "https://example.org", "title": "T"}})
    assert not found.verified
    assert found.citations[0].reason == "no_quote"


def test_nothing_is_not_verified(client: TestClient) -> None:
    assert not verified(client, "It crossed.").verified


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"citations": "none"},
        {"citations": [{"cited_text": 5}]},
        {"citations": [{"cited_text": "x", "article_id": "ferry", "start_char_index": "0", "end_char_index": 3}]},
        {"citations": [{"cited_text": "x", "article_id": "ferry", "start_char_index": 5, "end_char_index": 3}]},
        {"citations": [{"cited_text": "x"}] * 201},
        {"answer": "x" * 100_001, "citations": []},
        {"answer": "\ud800", "citations": []},
        {"citations": [{"cited_text": "\ud800"}]},
    ],
)
def test_what_is_no_citation_is_refused(client: TestClient, body: dict[str, Any]) -> None:
    response = client.post("/api/verify", content=json.dumps(body), headers={"content-type": "application/json"})
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"


def test_the_documented_example_is_valid() -> None:
    VerifyIn.model_validate(examples.VERIFY)
