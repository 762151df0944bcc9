"""The fake System, and a client of the application over it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from rag.settings import Settings
from tests.api.fake_system import FERRY, HOSTILE, FakeSystem


@pytest.fixture
def make_system() -> Callable[..., FakeSystem]:
    def make(**given: object) -> FakeSystem:
        system = FakeSystem(Settings(**given))  # type: ignore[arg-type]
        list(system.ingest(system.make_article(record, "body") for record in (FERRY, HOSTILE)))
        return system

    return make


@pytest.fixture
def system(make_system: Callable[..., FakeSystem]) -> FakeSystem:
    return make_system()


@pytest.fixture
def client(system: FakeSystem) -> TestClient:
    return TestClient(create_app(system), raise_server_exceptions=False)
