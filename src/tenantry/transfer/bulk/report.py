"""The outcome of an import: counted, with the rows that it refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenantry.transfer.bulk.rows import Refusal

MOST_REFUSALS = 1000  # that a report itself lists


@dataclass(slots=True)
class Counts:
    """How many of one kind were made, changed, or found as the file has them."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0

    def add(self, other: Counts) -> None:
        """Add others."""
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged

    def to_json(self) -> dict[str, int]:
        """Return them as reports say it."""
        return {"created": self.created, "updated": self.updated, "unchanged": self.unchanged}


@dataclass(slots=True)
class Report:
    """The outcome of the rows: each has one user, and a membership unless it names no organization.

    A row that several others follow on the same person counts as often: created once, then
    updated or unchanged.
    """

    dry_run: bool
    rows: int = 0
    size: int = 0  # of the text of the rows, in bytes
    refused: int = 0
    users: Counts = field(default_factory=Counts)
    memberships: Counts = field(default_factory=Counts)
    organizations_created: int = 0
    refusals: list[Refusal] = field(default_factory=list)  # the first of them

    def add(self, other: Report, *, most: int | None = None) -> None:
        """Add the outcome of further rows; refusals are kept up to a limit."""
        self.rows += other.rows
        self.size += other.size
        self.refused += other.refused
        self.users.add(other.users)
        self.memberships.add(other.memberships)
        self.organizations_created += other.organizations_created
        room = None if most is None else max(0, most - len(self.refusals))
        self.refusals += other.refusals[:room]

    def refuse(self, found: list[Refusal]) -> None:
        """Count a row as refused, for these reasons."""
        self.refused += 1
        self.refusals += found

    def counted(self) -> dict[str, Any]:
        """Return the numbers."""
        return {
            "dry_run": self.dry_run,
            "rows": self.rows,
            "refused": self.refused,
            "users": self.users.to_json(),
            "memberships": self.memberships.to_json(),
            "organizations": {"created": self.organizations_created},
        }

    def to_json(self) -> dict[str, Any]:
        """Return the numbers and the first refusals."""
        return {**self.counted(), "refusals": [refusal.to_json() for refusal in self.refusals]}
