"""The code keeps to the wings of ARCHITECTURE.md; the contracts stand in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINT = Path(sys.executable).with_name("lint-imports")


def test_imports_go_down_only():
    done = subprocess.run(
        [LINT, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("settings/table.py", "from tenantry.access.clients import service"),
        ("access/clients/service.py", "from tenantry.gen.scalekit.v1.commons import commons_pb"),
        ("doors/transport/call.py", "from tenantry.tenants.organizations import service"),
        ("doors/portal/web.py", "from tenantry.doors.oauth import token"),
        ("tenants/portal_links/service.py", "from tenantry.tenants.organizations import rpc"),
        ("tenants/roles/service.py", "from tenantry.tenants.users import service"),
        ("events/webhooks/service.py", "from tenantry.tenants.organizations import service"),
    ],
)
def test_an_import_that_goes_up_or_sideways_is_found(tmp_path, module, line):
    subprocess.run(["cp", "-r", ROOT / "src", ROOT / "pyproject.toml", tmp_path], check=True)
    changed = tmp_path / "src" / "tenantry" / module
    text = changed.read_text(encoding="utf-8")
    start = "from __future__ import annotations\n"
    changed.write_text(text.replace(start, f"{start}{line}\n", 1), encoding="utf-8")
    done = subprocess.run(
        [LINT, "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "src"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout
