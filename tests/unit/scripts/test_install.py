"""`scripts/install.py`, by which `make serve` installs: it says how far it is, and why not."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest
from repository import ROOT

SCRIPT = [sys.executable, "-P", ROOT / "scripts" / "install.py", "libraries"]


@pytest.fixture
def locked(tmp_path):
    """The locked versions of two libraries of this environment."""
    text = (ROOT / "requirements.txt").read_text()
    found = [re.search(rf"(?m)^{name}==(?:.*\\\n)*.*\n", text)[0] for name in ("idna", "typer")]
    path = tmp_path / "requirements.txt"
    path.write_text("".join(re.sub(r"(?m)^ *#.*\n", "", one) for one in found))
    return path


def run(path, **variables: str):
    # Nothing is fetched in a test.
    environment = os.environ | {"PIP_NO_INDEX": "1"} | variables
    return subprocess.run(
        [*SCRIPT, path], env=environment, capture_output=True, text=True, check=False
    )


def test_it_says_how_many_there_were(locked):
    done = run(locked, PIP_NO_DEPS="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"  libraries: 2 packages in \d+ s\n", done.stdout)


def test_where_it_fails_pip_says_why(tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text(f"no-such-library==1.0 --hash=sha256:{'0' * 64}\n")
    done = run(path)
    assert done.returncode == 1
    assert done.stdout == "  libraries: failed\n"
    assert "No matching distribution found for no-such-library==1.0" in done.stderr


def test_on_a_terminal_one_line_counts_up(locked):
    outer, inner = pty.openpty()
    environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1"}
    process = subprocess.Popen([*SCRIPT, locked], env=environment, stdout=inner, stderr=inner)
    os.close(inner)
    seen = b""
    while True:
        try:
            part = os.read(outer, 4096)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        seen += part
    os.close(outer)
    assert process.wait() == 0
    first, *counts = [part.strip() for part in seen.decode().split("\r") if part.strip()]
    assert first == "libraries: 1 of 2, idna"
    assert counts[0] == "libraries: 2 of 2, typer"
    assert counts[-1].startswith("libraries: 2 packages in ")
    assert max(len(part.rstrip("\n")) for part in seen.decode().split("\r")) < 80
