"""The code keeps to the wings of ARCHITECTURE.md; the contracts stand in pyproject.toml."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src" / "tenantry"
# The hall wires and runs everything.
HALL = {"app", "services", "worker", "doctor", "cli", "server"}
WINGS = {"endpoints", "transfer", "identity", "access", "tenants", "events"}
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
        ("api/pipeline.py", "from tenantry.tenants.organizations import service"),
        ("endpoints/organization/web.py", "from tenantry.endpoints.oauth import token"),
        ("tenants/portal_links/service.py", "from tenantry.tenants.organizations import rpc"),
        ("app.py", "from tenantry.tenants.organizations import rpc"),
        ("cli/organizations.py", "from tenantry.tenants.organizations import service"),
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


def modules():
    """Each module of ours, as the parts of its name below `tenantry`, with its syntax tree."""
    for path in SRC.rglob("*.py"):
        parts = path.relative_to(SRC).with_suffix("").parts
        if parts[0] != "gen":
            yield parts[:-1] if parts[-1] == "__init__" else parts, ast.parse(path.read_text())


def room(parts):
    """The room that a module stands in: a folder of a wing. None for everything else."""
    depth = 3 if parts[:2] == ("identity", "proofs") else 2
    is_room = len(parts) >= depth and parts[0] in WINGS and SRC.joinpath(*parts[:depth]).is_dir()
    return parts[:depth] if is_room else None


def crossings():
    """Each import of a room's module from elsewhere: the importing module, the room, the module."""
    found = dict(modules())
    for parts, tree in found.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            _, *source = node.module.split(".")
            for name in node.names:
                target = (*source, name.name)
                target = target if target in found else tuple(source)
                if (there := room(target)) and there != room(parts):
                    yield parts, there, ".".join(target[len(there) :])


def offered():
    """Each room with the modules that others may import: its `__all__`, or none without one."""
    for parts, tree in modules():
        if parts == room(parts):
            names = [
                ast.literal_eval(node.value)
                for node in tree.body
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
            ]
            yield parts, set(*names)


def test_others_import_only_the_modules_that_a_room_offers():
    offers = dict(offered())
    seen = {there: set() for there in offers}
    for parts, there, module in crossings():
        if parts[0] not in HALL and module != "rpc":  # that is one of the contracts
            assert module in offers[there], (parts, there, module)
            seen[there].add(module)
    assert offers == seen  # and none is offered that no other room wants


def test_no_two_modules_of_tests_have_one_name():
    """Pytest collects the second of them not at all."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_a_room_says_its_subject():
    for parts, tree in modules():
        if parts == room(parts):
            assert ast.get_docstring(tree), parts
