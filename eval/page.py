"""A run, or two, as one HTML file that asks for nothing else: figures, drawings, and every failure marked in the text.

The figures are those of ``eval.scores``, number for number. What comes from articles and answers goes into the page as
JSON, and ``page.js`` writes it as text, never as HTML.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from eval import metrics, plots
from eval.gate import Change
from eval.metrics import Values
from eval.runs import Cited, Gold, Line
from eval.scores import Figure, Scores, columns_of, declined, is_failure, places
from rag.wire import Wire

HEADLINES = (
    ("answer.first_citation", "right sentence cited first", "of the questions that the articles answer"),
    ("retrieval.hit@1", "right passage found first", "of the questions that the articles answer"),
    ("retrieval.hit@4", "right passage in the first four", "of the questions that the articles answer"),
    ("citation.verified", "citations that verify", "sliced anew from the article"),
    ("abstain.precision", "rightly declined", "of the questions that it declined"),
    ("abstain.recall", "unanswerable, and declined", "of the questions that the articles do not answer"),
    ("coverage@5", "answered at 5 % risk", "of all questions, were the threshold set for it"),
    ("latency.p50_ms", "a question takes", "half of them take no longer"),
)
_SHOWN = 3  # passages of a failure
_BY_TYPE = {
    "answer.first_citation": "cited first",
    "answer.hit": "cited first holds the answer",
    "retrieval.hit@1": "found first",
    "abstain.recall": "rightly declined",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A run to be shown. ``label`` tells it from the other."""

    label: str
    lines: Sequence[Line]
    scores: Scores


def render(
    name: str,
    runs: Sequence[Shown],
    *,
    identity: Mapping[str, Any] | None = None,
    changes: Sequence[Change] = (),
    flips: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> str:
    """The page for one run, or for two of the same questions: the first is what the page is about.

    ``changes`` go from the second to the first, and ``flips`` are the questions that became right and wrong.
    """
    run = runs[0]
    failed = [_failure(line, set(flips[1])) for line in run.lines if is_failure(line)]
    data = json.dumps({"scores": run.scores, "failures": failed}, ensure_ascii=False).replace("<", "\\u003c")
    parts = [
        _head(name, runs, identity or {}),
        _headlines(run.scores),
        _comparison(runs, changes, flips) if len(runs) > 1 else "",
        _drawings(runs),
        _of_types(runs),
        _failures(run, len(failed)),
        _all_figures(runs),
    ]
    here = Path(__file__)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'\">\n"
        f"<title>{escape(name)}: evaluation</title>\n"
        f"<style>\n{here.with_suffix('.css').read_text('utf-8')}</style>\n</head>\n<body>\n<main>\n"
        f"{''.join(part for part in parts if part)}</main>\n"
        f'<script type="application/json" id="data">{data}</script>\n'
        f"<script>\n{here.with_suffix('.js').read_text('utf-8')}</script>\n</body>\n</html>\n"
    )


def told(metric: str, value: float) -> str:
    """A figure as people read it."""
    if np.isnan(value):
        return "–"
    return f"{value:.1f} ms" if metric.endswith("_ms") else f"{100 * value:.1f} %"


def interval(metric: str, figure: Figure) -> str:
    if metric.endswith("_ms"):
        return f"{figure['low']:.1f} – {figure['high']:.1f}"
    return f"{100 * figure['low']:.1f} – {100 * figure['high']:.1f}"


def _head(name: str, runs: Sequence[Shown], identity: Mapping[str, Any]) -> str:
    about = identity.get("subject") or {}
    facts = [f"{runs[0].scores['n']:,} questions".replace(",", "\u202f")]
    facts += [f"{escape(str(key))} {escape(str(value))}" for key, value in about.items()]
    against = f" beside {escape(runs[1].label)}" if len(runs) > 1 else ""
    return (
        f"<header><h1>{escape(name)}</h1><p class='lead'>{escape(runs[0].label)}{against}</p>"
        f"<p class='facts'>{' · '.join(facts)}</p></header>\n"
    )


def _headlines(scores: Scores) -> str:
    cards = []
    for metric, says, of in HEADLINES:
        if (figure := scores["metrics"].get(metric)) is None:
            continue
        bar = "" if metric.endswith("_ms") else plots.whisker([(figure["value"], figure["low"], figure["high"])])
        cards.append(
            f'<li class="card"><b data-metric="{metric}">{told(metric, figure["value"])}</b><span>{says}</span>'
            f"{bar}<small>{interval(metric, figure)} · {of}</small></li>"
        )
    return f'<ul class="cards">{"".join(cards)}</ul>\n<p class="note">Small numbers are 95 % intervals.</p>\n'


def _comparison(runs: Sequence[Shown], changes: Sequence[Change], flips: tuple[Sequence[str], Sequence[str]]) -> str:
    rows = [
        f'<tr class="{one.verdict}"><th scope="row">{one.metric}</th><td>{told(one.metric, one.before)}</td>'
        f"<td>{told(one.metric, one.after)}</td><td>{_points(one.low)} – {_points(one.high)}</td>"
        f"<td>{'' if one.verdict == 'even' else one.verdict}{'' if one.gated else ' (not gated)'}</td></tr>"
        for one in changes
        if one.gated or one.verdict != "even"
    ]
    table = (
        f'<div class="wide"><table><thead><tr><th>metric</th><th>{escape(runs[1].label)}</th>'
        f"<th>{escape(runs[0].label)}</th><th>difference, points</th><th>verdict</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        if rows
        else ""
    )
    better, worse = flips
    return (
        f"<section><h2>Compared, question by question</h2><p>{len(better)} became right, {len(worse)} became wrong. "
        "Even is what chance explains.</p>"
        f"{table}</section>\n"
    )


def _drawings(runs: Sequence[Shown]) -> str:
    columns = [columns_of(run.lines) for run in runs]
    labels = [run.label for run in runs]
    key = plots.legend(labels) if len(runs) > 1 else ""
    figures = []
    if all("declined" in one for one in columns):
        figures.append(_risk(labels, columns, key))
        figures.append(_reliability(labels, columns, key))
    figures.append(_latency(runs[0], columns[0]))
    return f'<section><h2>Drawn</h2><div class="plots">{"".join(figures)}</div></section>\n'


def _risk(labels: Sequence[str], columns: Sequence[Mapping[str, Values]], key: str) -> str:
    series = []
    for label, one in zip(labels, columns, strict=True):
        coverage, risk = metrics.risk_coverage(one["confidence"], one["declined"] == 0, one["right"] == 1)
        series.append((label, list(zip(coverage.tolist(), risk.tolist(), strict=True))))
    high = 1.0 if any(b > 0.5 for _, points in series for _, b in points) else 0.5
    x, y = plots.share_axis("answered, % of all questions"), plots.share_axis("wrong, % of answers", high)
    return _figure(
        "Risk and coverage",
        plots.lines("share of wrong answers by share of questions answered", x, y, series),
        key,
        "Were only the surest answers given: how many of them would be wrong. Lower is better; where the line ends, "
        "the rest was declined.",
    )


def _reliability(labels: Sequence[str], columns: Sequence[Mapping[str, Values]], key: str) -> str:
    series = []
    for label, one in zip(labels, columns, strict=True):
        kept = one["declined"] == 0
        series.append((label, metrics.reliability(one["confidence"][kept], one["right"][kept] == 1)))
    x, y = plots.share_axis("confidence said, %"), plots.share_axis("right, % of answers")
    return _figure(
        "Is confidence true?",
        plots.dots("share of right answers by confidence", x, y, series),
        key,
        "Answers in ten groups of like size. On the dashed line what it says of itself is so; under it it is too sure.",
    )


def _latency(run: Shown, columns: Mapping[str, Values]) -> str:
    stages = {
        name.removeprefix("latency.").removesuffix("_ms"): np.sort(values[~np.isnan(values)])
        for name, values in columns.items()
        if name.startswith("latency.")
    }
    most = max(float(np.quantile(values, 0.99)) for values in stages.values())
    x, y = plots.time_axis("milliseconds", most), plots.share_axis("% of questions")
    series = []
    for stage, values in stages.items():
        shares = np.arange(1, len(values) + 1) / len(values)
        step = max(1, len(values) // 200)
        kept = [n for n in range(0, len(values), step) if values[n] <= x.high]
        series.append((stage, [(float(values[n]), float(shares[n])) for n in kept]))
    return _figure(
        "How long it takes",
        plots.lines("share of questions by time", x, y, series),
        plots.legend(list(stages)),
        f"{escape(run.label)}: the share of questions done within a time, by stage.",
    )


def _figure(title: str, drawing: str, key: str, caption: str) -> str:
    return f"<figure><h3>{title}</h3>{drawing}{key}<figcaption>{caption}</figcaption></figure>"


def _of_types(runs: Sequence[Shown]) -> str:
    shown = [name for name in _BY_TYPE if any(name in one["metrics"] for one in runs[0].scores["types"].values())]
    rows = []
    for kind, one in runs[0].scores["types"].items():
        cells = []
        for name in shown:
            found = [run.scores["types"].get(kind, one)["metrics"].get(name) for run in runs]
            cells.append(_cell(name, [figure for figure in found if figure]))
        rows.append(f'<tr><th scope="row">{escape(kind)}</th><td>{one["n"]}</td>{"".join(cells)}</tr>')
    heads = "".join(f'<th colspan="2">{_BY_TYPE[name]}</th>' for name in shown)
    return (
        '<section><h2>By type of question</h2><div class="wide"><table><thead><tr><th>type</th><th>n</th>'
        f"{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></section>\n"
    )


def _cell(metric: str, figures: Sequence[Figure]) -> str:
    if not figures:
        return "<td>–</td><td></td>"
    bars = plots.whisker([(one["value"], one["low"], one["high"]) for one in figures])
    return f"<td>{'<br>'.join(told(metric, one['value']) for one in figures)}</td><td>{bars}</td>"


def _all_figures(runs: Sequence[Shown]) -> str:
    rows = []
    for metric in runs[0].scores["metrics"]:
        found = [run.scores["metrics"][metric] for run in runs if metric in run.scores["metrics"]]
        high = 1.0
        if metric.endswith("_ms"):
            high = 1.1 * max(one["high"] for one in found)
        bars = plots.whisker([(one["value"], one["low"], one["high"]) for one in found], high=high)
        values = "<br>".join(
            f'<span data-run="{n}" data-metric="{metric}">{told(metric, one["value"])}</span>'
            for n, one in enumerate(found)
        )
        spans = "<br>".join(interval(metric, one) for one in found)
        rows.append(f'<tr><th scope="row">{metric}</th><td>{values}</td><td>{spans}</td><td>{bars}</td></tr>')
    key = plots.legend([run.label for run in runs], "dots") if len(runs) > 1 else ""
    return (
        f'<section><h2>All figures</h2>{key}<div class="wide"><table class="figures"><thead><tr><th>metric</th>'
        "<th>value</th><th>95 % interval</th><th></th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div></section>\n"
    )


def _failures(run: Shown, failed: int) -> str:
    kinds = sorted({line["type"] for line in run.lines if is_failure(line)})
    options = "".join(f'<option value="{escape(kind, quote=True)}">{escape(kind)}</option>' for kind in kinds)
    return (
        f"<section id='failures'><h2>Failures <small>{failed} of {run.scores['n']}</small></h2>"
        '<form class="filters"><label>Holding <input type="search" id="words" autocomplete="off"></label>'
        '<label>What went wrong <select id="what"><option value="">all</option></select></label>'
        f'<label>Type <select id="type"><option value="">all</option>{options}</select></label></form>'
        '<p id="count" role="status"></p><div id="list"></div>'
        '<button id="more" type="button" hidden>Show more</button>'
        "<noscript><p>The failures are listed by a script in this file.</p></noscript></section>\n"
    )


def _failure(line: Line, broken: set[str]) -> Wire:
    """What the page shows of a failure; marks are offsets into each passage's text."""
    passages = [
        {"article": one["article"], "start": one["start"], "text": one["text"], "score": one["score"]}
        for one in line["passages"][:_SHOWN]
    ]
    return {
        "id": line["id"],
        "question": line["question"],
        "type": line["type"],
        "what": _what(line),
        "broken": line["id"] in broken,
        "answers": line["answers"],
        "gold": [_spot(place) for one in line["gold"] for place in (one, *one["others"])],
        "cited": [_spot(one) for one in line["citations"]],
        "text": line["short"] or line["text"],
        "confidence": line["confidence"],
        "passages": passages,
    }


def _spot(one: Gold | Cited) -> Wire:
    return {"article": one["article"], "start": one["start"], "end": one["end"], "quote": one["quote"]}


def _what(line: Line) -> str:
    if line["status"] is None:
        return "found, but not first" if _in(line) else "did not find it"
    if not line["answerable"]:
        return "answered what is not there"
    if declined(line):
        return "declined what is there"
    return "cited the wrong words" if _in(line) or not line["k"] else "did not find it"


def _in(line: Line) -> bool:
    """Whether a later passage, at least, has it."""
    return metrics.hit(places(line["passages"]), places(line["gold"]), max(1, line["k"])) == 1


def _points(value: float) -> str:
    return "–" if np.isnan(value) else f"{100 * value:+.1f}"
