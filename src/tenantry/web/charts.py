"""The layout of charts: scales, ticks, columns and lines, which a template renders as SVG.

The drawing area is `WIDTH` by `HEIGHT` units and is stretched to the available space. It contains
no text: axis labels are HTML around it. Style sheets color the series by their class, and every
second one has stripes, so that they differ without color. The values of a period are the `<title>`
of a rectangle over it, and all values are in a table (docs/decisions/0047-charts.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WIDTH, HEIGHT = 600.0, 160.0
MOST_SERIES = 6  # as many as the style sheet has colors
_MOST_TICKS = 5
_MAX_COLUMN_WIDTH = 36.0
_COLUMN_SHARE = 0.72  # of the width of a period
_MIN_HEIGHT = 1.5  # of a value above 0, so that it is visible
_DASH = 0.6  # length for a value without neighbors, as a share of the width of a period
_UNITS = ("", "k", "M", "B", "T")
_THOUSAND = 1000
_LARGEST = 1e15


@dataclass(frozen=True, slots=True)
class Series:
    """Values by period. A value is None if the period has no data."""

    name: str
    values: Sequence[float | None]
    tone: Literal["", "good", "bad"] = ""
    is_rate: bool = False  # a rate of 0 is drawn; a count of 0 is not


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a column that belongs to a series."""

    style: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """The column of a period: its position, its parts, and all values as text.

    ``left`` and ``space`` are those of the period, ``x`` and ``width`` those of the bar within it.
    """

    left: float
    space: float
    x: float
    width: float
    parts: tuple[Part, ...]
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """A series as an SVG path."""

    style: str
    path: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The layout of a chart; ``labels`` name the periods, ``marks`` are the texts below it."""

    series: tuple[Series, ...]
    styles: tuple[str, ...]  # of the series
    labels: tuple[str, ...]
    marks: tuple[str, ...]
    ticks: tuple[tuple[float, str], ...]  # their heights and texts, the highest first
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    format: Callable[[float | None], str]

    @property
    def is_empty(self) -> bool:
        """Whether the chart has no value to draw."""
        return not any(
            value is not None if one.is_rate else value
            for one in self.series
            for value in one.values
        )

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """The rows of the table: a period and the values of all series."""
        return [
            (label, [self.format(one.values[at]) for one in self.series])
            for at, label in enumerate(self.labels)
        ]


def columns(
    labels: Sequence[str], marks: Sequence[str], series: Sequence[Series], *, unit: str = ""
) -> Chart:
    """Lay out stacked columns."""
    top, ticks = scale(max((_sum(series, at) for at in range(len(labels))), default=0.0), unit=unit)
    return _chart(labels, marks, series, ticks, unit=unit, stacked=True, top=top)


def lines(
    labels: Sequence[str], marks: Sequence[str], series: Sequence[Series], *, unit: str = ""
) -> Chart:
    """Lay out a line for each series, with gaps at missing values."""
    highest = max((value for one in series for value in one.values if value), default=0.0)
    top, ticks = scale(highest, unit=unit)
    return _chart(labels, marks, series, ticks, unit=unit, stacked=False, top=top)


def scale(highest: float, *, unit: str = "") -> tuple[float, tuple[tuple[float, str], ...]]:
    """Return the value at the top of the chart, and ticks as heights with texts, highest first.

    Ticks are 1, 2 or 5 times a power of ten apart, and whole numbers.
    """
    step = 1.0
    if highest > _MOST_TICKS - 1:
        rough = highest / (_MOST_TICKS - 1)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * n for n in (1, 2, 5, 10, 20) if power * n >= rough * (1 - 1e-9))
    number = max(1, math.ceil(highest / step - 1e-9))
    top = step * number
    return top, tuple(
        (_round(HEIGHT * (1 - n / number)), compact(step * n) + unit) for n in range(number, -1, -1)
    )


def compact(value: float) -> str:
    """Return a number in a few characters: 950, 1.2k, 3M, 9.2e18."""
    if value >= _LARGEST:
        return f"{value:.1e}".replace("e+", "e")
    size = 0
    while value >= _THOUSAND and size < len(_UNITS) - 1:
        value /= _THOUSAND
        size += 1
    # 999.96k is 1M.
    if round(value, 1) >= _THOUSAND and size < len(_UNITS) - 1:
        value, size = value / _THOUSAND, size + 1
    return f"{value:.1f}".removesuffix(".0") + _UNITS[size]


def grouped(values: Sequence[Series], *, others: str) -> list[Series]:
    """Return at most `MOST_SERIES` series: the largest, and the sum of the rest."""
    if len(values) <= MOST_SERIES:
        return list(values)
    kept, rest = values[: MOST_SERIES - 1], values[MOST_SERIES - 1 :]
    summed = [
        sum(each or 0 for each in at) for at in zip(*(one.values for one in rest), strict=True)
    ]
    return [*kept, Series(others, summed)]


def _chart(
    labels: Sequence[str],
    marks: Sequence[str],
    series: Sequence[Series],
    ticks: tuple[tuple[float, str], ...],
    *,
    unit: str,
    stacked: bool,
    top: float,
) -> Chart:
    def text(value: float | None) -> str:
        if value is None:
            return "–"
        return f"{value:,.10g}".replace("e+", "e") + unit if value % 1 else f"{int(value):,}{unit}"

    styles = _styles(series)
    space = WIDTH / max(1, len(labels))
    width = min(_MAX_COLUMN_WIDTH, _COLUMN_SHARE * space)
    return Chart(
        tuple(series),
        styles,
        tuple(labels),
        tuple(marks),
        ticks,
        tuple(
            Column(
                left=_round(at * space),
                space=_round(space),
                x=_round((at + 0.5) * space - width / 2),
                width=_round(width),
                parts=_parts([one.values[at] for one in series], styles, top) if stacked else (),
                title="\n".join(
                    [label, *(f"{one.name}: {text(one.values[at])}" for one in series)]
                ),
            )
            for at, label in enumerate(labels)
        ),
        ()
        if stacked
        else tuple(
            Line(style, _path(one.values, space, top))
            for one, style in zip(series, styles, strict=True)
        ),
        text,
    )


def _styles(series: Sequence[Series]) -> tuple[str, ...]:
    """Return the class of each series: its tone, or the number of those without one."""
    found, plain = [], 0
    for one in series:
        if not one.tone:
            plain += 1
        found.append(one.tone or f"series-{plain}")
    return tuple(found)


def _parts(values: Sequence[float | None], styles: Sequence[str], top: float) -> tuple[Part, ...]:
    """Return the parts of a column, the first at the bottom."""
    y = HEIGHT
    parts = []
    for value, style in zip(values, styles, strict=True):
        if value:
            height = max(_MIN_HEIGHT, HEIGHT * value / top)
            y = max(0.0, y - height)
            parts.append(Part(style, _round(y), _round(min(height, HEIGHT))))
    return tuple(parts)


def _path(values: Sequence[float | None], space: float, top: float) -> str:
    """Return the path of a line; a value without neighbors is a dash."""
    steps: list[str] = []
    for at, value in enumerate(values):
        if value is None:
            continue
        x, y = (at + 0.5) * space, HEIGHT * (1 - value / top)
        after_gap = at == 0 or values[at - 1] is None
        before_gap = at + 1 == len(values) or values[at + 1] is None
        if after_gap and before_gap:
            dash = _DASH * space
            steps.append(f"M{_round(x - dash / 2):g} {_round(y):g}h{_round(dash):g}")
        else:
            steps.append(f"{'M' if after_gap else 'L'}{_round(x):g} {_round(y):g}")
    return "".join(steps)


def _sum(series: Sequence[Series], at: int) -> float:
    return sum(one.values[at] or 0 for one in series)


def _round(number: float) -> float:
    return round(number, 2)
