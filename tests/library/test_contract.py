"""What every library and its index promise, on values, for each engine; and that all engines agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from rag.errors import NotFound
from rag.flow import state
from rag.types import Article, AsOf, Either, Entry, Every, Is, Mark, Not, Published, Where
from tests.fakes import article
from tests.library.engines import EMBEDDER, ENGINES, Engine, entry, sqlite_and_faiss


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    made: Callable[[Path], Engine] = ENGINES[request.param]
    return made(tmp_path)


def test_what_was_put_can_be_read(engine: Engine) -> None:
    source = Article(
        "a", "Titel", "Ein Satz über Größe 😀.", "https://example.org", "2018-10-24", "P", "de", {"tags": ["x"], "n": 1}
    )
    mark = engine.library.put([entry(source)])
    assert engine.library.mark == mark
    assert engine.library.article("a") == source
    assert engine.library.articles(limit=5) == [source]
    (chunk,), vectors = engine.library.stored("a")
    assert (chunk.text, chunk.title, chunk.url, chunk.published_at) == (source.text, "Titel", source.url, "2018-10-24")
    np.testing.assert_array_equal(vectors, entry(source).vectors)
    assert engine.library.chunks([chunk.id, 12345]) == [chunk]


def test_an_update_replaces_chunks_and_keeps_the_old_revision_readable(engine: Engine) -> None:
    old, new = article("a", "The bridge opens in May."), article("a", "The bridge opens in June.")
    engine.library.put([entry(old)])
    (before,), _ = engine.library.stored("a")
    engine.library.put([entry(new)])
    (after,), _ = engine.library.stored("a")
    assert after.id > before.id, "an id is never given again"
    assert (engine.library.article("a"), engine.library.article("a", old.revision[:12])) == (new, old)
    assert engine.library.chunks([before.id]) == []
    assert engine.library.search_text("May", 5) == []
    assert [n for n, _ in engine.library.search_text("June", 5)] == [after.id]
    assert engine.library.stats().revisions == 2


def test_articles_are_listed_by_words_and_facts(engine: Engine) -> None:
    old = Article("a", "Brücken", "The bridge opens in May.", published_at="2018-01-02", publisher="P")
    new = Article("a", "Brücken", "The bridge opens in June.", published_at="2018-01-03", publisher="P")
    other = Article("b", "Mills", "A mill burned in May.", published_at="2019-05-06", publisher='Q "q"')
    for one in (old, new, other):
        engine.library.put([entry(one)])
    listed = {
        words: [one.id for one in engine.library.articles(limit=9, words=words)]
        for words in ("", " ", "bridge", "bri", "brücken ope", "may", "bri may", "mills burned", '"', "NOT b* OR (")
    }
    assert listed == {
        "": ["a", "b"], " ": ["a", "b"], "bridge": ["a"], "bri": ["a"], "brücken ope": ["a"], "may": ["b"],
        "bri may": [], "mills burned": ["b"], '"': ["a", "b"], "NOT b* OR (": [],
    }  # fmt: skip
    assert engine.library.articles(limit=9, where=Published("2019-01-01"), words="in") == [other]
    assert engine.library.articles(limit=9, where=Is("publisher", ("P",))) == [new]
    assert engine.library.revisions_of("a") == [new, old]
    engine.library.put([entry(old)])
    assert engine.library.revisions_of("a") == [old, new]
    assert [one.id for one in engine.library.articles(limit=9, latest=True)] == ["a", "b"]
    assert engine.library.articles(limit=9, after="a", latest=True) == [other]
    assert engine.library.publishers(9) == ["P", 'Q "q"']
    assert engine.library.publishers(1) == ["P"]
    with pytest.raises(NotFound):
        engine.library.revisions_of("c")


def test_an_older_text_that_comes_back_is_current_again(engine: Engine) -> None:
    first, second = article("a", "It opens in May."), article("a", "It opens in June.")
    for one in (first, second, first):
        engine.library.put([entry(one)])
    assert engine.library.article("a") == first
    assert engine.library.stats().revisions == 2


def test_a_deleted_article_is_nowhere(engine: Engine) -> None:
    engine.library.put([entry(article("a", "Alpha text.")), entry(article("b", "Beta text."))])
    engine.library.delete(["a"])
    assert [found.id for found in engine.library.articles(limit=10)] == ["b"]
    assert engine.library.search_text("alpha", 5) == []
    assert engine.library.stats().revisions == 1
    mark = engine.library.mark
    for gone in ("a", "never"):
        with pytest.raises(NotFound):
            engine.library.article(gone)
        with pytest.raises(NotFound):
            engine.library.delete(["b", gone])
    assert engine.library.mark == mark, "a delete of which one was not found is no change"


def test_pruning_removes_earlier_revisions_only(engine: Engine) -> None:
    texts = [article("a", f"Version {n} of the text.") for n in range(5)]
    for one in texts:
        engine.library.put([entry(one)])
    engine.library.put([entry(article("b", "Another."))])
    assert engine.library.prune(keep=2) == 2
    for old in texts[:2]:
        with pytest.raises(NotFound):
            engine.library.article("a", old.revision)
    assert [engine.library.article("a", one.revision) for one in texts[2:]] == texts[2:]
    assert engine.library.prune() == 2
    assert (engine.library.article("a"), engine.library.prune()) == (texts[-1], 0)


def test_a_reading_stays_at_its_state(engine: Engine) -> None:
    engine.library.put([entry(article("a", "Alpha text.")), entry(article("b", "Beta text."))])
    with engine.library.reading() as then:
        engine.library.put([entry(article("a", "Changed text.")), entry(article("c", "Gamma text."))])
        engine.library.delete(["b"])
        assert [one.text for one in then.articles(limit=9)] == ["Alpha text.", "Beta text."]
        assert len(then.search_text("text", 9)) == 2
        assert then.changes(Mark(0, 0)).mark == then.mark != engine.library.mark
    assert [one.text for one in engine.library.articles(limit=9)] == ["Changed text.", "Gamma text."]


def test_the_index_is_of_the_state_that_is_read(engine: Engine) -> None:
    engine.library.put([entry(article("a", "Alpha text."))])
    vector = EMBEDDER.embed_queries(["Alpha text."])[0]
    with state(engine.library, engine.index) as then:
        engine.library.put([entry(article("b", "Alpha text."))])
        with state(engine.library, engine.index) as now:
            assert (len(then.index), len(now.index)) == (1, 2)
            assert len(then.index.search(vector, 5)) == 1
            assert len(now.index.search(vector, 5)) == 2
            assert then.library.chunks([n for n, _ in then.index.search(vector, 5)])[0].article_id == "a"


@pytest.mark.parametrize(
    "query", ["", "?!", '"', "NEAR(", "a* OR b", "x AND NOT y", "col:umn", "'; DROP TABLE meta; --"]
)
def test_no_query_is_read_as_a_command(engine: Engine, query: str) -> None:
    engine.library.put([entry(article("a", "Some text."))])
    engine.library.search_text(query, 5)
    assert engine.library.article("a").text == "Some text."


DAYS = ["2018-01-05", "2018-01-06T10:00:00Z", "2019-06-01", "2020", None]
NAMES = st.lists(st.sampled_from(["P", "Q", "it's", ""]), max_size=3).map(tuple)
LEAVES: st.SearchStrategy[Where] = st.one_of(
    st.builds(Published, st.sampled_from(["2018-01-06", "2019-01-01", None]), st.sampled_from(["2019-06-01", None])),
    st.builds(AsOf, st.sampled_from(["2018-01-05", "2019-01-01T00:00:00Z", "2030-01-01"])),
    st.builds(Is, st.sampled_from(["publisher", "language", "tag"]), NAMES),
    st.builds(Is, st.just("id"), st.lists(st.sampled_from([f"a{n}" for n in range(12)]), max_size=4).map(tuple)),
)
TREES = st.recursive(
    LEAVES,
    lambda trees: st.one_of(
        st.builds(Every, st.lists(trees, max_size=3).map(tuple)),
        st.builds(Either, st.lists(trees, max_size=3).map(tuple)),
        st.builds(Not, trees),
    ),
    max_leaves=8,
)


def facts(n: int) -> Entry:
    names: list[Any] = ["P", "Q", "it's", "", None]
    marked = {"tags": [name for m, name in enumerate(names[:4]) if n & 1 << m]}
    return entry(Article(f"a{n}", "", f"Canal {n}.", None, DAYS[n % 5], names[n % 4], names[n // 2 % 5], marked))


@pytest.fixture(scope="module")
def shelves() -> list[Engine]:
    with TemporaryDirectory() as folder:
        engines = [make(Path(folder)) for make in ENGINES.values()]
        for engine in engines:
            engine.library.put([facts(n) for n in range(12)])
        yield engines  # type: ignore[misc]
        for engine in engines:
            engine.library.close()


@pytest.mark.proof
@given(TREES)
def test_a_filter_lets_through_what_brute_force_does(shelves: list[Engine], where: Where) -> None:
    found, oracle = shelves
    allowed = [int(n) for n in found.library.allowed(where)]
    assert allowed == [int(n) for n in oracle.library.allowed(where)]
    matching = [
        sorted(n for n, _ in one.library.search_text("canal", 99, one.library.allowed(where))) for one in shelves
    ]
    assert matching[0] == matching[1]
    vector = EMBEDDER.embed_queries(["Canal 7."])[0]
    with state(found.library, found.index) as a, state(oracle.library, oracle.index) as b:
        near = a.index.search(vector, 99, a.library.allowed(where))
        np.testing.assert_allclose(
            sorted(near), sorted(b.index.search(vector, 99, b.library.allowed(where))), atol=1e-5
        )


class Agreement(RuleBasedStateMachine):
    """The same calls on both engines, whatever their order: the same results, at the end and in between."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.engines = [make(Path(self.folder.name)) for make in ENGINES.values()]

    @rule(ids=st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True), version=st.integers(0, 3))
    def put(self, ids: list[str], version: int) -> None:
        sources = [article(name, f"Text {version} of {name}. " * (version + 1), f"On {name}") for name in ids]
        for engine in self.engines:
            engine.library.put([entry(source) for source in sources])

    @rule(name=st.sampled_from("abcd"))
    def delete(self, name: str) -> None:
        there = [one.id for one in self.engines[1].library.articles(limit=9)]
        for engine in self.engines:
            if name in there:
                engine.library.delete([name])
            else:
                with pytest.raises(NotFound):
                    engine.library.delete([name])

    @rule(keep=st.integers(0, 2))
    def prune(self, keep: int) -> None:
        assert len({engine.library.prune(keep) for engine in self.engines}) == 1

    @rule()
    def save(self) -> None:
        for engine in self.engines:
            with engine.library.reading() as now:
                engine.index.save(now)

    @precondition(lambda self: self.engines)
    @rule()
    def reopen(self) -> None:
        self.engines[0].library.close()
        self.engines[0] = sqlite_and_faiss(Path(self.folder.name))

    @invariant()
    def agree(self) -> None:
        one, other = (engine.library for engine in self.engines)
        assert one.articles(limit=9) == other.articles(limit=9)
        for after in (None, "a", "c"):
            assert one.articles(limit=2, after=after, latest=True) == other.articles(limit=2, after=after, latest=True)
        for found in other.articles(limit=9):
            assert [chunk.text for chunk in one.stored(found.id)[0]] == [c.text for c in other.stored(found.id)[0]]
        assert one.stats().revisions == other.stats().revisions
        assert one.stats().chunks == other.stats().chunks
        texts = [
            sorted(chunk.text for chunk in library.chunks([n for n, _ in library.search_text("text of a", 99)]))
            for library in (one, other)
        ]
        assert texts[0] == texts[1]
        vector = EMBEDDER.embed_queries(["Text 1 of b."])[0]
        scores = []
        for engine in self.engines:
            with state(engine.library, engine.index) as now:
                assert len(now.index) == now.library.stats().chunks
                scores.append([score for _, score in now.index.search(vector, 5)])
        np.testing.assert_allclose(scores[0], scores[1], atol=1e-5)

    def teardown(self) -> None:
        assert self.engines[0].library.problems() == []  # type: ignore[attr-defined]
        self.engines[0].library.close()
        self.folder.cleanup()


def test_engines_agree_whatever_is_done() -> None:
    run_state_machine_as_test(Agreement, settings=settings(max_examples=25, stateful_step_count=15, deadline=None))
