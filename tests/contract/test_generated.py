"""The generated code is what proto/ says."""

import shutil
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


def test_an_example_of_no_field_is_refused(tmp_path: Path) -> None:
    """A field that leaves the contract takes its example with it."""
    for folder in ("proto", "scripts", "src/tenantry/gen"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    with (tmp_path / "proto" / "examples" / "users.yaml").open("a") as file:
        file.write("CreateUser:\n  shoe_size: 42\n")
    done = subprocess.run(
        [sys.executable, "scripts/gen.py", "--check"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "examples of no field: CreateUser.shoe_size\n")
