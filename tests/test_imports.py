"""The code keeps to the floors of ARCHITECTURE.md; the contracts stand in pyproject.toml."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINT = Path(sys.executable).with_name("lint-imports")


def test_imports_go_down_the_floors_only():
    done = subprocess.run(
        [LINT, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("settings.py", "from tenantry.clients import service"),
        ("clients/service.py", "from tenantry.gen.scalekit.v1.commons import commons_pb"),
        ("transport/call.py", "from tenantry.organizations import service"),
        ("portal/web.py", "from tenantry.oauth import token"),
        ("portal_links/service.py", "from tenantry.organizations import rpc"),
        ("roles/service.py", "from tenantry.users import service"),
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


def test_only_the_wiring_imports_an_rpc():
    package = ROOT / "src" / "tenantry"
    for path in package.rglob("*.py"):
        names = [
            f"{node.module}.{name.name}"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and node.module
            for name in node.names
        ]
        rpcs = [n for n in names if re.match(r"tenantry\.(?!transport\.)\w+\.rpc\b", n)]
        assert not rpcs or path == package / "app.py", path


def test_every_module_has_its_floor():
    """What stands in no contract is held to none."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = contracts["contracts"][0]["layers"]
    held = {name.split(".")[1] for layer in layers for name in layer.split(" | ")}
    package = ROOT / "src" / "tenantry"
    there = {path.stem for path in package.iterdir() if path.suffix in {"", ".py"}}
    assert held == there - {"__init__", "__pycache__"}
