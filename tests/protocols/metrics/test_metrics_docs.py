"""The page of metrics has each of them, as it is, and the settings that it names."""

from __future__ import annotations

import re
import tomllib

from repository import ROOT

from tenantry.settings import load
from tenantry.telemetry.metrics.listener import ANSWER_SECONDS, HEADER_BYTES, MOST_CONNECTIONS
from tenantry.telemetry.metrics.table import METRICS

# Of which the values are ours: no id, name or address is one.
OUR_LABELS = {
    *("cache", "database", "error", "grant", "grpc_status", "kind", "method", "name", "outcome"),
    *("python", "resource", "result", "revision", "route", "state", "status", "use", "version"),
    "wire",
}
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_the_page_has_every_metric_and_no_other():
    rows = re.findall(r"^\| `(tenantry_\w+)` \| (\w+) \| (.*?) \| (.*) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (one.name, one.type, ", ".join(f"`{label}`" for label in one.labels), one.help)
        for one in METRICS.values()
    ]


def test_the_example_of_the_page_can_be_used():
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    given = {f"TENANTRY_{k.upper()}": v for k, v in tomllib.loads(example).items()}
    assert load(given).metrics_listen == "127.0.0.1:9464"


def test_the_page_says_what_a_scraper_may_hold():
    text = " ".join(PAGE.split())
    assert f"at most {MOST_CONNECTIONS} connections at once" in text
    assert f"{HEADER_BYTES >> 10} KiB of headers" in text
    assert ANSWER_SECONDS == 10
    assert "ten seconds to read the response" in text


def test_no_figure_is_of_a_tenant_or_a_person():
    labels = {label for one in METRICS.values() for label in one.labels}
    assert labels <= OUR_LABELS, labels - OUR_LABELS
