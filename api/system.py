"""What the HTTP service needs of a collection. ``rag.build.System`` is one; tests pass another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Protocol

from fastapi import Depends, Request

from rag.settings import Settings
from rag.types import Answer, Article, Delta, Library, Passage, Receipt, Refusal, Turn, Where
from rag.verification import Claim, Statement, Verdict


class System(Protocol):
    """One collection, safe for threads. See ``rag.build.System`` for what each method promises."""

    @property
    def settings(self) -> Settings: ...
    @property
    def library(self) -> Library: ...
    def read_upload(self, data: bytes, name: str, content_type: str | None) -> Iterator[Article | Refusal]: ...
    def make_article(self, record: Mapping[str, object], source: str) -> Article: ...
    def ingest(self, items: Iterable[Article | Refusal]) -> Iterator[Receipt]: ...
    def search(self, question: str, *, k: int | None = None, where: Where | None = None) -> list[Passage]: ...
    def ask(
        self,
        question: str,
        *,
        k: int | None = None,
        where: Where | None = None,
        history: Sequence[Turn] = (),
        model: str | None = None,
    ) -> Iterator[Delta | Answer]: ...
    def verify(self, answer: str, claims: Sequence[Claim]) -> tuple[list[Verdict], list[Statement]]: ...
    def delete(self, *article_ids: str) -> None: ...
    def ready(self) -> list[str]: ...
    def keep_up(self) -> None: ...
    def suggest(self) -> None: ...
    def suggestions(self) -> tuple[str, ...]: ...
    def close(self) -> None: ...


def _system(request: Request) -> System:
    system: System = request.app.state.system
    return system


TheSystem = Annotated[System, Depends(_system)]
"""A route's parameter of this type is the collection that the application was made with."""
