"""Files and folders become articles; what cannot be one is refused in a line that helps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.readers import read, read_bytes
from rag.readers.clean import canonical
from rag.types import Article, Refusal

STORY = """Amazon met with ICE officials over facial-recognition system


[ad_1]


A camera at Orlando International Airport in June. (John Raoux / AP)

“We are ready,” the official wrote.

[ad_2]
Source link"""


def one(data: bytes, name: str, max_chars: int = 100_000, content_type: str | None = None) -> Article:
    (found,) = read_bytes(data, name, max_chars=max_chars, content_type=content_type)
    assert isinstance(found, Article), found
    return found


def refused(data: bytes, name: str, max_chars: int = 100_000) -> str:
    (found,) = read_bytes(data, name, max_chars=max_chars)
    assert isinstance(found, Refusal), found
    assert "\n" not in found.reason
    return f"{found.code}: {found.reason}"


def test_a_story_with_its_debris(tmp_path: Path) -> None:
    path = tmp_path / "000_8e80.txt"
    path.write_text(STORY, "utf-8")
    (article,) = read(str(path), max_chars=10_000)
    assert isinstance(article, Article)
    assert article.title == "Amazon met with ICE officials over facial-recognition system"
    assert article.text == (
        "A camera at Orlando International Airport in June. (John Raoux / AP)\n\n“We are ready,” the official wrote."
    )
    assert article.id.startswith("000-8e80-")
    assert article.metadata == {"source": "000_8e80.txt"}
    assert article.published_at is None


@pytest.mark.parametrize("gap", ["\n", "\n\n"])
@pytest.mark.parametrize(
    ("line", "day", "publisher", "kept"),
    [
        ("3 October 2024, The Ashby Gazette", "2024-10-03", "The Ashby Gazette", False),
        ("Reuters | October 3, 2024", "2024-10-03", "Reuters", False),
        ("Published on Thursday, 3 Oct 2024", "2024-10-03", None, False),
        ("2024-10-03", "2024-10-03", None, False),
        ("By Ann Lee, 3 October 2024", "2024-10-03", None, True),
        ("Ashby, 3 October 2024", "2024-10-03", None, True),
    ],
)
def test_a_line_with_a_date_under_the_headline(
    gap: str, line: str, day: str, publisher: str | None, kept: bool
) -> None:
    article = one(f"Fire at the mill{gap}{line}\n\nA fire broke out.\n\nNobody was hurt.".encode(), "x.txt")
    assert (article.title, article.published_at, article.publisher) == ("Fire at the mill", day, publisher)
    assert article.text == (f"{line}\n\n" if kept else "") + "A fire broke out.\n\nNobody was hurt."


@pytest.mark.parametrize("line", ["The mill burned on 3 October 2024.", "31 February 2024", "3 May 2024 to 4 May 2024"])
def test_a_line_that_is_more_or_less_than_a_date_is_text(line: str) -> None:
    article = one(f"Fire at the mill\n\n{line}\n\nNobody was hurt.".encode(), "x.txt")
    assert (article.published_at, article.text) == (None, f"{line}\n\nNobody was hurt.")


def test_a_text_without_a_headline_keeps_its_first_line() -> None:
    long = "A first paragraph that goes on. " * 10
    assert one(f"{long}\n\nSecond.".encode(), "x.txt").text.startswith("A first paragraph")
    assert one(b"Only one line.", "x.txt").text == "Only one line."
    assert one(b"A line\nand its second\n\nNext.", "x.txt").text == "A line\nand its second\n\nNext."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_encodings_are_told_by_their_marks(encoding: str) -> None:
    assert one("Ein Maß, 東京, 😀.".encode(encoding), "x.txt").text == "Ein Maß, 東京, 😀."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Президент сообщил, что переговоры пройдут в Москве во вторник утром.", "cp1251"),
        ("Президент сообщил, что переговоры пройдут в Москве во вторник утром.", "koi8-r"),
        ("東京の会社は火曜日に新しい製品を発表した。価格はまだ決まっていない。", "shift_jis"),
        ("Le café était fermé à cause de la grève. Les employés réclament des salaires plus élevés.", "cp1252"),
        ("Η κυβέρνηση ανακοίνωσε την Τρίτη νέα μέτρα για την οικονομία.", "cp1253"),
    ],
)
def test_an_older_encoding_is_detected_where_it_is_certain(text: str, encoding: str) -> None:
    assert one(text.encode(encoding), "x.txt").text == text


def test_an_encoding_that_is_not_certain_is_refused_and_never_guessed() -> None:
    reason = refused("café".encode("cp1252"), "x.txt")
    assert "utf-8" in reason
    assert "save it as UTF-8" in reason
    assert "utf-16-le" in refused(b"\xff\xfea", "x.txt").lower()


def test_a_declared_charset_is_used_and_a_dangerous_one_is_not() -> None:
    assert one("café".encode("cp1252"), "x.txt", content_type="text/plain; charset=iso-8859-1").text == "café"
    assert one(b"+ADw-b+AD4-", "x.txt", content_type="text/plain; charset=utf-7").text == "+ADw-b+AD4-"


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"%PDF-1.7\n", "a PDF document"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"plain\x00text", "binary data"),
        (b"\x1f\x8b\x08", "gzip data"),
        (b"", "no text"),
        (b" \r\n\t ", "no text"),
        (b"[ad_1]\nSource link", "no text"),
    ],
)
@pytest.mark.parametrize("name", ["x.txt", "x.md", "x.html"])
def test_what_is_no_text_is_refused_by_its_name(data: bytes, name: str, named: str) -> None:
    assert named in refused(data, name)


def test_a_pdf_named_as_such_is_named_and_an_unknown_ending_told(tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.4 ...")
    (tmp_path / "notes.xyz").write_text("text")
    (pdf,) = read(str(tmp_path / "report.pdf"), max_chars=100)
    (other,) = read(str(tmp_path / "notes.xyz"), max_chars=100)
    assert isinstance(pdf, Refusal)
    assert "a PDF document" in pdf.reason
    assert isinstance(other, Refusal)
    assert ".jsonl" in other.reason
    assert "'.xyz'" in other.reason


def test_too_large_is_told_before_the_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    path.write_bytes(b"")
    os.truncate(path, 10**12)  # a hole: reading it would take minutes
    (refusal,) = read(str(path), max_chars=1000)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "too_large"
    assert "4,000 bytes" in refusal.reason
    assert "too_large" in refused(b"x" * 101, "x.txt", max_chars=100)


def test_a_folder_is_read_in_order_without_hidden_linked_and_unknown_files(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "secret.txt").write_text("secret")
    folder = tmp_path / "in"
    for name in ("b.txt", "a/z.txt", "a/.hidden.txt", ".git/config.txt", "picture.png", "c.md", "A.TXT", "bad.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "bad.txt").write_bytes(b"\x00")
    (folder / "link.txt").symlink_to(tmp_path / "out" / "secret.txt")
    (folder / "linked").symlink_to(tmp_path / "out")
    os.mkfifo(folder / "pipe.txt")
    found = list(read(str(folder), max_chars=100))
    assert [item.text if isinstance(item, Article) else item.source for item in found] == [
        "A.TXT",
        "a/z.txt",
        "b.txt",
        str(folder / "bad.txt"),
        "c.md",
    ]


def test_an_empty_folder_and_a_missing_path_say_so(tmp_path: Path) -> None:
    (empty,) = read(str(tmp_path), max_chars=100)
    (missing,) = read(str(tmp_path / "no.txt"), max_chars=100)
    (strange,) = read("a\x00b", max_chars=100)
    assert isinstance(empty, Refusal)
    assert "none in it" in empty.reason
    assert isinstance(missing, Refusal)
    assert "no such file" in missing.reason
    assert isinstance(strange, Refusal)


def test_a_pipe_does_not_keep_us_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (refusal,) = read(str(tmp_path / "pipe.txt"), max_chars=100)
    assert isinstance(refusal, Refusal)
    assert "a pipe" in refusal.reason


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.txt"
    path.write_text("text")

    def denied(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)  # the tests may run as root, whom no mode keeps out
    (refusal,) = read(str(path), max_chars=100)
    assert isinstance(refusal, Refusal)
    assert "permission denied" in refusal.reason


def test_an_article_keeps_its_id_when_its_text_changes_and_when_it_is_named_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "Über uns.txt"
    ids = []
    for text, name in (("one", str(path)), ("two", str(path)), ("two", "Über uns.txt")):
        path.write_text(text)
        monkeypatch.chdir(tmp_path)
        (article,) = read(name, max_chars=100)
        assert isinstance(article, Article)
        ids.append(article.id)
    assert len(set(ids)) == 1
    assert ids[0].startswith("uber-uns-")


def test_the_name_of_an_upload_is_a_label_only(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    article = one(b"mine", f"../..{tmp_path}/secret.txt")
    assert article.text == "mine"
    assert article.metadata == {"source": "secret.txt"}
    assert one(b"mine", "C:\\docs\\a.txt").metadata == {"source": "a.txt"}
    assert one(b"mine", "blob", content_type="text/plain").text == "mine"
    assert "no ending" in refused(b"mine", "blob")


def test_a_file_name_that_is_not_utf8_does_not_spoil_the_article(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    Path(os.fsdecode(path)).write_text("text")
    (article,) = read(str(tmp_path), max_chars=100)
    assert isinstance(article, Article)
    str(article.metadata["source"]).encode("utf-8")


def test_front_matter_gives_the_facts_and_the_body_stays_markdown() -> None:
    raw = b"""---
title: The dam
date: 2018-10-24
lang: en
url: https://example.org/dam
tags: [water, 1959]
---
# Another heading

It **broke** at `9 pm`.
"""
    article = one(raw, "dam.md")
    assert (article.title, article.published_at, article.language) == ("The dam", "2018-10-24", "en")
    assert article.url == "https://example.org/dam"
    assert article.text == "# Another heading\n\nIt **broke** at `9 pm`."
    assert article.metadata == {"tags": ["water", 1959], "source": "dam.md"}


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        ("Intro.\n\n# The *heading* #\n\nText.", "The *heading*"),
        ("```\n# a comment\n```\n\n# About C#\n", "About C#"),
        ("No heading here. And more.", "No heading here."),
        ("---\ntitle: 1984\n---\nText.", "1984"),
    ],
)
def test_the_title_of_markdown(raw: str, title: str) -> None:
    assert one(raw.encode(), "x.md").title == title


def test_rules_at_the_top_are_no_front_matter() -> None:
    raw = "---\nA quotation between two rules\n---\n\nText."
    assert one(raw.encode(), "x.md").text == raw


LAUGHS = "\n".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 9))


@pytest.mark.parametrize(
    ("front", "named"),
    [
        ("date: yesterday", "published_at"),
        ("date: 2018-02-31", "front matter"),
        ("title: [unclosed", "line"),
        ("when: !!int x", "front matter"),
        ("x: !!python/object/apply:os.system [id]", "python/object"),
        ("x: " + "[" * 20_000, "front matter"),
        ("x0: &x0 [a]\n" + LAUGHS, "10,000 values"),
        ("x: &a [*a]", "nested"),
        ("x: " + "a" * 70_000, "65,536"),
        ("language: no", '"language"'),
    ],
)
def test_front_matter_that_does_not_fit_is_refused(front: str, named: str) -> None:
    assert named in refused(f"---\n{front}\n---\nText.\n".encode(), "x.md")


@pytest.mark.proof
@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_any_text_file_is_an_article_of_canonical_text_or_a_refusal(raw: str) -> None:
    for name in ("x.txt", "x.md"):
        for item in read_bytes(raw.encode("utf-8", "replace"), name, max_chars=1000):
            assert isinstance(item, Refusal) or (item.text == canonical(item.text) and item.title)


@pytest.mark.proof
@given(st.binary())
def test_any_bytes_are_articles_or_refusals(data: bytes) -> None:
    for name in ("x.txt", "x.md", "x.json", "x.jsonl"):
        for item in read_bytes(data, name, max_chars=1000):
            assert isinstance(item, Article | Refusal)


def test_a_first_paragraph_that_is_a_sentence_stays_in_the_text() -> None:
    told = "The lighthouse was built in 1902 by Hanna Brisk. Its lamp burns paraffin.\n\nIn 1977 the last keeper left."
    (article,) = read_bytes(told.encode(), "l.txt", max_chars=1000)
    assert article.text == told
    (titled,) = read_bytes(b"A lighthouse for Ottery\n\nIt was built in 1902.", "m.txt", max_chars=1000)
    assert (titled.title, titled.text) == ("A lighthouse for Ottery", "It was built in 1902.")
