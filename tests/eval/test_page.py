"""The report, opened in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.gate import Baseline, changed_questions, compare
from eval.page import Shown, render
from eval.runs import Line
from eval.scores import score

HOSTILE = "<img src=x onerror=\"document.title='owned'\"></script><script>document.title='owned'</script>"


def line(n: int, **given: Any) -> Line:
    text = f"🌉 The bridge {n} opened in May. It cost {n} million. {HOSTILE}"
    start = text.index("It cost")
    place = {"article": f"a{n}", "start": 100, "end": 100 + len("🌉 The bridge")}
    cited = {"article": f"a{n}", "start": 100 + start, "end": 100 + start + 7}
    made: dict[str, Any] = {
        "id": f"q{n}",
        "question": f"When did bridge {n} open? {HOSTILE}",
        "type": ["date", "fact & more"][n % 2],
        "answerable": True,
        "answers": ["May"],
        "gold": [{**place, "quote": "🌉 The bridge", "others": []}],
        "k": 10,
        "status": "answered",
        "text": text,
        "short": None,
        "confidence": 0.1 + 0.08 * (n % 10),
        "citations": [{**cited, "revision": "r", "quote": "It cost", "verified": True}],
        "passages": [{"article": f"a{n}", "start": 100, "end": 100 + len(text), "text": text, "score": 1.5}],
        "latency_ms": 5.0 + n,
        "timings_ms": {"retrieve": 2.0 + n, "answer": 3.0, "total": 5.0 + n},
    }
    return made | given  # type: ignore[return-value]


def right(n: int) -> Line:
    one = line(n)
    place = {key: one["gold"][0][key] for key in ("article", "start", "end")}  # type: ignore[literal-required]
    return one | {"citations": [{**place, "revision": "r", "quote": "🌉 The bridge", "verified": True}]}  # type: ignore


NOTHING = {"answers": [], "gold": [], "answerable": False, "type": "none"}
SILENT = {
    "status": "unanswerable",
    "citations": [],
    "confidence": 0.05,
    "text": "No sure answer was found in the articles.",
}
LINES: list[Line] = [
    *(right(n) for n in range(20)),
    *(line(n) for n in range(20, 50)),
    *(line(n, **NOTHING) for n in range(50, 54)),
    *(line(n, **NOTHING, **SILENT) for n in range(54, 60)),
    *(line(n, **SILENT) for n in range(60, 62)),
]
IDENTITY = {"set": "s & t", "questions": "0", "task": "ask", "k": 10, "subject": {"system": "quotewell", "chunks": 9}}


def open_page(browser: Any, path: Path, html: str, **given: Any) -> tuple[Any, list[str]]:
    path.write_text(html, encoding="utf-8")
    page = browser.new_page(**given)
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.on("pageerror", lambda error: seen.append(f"error {error}"))
    page.on("console", lambda message: seen.append(f"console {message.text}"))
    page.goto(path.as_uri())
    return page, seen


def told(metric: str, value: float) -> str:
    return f"{value:.1f} ms" if metric.endswith("_ms") else f"{100 * value:.1f} %"


@pytest.mark.network
def test_its_numbers_are_those_of_the_json_and_it_asks_for_nothing(browser: Any, tmp_path: Path) -> None:
    scores = score(LINES)
    html = render("s & t", [Shown("quotewell", LINES, scores)], identity=IDENTITY)
    page, seen = open_page(browser, tmp_path / "report.html", html)
    shown = page.eval_on_selector_all(
        "[data-run='0']", "found => found.map(one => [one.dataset.metric, one.textContent])"
    )
    assert dict(shown) == {metric: told(metric, one["value"]) for metric, one in scores["metrics"].items()}
    cards = page.eval_on_selector_all(".card b", "found => found.map(one => [one.dataset.metric, one.textContent])")
    assert len(cards) == 8
    assert all(dict(shown)[metric] == value for metric, value in cards)
    assert json.loads(page.inner_text("#data") or page.text_content("#data"))["scores"] == scores
    assert page.title() == "s & t: evaluation"
    assert seen == [(tmp_path / "report.html").as_uri()]


@pytest.mark.network
def test_its_plots_are_drawn_and_inside_their_frames(browser: Any, tmp_path: Path) -> None:
    html = render("s", [Shown("quotewell", LINES, score(LINES))])
    page, _ = open_page(browser, tmp_path / "report.html", html)
    assert page.locator("svg.plot").count() == 3
    inside = page.evaluate(
        """() => [...document.querySelectorAll("svg.plot .line, svg.plot .dot")].map(one => {
             const box = one.getBBox(), view = one.ownerSVGElement.viewBox.baseVal;
             return box.width + box.height > 0 && box.x >= 0 && box.y >= 0
               && box.x + box.width <= view.width && box.y + box.height <= view.height; })"""
    )
    assert len(inside) >= 12
    assert all(inside)


@pytest.mark.network
def test_failures_are_filtered_and_marked(browser: Any, tmp_path: Path) -> None:
    html = render("s", [Shown("quotewell", LINES, score(LINES))])
    page, seen = open_page(browser, tmp_path / "report.html", html)
    assert page.inner_text("#count") == "36 of 36 failures, 25 shown"
    page.click("#more")
    assert page.locator(".failure").count() == 36
    page.select_option("#what", "answered what is not there")
    assert page.inner_text("#count") == "4 of 36 failures"
    page.select_option("#what", "")
    page.select_option("#type", "fact & more")
    page.fill("#words", "BRIDGE 21 open")
    assert page.inner_text("#count") == "1 of 36 failures"
    page.click("details summary")
    marks = page.eval_on_selector_all("blockquote mark", "found => found.map(one => [one.className, one.textContent])")
    assert marks == [["gold", "🌉 The bridge"], ["cited", "It cost"]]
    page.fill("#words", "nothing holds this")
    assert page.inner_text("#count") == "0 of 36 failures"
    assert page.title() == "s: evaluation"
    assert not [one for one in seen if not one.startswith("file:")]


@pytest.mark.network
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_a_phone_and_a_desk(browser: Any, tmp_path: Path, width: int) -> None:
    html = render("s", [Shown("quotewell", LINES, score(LINES))])
    page, _ = open_page(browser, tmp_path / "report.html", html, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.network
def test_two_runs_are_compared(browser: Any, tmp_path: Path) -> None:
    before = [right(n) if n < 40 else one for n, one in enumerate(LINES)]
    bases = [Baseline.of(IDENTITY, lines) for lines in (before, LINES)]
    runs = [Shown("now", LINES, score(LINES)), Shown("then", before, score(before))]
    flips = changed_questions(*bases)
    page, _ = open_page(
        browser, tmp_path / "report.html", render("s", runs, changes=compare(*bases), flips=flips, identity=IDENTITY)
    )
    assert "0 became right, 20 became wrong" in page.inner_text("body")
    assert page.inner_text("tr.worse >> nth=0").startswith("answer.first_citation\t")
    assert page.locator("svg.plot .line-1").count() >= 1
    page.select_option("#what", "was right before")
    assert page.inner_text("#count") == "20 of 36 failures"


def test_a_retrieval_run_has_a_report_too() -> None:
    found = [one | {"status": None, "citations": [], "confidence": None, "timings_ms": {}} for one in LINES[:20]]
    html = render("s", [Shown("quotewell", found, score(found))])  # type: ignore[arg-type]
    assert "How long it takes" in html and "Risk and coverage" not in html
