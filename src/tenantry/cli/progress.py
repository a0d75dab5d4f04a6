"""How far a long command is: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from tenantry.cli import running

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_TELL_SECONDS = 5.0


class Progress:
    """The progress of reading a file of this size, or of one that has no size before its end."""

    def __init__(self, size: int | None) -> None:
        self._size = size
        self._read = 0
        self._start = self._told = time.monotonic()
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich import progress
            from rich.console import Console

            self._bar = progress.Progress(
                progress.BarColumn(),
                progress.TaskProgressColumn(),
                progress.TextColumn("{task.description}"),
                progress.TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.add_task("", total=self._size)
            self._bar.start()
        return self

    def __exit__(self, *_problem: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def read(self, size: int) -> None:
        """Add a number of bytes read."""
        self._read += size

    def rows(self, done: int, refused: int) -> None:
        """Show the number of rows done."""
        said = f"{done:,} rows, {done / self._seconds():,.0f} a second"
        if refused:
            said += f", {refused:,} refused"
        self._show(said)

    def copied(self, done: int, size: int) -> None:
        """Show the number of bytes copied, of a size."""
        self._read, self._size = done, size
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], total=size)
        self._show(f"{done >> 20:,} MiB, {done / self._seconds() / (1 << 20):,.0f} a second")

    def _seconds(self) -> float:
        return max(time.monotonic() - self._start, 0.001)

    def _show(self, said: str) -> None:
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._read, description=said)
        elif now - self._told >= _TELL_SECONDS:
            self._told = now
            share = f"{self._read * 100 // self._size}%, " if self._size else ""
            running.remark(share + said)
