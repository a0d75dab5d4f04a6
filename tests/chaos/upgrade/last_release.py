"""The program of the last release: the commit or tag that `last_release.txt` names."""

from __future__ import annotations

import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from repository import ROOT
from servers import LiveServer

NAME = (Path(__file__).parent / "last_release.txt").read_text().strip()


@cache
def source() -> Path:
    """Return the folder of its modules, which is kept for the next run.

    They run in our own environment: its libraries are those of the release, or newer.
    """
    commit = git("rev-parse", "--verify", f"{NAME}^{{commit}}")
    kept = ROOT / "build" / "releases" / commit
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=kept.parent))
        archive = subprocess.run(
            ["git", "archive", commit, "src"], cwd=ROOT, check=True, stdout=subprocess.PIPE
        )
        subprocess.run(["tar", "-x", "-C", made], input=archive.stdout, check=True)
        try:
            made.rename(kept)
        except OSError:  # another process of this run was faster
            assert kept.exists()
    return kept / "src"


def git(*arguments: str) -> str:
    """Return the answer of git about this repository."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


class LastRelease(LiveServer):
    """A server of it."""

    @property
    def environment(self) -> dict[str, str]:
        """See `LiveServer.environment`."""
        return super().environment | {"PYTHONPATH": os.fspath(source())}
