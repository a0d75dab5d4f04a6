"""The dashboard and the alerts ask for figures that there are, in a language that can be read."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import promql_parser
import pytest
import yaml
from repository import ROOT

from tenantry.telemetry.metrics.kinds import Counter, Gauge, Histogram
from tenantry.telemetry.metrics.table import METRICS

RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
SCRAPES = ROOT / "deploy" / "prometheus" / "prometheus.yml"
CASES = Path(__file__).parent / "alerts_of_prometheus.yml"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "tenantry.json").read_text())
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
PARTS = ("_bucket", "_count", "_sum")
# Of the target, that Prometheus adds.
OF_TARGETS = {"job", "instance"}


def queries():
    """Each query with the place that it is from."""
    for alert in ALERTS:
        yield pytest.param(alert["expr"], id=alert["alert"])
    for panel in PANELS:
        for target in panel["targets"]:
            yield pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
    for annotation in DASHBOARD["annotations"]["list"]:
        yield pytest.param(annotation["expr"], id=annotation["name"])


def parsed(query):
    """The query as Prometheus gets it from Grafana."""
    filled = query.replace("$__rate_interval", "1m")
    return promql_parser.parse(re.sub(r"\$\w+", "x", filled))


def nodes(node):
    """A node and all below it."""
    yield node
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        if (child := getattr(node, name, None)) is not None:
            yield from nodes(child)
    for child in getattr(node, "args", ()):
        yield from nodes(child)


def metric_of(name):
    """The metric that a name of a series is of, and which part of it."""
    if name in METRICS:
        return METRICS[name], ""
    part = next((part for part in PARTS if name.endswith(part)), "")
    return METRICS.get(name.removesuffix(part) if part else name), part


@pytest.mark.parametrize("query", list(queries()))
def test_a_query_asks_for_figures_and_labels_that_there_are(query):
    found = list(nodes(parsed(query)))
    selectors = [node for node in found if isinstance(node, promql_parser.VectorSelector)]
    assert selectors
    known = set(OF_TARGETS)
    for selector in selectors:
        if selector.name == "up":  # Prometheus's own
            continue
        metric, part = metric_of(selector.name)
        assert metric is not None, selector.name
        assert isinstance(metric, Histogram) == bool(part), selector.name
        labels = {*metric.labels, *OF_TARGETS} | ({"le"} if part == "_bucket" else set())
        asked = set(re.findall(r'(\w+)(?:=~|!~|!=|=)"', str(selector.matchers)))
        assert asked <= labels, asked - labels
        known |= labels
    for node in found:
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            grouped = set(re.findall(r"\w+", str(node.modifier))) - {"by", "without"}
            assert grouped <= known, grouped - known


@pytest.mark.parametrize("query", list(queries()))
def test_what_grows_is_asked_for_its_rate_and_a_gauge_is_not(query):
    for node in nodes(parsed(query)):
        if isinstance(node, promql_parser.Call) and node.func.name in {"rate", "increase"}:
            selector = node.args[0].vector_selector
            metric, _ = metric_of(selector.name)
            assert isinstance(metric, (Counter, Histogram)), selector.name
    grown = re.findall(r"(?:rate|increase)\((tenantry_\w+)", query)
    for name in re.findall(r"tenantry_\w+", query):
        metric, _ = metric_of(name)
        if name not in grown:
            assert isinstance(metric, Gauge) or metric.name.endswith("_info"), name


def test_figures_of_the_database_are_never_added_up():
    """They are the same on each target."""
    from tenantry.telemetry.metrics.table import FIGURES

    for param in queries():
        for name in re.findall(r"(?:sum|avg)[^(]*(?:\([^)]*\) )?\((tenantry_\w+)", param.values[0]):
            assert name not in FIGURES, param.id


def test_every_figure_is_shown_somewhere():
    text = json.dumps(DASHBOARD) + RULES.read_text()
    missing = [name for name in METRICS if name not in text]
    assert missing == []


def test_the_dashboard_is_one_that_grafana_loads():
    assert DASHBOARD["schemaVersion"] >= 36
    assert DASHBOARD["uid"] == "tenantry"
    assert "id" not in DASHBOARD  # Grafana gives it
    panels = DASHBOARD["panels"]
    ids = [panel["id"] for panel in panels]
    assert len(set(ids)) == len(ids)
    titles = [panel["title"] for panel in panels]
    assert len(set(titles)) == len(titles)
    (source, *variables) = DASHBOARD["templating"]["list"]
    assert (source["name"], source["type"]) == ("datasource", "datasource")
    assert [variable["name"] for variable in variables] == ["job", "instance"]
    ours = {"type": "prometheus", "uid": "${datasource}"}
    for variable in variables:
        assert variable["datasource"] == ours
        assert "label_values(tenantry_build_info" in variable["query"]["query"]
    for panel in PANELS:
        assert panel["datasource"] == ours
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) > 0
        for target in panel["targets"]:
            assert target["datasource"] == ours
            assert "$job" in target["expr"]
            assert "$instance" in target["expr"]


def test_no_panel_lies_over_another():
    for one, other in itertools.combinations(DASHBOARD["panels"], 2):
        a, b = one["gridPos"], other["gridPos"]
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above, (one["title"], other["title"])
        assert a["x"] + a["w"] <= 24


def test_every_alert_says_how_bad_it_is_and_what_to_do():
    page = (ROOT / "docs" / "runbooks.md").read_text()
    names = [alert["alert"] for alert in ALERTS]
    assert len(set(names)) == len(names)
    for alert in ALERTS:
        assert alert["labels"]["severity"] in {"page", "ticket"}
        assert alert["annotations"]["summary"]
        address = f"docs/runbooks.md#{alert['alert'].lower()}"
        assert alert["annotations"]["runbook_url"] == address
        assert f"\n### {alert['alert']}\n" in page
    told = re.findall(r"^### (\w+)$", page, re.MULTILINE)
    assert told == names


def test_every_alert_has_a_case_of_promtool():
    cases = yaml.safe_load(CASES.read_text())["tests"]
    (count,) = cases[1]["promql_expr_test"]
    assert count["exp_samples"] == [{"value": len(ALERTS)}]


@pytest.mark.parametrize(
    "arguments", [("check", "rules", RULES), ("check", "config", SCRAPES), ("test", "rules", CASES)]
)
def test_promtool_finds_nothing_wrong(arguments):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
