"""The long run is `make planted`; here, that the faults are what they are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eval import planted
from eval.planted import FAULTS, false_alarms
from eval.subjects import Local
from rag.build import build
from rag.settings import load_settings
from rag.types import Article
from tests.eval.test_gate import baseline

TEXT = (
    "The ferry to Ostrel first crossed on 3 May 2019. It carries forty cars and two hundred people.\n\n"
    "The mill of Ostrel burnt down in 1890. It was built anew in stone by the miller and his sons."
)


def system_with(fault: str, home: Path) -> Local:
    system = build(load_settings(home=home))
    FAULTS[fault](system)
    subject = Local(system)
    list(subject.put([Article("ostrel", "Ostrel", TEXT)]))
    return subject


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_system_still_answers_with_citations_that_verify(fault: str, tmp_path: Path) -> None:
    subject = system_with(fault, tmp_path)
    answer = subject.ask("When did the ferry to Ostrel first cross?")
    quotes = [one["cited_text"] for one in answer["citations"]]
    assert all(
        TEXT[one["start_char_index"] : one["end_char_index"]] == one["cited_text"] for one in answer["citations"]
    )
    shifted = fault == "citations shifted by one sentence"
    assert quotes[0].startswith("It carries" if shifted else "The ferry")
    if fault == "threshold off":
        assert subject.ask("Who won the league in 1974?")["status"] == "answered"
    subject.close()


def test_twice_as_long_is_twice_as_long_and_noise_is_noise(tmp_path: Path) -> None:
    system = build(load_settings(home=tmp_path))
    window = system.splitter.window
    sound = system.embedder.embed_passages(
        ["The ferry first crossed in May.", "The first crossing of the ferry was in May."]
    )
    planted.chunks_twice_as_long(system)
    assert system.splitter.window == 2 * window
    planted.embedder_replaced_by_noise(system)
    noise = system.embedder.embed_passages(
        ["The ferry first crossed in May.", "The first crossing of the ferry was in May."]
    )
    assert abs(noise[0] @ noise[1]) < 0.2 < sound[0] @ sound[1]
    np.testing.assert_allclose(np.linalg.norm(noise, axis=1), 1, atol=1e-5)
    system.close()


def test_a_run_dealt_with_itself_never_fails() -> None:
    assert false_alarms(baseline(), baseline(), 0) == 0
