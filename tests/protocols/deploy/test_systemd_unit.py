"""The unit for systemd: as closed as it can be, and the server runs within that."""

from __future__ import annotations

import ctypes.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from doc_programs import management
from repository import ROOT
from servers import TENANTRY, LiveServer

from tenantry.settings.table import declared

UNIT = ROOT / "deploy" / "systemd" / "tenantry.service"
GUIDE = ROOT / "docs" / "guides" / "systemd.md"
CONFINED = Path(__file__).parent / "confined.py"
MOST_EXPOSURE = 2.0

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze (systemd)"
)


def values(name):
    """The values of a line of the unit, in order."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


def allowed():
    """The system calls that the unit allows, as this systemd spells its sets."""
    names = set()
    for filter_ in values("SystemCallFilter"):
        listed = {call for each in filter_.lstrip("~").split() for call in expanded(each)}
        names = names - listed if filter_.startswith("~") else names | listed
    return sorted(names | set(expanded("@default")))


def expanded(name):
    if not name.startswith("@"):
        return [name]
    shown = subprocess.run(
        ["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True
    ).stdout
    members = re.findall(r"^    ([@a-z0-9_-]+)$", shown, re.MULTILINE)
    return [call for member in members for call in expanded(member)]


@needs_systemd
def test_its_exposure_is_small():
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT],
        capture_output=True,
        text=True,
        check=True,
    )
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(exposure) <= MOST_EXPOSURE


@needs_systemd
def test_systemd_finds_nothing_wrong_with_it(tmp_path):
    here = UNIT.read_text().replace("/usr/lib/tenantry/bin/tenantry", str(TENANTRY))
    (tmp_path / "tenantry.service").write_text(here)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / "tenantry.service"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_it_names_settings_only():
    known = {f"TENANTRY_{f.name.upper()}" for f in declared()}
    secrets = {f"TENANTRY_{f.name.upper()}_FILE" for f in declared() if f.metadata["secret"]}
    named = set(re.findall(r"\bTENANTRY_[A-Z_]+", UNIT.read_text()))
    assert "TENANTRY_MASTER_KEY_FILE" in named
    assert named <= known | secrets


@pytest.mark.thorough
@needs_systemd
@pytest.mark.skipif(
    ctypes.util.find_library("seccomp") is None, reason="no libseccomp (libseccomp2)"
)
@pytest.mark.parametrize("workers", [1, 2])
def test_the_server_runs_within_its_filter(tmp_path, workers):
    server = LiveServer(tmp_path, workers=workers)
    server.start(sys.executable, CONFINED, ",".join(allowed()), TENANTRY, "serve")
    try:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
        assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)
        with management(server) as api:
            made = api.post("/api/v1/organizations", json={"display_name": "Acme"})
            assert made.status_code == 201, made.text
        assert server.run("health", "--ready").returncode == 0
    finally:
        assert server.stop() == 0
    assert "Operation not permitted" not in server.log.read_text()
