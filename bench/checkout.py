"""The program of another commit, beside the one that is measured.

The commit's files are a git worktree below `build/against`, which is kept for the next run. Its
modules are found before those that are installed (PYTHONPATH). Where its requirements.txt pins the
versions that ours does, it runs in our own virtual environment, so that both have one interpreter
and one copy of every library; else in an environment that its own `make` installs.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from serving import OURS, Program

ROOT = OURS.tree
KEPT = ROOT / "build" / "against"
_PIN = re.compile(r"^[\w.\[\],-]+==\S+", re.MULTILINE)


def resolve(commit: str) -> str:
    """Return the full name of a commit; raise SystemExit where there is no such commit."""
    found = _git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    if not found:
        sys.exit(f"bench: {commit} is no commit of this repository")
    return found


def described() -> str:
    """Return the commit of this tree, and say whether its files differ from it."""
    changed = (
        " with changes" if _git("status", "--porcelain", "--", "src", "requirements.txt") else ""
    )
    return _git("rev-parse", "HEAD") + changed


def program_of(commit: str) -> Program:
    """Return the program of a commit, given by its full name."""
    tree = KEPT / commit
    if not tree.exists():
        _git("worktree", "prune")
        subprocess.run(
            ["git", "worktree", "add", "--quiet", "--detach", tree, commit], cwd=ROOT, check=True
        )
    command = OURS.command
    if pins(tree) != pins(ROOT):
        # The environment of this run would be taken for that of the tree.
        outside = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "MAKEFLAGS")}
        make = ["make", "--silent", ".venv/installed", f"PYTHON={sys.executable}"]
        subprocess.run(make, cwd=tree, env=outside, check=True, stdout=sys.stderr)
        command = tree / ".venv" / "bin" / "tenantry"
    # Bytecode of both, so that no start has to compile what the other's finds.
    for source in (tree / "src", ROOT / "src"):
        subprocess.run([sys.executable, "-m", "compileall", "-qq", source], check=True)
    program = Program(tree, command, {"PYTHONPATH": str(tree / "src")})
    _check(program, tree)
    return program


def pins(tree: Path) -> set[str]:
    """Return the versions that a tree's requirements pin."""
    return set(_PIN.findall((tree / "requirements.txt").read_text()))


def _check(program: Program, tree: Path) -> None:
    """Make sure that it is the commit's code that runs: raise SystemExit if not."""
    asked = [program.command.parent / "python", "-c", "import tenantry; print(tenantry.__file__)"]
    environment = os.environ | program.environment
    found = subprocess.check_output(asked, env=environment, cwd=tree, text=True).strip()
    if not Path(found).is_relative_to(tree):
        sys.exit(f"bench: the server of {tree.name} would run {found}")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
