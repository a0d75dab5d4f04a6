"""A small file system that tests fill."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from servers import PostgreSQL

_DISK = "900m"


class Disk:
    """A file system of its own in memory, which can be filled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    @classmethod
    @contextmanager
    def mounted(cls, folder: Path) -> Iterator[Disk | None]:
        """Mount one there; None where this user may not."""
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK},mode=755", "tmpfs", folder]
        if (
            not shutil.which("mount")
            or subprocess.run(mount, check=False, capture_output=True).returncode
        ):
            yield None
            return
        with ExitStack() as stack:
            stack.callback(subprocess.run, ["umount", "--lazy", folder], check=True)
            yield cls(folder)

    @asynccontextmanager
    async def during(self, postgresql: PostgreSQL | None) -> AsyncIterator[None]:
        """Leave no byte free meanwhile; PostgreSQL, which may end for it, is started again."""
        with self._ballast.open("wb") as file:
            with suppress(OSError):
                while True:
                    os.write(file.fileno(), bytes(1 << 16))
            with suppress(OSError):
                while True:
                    os.write(file.fileno(), bytes(512))
            yield
        self._ballast.unlink()
        if postgresql is not None:
            await asyncio.to_thread(postgresql.start)
