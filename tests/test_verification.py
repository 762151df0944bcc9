"""A thousand true citations and a thousand tampered ones, over real articles with earlier revisions."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rag.build import System, build
from rag.chunks import sentences
from rag.settings import load_settings
from rag.types import Article, Reading, Span, text_revision
from rag.verification import Claim, check, statements

SEEDS = Path(__file__).parent.parent / "seeds"
KINDS = ("shifted", "altered", "other revision", "other article", "invented")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    made = build(load_settings(home=tmp_path_factory.mktemp("home")))
    current = [item for item in made.read(str(SEEDS)) if isinstance(item, Article)]
    earlier = [replace(a, text=f"Earlier. {a.text}", revision=text_revision(f"Earlier. {a.text}")) for a in current]
    for articles in (earlier, current):
        for receipt in made.ingest(articles):
            assert receipt.outcome in ("added", "updated")
    yield made
    made.close()


@pytest.fixture(scope="module")
def library(system: System) -> Iterator[Reading]:
    with system.state() as now:
        yield now.library


@pytest.fixture(scope="module")
def articles(library: Reading, system: System) -> list[Article]:
    return [library.article(one.id) for one in system.library.articles(limit=100)]


def drawn(articles: list[Article], rng: random.Random) -> Claim:
    article = rng.choice(articles)
    start = rng.randrange(len(article.text) - 40)
    span = Span(start, start + rng.randint(20, min(300, len(article.text) - start)))
    return Claim(span.of(article.text), 1, article.id, article.revision, span=span)


def tampered(kind: str, claim: Claim, articles: list[Article], rng: random.Random) -> Claim | None:
    text = next(a.text for a in articles if a.id == claim.article_id)
    assert claim.span is not None
    if kind == "shifted":
        by = rng.choice([-40, -7, -1, 1, 3, 50])
        span = Span(max(0, claim.span.start + by), max(1, claim.span.end + by))
        return replace(claim, span=span) if span != claim.span and span.of(text) != claim.quote else None
    if kind == "altered":
        at = rng.randrange(len(claim.quote))
        new = rng.choice("aZ7q")
        quote = claim.quote[:at] + new + claim.quote[at + 1 :]
        return replace(claim, quote=quote) if quote != claim.quote and quote not in text else None
    if kind == "other revision":
        return replace(claim, revision=text_revision(f"Earlier. {text}"))
    if kind == "other article":
        other = rng.choice([a for a in articles if a.id != claim.article_id])
        return replace(claim, article_id=other.id, revision=other.revision) if claim.quote not in other.text else None
    words = [word for a in rng.sample(articles, 3) for word in rng.sample(a.text.split(), 4)]
    return replace(claim, quote=" ".join(words), span=rng.choice([None, claim.span]))


def test_a_thousand_true_citations_pass(articles: list[Article], library: Reading) -> None:
    rng = random.Random(1)
    for _ in range(1000):
        claim = drawn(articles, rng)
        if not claim.quote.strip():
            continue
        given = rng.choice(
            [claim, replace(claim, revision=None), replace(claim, span=None), replace(claim, revision=None, span=None)]
        )
        verdict = check(given, library)
        assert verdict.status == "exact", (given, verdict)
        assert verdict.place is not None
        assert verdict.place.quote == claim.quote


def test_a_thousand_tampered_citations_are_found(articles: list[Article], library: Reading) -> None:
    rng = random.Random(2)
    tried = 0
    while tried < 1000:
        kind = KINDS[tried % len(KINDS)]
        claim = tampered(kind, drawn(articles, rng), articles, rng)
        if claim is None or not claim.quote.strip():
            continue
        tried += 1
        verdict = check(claim, library)
        assert not verdict.holds, (kind, claim, verdict)
        assert verdict.reason is not None


def test_why_and_where_instead(articles: list[Article], library: Reading) -> None:
    article = next(a for a in articles if "36,000" in a.text)
    at = article.text.index("More than 36,000 people died.")
    true = Claim("More than 36,000 people died.", 1, article.id, article.revision, span=Span(at, at + 29))
    assert check(true, library).holds
    cases = [
        (replace(true, span=Span(at + 1, at + 30)), "elsewhere", Span(at, at + 29)),
        (replace(true, article_id="nobody"), "no_such_article", Span(at, at + 29)),
        (replace(true, revision="0" * 64), "no_such_revision", Span(at, at + 29)),
        (replace(true, quote="More than 37,000 people died."), "altered", None),
        (replace(true, quote=""), "no_quote", None),
        (Claim("More than 36,000 people died.", title="Another title"), "other_article", Span(at, at + 29)),
        (Claim("Less than nine people sang.", title=article.title), "not_found", None),
    ]
    for claim, reason, place in cases:
        verdict = check(claim, library)
        assert (verdict.holds, verdict.reason) == (False, reason)
        assert (verdict.place.span if verdict.place else None) == place


def test_a_quote_without_an_article_is_looked_for(articles: list[Article], library: Reading) -> None:
    found = check(Claim("more than 36,000 people  died.".replace("more", "More")), library)
    assert found.status == "normalized"
    assert found.place is not None
    assert found.place.quote == "More than 36,000 people died."


def test_an_old_revision_still_holds_and_is_told_to_be_old(articles: list[Article], library: Reading) -> None:
    article = articles[0]
    old = text_revision(f"Earlier. {article.text}")
    verdict = check(Claim("Earlier.", 1, article.id, old, span=Span(0, 8)), library)
    assert (verdict.status, verdict.newest) == ("exact", False)


def test_statements(articles: list[Article], library: Reading) -> None:
    article = next(a for a in articles if "36,000" in a.text)
    first = Claim("More than 36,000 people died.", 1, article.id)
    verdicts = [check(first, library), check(Claim("It never happened.", 2, article.id), library)]
    answer = "About 36,000 people died. [1] Some 40,000 people died.[1] Nobody came [2]. Why not?"
    found = statements(answer, verdicts)
    assert [(s.text, s.status, s.citations, s.lacking) for s in found] == [
        ("About 36,000 people died.", "proved", (0,), ()),
        ("Some 40,000 people died.", "unsupported", (0,), ("40000",)),
        ("Nobody came.", "unsupported", (1,), ()),
        ("Why not?", "uncited", (), ()),
    ]


def test_the_answers_of_the_service_are_proved(system: System, library: Reading) -> None:
    for question in ("How many people died when Krakatoa erupted?", "When was the Suez Canal opened?"):
        *_, answer = system.ask(question)
        assert not isinstance(answer, str)
        claims = [
            Claim(c.quote, c.number, c.article_id, c.revision, span=c.span, answer_span=c.answer_span)
            for c in answer.citations
        ]
        told = statements(answer.text, [check(claim, library) for claim in claims])
        assert {s.status for s in told} == {"proved"}
        assert sum(len(s.text) for s in told) >= len(answer.text) - len(sentences(answer.text))
