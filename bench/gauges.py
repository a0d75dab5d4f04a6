"""Memory, files, threads and sockets of the processes of a deployment, and its files."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_ENDED = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}


@dataclass(frozen=True)
class Held:
    """All that a process and those below it hold together.

    ``memory`` is in MB, and of each alone: memory that two of them share is left out (USS).
    """

    processes: int
    zombies: int
    memory: float
    files: int
    threads: int
    sockets: Counter[str]  # by their TCP state


def held(pid: int) -> Held:
    """Look at a process and all below it; one that ends meanwhile is left out."""
    processes = zombies = files = threads = memory = 0
    sockets: Counter[str] = Counter()
    for one in _tree(pid):
        with suppress(psutil.Error):
            if one.status() in _ENDED:
                zombies += 1
                continue
            processes += 1
            memory += one.memory_full_info().uss
            files += one.num_fds()
            threads += one.num_threads()
            sockets.update(at.status for at in one.net_connections("tcp"))
    return Held(processes, zombies, memory / 1e6, files, threads, sockets)


def _tree(pid: int) -> Iterable[psutil.Process]:
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        yield parent
        yield from parent.children(recursive=True)


def size(folder: Path, pattern: str = "*") -> float:
    """Return the size of the files there that match, in MB."""
    found = 0
    for path in folder.rglob(pattern):
        with suppress(FileNotFoundError):
            found += path.lstat().st_size
    return found / 1e6


def count(folder: Path) -> int:
    """Return how many files and folders are in a folder, at any depth."""
    return sum(1 for _ in folder.rglob("*"))
