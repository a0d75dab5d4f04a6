"""Where the pages of long lists ended, so that the next one does not count from the start.

A provider reads a list by index from its first page to its last (RFC 7644 section 3.4.2.4), and
each page would walk all that came before it. A mark holds for two minutes: also if something before
it was deleted meanwhile, for then the reader misses nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from time import monotonic
from typing import Any

FAR = 1000  # resources, which are counted each time
SECONDS = 120.0
_MOST_LISTS = 500
_MOST_OF_ONE = 8

_Mark = tuple[float, list[Any]]  # when it ends, and what the last row is sorted by


class Marks:
    """The marks of one process, those of the lists that were read last."""

    def __init__(self) -> None:
        self._lists: OrderedDict[str, OrderedDict[int, _Mark]] = OrderedDict()

    def note(self, listing: str, position: int, values: list[Any]) -> None:
        """Note what a row is sorted by, after a number of rows of a list."""
        if position < FAR:
            return
        marks = self._lists.setdefault(listing, OrderedDict())
        self._lists.move_to_end(listing)
        marks[position] = monotonic() + SECONDS, values
        marks.move_to_end(position)
        if len(marks) > _MOST_OF_ONE:
            marks.popitem(last=False)
        if len(self._lists) > _MOST_LISTS:
            self._lists.popitem(last=False)

    def before(self, listing: str, position: int) -> tuple[int, list[Any]]:
        """Return the nearest mark at or before a position: 0 and nothing where there is none."""
        at = monotonic()
        marks = self._lists.get(listing, OrderedDict())
        near = [where for where, (until, _) in marks.items() if where <= position and at < until]
        return (max(near), marks[max(near)][1]) if near else (0, [])
