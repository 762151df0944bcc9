"""The command line as a user sees it: what is printed, and the exit code."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ARTICLE = """---
id: bridge
title: The bridge of Testford opens
published_at: 2019-05-04
---
The old bridge of Testford was closed for eleven months. It opened again on 4 May 2019.

The repair cost 2.4 million pounds because the piers had to be renewed.
"""


def quotewell(*args: str, home: Path, stdin: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-m", "rag", *args],
        capture_output=True,
        text=True,
        input=stdin,
        env=os.environ | {"QUOTEWELL_HOME": str(home), "COLUMNS": "120", "NO_COLOR": "1"} | env,
        timeout=60,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "bridge.md").write_text(ARTICLE)
    done = quotewell("ingest", str(folder / "bridge.md"), home=folder / "home")
    assert done.returncode == 0, done.stderr
    assert "added" in done.stdout and "1 article in 1 chunk\n" in done.stdout
    return folder / "home"


def error(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_ask_answers_with_quotes(home: Path) -> None:
    done = quotewell("ask", "How much did the repair of the bridge cost?", home=home)
    assert done.returncode == 0, done.stderr
    assert "2.4 million pounds" in done.stdout
    assert "[1] The bridge of Testford opens (2019-05-04)" in done.stdout
    assert "characters" in done.stdout


def test_ask_json_is_the_wire_object(home: Path) -> None:
    done = quotewell("ask", "When did the bridge open again?", "--json", home=home)
    answer = json.loads(done.stdout)
    shown = json.loads(quotewell("articles", "show", "bridge", "--json", home=home).stdout)
    for citation in answer["citations"]:
        assert shown["text"][citation["start_char_index"] : citation["end_char_index"]] == citation["cited_text"]
        assert citation["revision"] == shown["revision"]
    assert "4 May 2019" in answer["citations"][0]["cited_text"]


def test_what_the_articles_do_not_hold_is_declined_with_the_nearest(home: Path) -> None:
    done = quotewell("ask", "Who discovered the moons of Jupiter?", home=home)
    assert done.returncode == 0
    assert "No sure answer" in done.stdout and "Nearest passages" in done.stdout


def test_search_list_delete(tmp_path: Path, home: Path) -> None:
    found = json.loads(quotewell("search", "bridge repair", "--json", home=home).stdout)["passages"]
    assert found[0]["article_id"] == "bridge"
    assert "The bridge of Testford opens" in quotewell("articles", "list", home=home).stdout
    own = tmp_path / "own"
    quotewell("ingest", "-", home=own, stdin='{"id": "x", "text": "Some text."}\n')
    assert quotewell("articles", "delete", "x", home=own).returncode == 0
    assert "none with id 'x'" in error(quotewell("articles", "delete", "x", home=own), 1)


def test_a_second_ingest_changes_nothing(home: Path) -> None:
    done = quotewell("ingest", str(home.parent / "bridge.md"), "--json", home=home)
    assert json.loads(done.stdout)["outcome"] == "unchanged"


def test_a_refused_source_is_named_and_the_others_go_in(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "good.txt").write_text("A title\n\nA good text.")
    (tmp_path / "lines.jsonl").write_text(
        '{"id": "one", "text": "One."}\n{"id": broken\n{"id": "two", "text": "Two."}\n'
    )
    done = quotewell(
        "ingest", *(str(tmp_path / n) for n in ("empty.txt", "good.txt", "lines.jsonl")), home=tmp_path / "h"
    )
    assert done.returncode == 1
    assert "3 added" in done.stdout and "2 refused" in done.stdout
    assert "lines.jsonl:2" in done.stdout


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["ask", "  "], 2, "expected a question of 1 to 2000 characters; found none"),
        (["ask", "why " * 3000], 2, "characters; ask one thing"),
        (["articles", "show", "nobody"], 1, "none with id 'nobody'"),
    ],
)
def test_bad_requests_are_one_line(home: Path, args: list[str], code: int, said: str) -> None:
    assert said in error(quotewell(*args, home=home), code)


def test_wrong_settings_name_the_key(home: Path) -> None:
    assert "QUOTEWELL_THRESHOLD" in error(quotewell("search", "x", home=home, QUOTEWELL_THRESHOLD="high"), 2)


def test_an_index_of_another_embedder_is_refused(home: Path, tmp_path: Path) -> None:
    import shutil
    import sqlite3

    shutil.copytree(home, tmp_path / "copy")
    with sqlite3.connect(tmp_path / "copy" / "library.db") as db:
        db.execute("UPDATE meta SET value = 'another' WHERE key = 'embedder'")
    assert "found another in" in error(quotewell("ask", "Why?", home=tmp_path / "copy"), 1)


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "choose another with --home" in error(quotewell("ingest", "x.txt", home=tmp_path / "file" / "home"), 1)


def test_an_empty_library_says_what_to_do(tmp_path: Path) -> None:
    for given in (("ask", "Why?"), ("search", "Why?"), ("articles", "list")):
        assert "make one with quotewell ingest" in error(quotewell(*given, home=tmp_path / "none"), 1)
    assert not (tmp_path / "none").exists()  # asking makes no folders


def test_doctor(home: Path) -> None:
    done = quotewell("doctor", home=home)
    assert done.returncode == 0, done.stdout
    assert "ready (doctor --deep" in done.stdout


def test_the_commands_of_other_packages_are_listed(home: Path) -> None:
    listed = quotewell("--help", home=home).stdout
    assert all(name in listed for name in ("ingest", "ask", "search", "articles", "doctor", "serve", "eval"))


def test_a_revision_may_be_named_as_it_is_printed(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "a", "title": "T", "text": "One text."}')
    quotewell("ingest", str(tmp_path / "a.jsonl"), home=tmp_path / "home")
    (tmp_path / "a.jsonl").write_text('{"id": "a", "title": "T", "text": "Another text."}')
    quotewell("ingest", str(tmp_path / "a.jsonl"), home=tmp_path / "home")
    first = hashlib.sha256(b"One text.").hexdigest()
    for given in (("a", "--revision", first[:12]), (f"a@{first[:12]}",), (f"a@{first}",)):
        assert "One text." in quotewell("articles", "show", *given, home=tmp_path / "home").stdout
    assert "Another text." in quotewell("articles", "show", "a", home=tmp_path / "home").stdout
    error(quotewell("articles", "show", f"a@{first[:11]}", home=tmp_path / "home"), 1)


def test_a_backup_brings_all_back_and_never_overwrites_unasked(tmp_path: Path, home: Path) -> None:
    file = tmp_path / "articles.backup"
    assert "1 article in" in quotewell("backup", str(file), home=home).stdout
    other = tmp_path / "other"
    assert "1 article restored" in quotewell("restore", str(file), home=other).stdout
    assert quotewell("articles", "list", home=other).stdout == quotewell("articles", "list", home=home).stdout
    assert "nothing contradicts itself" in quotewell("doctor", "--deep", home=other).stdout
    refused = quotewell("restore", str(file), home=other)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "expected an empty collection" in refused.stderr and "add --force" in refused.stderr
    assert quotewell("restore", str(file), "--force", home=other).returncode == 0
    missing = quotewell("restore", str(tmp_path / "none"), home=tmp_path / "third")
    assert missing.returncode == 1 and "expected a backup at" in missing.stderr


def test_filters_and_several_deletions(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "a.jsonl"
    records = [
        {"id": "old", "text": "The mill was built by Anna Berg.", "published_at": "2001-05-05", "publisher": "P"},
        {
            "id": "new",
            "text": "The mill was rebuilt by Carl Dahl.",
            "published_at": "2011-05-05",
            "metadata": {"tags": ["x"]},
        },
    ]
    file.write_text("\n".join(json.dumps(record) for record in records))
    quotewell("ingest", str(file), home=home)
    for options, expected in {
        ("--from", "2005-01-01"): {"new"}, ("--to", "2005-01-01"): {"old"}, ("--as-of", "2005-01-01"): {"old"},
        ("--publisher", "P", "--publisher", "Q"): {"old"}, ("--tag", "x"): {"new"}, ("--language", "de"): set(),
        (): {"old", "new"},
    }.items():  # fmt: skip
        found = json.loads(quotewell("search", "Who built the mill?", "--json", *options, home=home).stdout)
        assert {passage["article_id"] for passage in found["passages"]} == expected, options
    wrong = quotewell("ask", "Who?", "--from", "May", home=home)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1) and "a day such as" in wrong.stderr
    assert quotewell("articles", "delete", "old", "never", home=home).returncode == 1
    assert quotewell("articles", "delete", "old", "new", home=home).stdout == "deleted old\ndeleted new\n"


def test_pruning_and_rebuilding(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "a.txt"
    for n in range(3):
        file.write_text(f"The mill has {n} wheels.")
        quotewell("ingest", str(file), home=home)
    assert "removed 1 earlier revisions" in quotewell("prune", "--keep", "1", home=home).stdout
    assert json.loads(quotewell("prune", "--json", home=home).stdout)["removed"] == 1
    (home / "library.seq").write_text("garbage")
    for path in home.glob("index*"):
        path.write_bytes(b"garbage")
    assert "nothing contradicts itself" in quotewell("doctor", "--rebuild", "--deep", home=home).stdout
    assert "2 wheels" in quotewell("ask", "How many wheels has the mill?", home=home).stdout


def test_verify_reads_what_ask_printed_and_finds_what_was_changed(home: Path, tmp_path: Path) -> None:
    answer = quotewell("ask", "When did the bridge open again?", "--json", home=home).stdout
    told = quotewell("verify", "-", home=home, stdin=answer)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("✓ [1] exact\n")
    changed = json.loads(answer)
    changed["citations"][0]["cited_text"] = changed["citations"][0]["cited_text"].replace("2019", "2020")
    changed["text"] = changed["text"].replace("2019", "2020")
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(changed))
    told = quotewell("verify", str(path), home=home)
    assert told.returncode == 1
    assert told.stdout.startswith("✗ [1] altered\n")
    assert "✗ unsupported" in told.stdout
    found = json.loads(quotewell("verify", str(path), "--json", home=home).stdout)
    assert (found["verified"], found["citations"][0]["reason"]) == (False, "altered")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"citations": 5}', '{"citations": [{"cited_text": 5}]}', '{"choices": []}']
)
def test_verify_says_what_it_cannot_read(home: Path, content: str) -> None:
    told = quotewell("verify", "-", home=home, stdin=content)
    assert told.returncode == 2
    assert told.stderr.startswith("error: expected ")
    assert "Traceback" not in told.stderr
