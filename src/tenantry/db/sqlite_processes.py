"""The processes that have a SQLite file open, as Linux shows their locks (proc(5)).

No file is opened for it: to close one would end the locks of this process.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCKS = Path("/proc/locks")
_PROGRAM = "tenantry"
_WAL_WRITE_LOCK = 120  # the byte of the -shm file (https://www.sqlite.org/walformat.html)


def running(path: Path) -> list[str]:
    """Return the other Tenantry processes that have this file open, a phrase for each."""
    pids = sorted({pid for pid, _, _ in _locks(path)} - {os.getpid()})
    return [
        f"process {pid} ({_name(pid)}), which has the file open" for pid in pids if _is_ours(pid)
    ]


def is_being_written(path: Path) -> bool:
    """Whether a process is in a transaction that changes this file, as a migration is."""
    return any(
        kind == "WRITE" and first == _WAL_WRITE_LOCK
        for pid, kind, first in _locks(path.with_name(f"{path.name}-shm"))
        if pid != os.getpid()
    )


def _locks(path: Path) -> Iterator[tuple[int, str, int]]:
    """Yield the process, the kind and the first byte of each lock on a file."""
    try:
        inode = path.stat().st_ino
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        # 1: POSIX  ADVISORY  READ 18491 00:1b:5387231 128 128
        _, *words = line.split()
        if len(words) == 7 and words[0] == "POSIX" and words[4].rpartition(":")[2] == str(inode):
            yield int(words[3]), words[2], int(words[5])


def _is_ours(pid: int) -> bool:
    """Whether a process is a server, whose Envoy has this name, or a command of any Python."""
    try:
        words = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")
    except OSError:
        return False
    return any(Path(word).name == _PROGRAM for word in words)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
