"""Ranges of ids in which no indexed row has a search term."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.db.sql.schema import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOST = 500  # of one term


class Gaps:
    """The ranges of one term: in order, disjoint, with both of their ends."""

    def __init__(self, ranges: Iterable[tuple[str, str]] = ()) -> None:
        self._ranges = sorted(ranges)

    @classmethod
    def read(cls, text: str | None) -> Gaps:
        """Return the gaps of a row."""
        return cls((low, high) for low, high in from_json(text or "[]"))

    def to_json(self) -> str:
        """Return what a row keeps: of too many the widest, by what their ids span."""
        kept = self._ranges
        if len(kept) > _MOST:
            kept = sorted(sorted(kept, key=_span)[-_MOST:])
        return to_json(kept)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Return the ranges in order."""
        return iter(self._ranges)

    def split(self, ids: Iterable[str]) -> None:
        """Take these ids out."""
        for id_ in ids:
            self.keep_outside(id_, id_)

    def keep_outside(self, low: str, high: str) -> None:
        """Take out the range between two ids, both included."""
        before = _before(low)
        after = f"{high}0"  # no id lies between one and its 0
        self._ranges = sorted(
            part
            for one in self._ranges
            for part in ((one[0], min(one[1], before)), (max(one[0], after), one[1]))
            if part[0] <= part[1]
        )

    def add(self, low: str, high: str) -> None:
        """Add a range; those that it meets become one with it."""
        apart = []
        for one in self._ranges:
            if one[1] < low or high < one[0]:
                apart.append(one)
            else:
                low, high = min(low, one[0]), max(high, one[1])
        self._ranges = sorted([*apart, (low, high)])

    def next(self, start: str, *, backward: bool) -> tuple[str, str] | None:
        """Return the nearest range beyond a key that is passed already, or around it.

        ``start`` is "" where nothing is passed.
        """
        if backward:
            return next((one for one in self._ranges if one[1] > start), None)
        found = (one for one in reversed(self._ranges) if not start or one[0] < start)
        return next(found, None)


def _before(id_: str) -> str:
    """Return an id that is less: of ids of other lengths, some lie between."""
    prefix, _, digits = id_.rpartition("_")
    return f"{prefix}_{max(int(digits) - 1, 0):0{len(digits)}}"


def _span(gap: tuple[str, str]) -> int:
    low, high = (int(id_.rpartition("_")[2][:19]) for id_ in gap)
    return high - low
