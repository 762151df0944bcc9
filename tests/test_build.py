"""What a whole System does that none of its parts does alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag import build
from rag.settings import load_settings
from rag.types import Article


def test_questions_are_suggested_that_the_latest_articles_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_SETTLED", 0.0)
    system = build.build(load_settings(home=tmp_path))
    list(system.ingest([Article("bridge", "A bridge", "The Weir Bridge was built in 1887. It is narrow.")]))
    assert system.suggestions() == ()
    system.suggest()
    assert system.suggestions() == ("When was the Weir Bridge built?",)
    *_, answer = system.ask(system.suggestions()[0])
    assert (answer.status, answer.short) == ("answered", "1887")
    system.delete("bridge")
    assert system.suggestions() == ()
    system.close()
