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
    ways = [("ferry", "2001"), ("tunnel", "1952"), ("tower", "1713")]
    list(system.ingest([Article(name, "", f"The Aller {name} was built in {year}.") for name, year in ways]))
    list(system.ingest([Article("lamp", "", "Lamp is a device that stands on the desks of clerks.")]))
    system.suggest()
    first, *others = system.suggestions()
    assert "lamp" in first.casefold()  # put in last, though others are easier to ask
    assert len(others) == 2
    for name in ("lamp", "ferry", "tunnel", "tower", "bridge"):
        system.delete(name)
    assert system.suggestions() == ()
    system.close()
