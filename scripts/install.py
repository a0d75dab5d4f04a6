"""Install what a requirements file locks, and say how far that is: `make serve` does.

On a terminal one line counts up; elsewhere a line is written now and then. pip's own words come
only where it fails. It runs on the Python of a fresh environment, where no library is yet.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

_LOCKED = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==", re.MULTILINE)
_FOUND = re.compile(r"^(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9][\w.-]*)")
_TELL_SECONDS = 10.0
_KEPT = 200  # lines of pip
_WIDEST = 79


def main() -> None:
    """Install, and end as pip does."""
    what, requirements = sys.argv[1:]
    pip = [
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"),
        *("--progress-bar", "off", "--require-hashes", "--requirement", requirements),
    ]
    progress = Progress(what, len(set(_LOCKED.findall(Path(requirements).read_text("utf-8")))))
    said: deque[str] = deque(maxlen=_KEPT)
    with subprocess.Popen(
        pip, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            progress.take(line)
    progress.end(worked=process.returncode == 0)
    if process.returncode:
        sys.stderr.writelines(said)
    sys.exit(process.returncode)


class Progress:
    """How many of the packages are there, and the one that is being fetched."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._seen: set[str] = set()
        self._began = self._told = time.monotonic()
        self._on_terminal = sys.stdout.isatty()

    def take(self, line: str) -> None:
        """Take a line of pip."""
        if found := _FOUND.match(line):
            self._seen.add(found[1].lower().replace("_", "-"))
            self._tell(found[1])
        elif line.startswith("Installing collected packages"):
            self._tell("writing them to the disk", always=True)

    def end(self, *, worked: bool) -> None:
        """Say how long it took."""
        seconds = time.monotonic() - self._began
        many = "1 package" if self._total == 1 else f"{self._total} packages"
        state = f"{many} in {seconds:.0f} s" if worked else "failed"
        self._write(f"  {self._what}: {state}", last=True)

    def _tell(self, about: str, *, always: bool = False) -> None:
        now = time.monotonic()
        if not (self._on_terminal or always or now - self._told >= _TELL_SECONDS):
            return
        self._told = now
        many = min(len(self._seen), self._total)
        self._write(f"  {self._what}: {many} of {self._total}, {about}", last=False)

    def _write(self, line: str, *, last: bool) -> None:
        if self._on_terminal:
            sys.stdout.write(f"\r{line[:_WIDEST]:{_WIDEST}}" + ("\n" if last else ""))
        else:
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
