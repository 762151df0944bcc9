"""The engines that the contract of a library and its index is held to. A new engine is a line here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rag.chunks import Splitter
from rag.index.faiss import FaissIndex
from rag.library.sqlite import SQLiteLibrary
from rag.types import Article, Entry, Index, Library
from tests.fakes import HashEmbedder, ListIndex, MemoryLibrary

EMBEDDER = HashEmbedder()
SPLITTER = Splitter(EMBEDDER.count_pieces, EMBEDDER.window)


class Engine(NamedTuple):
    library: Library
    index: Index


def sqlite_and_faiss(folder: Path) -> Engine:
    library = SQLiteLibrary(folder, dim=EMBEDDER.dim, fingerprints={"embedder": EMBEDDER.fingerprint})
    return Engine(library, FaissIndex(folder, dim=EMBEDDER.dim))


def memory(folder: Path) -> Engine:
    return Engine(MemoryLibrary(EMBEDDER.dim), ListIndex())  # type: ignore[arg-type]


ENGINES: dict[str, Callable[[Path], Engine]] = {"sqlite+faiss": sqlite_and_faiss, "memory": memory}


def entry(source: Article) -> Entry:
    chunks = SPLITTER.split(source)
    return Entry(source, chunks, EMBEDDER.embed_passages(SPLITTER.passage_texts(chunks)))
