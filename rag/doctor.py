"""What is installed, found and missing, a finding each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import apsw

from rag.errors import QuotewellError

if TYPE_CHECKING:
    from rag.build import System


@dataclass(frozen=True, slots=True)
class Finding:
    """``needed`` findings that are not ``ok`` keep Quotewell from working."""

    name: str
    ok: bool
    needed: bool
    found: str


_PACKAGES = (
    ("faiss-cpu", True),
    ("onnxruntime", True),
    ("tokenizers", True),
    ("fastapi", True),
    ("sentence-transformers", False),
    ("torch", False),
    ("langchain", False),
    ("mcp", False),
)


def examine(opener: Callable[[], System], *, deep: bool = False) -> list[Finding]:
    """Packages, then the collection that ``opener`` opens: model, library, index; with ``deep`` all that they hold."""
    return [*_installed(), *_collection(opener, deep)]


def _installed() -> Iterator[Finding]:
    yield Finding("python", sys.version_info >= (3, 11), True, sys.version.split()[0])
    yield Finding("sqlite", True, True, apsw.sqlite_lib_version())
    for name, needed in _PACKAGES:
        try:
            yield Finding(name, True, needed, version(name))
        except PackageNotFoundError:
            yield Finding(name, False, needed, "not installed" + ("" if needed else " (optional)"))


def _collection(opener: Callable[[], System], deep: bool) -> Iterator[Finding]:
    try:
        system = opener()
    except QuotewellError as err:
        yield Finding("library", False, True, str(err))
        return
    stats = system.library.stats()
    held = f"{stats.articles} articles, {stats.revisions} revisions, {stats.chunks} chunks, {stats.bytes / 1e6:.1f} MB"
    yield Finding("embedder", True, True, f"{system.embedder.fingerprint}, {system.embedder.dim} dimensions")
    yield Finding("library", True, True, f"{held} in {system.settings.home}")
    told = "fitted by quotewell calibrate" if system.calibration else "the default"
    if system.calibration and system.calibration.articles != stats.articles:
        told += f" to {system.calibration.articles} articles: calibrate anew when they have become others"
    yield Finding("threshold", True, False, f"{system.threshold:.3f}, {told}")
    problems = system.problems() if deep else system.ready()
    told = "nothing contradicts itself" if deep else "ready (doctor --deep reads and compares all)"
    yield Finding("consistency", not problems, True, "; ".join(problems[:5]) or told)
    system.close()
