"""Work that only one process of a test run may do at a time, and work that is done once for all."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def turn(name: str) -> Iterator[None]:
    """Wait until nobody else is at this, in any process of this machine."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    with (Path(tempfile.gettempdir()) / f"tenantry-{digest}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install_node_packages(folder: Path) -> None:
    """Install what the package.json in this folder names, unless that is done."""
    npm = shutil.which("npm")
    assert npm is not None
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".installed"
    wanted = lock if lock.exists() else folder / "package.json"
    with turn(str(folder)):
        if installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime:
            return
        how = ["ci"] if lock.exists() else ["install", "--no-package-lock"]
        done = subprocess.run(
            [npm, *how, "--no-audit", "--no-fund"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, f"npm {' '.join(how)}\n{done.stdout}{done.stderr}"
        installed.touch()
