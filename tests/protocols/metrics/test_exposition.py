"""Figures as text: both formats are read by the parsers of Prometheus's own client."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics import parser as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from tenantry.telemetry.metrics import table
from tenantry.telemetry.metrics.exposition import OPEN_METRICS, TEXT, negotiated, rendered
from tenantry.telemetry.metrics.kinds import Counter, Histogram, Info

ODD = 'a "quoted"\\ value\nin two lines'


def some_of_all():
    """A series of each metric."""
    totals = {}
    for metric in table.METRICS.values():
        values = [float(n) for n in range(1, metric.width + 1)]
        totals[metric] = {tuple(ODD for _ in metric.labels): values}
    return totals


@pytest.mark.parametrize(
    ("content_type", "read"),
    [
        (TEXT, text_string_to_metric_families),
        (OPEN_METRICS, open_metrics.text_string_to_metric_families),
    ],
)
def test_both_formats_say_the_same(content_type, read):
    text = rendered(some_of_all(), content_type).decode()
    families = {family.name: family for family in read(text)}
    assert len(families) == len(table.METRICS)
    for metric in table.METRICS.values():
        # The parser names families as OpenMetrics does.
        name = metric.name.removesuffix("_total") if isinstance(metric, Counter) else metric.name
        if content_type == OPEN_METRICS and isinstance(metric, Info):
            name = name.removesuffix("_info")
        family = families[name]
        plain = content_type == TEXT and isinstance(metric, Info)
        assert family.type == ("gauge" if plain else metric.type)
        assert family.documentation == metric.help
        labels = dict.fromkeys(metric.labels, ODD)
        samples = {s.name: s for s in family.samples if "le" not in s.labels}
        if isinstance(metric, Histogram):
            buckets = [(s.labels["le"], s.value) for s in family.samples if "le" in s.labels]
            sums = [n * (n + 1) / 2 for n in range(1, len(metric.bounds) + 2)]
            assert buckets == [
                *zip(map(str, metric.bounds), sums, strict=False),
                ("+Inf", sums[-1]),
            ]
            assert samples[f"{metric.name}_count"].value == sums[-1]
            assert samples[f"{metric.name}_sum"].value == metric.width
            assert samples[f"{metric.name}_sum"].labels == labels
        else:
            assert samples[metric.name].value == 1
            assert samples[metric.name].labels == labels


def test_a_label_without_a_value_is_left_out():
    totals = {table.HTTP_REQUEST_SECONDS: {("rest", "GET", "/keys", 200, ""): [1.0] * 15}}
    assert 'status="200",le="0.001"} 1' in rendered(totals, TEXT).decode()
    assert "grpc_status" not in rendered(totals, TEXT).decode()


PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,/;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html", TEXT),
        ("text/plain", TEXT),
        ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", TEXT),
        ("application/openmetrics-text", OPEN_METRICS),
        ("application/openmetrics-text; version=1.0.0, text/plain", OPEN_METRICS),
        ("application/openmetrics-text;q=0.2,text/plain;q=0.8", TEXT),
        ("application/openmetrics-text;version=2.0.0", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=nan", TEXT),
        ("application/openmetrics-text;q=lots", TEXT),
        (PROMETHEUS, OPEN_METRICS),
        (",;=" * 2000, TEXT),
    ],
)
def test_the_format_that_the_client_likes_best_is_chosen(accept, answer):
    assert negotiated(accept) == answer


def test_names_follow_the_conventions_of_prometheus():
    for metric in table.METRICS.values():
        assert metric.name.startswith("tenantry_")
        assert metric.help.endswith(".")
        assert '"' not in metric.help  # which the older format escapes otherwise
        assert metric.name.endswith("_total") == isinstance(metric, Counter)
        assert metric.name.endswith("_info") == isinstance(metric, Info)
        if isinstance(metric, Histogram):
            assert metric.name.endswith(("_seconds", "_bytes"))
            assert list(metric.bounds) == sorted(metric.bounds)
        for unit in ("millisecond", "minute", "hour", "day", "kilo", "mega", "percent"):
            assert unit not in metric.name
