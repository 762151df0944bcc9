"""The contract of a Library, on values, and what SQLite's must stand on its own."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

from rag.chunks import Splitter
from rag.errors import IndexMismatch, LibraryCorrupt, LibraryError, NotFound
from rag.library.sqlite import SQLiteLibrary
from rag.types import Article, Entry, Where
from tests.fakes import HashEmbedder, article

EMBEDDER = HashEmbedder()
SPLITTER = Splitter(EMBEDDER.count_pieces, EMBEDDER.window)


def library(folder: Path, **fingerprints: str) -> SQLiteLibrary:
    return SQLiteLibrary(folder, dim=EMBEDDER.dim, fingerprints=fingerprints or {"embedder": "hash/1"})


def entry(source: Article) -> Entry:
    chunks = SPLITTER.split(source)
    return Entry(source, chunks, EMBEDDER.embed_passages(SPLITTER.passage_texts(chunks)))


def test_what_was_put_is_there_after_reopening(tmp_path: Path) -> None:
    source = article("a", "Ein Satz über Größe 😀.", "Titel", url="https://example.org", published_at="2018-10-24")
    first = library(tmp_path)
    assert first.put([entry(source)]) == 1
    first.close()
    again = library(tmp_path)
    assert again.article("a") == source
    assert again.identity == first.identity
    assert again.stats().articles == again.stats().revisions == 1
    changes = again.changes(0)
    chunk = again.chunks(changes.added)[0]
    assert (chunk.text, chunk.title, chunk.url, chunk.published_at) == (source.text, "Titel", source.url, "2018-10-24")
    np.testing.assert_array_equal(changes.vectors, entry(source).vectors)
    assert again.problems() == []


def test_an_update_replaces_chunks_and_keeps_the_old_revision_readable(tmp_path: Path) -> None:
    store = library(tmp_path)
    old, new = article("a", "The bridge opens in May."), article("a", "The bridge opens in June.")
    store.put([entry(old)])
    before = store.changes(0)
    store.put([entry(new)])
    changes = store.changes(before.seq)
    assert list(changes.removed) == list(before.added)
    assert [chunk.text for chunk in store.chunks(changes.added)] == [new.text]
    assert (store.article("a"), store.article("a", old.revision)) == (new, old)
    assert store.search_text("May", 5) == []
    assert len(store.search_text("June", 5)) == 1
    assert store.problems() == []


def test_a_deleted_article_is_nowhere(tmp_path: Path) -> None:
    store = library(tmp_path)
    store.put([entry(article("a", "Alpha text.")), entry(article("b", "Beta text."))])
    store.delete("a")
    assert [found.id for found in store.articles(limit=10)] == ["b"]
    assert store.search_text("alpha", 5) == []
    assert store.stats().revisions == 1
    with pytest.raises(NotFound, match="none with id 'a'"):
        store.article("a")
    with pytest.raises(NotFound):
        store.delete("a")
    assert store.seq() == 2, "a delete that found nothing is no change"


def test_a_batch_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    store = library(tmp_path)
    good, bad = entry(article("a", "Fine.")), entry(article("b", "Not fine."))
    with pytest.raises(ValueError, match="zip"):
        store.put([good, Entry(bad.article, bad.chunks, bad.vectors[:0])])
    assert store.stats().articles == store.seq() == 0
    assert store.put([good]) == 1


def test_text_search_ranks_rare_words_over_common_ones(tmp_path: Path) -> None:
    store = library(tmp_path)
    texts = {"a": "The canal is long.", "b": "The canal carries ships of the world.", "c": "A volcano is not a canal."}
    store.put([entry(article(name, text)) for name, text in texts.items()])
    ranked = [chunk.article_id for chunk in store.chunks([n for n, _ in store.search_text("volcanoes canal", 3)])]
    assert ranked[0] == "c" and len(ranked) == 3


@pytest.mark.parametrize(
    "query", ["", "?!", '"', "NEAR(", "a* OR b", "x AND NOT y", "col:umn", "'; DROP TABLE meta; --"]
)
def test_no_query_is_read_as_a_command(tmp_path: Path, query: str) -> None:
    store = library(tmp_path)
    store.put([entry(article("a", "Some text."))])
    store.search_text(query, 5)
    assert store.problems() == []


def test_filters(tmp_path: Path) -> None:
    store = library(tmp_path)
    dated = {"old": "2018-01-05", "new": "2019-06-01T10:00:00Z", "none": None}
    for name, date in dated.items():
        source = Article(name, "", f"Canal {name}.", published_at=date, publisher=name.upper(), language="en")
        store.put([entry(source)])

    def found(where: Where) -> set[str]:
        ids = store.allowed(where)
        assert {n for n, _ in store.search_text("canal", 9, where)} == set(ids)
        return {chunk.article_id for chunk in store.chunks(ids)}

    assert found(Where()) == {"old", "new", "none"}
    assert found(Where(published_from="2018-02-01")) == {"new"}
    assert found(Where(published_to="2018-12-31")) == {"old"}
    assert found(Where(published_to="2019-06-01")) == {"old", "new"}
    assert found(Where(as_of="2018-12-31")) == {"old", "none"}
    assert found(Where(publisher="NEW")) == {"new"}
    assert found(Where(article_ids=("old", "none"), language="en")) == {"old", "none"}
    assert found(Where(language="de")) == set()


def test_another_embedder_is_refused_unless_the_library_is_empty(tmp_path: Path) -> None:
    library(tmp_path, embedder="one").close()
    store = library(tmp_path, embedder="two")
    store.put([entry(article("a", "Text."))])
    store.close()
    with pytest.raises(IndexMismatch, match=r"expected a library whose embedder is three; found two"):
        library(tmp_path, embedder="three")
    assert library(tmp_path, embedder="two").article("a").text == "Text."


def test_a_file_that_is_no_library_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "library.db").write_bytes(b"not a database, but long enough to be looked at" * 50)
    with pytest.raises(LibraryCorrupt, match="file is not a database"):
        library(tmp_path)
    assert (tmp_path / "library.db").read_bytes().startswith(b"not a database")


def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LibraryError, match="choose another with --home"):
        library(tmp_path / "file" / "home")


def test_a_full_disk_refuses_the_batch_and_keeps_what_is_stored(tmp_path: Path) -> None:
    store = library(tmp_path)
    store.put([entry(article("a", "Stored."))])
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages + 2}")  # SQLite then answers as for a full disk
    with pytest.raises(LibraryError, match="database or disk is full; free some space"):
        store.put([entry(article("b", "More text than fits. " * 2000))])
    assert store.article("a").text == "Stored."
    assert store.problems() == []


def test_doctoring_finds_what_was_altered(tmp_path: Path) -> None:
    store = library(tmp_path)
    store.put([entry(article("a", "The true text."))])
    store._db.execute("UPDATE chunks SET text = 'A false text.'")
    problems = store.problems()
    assert any("not what its article says" in line for line in problems)
    assert any("full text does not fit" in line for line in problems)


def test_threads_read_while_one_writes(tmp_path: Path) -> None:
    store = library(tmp_path)
    store.put([entry(article("a", "Text 0."))])
    failures: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(100):
                assert store.article("a").text.startswith("Text")
        except (AssertionError, LibraryError, sqlite3.Error) as err:
            failures.append(err)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for thread in readers:
        thread.start()
    for n in range(20):
        store.put([entry(article("a", f"Text {n}."))])
    for thread in readers:
        thread.join()
    assert not failures
