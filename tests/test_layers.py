"""The import directions of DESIGN.md, read from the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYER_2 = ("rag.readers", "rag.embedders", "rag.library", "rag.index", "rag.answerers")
LAYER_1 = (
    "rag.chunks",
    "rag.citations",
    "rag.retrieval",
    "rag.flow",
    "rag.settings",
    "rag.words",
    "rag.copies",
    "rag.wire",
    "rag.models",
    "rag.calibration",
    "rag.conversation",
    "rag.quotes",
    "rag.statements",
    "rag.verification",
)
LAYER_0 = ("rag.types", "rag.errors")
OUTER = (
    "rag.build",
    "rag.flow",
    "rag.types",
    "rag.errors",
    "rag.settings",
    "rag.wire",
    "rag.calibration",
    "rag.verification",
    "rag.conversation",
)
ALLOWED = {
    "rag.types": (),
    "rag.errors": (),
    "rag.chunks": LAYER_0,
    "rag.words": LAYER_0,
    "rag.models": LAYER_0,
    "rag.calibration": LAYER_0,
    "rag.quotes": LAYER_0,
    "rag.statements": (*LAYER_0, "rag.words"),
    "rag.verification": (*LAYER_0, "rag.chunks", "rag.quotes", "rag.statements"),
    "rag.copies": LAYER_0,
    "rag.citations": LAYER_0,
    "rag.settings": LAYER_0,
    "rag.wire": (*LAYER_0, "rag.citations", "rag.verification"),
    "rag.retrieval": (*LAYER_0, "rag.chunks", "rag.copies", "rag.words"),
    "rag.flow": (*LAYER_0, "rag.chunks", "rag.citations", "rag.conversation"),
    "rag.conversation": (*LAYER_0, "rag.words"),
    "rag.doctor": (*LAYER_0, "rag.build"),
    "rag.build": (*LAYER_0, *LAYER_1, *LAYER_2),
    "rag.training": (*LAYER_0, *LAYER_1, *LAYER_2, "rag.build", "rag.training"),
    "rag.langchain": OUTER,
    "rag.__main__": (*OUTER, "rag.doctor"),
    "api": (*OUTER, "api"),
    "eval": (*OUTER, "rag.words", "rag.chunks", "rag.retrieval", "rag.citations", "eval"),
}
HEAVY = {"torch", "transformers", "langchain", "sentence_transformers", "sklearn", "onnx"}


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _sources() -> list[Path]:
    return [path for room in ("rag", "api", "eval") for path in sorted((ROOT / room).rglob("*.py"))]


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] in ("rag", "api", "eval")}


def _room(module: str) -> tuple[str, ...]:
    if module.startswith(LAYER_2):
        own = next(room for room in LAYER_2 if module.startswith(room))
        return (*LAYER_0, *LAYER_1, own)
    return ALLOWED[max((room for room in ALLOWED if module == room or module.startswith(f"{room}.")), key=len)]


@pytest.mark.parametrize("path", _sources(), ids=_module)
def test_imports_only_what_its_layer_may(path: Path) -> None:
    module = _module(path)
    if module in ("rag", "api", "eval"):
        assert not _imports(path)
        return
    for name in _imports(path):
        direct = name.rpartition(".")[0]
        allowed = _room(module)
        named = any(name == room or name.startswith(f"{room}.") for room in allowed)
        assert named or direct in ("api", "eval"), f"{module} imports {name}"


def test_no_room_without_a_name() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
    assert not [path for path in _sources() if path.stem in vague]


@pytest.mark.parametrize("module", ["rag.build", "rag.__main__", "api.server", "eval.command"])
def test_the_default_path_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not HEAVY & set(done.stdout.split())


def test_with_the_heavy_packages_gone_it_still_answers(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Bridges\n\nThe old bridge was built in 1887 by the town.")
    gone = f"import sys; sys.modules.update(dict.fromkeys({sorted(HEAVY)!r})); from rag.__main__ import main; main()"

    def quotewell(*args: str) -> str:
        command = [sys.executable, "-c", gone, *args, "--home", str(tmp_path / "home")]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout

    quotewell("ingest", str(tmp_path / "a.txt"))
    assert "built in 1887" in quotewell("ask", "When was the old bridge built?")
