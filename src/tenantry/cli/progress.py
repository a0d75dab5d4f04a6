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
        self._read = self._done = 0
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

    def rows(self, done: int, refused: int, size: int | None = None) -> None:
        """Show the number of rows done, whose text has a size; by default, all that was read.

        Rows are read before they are written, so the size of those done is the better measure.
        """
        self._done = self._read if size is None else size
        said = f"{done:,} rows, {done / self._seconds():,.0f} a second"
        if refused:
            said += f", {refused:,} refused"
        self._show(said)

    def copied(self, done: int, size: int) -> None:
        """Show the number of bytes copied, of a size."""
        self._done, self._size = done, size
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], total=size)
        self._show(f"{done >> 20:,} MiB, {done / self._seconds() / (1 << 20):,.0f} a second")

    def _seconds(self) -> float:
        return max(time.monotonic() - self._start, 0.001)

    def _show(self, said: str) -> None:
        now = time.monotonic()
        left = seconds_left(self._done, self._size, self._seconds())
        if left is not None:
            said += f", {duration(left)} left"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done, description=said)
        elif now - self._told >= _TELL_SECONDS:
            self._told = now
            share = f"{min(100, self._done * 100 // self._size)}%, " if self._size else ""
            running.remark(share + said)


def seconds_left(done: int, total: int | None, elapsed: float) -> float | None:
    """Return how long the rest takes at the average rate so far, None if that is unknown."""
    if not total or done <= 0:
        return None
    return max(0, total - done) * elapsed / done


def duration(seconds: float) -> str:
    """Return a duration in its two largest units: `41 s`, `8 min 38 s`, `2 h 5 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
