"""A page becomes its article, and every character of it can be found again in the page, or is not said to be."""

from __future__ import annotations

import time
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from justhtml import JustHTML

from rag.readers import read_bytes
from rag.readers.blocks import read_blocks
from rag.readers.clean import canonical
from rag.readers.html import exact, join
from rag.types import Article, Refusal

PARAGRAPHS = [
    f"Paragraph {n} says that the <b>comp</b>any&rsquo;s plan &amp; budget\r\n of year {n} were approved by council."
    for n in range(8)
]
PAGE = f"""<!doctype html><html lang="en-GB"><head><title>The plan | The Post</title>
<meta property="og:title" content="The plan &amp; the budget"><meta property="og:site_name" content="The Post">
<meta property="article:published_time" content="2018-10-24T10:00:00Z">
<link rel="canonical" href="https://example.org/news/plan.html"><style>p {{}}</style></head>
<body><nav><a href="/">Home</a> <a href="/news">News</a></nav><header><h1>Masthead</h1></header>
<article><h2>How it came</h2>{"".join(f"<p>{text}</p>" for text in PARAGRAPHS)}</article>
<aside>Read this too</aside><footer>Copyright, all rights reserved</footer><script>var tracked</script></body></html>"""


def one(page: str | bytes, max_chars: int = 1_000_000) -> Article:
    data = page if isinstance(page, bytes) else page.encode()
    (found,) = read_bytes(data, "page.html", max_chars=max_chars)
    assert isinstance(found, Article), found
    return found


def check_offsets(article: Article, raw: str) -> list[list[int]]:
    runs = article.metadata["html_offsets"]
    assert isinstance(runs, list)
    for start, origin, length in runs:
        assert article.text[start : start + length] == raw[origin : origin + length]
    return runs


def test_the_article_of_a_page_without_what_is_around_it() -> None:
    article = one(PAGE)
    expected = [f"Paragraph {n} says that the company’s plan & budget of year {n}" for n in range(8)]
    assert article.text.startswith(f"How it came\n\n{expected[0]} were approved by council.\n\n{expected[1]}")
    for line in expected:
        assert line in article.text
    for other in ("Home", "News", "Masthead", "Read this too", "Copyright", "tracked"):
        assert other not in article.text


def test_the_facts_of_a_page() -> None:
    article = one(PAGE)
    assert article.title == "The plan & the budget"
    assert article.published_at == "2018-10-24T10:00:00Z"
    assert (article.publisher, article.language) == ("The Post", "en-GB")
    assert article.url == "https://example.org/news/plan.html"
    assert article.id.startswith("plan-")


def test_most_characters_of_a_page_are_found_again() -> None:
    article = one(PAGE)
    runs = check_offsets(article, PAGE)
    assert sum(run[2] for run in runs) > 0.9 * len(article.text)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>un<b>broken</b> w<i>o</i>rd</p>", "unbroken word"),
        ("<p>a \n\t b</p><p>c</p>", "a b\n\nc"),
        ("<p>one<br>two<br/>three</p>", "one\ntwo\nthree"),
        ("<ul><li>first<li>second</ul>", "first\n\nsecond"),
        ("<table><tr><th>Name<th>Age<tr><td>Ann<td>5</table>", "Name Age\n\nAnn 5"),
        ("<p>5 &lt; 6 &amp; 7 &#8212; &nbsp;x</p>", "5 < 6 & 7 — \u00a0x"),
        ("<pre>\ndef f():\n    return 1\n</pre>", "def f():\n    return 1"),
        ("<p>shown<span hidden>no</span><span style='color:red; Display : none'>no</span></p>", "shown"),
        ("<p>shown<template>no</template><noscript>no</noscript><svg><text>no</text></svg></p>", "shown"),
        ("<p>a\x07b\x9fc</p>", "abc"),
        ("<p>one</p>[ad_1]<p>two</p>", "one\n\ntwo"),
    ],
)
def test_the_text_is_what_a_browser_shows(body: str, text: str) -> None:
    raw = f"<html><body>{body}</body></html>"
    article = one(raw)
    assert article.text == text
    check_offsets(article, raw)


def test_a_page_that_the_extractor_finds_nothing_in_falls_back() -> None:
    page = "<body><nav>Menu</nav><header>Top</header><div>Text.</div><form>Search</form><footer>End</footer></body>"
    assert "Text." in one(page).text
    assert "Menu" not in one(page).text


def test_a_page_without_text_is_refused() -> None:
    for page in ("<html><head><title>T</title></head><body><script>x</script></body></html>", "<p hidden>x</p>"):
        (refusal,) = read_bytes(page.encode(), "x.html", max_chars=1000)
        assert isinstance(refusal, Refusal)
        assert "no text" in refusal.reason


@pytest.mark.parametrize(
    ("head", "date"),
    [
        ('<meta property="article:published_time" content="yesterday">', None),
        ('<script type="application/ld+json">{"@graph":[{"datePublished":"2018-10-24"}]}</script>', "2018-10-24"),
        (
            '<script type="application/ld+json">[{"@type":"WebPage","datePublished":"2001-01-01"},'
            '{"@type":"NewsArticle","datePublished":"2018-10-24"}]</script>',
            "2018-10-24",
        ),
        ('<script type="application/ld+json">{broken</script>', None),
        ('<script type="application/ld+json">' + "[" * 50_000 + "</script>", None),
        ('</head><body><article><time datetime="2018-10-24">then</time></article>', "2018-10-24"),
        ('</head><body><aside><time datetime="2018-10-24">then</time></aside>', None),
        ('</head><body><time datetime="2018-10-24"></time><time datetime="2018-10-25"></time>', None),
    ],
)
def test_a_date_is_what_the_page_states_or_none(head: str, date: str | None) -> None:
    assert one(f"<html><head>{head}<p>Text of the article.</p></html>").published_at == date


@pytest.mark.parametrize(
    ("head", "title"),
    [
        ("<meta property=og:title content=' '><title>The  title</title>", "The title"),
        ("<title></title><body><h1>A <i>head</i>ing</h1>", "A heading"),
        ("<body>", "Text of the article."),
    ],
)
def test_the_title_of_a_page(head: str, title: str) -> None:
    assert one(f"<html><head>{head}<p>Text of the article. More of it.</p></html>").title == title


def test_an_address_that_is_no_web_address_is_left_out() -> None:
    for link in ("javascript:alert(1)", "/relative", "http://[bad"):
        assert one(f'<link rel="canonical" href="{link}"><p>Text.</p>').url is None


def test_the_charset_of_a_page() -> None:
    page = '<html><head><meta charset="windows-1252"></head><body><p>Le café fermé.</p></body></html>'
    article = one(page.encode("cp1252"))
    assert article.text == "Le café fermé."
    check_offsets(article, page)
    assert one(b"\xef\xbb\xbf" + page.encode()).text == "Le café fermé."
    check_offsets(one(b"\xef\xbb\xbf" + page.encode()), page)


@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 20_000 + "deep",
        "<p>a" + "<br>" * 50_000 + "b",
        "<p " + " ".join(f"a{n}=1" for n in range(20_000)) + ">text",
        "<b>x" * 10_000,
        "<table><tr><td>" * 2_000 + "x",
        "<" * 100_000 + "<p>x",
        "<p>" + "&amp;" * 100_000,
    ],
)
def test_a_hostile_page_ends_in_time(page: str) -> None:
    started = time.perf_counter()
    list(read_bytes(page.encode(), "x.html", max_chars=1_000_000))
    assert time.perf_counter() - started < 10


# Pieces of pages. Each word is unique in its page, so that where it really is can be told without our code.
TEXTS = [
    "{}",
    "{}",
    " ",
    "\n",
    "\r\n",
    "\t",
    "&",
    "<",
    "\x00",
    "\x07",
    "\u00a0",
    "😀",
    "\ufeff",
    "\x85",
    "[ad_1]",
    "[/caption]",
]
ENTITIES = "&amp; &amp &rsquo; &nbsp &#8212; &notanentity; &lt; &gt; &#1; &#128; &notit;".split()
TAGS = (
    "<p> </p> <b> </b> <i> </i> <a> </a> <br> <div> </div> </x> <table> <tr> <td> </td> </tr> </table> <pre> </pre> "
    "<li> "
    "<ul> <script> </script> <select> <option> </select> <svg> </svg> <math> <mi> </math> <h1> </h1> <form> </form> "
    "<xmp> "
    "<template> </template> <textarea> </textarea> <![CDATA[ ]]> <body> </html> <p/> <frameset> <caption> <col> <nobr> "
    "<font> </font> <!--c--> <plaintext> <noembed> </noembed> <listing> <title> </title> <td/> <!x> <?x>"
).split()
PIECES = st.lists(st.sampled_from([*TEXTS, *ENTITIES, *TAGS]), max_size=40)


@pytest.mark.proof
@given(PIECES)
def test_every_offset_is_right_or_absent(pieces: list[str]) -> None:
    words = count(100)
    raw = "".join(piece.replace("{}", f"w{next(words)}") for piece in pieces)
    text, runs = join(read_blocks(JustHTML(raw, sanitize=False, track_node_locations=True).root, raw))
    assert text == canonical(text)
    for start, origin, length in exact(runs, text, raw):
        assert text[start : start + length] == raw[origin : origin + length]
    for number in range(100, next(words)):
        word = f"w{number}"
        if word in text:
            at = text.index(word)
            for start, origin, length in exact(runs, text, raw):
                if start <= at < start + length:
                    assert origin + at - start == raw.index(word)


@pytest.mark.proof
@given(
    st.lists(st.sampled_from(["{}", " {}", "{} ", "<b>{}</b>", "&amp;", "\r\n", " \n", "<br>", "</p><p>"]), min_size=1)
)
def test_every_plain_word_has_its_offset(pieces: list[str]) -> None:
    words = count(100)
    raw = "<p>" + "".join(piece.replace("{}", f"w{next(words)}") for piece in pieces)
    text, runs = join(read_blocks(JustHTML(raw, sanitize=False, track_node_locations=True).root, raw))
    found = {text[start : start + length] for start, _, length in exact(runs, text, raw)}
    for number in range(100, next(words)):
        assert f"w{number}" not in raw or any(f"w{number}" in part for part in found)


@pytest.mark.proof
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00&<")))
def test_text_of_every_plane_comes_through_a_page(text: str) -> None:
    raw = f"<html><body><article><p>The first. {text} The last.</p></article></body>"
    article = one(raw)
    check_offsets(article, raw)
    assert article.text == canonical(article.text)


def test_text_that_the_parser_moved_is_not_taken_for_its_double() -> None:
    raw = "<table>one <tr><td>two</td></tr>two</table>"  # a browser shows "one two" before the table
    text, runs = join(read_blocks(JustHTML(raw, sanitize=False, track_node_locations=True).root, raw))
    assert text == "one two\n\ntwo"
    found = {start: origin for start, origin, _ in exact(runs, text, raw)}
    assert found == {0: raw.index("one"), text.rindex("two"): raw.index("two")}
