"""The kinds of metrics, and the sheet on which a process counts."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from typing import ClassVar, Protocol
from weakref import WeakSet

Labels = tuple[str | int, ...]

# Of one metric. Labels are words from our tables, so that there are never as many.
MOST_SERIES = 20_000
_OTHER = "other"


class Measured(Protocol):
    """Something whose state is read once a second, in the place of counting at each change."""

    def measure(self) -> None:
        """Add to gauges what it has now, and to counters how much came since the last time."""


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """A metric by its name, with a sentence about it and the names of its labels."""

    name: str
    help: str
    labels: tuple[str, ...] = ()

    type: ClassVar[str]

    @property
    def width(self) -> int:
        """The values that one series has."""
        return 1

    def _add(self, labels: Labels, by: float) -> None:
        sheet = _counting.sheet
        if sheet is None:
            return
        slot = sheet.slots[self.name].get(labels)
        if slot is None:
            slot = sheet.slot(self, labels)
        with sheet.lock:
            sheet.values[slot] += by


class Counter(Metric):
    """A number that only grows."""

    __slots__ = ()
    type = "counter"

    def add(self, *labels: str | int, by: float = 1.0) -> None:
        """Count one more, or a number."""
        self._add(labels, by)


class Gauge(Metric):
    """A number that goes up and down; of several processes it is their sum.

    It is counted anew each second, by all that is `Measured`.
    """

    __slots__ = ()
    type = "gauge"

    def add(self, *labels: str | int, by: float) -> None:
        """Add to it, within `Measured.measure`."""
        self._add(labels, by)


class Info(Metric):
    """A series whose labels alone say something: its value is 1."""

    __slots__ = ()
    type = "info"


@dataclass(frozen=True, slots=True, eq=False)
class Histogram(Metric):
    """How often a value was at most each of the ``bounds``, and the sum of all."""

    bounds: tuple[float, ...] = ()

    type: ClassVar[str] = "histogram"

    @property
    def width(self) -> int:
        """The values that one series has: for each bound, for those above, and the sum."""
        return len(self.bounds) + 2

    def observe(self, value: float, *labels: str | int) -> None:
        """Count one value."""
        sheet = _counting.sheet
        if sheet is None:
            return
        slot = sheet.slots[self.name].get(labels)
        if slot is None:
            slot = sheet.slot(self, labels)
        at = bisect_left(self.bounds, value)
        with sheet.lock:
            values = sheet.values
            values[slot + at] += 1
            values[slot + len(self.bounds) + 1] += value


class Sheet:
    """The values of one process, those of a series side by side; several event loops add to it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.values = array("d")
        self.series: list[tuple[Metric, Labels]] = []  # in the order of their values
        self.slots: defaultdict[str, dict[Labels, int]] = defaultdict(dict)

    def slot(self, metric: Metric, labels: Labels) -> int:
        """Return where the values of a series begin, which is made where it is missing."""
        assert len(labels) == len(metric.labels), f"{metric.name} has {metric.labels}"
        with self.lock:
            known = self.slots[metric.name]
            if len(known) >= MOST_SERIES and labels not in known:
                labels = (_OTHER,) * len(labels)
            if labels not in known:
                at = len(self.values)
                self.values.frombytes(bytes(self.values.itemsize * metric.width))
                self.series.append((metric, labels))
                known[labels] = at
            return known[labels]

    def measure(self) -> None:
        """Count all gauges anew."""
        with self.lock:
            for metric, labels in self.series:
                if isinstance(metric, Gauge):
                    self.values[self.slots[metric.name][labels]] = 0.0
        with _counting.lock:
            measured = list(_counting.measured)
        for one in measured:
            one.measure()


class _Counting:
    """Whether this process counts; and all that it measures then."""

    def __init__(self) -> None:
        self.sheet: Sheet | None = None
        self.measured: WeakSet[Measured] = WeakSet()
        self.lock = threading.Lock()  # of the above: event loops add to it


_counting = _Counting()


def begin() -> Sheet:
    """Switch counting on, and return the sheet: the earlier one, where it was on already."""
    if _counting.sheet is None:
        _counting.sheet = Sheet()
    return _counting.sheet


def watch(one: Measured) -> None:
    """Measure this once a second, as long as it is there and this process counts."""
    with _counting.lock:
        _counting.measured.add(one)
