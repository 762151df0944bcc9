"""What SQLite's library must stand beyond the contract: files, damage, other processes, old formats."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import apsw
import numpy as np
import pytest

from rag.errors import IndexMismatch, LibraryCorrupt, LibraryError
from rag.flow import state
from rag.index.faiss import FaissIndex
from rag.library.schema import FORMAT, SCHEMA
from rag.library.sqlite import SQLiteLibrary
from rag.types import Article, Entry, Is, Mark
from tests.fakes import article
from tests.library.engines import EMBEDDER, entry, sqlite_and_faiss

GOLDEN = Path(__file__).parent / "golden"


def library(folder: Path, **fingerprints: str) -> SQLiteLibrary:
    return SQLiteLibrary(folder, dim=EMBEDDER.dim, fingerprints=fingerprints or {"embedder": "hash/1"})


def test_what_was_put_is_there_after_reopening(tmp_path: Path) -> None:
    source = article("a", "Ein Satz über Größe 😀.", "Titel", url="https://example.org", published_at="2018-10-24")
    first = library(tmp_path)
    mark = first.put([entry(source)])
    first.close()
    again = library(tmp_path)
    assert (again.article("a"), again.mark) == (source, mark)
    changes = again.changes(Mark(0, 0))
    np.testing.assert_array_equal(changes.vectors, entry(source).vectors)
    assert again.problems() == []


def test_a_batch_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    store = library(tmp_path)
    good, bad = entry(article("a", "Fine.")), entry(article("b", "Not fine."))
    with pytest.raises(ValueError, match="zip"):
        store.put([good, Entry(bad.article, bad.chunks, bad.vectors[:0])])
    assert store.stats().articles == store.mark.seq == 0
    assert store.put([good]).seq == 1


def test_a_word_that_is_stemmed_to_a_common_one_finds_itself_alone(tmp_path: Path) -> None:
    """SQLite's stemmer makes "her" of "herring"."""
    store = library(tmp_path)
    store.put([entry(article("fish", "The herring spawn in March.")), entry(article("she", "She lost her hat."))])
    for words in ("herring", "Herring", "herrings", "spawn herring"):
        assert [one.id for one in store.articles(limit=9, words=words)] == ["fish"]
    assert "she" in [one.id for one in store.articles(limit=9, words="her")]
    store.put([entry(article("ship", "The ship uses diesel."))])
    for words in ("diesel used", "using diesel", "uses"):
        assert [one.id for one in store.articles(limit=9, words=words)] == ["ship"]


def test_text_search_ranks_rare_words_over_common_ones(tmp_path: Path) -> None:
    store = library(tmp_path)
    texts = {"a": "The canal is long.", "b": "The canal carries ships of the world.", "c": "A volcano is not a canal."}
    store.put([entry(article(name, text)) for name, text in texts.items()])
    ranked = [chunk.article_id for chunk in store.chunks([n for n, _ in store.search_text("volcanoes canal", 3)])]
    assert ranked[0] == "c" and len(ranked) == 3


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
    with store._connections.one() as db:
        pages = db.execute("PRAGMA page_count").get
        db.execute(f"PRAGMA max_page_count = {pages + 2}")  # SQLite then answers as for a full disk
    with pytest.raises(LibraryError, match="database or disk is full; free some space"):
        store.put([entry(article("b", "More text than fits. " * 2000))])
    assert store.article("a").text == "Stored."
    assert store.problems() == []


def test_doctoring_finds_what_was_altered(tmp_path: Path) -> None:
    store = library(tmp_path)
    store.put([entry(article("a", "The true text."))])
    with store._connections.one() as db:
        db.execute("UPDATE chunks SET text = 'A false text.'")
    problems = store.problems()
    assert any("not what its article says" in line for line in problems)
    assert any("full text does not fit" in line for line in problems)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DELETE FROM vectors", "has no vector"),
        ("DELETE FROM chunks WHERE id = (SELECT max(id) FROM chunks)", "chunks, not"),
        ("INSERT INTO tags VALUES ('x', 99)", "rows of tags belong to no article"),
        ("UPDATE revisions SET text = 'Another text.'", "as it was stored"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM revisions", "refers to nothing"),
    ],
)
def test_doctoring_checks_each_thing_against_the_others(tmp_path: Path, damage: str, told: str) -> None:
    store = library(tmp_path)
    store.put([entry(article("a", "The true text."))])
    with store._connections.one() as db:
        db.execute(damage)
    assert any(told in line for line in store.problems())


def test_threads_read_while_one_writes(tmp_path: Path) -> None:
    store = library(tmp_path)
    store.put([entry(article("a", "Text 0."))])
    failures: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(100):
                assert store.article("a").text.startswith("Text")
        except (AssertionError, LibraryError, apsw.Error) as err:
            failures.append(err)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for thread in readers:
        thread.start()
    for n in range(20):
        store.put([entry(article("a", f"Text {n}."))])
    for thread in readers:
        thread.join()
    assert not failures


def test_a_text_that_is_not_its_revision_is_never_shown(tmp_path: Path) -> None:
    store = library(tmp_path)
    store.put([entry(article("a", "The true text."))])
    with store._connections.one() as db:
        db.execute("UPDATE revisions SET text = 'A false text.'")
    with pytest.raises(LibraryCorrupt, match="article a as it was stored"):
        store.article("a")


def test_every_page_is_checked_when_it_is_read(tmp_path: Path) -> None:
    store = library(tmp_path)
    store.put([entry(article("a", "The true text is here."))])
    store.close()
    data = (tmp_path / "library.db").read_bytes()
    (tmp_path / "library.db").write_bytes(data.replace(b"true", b"trve"))
    with pytest.raises(LibraryCorrupt, match="a page whose checksum is wrong"):
        library(tmp_path).article("a")


def test_a_change_that_is_lost_is_missed(tmp_path: Path) -> None:
    """A damaged write-ahead log ends, to SQLite, before the damage; so does one that was not copied."""
    store = library(tmp_path / "a")
    store.put([entry(article("a", "First."))])
    store.put([entry(article("b", "Second."))])
    shutil.copytree(tmp_path / "a", tmp_path / "b")  # while it is open
    log = tmp_path / "b" / "library.db-wal"
    log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])
    with pytest.raises(LibraryCorrupt, match="expected change 2, which was committed"):
        library(tmp_path / "b")
    log.unlink(missing_ok=True)
    with pytest.raises(LibraryCorrupt, match="or the folder was copied in use"):
        library(tmp_path / "b")


def test_a_copy_in_use_that_is_whole_opens(tmp_path: Path) -> None:
    store = library(tmp_path / "a")
    store.put([entry(article("a", "First."))])
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert library(tmp_path / "b").article("a").text == "First."


def test_what_was_deleted_is_in_no_file(tmp_path: Path) -> None:
    store = library(tmp_path)
    secret = Article("zzyzx-id", "Xyzzy title", "The plugh was hidden. Nobody knows.", metadata={"tags": ["frobozz"]})
    store.put([entry(article(f"n{n}", f"Filler text number {n}. " * 50)) for n in range(20)])
    store.put([entry(secret)])
    store.put([entry(Article("zzyzx-id", "Xyzzy title", "The plugh was found.", metadata={"tags": ["frobozz"]}))])
    words = (b"zzyzx", b"plugh", b"frobozz", entry(secret).vectors[0].tobytes())
    assert all(word in every_byte(tmp_path) for word in words)
    store.delete(["zzyzx-id"])
    assert [word for word in words if word in every_byte(tmp_path)] == []
    store.close()
    assert [word for word in words if word in every_byte(tmp_path)] == []


def every_byte(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_what_was_pruned_is_in_no_file(tmp_path: Path) -> None:
    store = library(tmp_path)
    store.put([entry(article("a", "The plugh was hidden."))])
    store.put([entry(article("a", "It was found."))])
    assert b"plugh" in every_byte(tmp_path)
    assert store.prune() == 1
    assert b"plugh" not in every_byte(tmp_path)


def test_ten_thousand_puts_of_one_id_leave_the_last(tmp_path: Path) -> None:
    store = library(tmp_path)
    entries = [entry(article("a", f"Text {n}.")) for n in range(10_000)]
    for start in range(0, 10_000, 500):
        store.put(entries[start : start + 500])
    assert store.article("a").text == "Text 9999."
    assert (store.stats().articles, store.stats().chunks, store.stats().revisions) == (1, 1, 10_000)


@pytest.mark.parametrize("version", ["format1", "format2", "format3"])
def test_every_format_still_opens(tmp_path: Path, version: str) -> None:
    shutil.copytree(GOLDEN / version, tmp_path / "home")
    store = library(tmp_path / "home")
    assert [one.id for one in store.articles(limit=9)] == ["bridge", "grüße/1", "tagged"]
    assert store.article("bridge").text == "The bridge opens in June. It was built by the town."
    assert store.article("bridge").published_at == "2018-11-02"
    assert len(store.search_text("bridge June", 5)) == 1
    assert len(store.allowed(Is("tag", ("hills",)))) == 1
    assert store.stats().revisions == 4
    np.testing.assert_array_equal(store.stored("tagged")[1], entry(store.article("tagged")).vectors)
    assert store.problems() == []
    index = FaissIndex(tmp_path / "home", dim=EMBEDDER.dim)  # an older one is made anew
    with state(store, index) as now:
        assert len(now.index) == store.stats().chunks
        assert now.index.ids().tolist() == now.library.changes(Mark(0, 0)).ids.tolist()
    store.put([entry(article("new", "A new text."))])
    store.close()
    with library(tmp_path / "home")._connections.one() as db:
        assert db.execute("PRAGMA checksum_verification").get == "1"


@pytest.mark.parametrize("version", ["format1", "format2"])
def test_an_upgraded_library_has_the_tables_and_indexes_of_a_new_one(tmp_path: Path, version: str) -> None:
    """So a change of the schema without a number, or a step that forgets a part of it, is seen."""
    shutil.copytree(GOLDEN / version, tmp_path / "old")
    found = []
    for home in ("old", "new"):
        store = library(tmp_path / home)
        with store._connections.one() as db:
            found.append(db.execute("SELECT type, name FROM sqlite_schema ORDER BY type, name").fetchall())
        store.close()
    assert found[0] == found[1]


def test_the_schema_is_that_of_the_golden_folder_of_its_number(tmp_path: Path) -> None:
    """A schema that changes needs a new number, a step, and a golden folder."""
    shutil.copy(GOLDEN / f"format{FORMAT}" / "library.db", tmp_path / "golden.db")
    with apsw.Connection(str(tmp_path / "golden.db")) as golden, apsw.Connection(":memory:") as made:
        made.execute(SCHEMA)
        told = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"
        assert golden.execute(told).fetchall() == made.execute(told).fetchall()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    store = library(tmp_path)
    with store._connections.one() as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    with pytest.raises(LibraryError, match="open it with a newer Quotewell"):
        library(tmp_path)


def test_many_may_make_one_home_at_once(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def make(n: int) -> None:
        try:
            library(tmp_path / "home").put([entry(article(f"a{n}", f"Text {n}."))])
        except (LibraryError, apsw.Error) as err:
            failures.append(err)

    threads = [threading.Thread(target=make, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert library(tmp_path / "home").stats().articles == 8


def test_a_backup_is_made_and_taken_back_while_others_read(tmp_path: Path) -> None:
    store = library(tmp_path / "home")
    store.put([entry(article("a", "First."))])
    with store.reading() as then:
        store.put([entry(article("a", "Second.")), entry(article("b", "Another."))])
        store.back_up(tmp_path / "backup")
        store.put([entry(article("a", "Third."))])
        newest = store.mark
        mark = store.restore(tmp_path / "backup")
        assert then.article("a").text == "First."
    assert mark.seq > newest.seq, "an index must see that this is another state"
    assert (store.article("a").text, store.article("b").text) == ("Second.", "Another.")
    assert store.problems() == []
    store.close()
    assert library(tmp_path / "home").article("a").text == "Second."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "home"]
    assert not [path for path in (tmp_path / "home").iterdir() if path.name.startswith(".")]


def test_an_index_follows_a_restored_library(tmp_path: Path) -> None:
    store, index = sqlite_and_faiss(tmp_path)
    store.put([entry(article("a", "Alpha."))])
    store.back_up(tmp_path / "backup")  # type: ignore[attr-defined]
    store.put([entry(article("b", "Beta."))])
    with state(store, index) as now:
        assert len(now.index) == 2
    store.restore(tmp_path / "backup")  # type: ignore[attr-defined]
    store.put([entry(article("c", "Gamma.")), entry(article("d", "Delta."))])
    with state(store, index) as now:
        names = {chunk.article_id for chunk in now.library.chunks(now.index.ids().tolist())}
        assert names == {"a", "c", "d"} and len(now.index) == 3


def test_a_damaged_backup_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    store = library(tmp_path / "home")
    store.put([entry(article("a", "The true text."))])
    store.back_up(tmp_path / "backup")
    data = (tmp_path / "backup").read_bytes()
    (tmp_path / "backup").write_bytes(data.replace(b"true", b"trve"))
    with pytest.raises(LibraryCorrupt):
        store.restore(tmp_path / "backup")
    (tmp_path / "backup").write_bytes(data[: len(data) // 2])
    with pytest.raises(LibraryCorrupt):
        store.restore(tmp_path / "backup")
    assert store.article("a").text == "The true text."


def test_an_old_backup_is_brought_up_to_date(tmp_path: Path) -> None:
    """A library.db of the first format has smaller pages; it goes into a home of its own."""
    store = library(tmp_path / "home")
    with pytest.raises(LibraryError, match="restore into a home that is not there yet"):
        store.restore(GOLDEN / "format1" / "library.db")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can try what another user may not do")
def test_a_revoked_permission_is_told_and_loses_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store = library(home)
    store.put([entry(article("a", "Stored."))])
    store.close()
    for path in (tmp_path, *tmp_path.parents):
        path.chmod(path.stat().st_mode | 0o055)
    for path in (home, *home.iterdir()):
        path.chmod(0o555 if path.is_dir() else 0o444)
    told, tell = os.pipe()
    if not os.fork():  # somebody else
        os.setuid(65534)
        try:
            library(home).put([entry(article("b", "More."))])
        except LibraryError as err:
            os.write(tell, str(err).encode())
        finally:
            os._exit(0)
    os.wait()
    assert "make the folder writable" in os.read(told, 1000).decode()
    for path in (home, *home.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    again = library(home)
    assert again.article("a").text == "Stored." and again.problems() == []
