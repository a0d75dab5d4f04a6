"""The Helm chart: values that its schema takes, objects that Kubernetes and our settings take."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import jsonschema_rs
import pytest
import yaml
from repository import ROOT

from tenantry import __version__
from tenantry.settings import load
from tenantry.settings.table import declared

if TYPE_CHECKING:
    from pathlib import Path

CHART = ROOT / "deploy" / "helm" / "tenantry"
GUIDE = ROOT / "docs" / "guides" / "kubernetes.md"
EXAMPLES = [
    yaml.safe_load(block)
    for block in re.findall(r"^```yaml\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
]
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
SECRETS = {f.name for f in declared() if f.metadata["secret"]}
EVERYTHING = {
    **EXAMPLES[1],
    "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "worker": {"replicas": 2},
    "metrics": {"enabled": True, "podMonitor": {"enabled": True}},
    "secrets": {
        **EXAMPLES[1]["secrets"],
        "metrics_token": {"name": "prometheus", "key": "token"},
    },
    "autoscaling": {"enabled": True},
    "migrate": {"besideOlder": True},
    "networkPolicy": {
        "from": [{"namespaceSelector": {}}],
        "egress": [{"ports": [{"port": 5432}]}],
        "metadataServer": True,
    },
    "imagePullSecrets": [{"name": "registry"}],
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "priorityClassName": "high",
    "podAnnotations": {"note": "yes"},
    "podLabels": {"team": "platform"},
    "service": {"annotations": {"note": "yes"}},
    "serviceAccount": {"annotations": {"note": "yes"}},
}
EVERY = [*EXAMPLES, EVERYTHING]
needs_helm = pytest.mark.skipif(shutil.which("helm") is None, reason="no helm")


def helm(*words: str | Path):
    return subprocess.run(["helm", *words], capture_output=True, text=True, check=False)


def rendered(values, tmp_path):
    """The objects that the chart makes of values."""
    (tmp_path / "values.json").write_text(json.dumps(values))
    done = helm(
        *("template", "tenantry", CHART, "--namespace", "home", "--kube-version", "1.31.0"),
        *("--values", tmp_path / "values.json"),
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def pods(objects):
    return [
        each["spec"]["template"]["spec"] for each in objects if "template" in each.get("spec", ())
    ]


def test_its_schema_takes_the_values_of_the_guide_and_its_own():
    own = yaml.safe_load((CHART / "values.yaml").read_text())
    validator = jsonschema_rs.validator_for(SCHEMA)
    for values in EVERY:
        validator.validate(own | values)
    assert own.keys() == SCHEMA["properties"].keys() - {"global"}


def test_a_master_key_that_stays_where_it_is_needs_no_secret():
    values = yaml.safe_load((CHART / "values.yaml").read_text()) | EXAMPLES[0]
    service = {"settings": {"master_key": "aws-kms://alias/tenantry"}, "secrets": {}}
    assert jsonschema_rs.validator_for(SCHEMA).is_valid(values | service)


@pytest.mark.parametrize(
    "wrong",
    [
        {"publicUrl": "tenants.example.com"},
        {"publicUrl": "https://tenants.example.com/path"},
        {"secrets": {}},
        {"secrets": {"master_key": "c2VjcmV0"}},
        {"secrets": {"master_key": {"name": "a", "key": "b"}, "listen": {"name": "a", "key": "b"}}},
        {"settings": {"master_key": "c2VjcmV0"}},
        {"settings": {"smtp_url": "smtp://user:password@mail"}},
        {"settings": {"database_url": "postgresql://user:password@host/name"}},
        {"settings": {"database_replica_url": "postgresql://user:password@one,two/name"}},
        {"settings": {"TENANTRY_APP_NAME": "Acme"}},
        {"env": [{"name": "TENANTRY_MASTER_KEY", "value": "c2VjcmV0"}]},
        {"replicas": 0},
        {"replica": 3},
        {"podAnnotations": {"note": True}},
    ],
)
def test_its_schema_refuses_what_is_no_value(wrong):
    values = yaml.safe_load((CHART / "values.yaml").read_text()) | EXAMPLES[0]
    validator = jsonschema_rs.validator_for(SCHEMA)
    assert validator.is_valid(values)
    assert not validator.is_valid(values | wrong)


def test_every_secret_of_ours_may_be_named():
    assert SCHEMA["properties"]["secrets"]["properties"].keys() == SECRETS


def test_it_is_of_this_version():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == __version__


@pytest.mark.parametrize("metadata_server", [False, True])
def test_the_default_egress_reaches_what_a_pod_needs_of_its_node(metadata_server):
    """NodeLocal DNSCache and the pod's own identity; the node's credentials only if asked for."""
    template = (CHART / "templates" / "network.yaml").read_text()
    default = template.split("{{- else }}", 1)[1].rsplit("{{- end }}\n{{- end }}", 1)[0]
    if not metadata_server:
        default = re.sub(r"\{\{- if .*?\{\{- end \}\}", "", default, flags=re.DOTALL)
    rules = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "", default))

    def reached(address, port):
        return any(
            ip_address(address) in ip_network(to["ipBlock"]["cidr"])
            and not any(
                ip_address(address) in ip_network(each) for each in to["ipBlock"].get("except", ())
            )
            for rule in rules
            for to in rule["to"]
            if port in [each["port"] for each in rule.get("ports", [{"port": port}])]
        )

    for address, port in (
        ("169.254.20.10", 53),
        ("169.254.170.23", 80),
        ("fd00:ec2::23", 80),
        ("169.254.169.252", 988),
        ("10.0.0.10", 53),
        ("203.0.113.1", 443),
    ):
        assert reached(address, port), address
    assert reached("169.254.169.254", 80) is metadata_server
    for address in ("fd00:ec2::254", "169.254.170.2", "fe80::1"):
        assert not reached(address, 80), address


@needs_helm
@pytest.mark.parametrize("values", EVERY)
def test_helm_finds_nothing_wrong_with_it(values, tmp_path):
    (tmp_path / "values.json").write_text(json.dumps(values))
    done = helm("lint", "--strict", CHART, "--values", tmp_path / "values.json")
    assert done.returncode == 0, done.stdout


@needs_helm
@pytest.mark.parametrize("values", EVERY)
def test_its_pods_are_restricted(values, tmp_path):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/, "Restricted"."""
    found = pods(rendered(values, tmp_path))
    assert len(found) == 2 + ("worker" in values)
    for pod in found:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {kind for volume in pod["volumes"] for kind in volume} <= {
            *("name", "emptyDir", "projected", "secret")
        }
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


@needs_helm
@pytest.mark.parametrize("values", EVERY)
def test_its_settings_can_be_used(values, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    contents = {
        "database_url": "postgresql://tenantry:password@postgresql/tenantry",
        "master_key": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI=",
        "smtp_url": "smtps://user:password@mail",
        "metrics_token": "a-token-of-at-least-so-many-characters",
    }
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).touch()
    for pod in pods(rendered(values, tmp_path)):
        (volume,) = [each for each in pod["volumes"] if each["name"] == "secrets"]
        paths = {
            item["path"]
            for each in volume["projected"]["sources"]
            for item in each["secret"]["items"]
        }
        assert paths == values["secrets"].keys()
        for path in paths:
            (tmp_path / path).write_text(contents.get(path, "a password"))
        given = {
            each["name"]: re.sub(
                "^(/run/secrets/tenantry|/etc/tenantry/tls)/", f"{tmp_path}/", each["value"]
            )
            for each in pod["containers"][0]["env"]
        }
        settings = load(given)
        assert settings.database.startswith("postgresql://tenantry:")
        assert settings.files.keys() == values["secrets"].keys()
        assert pod.get("terminationGracePeriodSeconds", 60) >= settings.drain_seconds + 15


@needs_helm
def test_a_large_number_is_spelled_out(tmp_path):
    values = EXAMPLES[0] | {"settings": {"event_retention_days": 36500, "pool_size": 1_000_000}}
    (server,) = [each for each in rendered(values, tmp_path) if each["kind"] == "Deployment"]
    given = {
        each["name"]: each["value"]
        for each in server["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert given["TENANTRY_EVENT_RETENTION_DAYS"] == "36500"
    assert given["TENANTRY_POOL_SIZE"] == "1000000"


@needs_helm
def test_a_migration_comes_before_everything_else(tmp_path):
    for values, words in ((EXAMPLES[0], []), (EVERYTHING, ["--beside-older"])):
        (job,) = [each for each in rendered(values, tmp_path) if each["kind"] == "Job"]
        assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
        pod = job["spec"]["template"]["spec"]
        assert pod["containers"][0]["args"] == ["migrate", *words]
        assert "serviceAccountName" not in pod  # it is not there yet


@needs_helm
def test_probes_ask_what_they_are_for(tmp_path):
    (server,) = [
        each
        for each in rendered(EVERYTHING, tmp_path)
        if each["kind"] == "Deployment" and each["metadata"]["name"] == "tenantry"
    ]
    assert "replicas" not in server["spec"]  # they are the autoscaler's to set
    container = server["spec"]["template"]["spec"]["containers"][0]
    asked = {
        kind: container[f"{kind}Probe"]["httpGet"]["path"]
        for kind in ("startup", "readiness", "liveness")
    }
    assert asked == {"startup": "/livez", "readiness": "/readyz", "liveness": "/livez"}


@needs_helm
def test_figures_are_for_prometheus_alone(tmp_path):
    objects = rendered(EVERYTHING, tmp_path)
    (monitor,) = [each for each in objects if each["kind"] == "PodMonitor"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["authorization"]["credentials"] == {"name": "prometheus", "key": "token"}
    for each in objects:
        if each["kind"] == "Deployment":
            (container,) = each["spec"]["template"]["spec"]["containers"]
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            given = {variable["name"]: variable["value"] for variable in container["env"]}
            assert given["TENANTRY_METRICS_LISTEN"] == f"0.0.0.0:{ports[endpoint['port']]}"
    without = EVERYTHING | {"secrets": EXAMPLES[1]["secrets"]}
    (tmp_path / "values.json").write_text(json.dumps(without))
    refused = helm(
        *("template", "tenantry", CHART, "--kube-version", "1.31.0"),
        *("--values", tmp_path / "values.json"),
    )
    assert refused.returncode == 1
    assert "secrets.metrics_token is needed" in refused.stderr


@needs_helm
def test_selectors_find_their_pods_and_no_others(tmp_path):
    objects = rendered(EVERYTHING, tmp_path)
    labels = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for each in objects
        if "template" in each.get("spec", ())
    }
    (service,) = [each for each in objects if each["kind"] == "Service"]
    for name, of_pod in labels.items():
        found = service["spec"]["selector"].items() <= of_pod.items()
        assert found == (name == "tenantry"), name


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl")
def test_the_secret_of_the_guide_holds_a_key(tmp_path):
    (command,) = re.findall(r"^kubectl create secret .*$", GUIDE.read_text(), re.MULTILINE)
    done = subprocess.run(
        ["bash", "-c", f"{command} --dry-run=client --output=json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["data"].keys() == {"master-key"}
