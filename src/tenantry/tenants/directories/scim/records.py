"""Records that the language is read into: filters, paths, operations."""

from __future__ import annotations


class Record:
    """A record equals another of its kind with the same members, and nothing changes it.

    A frozen dataclass would be the same. Its six methods are compiled for each class at each start,
    which takes longer than all else here; a dataclass of this one has its constructor alone.
    """

    __slots__: tuple[str, ...] = ()

    def _members(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__slots__])

    def __eq__(self, other: object) -> bool:
        """Return whether this is such a record."""
        return type(self) is type(other) and self._members() == other._members()

    def __hash__(self) -> int:
        """Return a number that is the same for an equal record."""
        return hash((type(self), *self._members()))

    def __repr__(self) -> str:
        """Return it as it is made."""
        return f"{type(self).__name__}{self._members()!r}"
