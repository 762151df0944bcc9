"""JSON objects and JSON lines become articles, or an error that says what to mend."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import QuotewellError, ReadError, TooLarge
from rag.readers import make_article, read, read_bytes
from rag.readers.facts import date_of, is_web_url
from rag.readers.records import headline, slug
from rag.types import Article, Refusal

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEY = st.sampled_from(["id", "title", "url", "published_at", "publisher", "language", "metadata"])


def make(record: Mapping[str, object], max_chars: int = 10_000) -> Article:
    return make_article(record, source="upload", max_chars=max_chars)


def test_every_fact_of_a_record_is_kept() -> None:
    article = make(
        {
            "id": "a-1",
            "title": " A  title ",
            "text": "Body.\r\nMore.",
            "url": "https://example.org/a",
            "published_at": "2018-10-24",
            "publisher": "The Post",
            "language": "pt-BR",
            "metadata": {"tags": ["x", 1, None]},
        }
    )
    assert article == Article(
        id="a-1",
        title="A title",
        text="Body.\nMore.",
        url="https://example.org/a",
        published_at="2018-10-24",
        publisher="The Post",
        language="pt-BR",
        metadata={"tags": ["x", 1, None], "source": "upload"},
    )


def test_missing_facts_are_not_guessed_but_the_title() -> None:
    article = make({"text": "The dam broke in 1959. Nobody was warned.\n\nMore."})
    assert article.title == "The dam broke in 1959."
    assert (article.url, article.published_at, article.publisher, article.language) == (None, None, None, None)


@given(st.text(min_size=1))
def test_a_made_title_is_one_line_of_at_most_80_characters(text: str) -> None:
    title = headline(text)
    assert len(title) <= 80
    assert "\n" not in title


def test_the_same_record_has_the_same_id_and_another_has_another() -> None:
    by_url = [make({"text": text, "url": "https://example.org/news/Dam-Breaks.html"}).id for text in ("a", "b")]
    assert by_url[0] == by_url[1]
    assert by_url[0].startswith("dam-breaks-")
    by_text = [make({"title": "Über die Straße!", "text": text}).id for text in ("a", "b", "a")]
    assert by_text[0] == by_text[2] != by_text[1]
    assert by_text[0].startswith("uber-die-strae-")


@given(st.text())
def test_a_slug_is_ascii_and_short(text: str) -> None:
    assert 1 <= len(slug(text)) <= 60
    assert slug(text).replace("-", "a").isalnum()
    assert slug(text).isascii()


@pytest.mark.parametrize(
    ("record", "named"),
    [
        ({"text": "x", "txt": 1, "author": "A"}, "'txt', 'author'"),
        ({}, '"text"'),
        ({"text": 5}, '"text"'),
        ({"text": " \n "}, "no text"),
        ({"text": "x", "id": ""}, '"id"'),
        ({"text": "x", "id": "  "}, '"id"'),
        ({"text": "x", "id": "a\nb"}, '"id"'),
        ({"text": "x", "id": "a" * 201}, '"id"'),
        ({"text": "x", "id": 7}, '"id"'),
        ({"text": "x", "id": "\ud800"}, '"id"'),
        ({"text": "x", "title": ["a"]}, '"title"'),
        ({"text": "x", "url": "javascript:alert(1)"}, '"url"'),
        ({"text": "x", "url": "https://a b"}, '"url"'),
        ({"text": "x", "published_at": "24 October 2018"}, '"published_at"'),
        ({"text": "x", "published_at": "2018-02-30"}, '"published_at"'),
        ({"text": "x", "published_at": 2018}, '"published_at"'),
        ({"text": "x", "language": "English, mostly"}, '"language"'),
        ({"text": "x", "metadata": [1]}, '"metadata"'),
        ({"text": "x", "metadata": {"a": object()}}, "metadata"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_by_the_key(record: dict[str, object], named: str) -> None:
    with pytest.raises(ReadError) as caught:
        make(record)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["x" * 101, "x" * 401, "x " * 300])
def test_a_text_over_the_limit_is_too_large(text: str) -> None:
    with pytest.raises(TooLarge, match="100 characters"):
        make({"text": text}, max_chars=100)


@given(st.dictionaries(KEY, JSON), st.text())
def test_any_json_makes_an_article_or_a_typed_error(record: dict[str, object], text: str) -> None:
    try:
        article = make({**record, "text": text})
    except QuotewellError as err:
        assert str(err)
    else:
        json.dumps(dict(article.metadata), allow_nan=False).encode("utf-8")
        article.title.encode("utf-8")
        assert article.title


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2018-10-24", "2018-10-24"),
        (" 2018-10-24T10:30Z ", "2018-10-24T10:30Z"),
        ("2018-10-24 10:30:00+02:00", "2018-10-24T10:30:00+02:00"),
        ("20181024", "2018-10-24"),
        ("", None),
    ],
)
def test_a_date_is_as_precise_as_it_came(given: str, kept: str | None) -> None:
    assert date_of(given) == kept


@pytest.mark.parametrize(
    "url", ["data:text/html,x", "//a.b/c", "https://", "http://[::1", "https://a\u0000b", 'https://a/"onload=']
)
def test_what_is_no_web_address_is_not_taken_for_one(url: str) -> None:
    assert not is_web_url(url)


def test_a_broken_line_is_named_and_the_others_go_in(tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    lines = ['{"text": "one"}', "", "{broken", '["a list"]', '{"text": "two"}', '{"text": NaN}', '{"text": ""}']
    path.write_text("\ufeff" + "\n".join(lines), "utf-8")
    found = list(read(str(path), max_chars=1000))
    assert [item.text for item in found if isinstance(item, Article)] == ["one", "two"]
    assert [item.metadata["source"] for item in found if isinstance(item, Article)] == ["file.jsonl:1", "file.jsonl:5"]
    refused = [item for item in found if isinstance(item, Refusal)]
    assert [item.source for item in refused] == [f"{path}:{number}" for number in (3, 4, 6, 7)]
    assert "column 2" in refused[0].reason


def test_an_endless_line_is_passed_over_and_what_follows_is_read() -> None:
    data = b'{"text": "' + b"x" * 200_000 + b'"}\n{"text": "short"}\n'
    refusal, article = read_bytes(data, "x.jsonl", max_chars=100)
    assert isinstance(refusal, Refusal)
    assert (refusal.source, refusal.code) == ("x.jsonl:1", "too_large")
    assert isinstance(article, Article)
    assert article.text == "short"


def test_lines_are_read_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "many.ndjson"
    path.write_bytes(b'{"text": "one"}\n' * 50_000)
    stream = read(str(path), max_chars=10)
    assert isinstance(next(stream), Article)  # though the file is far over 4 * max_chars bytes
    stream.close()  # type: ignore[attr-defined]


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    (refusal,) = read_bytes(b'{"text": ' + b"[" * 100_000, "x.jsonl", max_chars=1_000_000)
    assert isinstance(refusal, Refusal)
    assert "nesting" in refusal.reason


def test_json_holds_one_article_or_a_list() -> None:
    (one,) = read_bytes(b'{"text": "one"}', "x.json", max_chars=100)
    assert isinstance(one, Article)
    found = list(read_bytes(b'[{"text": "one"}, 5, {"text": "two"}]', "x.json", max_chars=100))
    assert [type(item) for item in found] == [Article, Refusal, Article]
    assert isinstance(found[1], Refusal)
    assert found[1].source == "x.json:2"


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b'\n{"text": "one"}\n{"text": "two"}\n', ["one", "two"]),
        (b'{\n "text": "one"\n}', ["one"]),
        (b'[{"text": "one"}]', ["one"]),
        (b"[1] A note\n\nAnd text.", ["And text."]),
        ("Ein Satz über nichts.".encode(), ["Ein Satz über nichts."]),
    ],
)
def test_standard_input_is_json_lines_json_or_text(
    data: bytes, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert [item.text for item in read("-", max_chars=1000) if isinstance(item, Article)] == texts


def test_an_article_that_was_read_back_can_be_put_in_again() -> None:
    first = make_article({"id": "a", "title": "T", "text": "Some text."}, source="x", max_chars=100)
    again = make_article(
        {"id": "a", "title": "T", "text": first.text, "revision": first.revision}, source="x", max_chars=100
    )
    assert again == first
