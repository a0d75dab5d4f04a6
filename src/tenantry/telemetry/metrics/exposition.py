"""Figures as text: Prometheus 0.0.4, or OpenMetrics 1.0 where that is asked for.

https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from tenantry.telemetry.metrics.kinds import Counter, Histogram, Info, Labels, Metric
from tenantry.telemetry.metrics.table import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.telemetry.metrics.files import Totals

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_MOST_ACCEPTED = 20  # members of an Accept header that are looked at


def negotiated(accept: str) -> str:
    """Return the content type to answer with, of an Accept header (RFC 9110 section 12.5.1).

    That is OpenMetrics where it is named and liked at least as much as plain text, else the text.
    """
    best = {OPEN_METRICS: 0.0, TEXT: 0.0}
    for member in accept.split(",", _MOST_ACCEPTED)[:_MOST_ACCEPTED]:
        kind, *pairs = (part.strip().lower() for part in member.split(";"))
        params = dict(pair.partition("=")[::2] for pair in pairs)
        if kind == "application/openmetrics-text":
            known = params.get("version", "1.0.0") == "1.0.0"
            named = OPEN_METRICS if known else None
        else:
            known = params.get("version", "0.0.4") == "0.0.4"
            named = TEXT if known and kind in {"text/plain", "text/*", "*/*"} else None
        if named is not None:
            best[named] = max(best[named], _quality(params.get("q", "1")))
    return OPEN_METRICS if best[OPEN_METRICS] > 0 and best[OPEN_METRICS] >= best[TEXT] else TEXT


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0


def rendered(totals: Totals, content_type: str) -> bytes:
    """Return the figures in one of both formats."""
    is_open = content_type == OPEN_METRICS
    lines: list[str] = []
    for metric in METRICS.values():
        series = totals.get(metric, {})
        if not series and not metric.labels and isinstance(metric, (Counter, Histogram)):
            # So that the first time is a growth, too.
            series = {(): [0.0] * metric.width}
        if series:
            lines += _head(metric, is_open=is_open)
            for labels in sorted(series, key=str):
                lines += _samples(metric, labels, series[labels])
    if is_open:
        lines.append("# EOF")
    return ("\n".join(lines) + "\n").encode()


def _head(metric: Metric, *, is_open: bool) -> Iterator[str]:
    name, type_ = metric.name, metric.type
    if is_open:
        # A family of OpenMetrics is named without the suffix of its samples.
        name = name.removesuffix("_total" if isinstance(metric, Counter) else "_info")
    elif isinstance(metric, Info):
        type_ = "gauge"
    yield f"# HELP {name} {_escaped(metric.help)}"
    yield f"# TYPE {name} {type_}"


def _samples(metric: Metric, labels: Labels, values: list[float]) -> Iterator[str]:
    name = metric.name
    given = [
        _label(key, str(value))
        for key, value in zip(metric.labels, labels, strict=True)
        if value != ""
    ]
    if not isinstance(metric, Histogram):
        yield f"{name}{_braced(given)} {_number(values[0])}"
        return
    *counts, total = values
    sums = list(accumulate(counts))
    for bound, count in zip((*map(repr, metric.bounds), "+Inf"), sums, strict=True):
        yield f"{name}_bucket{_braced([*given, _label('le', bound)])} {_number(count)}"
    yield f"{name}_count{_braced(given)} {_number(sums[-1])}"
    yield f"{name}_sum{_braced(given)} {_number(total)}"


def _label(key: str, value: str) -> str:
    return f'{key}="{_escaped(value)}"'


def _braced(labels: list[str]) -> str:
    return f"{{{','.join(labels)}}}" if labels else ""


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
