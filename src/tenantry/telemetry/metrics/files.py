"""The figures of each process in its own files, so that any process can answer for all.

A process has two files in the folder: the names of its series, one a line, and their values. It
holds a lock on the second one while it lives. Values are written once a second, and a value
that was never written was never answered: so no counter goes back when a process dies. The next
process to start adds what the dead have counted to one file, `ended.json`.

Written by calls, not mapped into memory: where a disk is full, a write fails, and to touch a page
that has no room ends the process (SIGBUS).
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from array import array
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tenantry.core import atomic
from tenantry.telemetry.metrics.kinds import Counter, Histogram, Labels, Metric
from tenantry.telemetry.metrics.table import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tenantry.settings import Settings
    from tenantry.telemetry.metrics.kinds import Sheet

_SERIES, _VALUES = ".series", ".values"
_ENDED, _LOCK = "ended.json", "lock"
_MOST_BYTES = 64 << 20  # of a file that is read

Totals = dict[Metric, dict[Labels, list[float]]]
_Row = tuple[Metric, Labels, list[float]]


def folder_of(settings: Settings) -> Path:
    """Return the folder of all processes that share the address of `/metrics`."""
    return settings.data_dir / "run" / f"metrics-{settings.metrics_listen}"


class Writer:
    """The files of this process.

    Raises:
        OSError: they cannot be written.

    """

    def __init__(self, folder: Path, sheet: Sheet) -> None:
        self._sheet = sheet
        self._told = 0  # of the sheet's series
        self._written = b""
        for one in (folder.parent.parent, folder.parent, folder):  # for this user alone, each
            one.mkdir(mode=0o700, exist_ok=True)
        with _alone(folder):
            _sweep(folder)
            name = secrets.token_hex(8)
            self._series = os.open(folder / (name + _SERIES), _NEW, 0o600)
            self._values = os.open(folder / (name + _VALUES), _NEW, 0o600)
            fcntl.flock(self._values, fcntl.LOCK_EX)

    def write(self) -> None:
        """Write the figures as they are now.

        Raises:
            OSError: they could not be written.

        """
        with self._sheet.lock:
            values = self._sheet.values.tobytes()
            series = self._sheet.series[self._told :]
        if series:
            lines = [json.dumps([metric.name, *labels]) for metric, labels in series]
            size = os.fstat(self._series).st_size
            text = ("\n".join(lines) + "\n").encode()
            if os.pwrite(self._series, text, size) < len(text):
                os.ftruncate(self._series, size)
                raise OSError("the disk is full")
            self._told += len(series)
        if values != self._written:
            if os.pwrite(self._values, values, 0) < len(values):
                raise OSError("the disk is full")
            self._written = values

    def close(self) -> None:
        """Leave the files to the other processes."""
        os.close(self._series)
        os.close(self._values)


_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def read(folder: Path) -> tuple[Totals, int]:
    """Return the sums over all processes, and how many of them live.

    No lock is waited for: a process that ends meanwhile is found in the file of those that have
    ended, which is written first and read last.
    """
    found: list[tuple[str, list[_Row]]] = []
    alive = 0
    for path in sorted(folder.glob("*" + _VALUES)):
        lives = _lives(path)
        alive += lives
        with suppress(FileNotFoundError):  # it was added to the others meanwhile
            found.append((path.stem, list(_rows(path, also_gauges=lives))))
    ended = _ended(folder)
    totals: Totals = {}
    rows = [row for name, some in found if name not in ended["of"] for row in some]
    rows += _known(ended["series"])
    for metric, labels, values in rows:
        series = totals.setdefault(metric, {})
        before = series.get(labels)
        series[labels] = (
            values if before is None else [a + b for a, b in zip(before, values, strict=True)]
        )
    return totals, alive


def is_used(folder: Path) -> bool:
    """Whether a process lives whose figures are in this folder."""
    return any(map(_lives, folder.glob("*" + _VALUES)))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _lives(values: Path) -> bool:
    """Whether the process of these values lives."""
    try:
        file = os.open(values, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _sweep(folder: Path) -> None:
    """Add what the dead have counted to one file; where nobody lives, all begins anew."""
    dead = [path for path in folder.glob("*" + _VALUES) if not _lives(path)]
    if not is_used(folder):
        (folder / _ENDED).unlink(missing_ok=True)
    elif dead:
        ended = _ended(folder)
        sums = {(metric.name, labels): values for metric, labels, values in _known(ended["series"])}
        for path in dead:
            if path.stem in ended["of"]:
                continue  # whose files were left when the process that added them was killed
            for metric, labels, values in _rows(path, also_gauges=False):
                key = metric.name, labels
                before = sums.get(key, [0.0] * len(values))
                sums[key] = [a + b for a, b in zip(before, values, strict=True)]
        content = {
            "of": [path.stem for path in dead],
            "series": [[[name, *labels], values] for (name, labels), values in sums.items()],
        }
        atomic.write(folder / _ENDED, json.dumps(content).encode(), mode=0o600)
    for path in dead:
        path.unlink(missing_ok=True)
        path.with_suffix(_SERIES).unlink(missing_ok=True)


def _ended(folder: Path) -> dict[str, list[Any]]:
    try:
        content: dict[str, list[Any]] = json.loads((folder / _ENDED).read_bytes())
    except (FileNotFoundError, ValueError):
        return {"of": [], "series": []}
    return content


def _rows(path: Path, *, also_gauges: bool) -> Iterator[_Row]:
    """Yield the series of one process with their values."""
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES)
    # Read after the values, for each of which there is a series then.
    lines = path.with_suffix(_SERIES).read_bytes().split(b"\n")[:-1]  # the whole ones
    values = array("d")
    values.frombytes(content[: len(content) // values.itemsize * values.itemsize])
    at = 0
    for line in lines:
        name, *labels = json.loads(line)
        metric = METRICS.get(name)
        if metric is None:
            return  # of another version, whose widths are not known
        some = values[at : at + metric.width].tolist()
        at += metric.width
        if len(some) == metric.width and (also_gauges or isinstance(metric, (Counter, Histogram))):
            yield metric, tuple(labels), some


def _known(series: list[Any]) -> Iterator[_Row]:
    for (name, *labels), values in series:
        metric = METRICS.get(name)
        if metric is not None and metric.width == len(values):
            yield metric, tuple(labels), values
