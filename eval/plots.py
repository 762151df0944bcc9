"""Drawings for the report, as SVG text. Colours come from the page's style sheet, by class. Pure.

Drawn here, for any plotting library would put megabytes into a report that is one file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

Point = tuple[float, float]

_WIDTH, _HEIGHT = 460, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 14, 44


@dataclass(frozen=True, slots=True)
class Axis:
    """From ``low`` to ``high``, with a number at each of ``ticks``; ``unit`` "%" shows shares as percents."""

    label: str
    low: float
    high: float
    ticks: Sequence[float]
    unit: str = ""

    def at(self, value: float) -> float:
        """Where the value stands, 0 to 1; what is outside stands at the end."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def told(self, value: float) -> str:
        return f"{100 * value:.0f}" if self.unit == "%" else f"{value:g}"


def share_axis(label: str, high: float = 1.0) -> Axis:
    """Shares from 0 to ``high``."""
    step = 0.2 if high > 0.5 else 0.1 if high > 0.2 else 0.05
    return Axis(label, 0.0, high, [n * step for n in range(round(high / step) + 1)], "%")


def time_axis(label: str, most: float) -> Axis:
    """Milliseconds from 0 to a round number over ``most``."""
    step = next(s * 10**e for e in range(-2, 6) for s in (1, 2, 5) if s * 10**e * 5 >= most)
    return Axis(label, 0.0, step * 5, [n * step for n in range(6)])


def lines(title: str, x: Axis, y: Axis, series: Sequence[tuple[str, Sequence[Point]]]) -> str:
    """Lines in one frame; the nth has class ``line-n``. ``title`` is what a screen reader says."""
    parts = list(_frame(x, y))
    for n, (_, points) in enumerate(series):
        path = " ".join(f"{'L' if m else 'M'}{_x(x, a)} {_y(y, b)}" for m, (a, b) in enumerate(points))
        parts.append(f'<path class="line line-{n}" d="{path}"/>' if points else "")
    return _svg(title, parts)


def dots(title: str, x: Axis, y: Axis, series: Sequence[tuple[str, Sequence[tuple[float, float, float]]]]) -> str:
    """Points with an area by their third number, and the diagonal on which they ought to lie."""
    parts = [
        *_frame(x, y),
        f'<path class="ideal" d="M{_x(x, x.low)} {_y(y, y.low)} L{_x(x, x.high)} {_y(y, y.high)}"/>',
    ]
    most = max((size for _, points in series for *_, size in points), default=1)
    for n, (_, points) in enumerate(series):
        for a, b, size in points:
            radius = 2.5 + 5.5 * (size / most) ** 0.5
            told = f"said {x.told(a)} %, right {y.told(b)} %, {size:g} answers"
            parts.append(
                f'<circle class="dot dot-{n}" cx="{_x(x, a)}" cy="{_y(y, b)}" r="{radius:.1f}">'
                f"<title>{escape(told)}</title></circle>"
            )
    return _svg(title, parts)


def whisker(figures: Sequence[tuple[float, float, float]], *, high: float = 1.0) -> str:
    """Values with their intervals on a line from 0 to ``high``, one under the other."""
    height = 8 + 9 * len(figures)
    parts = [f'<path class="grid" d="M4 {height / 2:g} H156"/>']
    for n, (value, low, top) in enumerate(figures):
        y = 8 + 9 * n
        a, b, c = (4 + 152 * min(1.0, max(0.0, one / high)) for one in (low, value, top))
        parts.append(f'<path class="line line-{n}" d="M{a:.1f} {y} H{c:.1f}"/>')
        parts.append(f'<circle class="dot dot-{n}" cx="{b:.1f}" cy="{y}" r="3.2"/>')
    return (
        f'<svg class="whisker" viewBox="0 0 160 {height}" width="160" height="{height}" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )


def legend(labels: Iterable[str], kind: str = "line") -> str:
    marks = (f'<li><i class="mark mark-{n}"></i>{escape(label)}</li>' for n, label in enumerate(labels))
    return f'<ul class="legend {kind}">{"".join(marks)}</ul>'


def _frame(x: Axis, y: Axis) -> Iterable[str]:
    bottom, left = _HEIGHT - _BOTTOM, _LEFT
    for tick in x.ticks:
        at = _x(x, tick)
        yield f'<path class="grid" d="M{at} {_TOP} V{bottom}"/>'
        yield f'<text x="{at}" y="{bottom + 16}" text-anchor="middle">{x.told(tick)}</text>'
    for tick in y.ticks:
        at = _y(y, tick)
        yield f'<path class="grid" d="M{left} {at} H{_WIDTH - _RIGHT}"/>'
        yield f'<text x="{left - 7}" y="{float(at) + 4:g}" text-anchor="end">{y.told(tick)}</text>'
    middle = (left + _WIDTH - _RIGHT) / 2
    yield f'<text class="axis" x="{middle:g}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(x.label)}</text>'
    centre = (_TOP + bottom) / 2
    yield (
        f'<text class="axis" transform="translate(13 {centre:g}) rotate(-90)" text-anchor="middle">'
        f"{escape(y.label)}</text>"
    )


def _x(axis: Axis, value: float) -> str:
    return f"{_LEFT + axis.at(value) * (_WIDTH - _LEFT - _RIGHT):.1f}"


def _y(axis: Axis, value: float) -> str:
    return f"{_HEIGHT - _BOTTOM - axis.at(value) * (_HEIGHT - _TOP - _BOTTOM):.1f}"


def _svg(title: str, parts: Iterable[str]) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title, quote=True)}">'
        f"{''.join(parts)}</svg>"
    )
