"""The generated code is what proto/ says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_generated_code_is_current() -> None:
    """A change of proto/ without `make gen` is red."""
    done = subprocess.run(
        [sys.executable, "scripts/gen.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"run `make gen`:\n{done.stderr}"
