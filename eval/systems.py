"""The names of ``--system``: our configurations, and peers. The one file of ``eval`` that names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from eval import peers
from eval.runs import Subject
from eval.subjects import Local
from rag.build import System, build
from rag.errors import UsageError
from rag.retrieval import Dense, Fused, Lexical, Reranked
from rag.settings import load_settings
from rag.types import Article, Refusal, Retriever

OURS: dict[str, Callable[[System], Retriever]] = {
    "quotewell": lambda system: system.retriever,
    "unmerged": lambda system: Reranked(_fused(system)),
    "fused": lambda system: _fused(system),
    "dense": lambda system: _dense(system),
    "lexical": lambda system: Lexical(),
}
"""Each part of the search by itself. All but the first are for comparison."""

PEERS: dict[str, Callable[[], Subject]] = {"langchain": peers.langchain, "txtai": peers.txtai}


def make(name: str, home: Path) -> Subject:
    """The subject of that name; ours over the collection in ``home``. Raises UsageError, ModelMissing."""
    if name in PEERS:
        return PEERS[name]()
    if name not in OURS:
        known = ", ".join([*OURS, *PEERS])
        raise UsageError(expected=f"--system to be one of {known}", found=name, remedy="name one of them")
    system = build(load_settings(home=home))
    system.retriever = OURS[name](system)
    return Local(system, name)


def read_articles(source: Path) -> Iterator[Article | Refusal]:
    """What our readers make of a file or folder."""
    with (
        TemporaryDirectory(prefix="quotewell-read-") as folder,
        closing(build(load_settings(home=Path(folder)))) as system,
    ):
        yield from system.read(str(source))


def _fused(system: System) -> Fused:
    return Fused(_dense(system), Lexical())


def _dense(system: System) -> Dense:
    return Dense(system.embedder)
