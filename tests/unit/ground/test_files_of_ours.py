"""Files that the program makes are for its owner alone, whatever the umask."""

from __future__ import annotations

import ast
import os
import stat
from pathlib import Path

import tenantry
from tenantry.identity.authenticators.passwords.cores import Cores

ROOT = Path(tenantry.__file__).parent
# Calls that make a file or a folder with the rights that the umask leaves.
MAKING = {
    "write_text",
    "write_bytes",
    "touch",
    "copy",
    "copy2",
    "copyfile",
    "copytree",
    "mknod",
    "makedirs",
}
# Standard streams that were closed lead to /dev/null, which is there.
# `tenantry init` writes a project for its user; the secret in it has a mode.
KNOWN = {"cli/__init__.py", "cli/projects/writing.py"}


def makes_openly(call: ast.Call) -> bool:
    """Whether a call makes a file or a folder, and does not say for whom."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    of_os = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "os"
    if name == "open" and of_os:
        return "O_CREAT" in ast.unparse(call) and len(call.args) < 3
    if name == "open":
        words = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
        words += [k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)]
        # A name of a mode that is not written out may be any.
        return any(isinstance(word, str) and set("wax") & set(word[:1]) for word in words) or any(
            isinstance(arg, ast.IfExp) for arg in call.args
        )
    if name == "mkdir":
        return "mode" not in {keyword.arg for keyword in call.keywords}
    of_copy = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) != "shutil"
    return name in MAKING and not (name.startswith("copy") and of_copy)


def test_every_file_that_is_made_says_for_whom():
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in ROOT.rglob("*.py")
        if str(path.relative_to(ROOT)) not in KNOWN
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and makes_openly(node)
    }
    # Of migrations, docs and examples, which are no part of the running program.
    ours = {
        place
        for place in found
        if not place.startswith(("gen/", "endpoints/docs/docs/", "examples/"))
    }
    assert ours == set()


def test_the_locks_of_hashing_are_for_their_owner_alone(tmp_path):
    before = os.umask(0)
    try:
        with Cores(2, tmp_path / "1-hashing").one():
            made = sorted(tmp_path.iterdir())
    finally:
        os.umask(before)
    assert [path.name for path in made] == ["1-hashing-0.lock", "1-hashing-1.lock"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
