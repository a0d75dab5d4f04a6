"""Cores that hash: over all processes of a server, as many as leave one to calls.

A core is a file, and the hash that runs on it holds its lock (flock(2)). So a process that dies
releases it.
"""

from __future__ import annotations

import fcntl
import os
import random
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO


class Cores:
    """A number of cores, shared by all that name the same ``place``; without one they are ours."""

    def __init__(self, number: int, place: Path | None) -> None:
        numbers = range(number if place is not None else 0)
        self._files = [Path(f"{place}-{each}.lock") for each in numbers]

    @contextmanager
    def one(self) -> Iterator[None]:
        """Have a core to oneself; wait for it in this thread."""
        with ExitStack() as held:
            with suppress(OSError):  # a folder without locks: hashing goes on as it can
                _lock_one([held.enter_context(_opened(file)) for file in self._files])
            yield


def _opened(file: Path) -> IO[bytes]:
    # A user that can open the file can hold its lock, and so keep everybody from signing in.
    return os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")


def _lock_one(files: list[IO[bytes]]) -> None:
    for file in files:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
    if files:
        fcntl.flock(random.choice(files), fcntl.LOCK_EX)  # noqa: S311 - any will do
