"""The records of an import: people and places as they are to be, organizations, the plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tenantry.transfer.bulk.rows import Refusal, refusals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.core import errors
    from tenantry.tenants.organizations.model import Organization
    from tenantry.tenants.users.model import Membership, User
    from tenantry.transfer.bulk.report import Report
    from tenantry.transfer.bulk.rows import Row


@dataclass(slots=True)
class Offer:
    """An organization, and the role that it gives to new members by itself, if any."""

    organization: Organization
    default_role_id: str | None = None


@dataclass(slots=True)
class Offers:
    """The organizations of a batch, by the ids that its rows name."""

    by_key: dict[tuple[str, str], Offer] = field(default_factory=dict)
    by_id: dict[str, Offer] = field(default_factory=dict)
    created: int = 0
    refused: dict[tuple[str, str], errors.InvalidArgument] = field(default_factory=dict)

    def add(self, offer: Offer) -> None:
        """Enter an organization."""
        organization = offer.organization
        self.by_id[organization.id] = self.by_key["id", organization.id] = offer
        if organization.external_id is not None:
            self.by_key["external_id", organization.external_id] = offer

    def of(self, row: Row) -> Offer | None:
        """Return the organization of a row; None where it has none, or that is not there."""
        return None if row.organization is None else self.by_key.get(row.organization)

    def refusals(self, row: Row) -> list[Refusal]:
        """Return why a row has no organization to go to."""
        assert row.organization is not None
        problem = self.refused.get(row.organization)
        if problem is not None:
            return refusals(row.line, problem)
        return [Refusal(row.line, f"organization_{row.organization[0]}", "organization not found")]

    @property
    def ids(self) -> Iterable[str]:
        return self.by_id.keys()

    @property
    def default_role_ids(self) -> set[str]:
        """The roles that they give by themselves."""
        return {o.default_role_id for o in self.by_id.values() if o.default_role_id is not None}


@dataclass(slots=True)
class Person:
    """A user after the import, and before it: None for a new one."""

    user: User
    password_hash: str | None
    before: User | None = None
    before_hash: str | None = None
    password_time: int | None = None  # when they chose a password here

    @property
    def changed(self) -> bool:
        """Whether the database has it otherwise."""
        return self.user != self.before or self.password_hash != self.before_hash


@dataclass(slots=True)
class Place:
    """A membership after the import, and before it: None for a new one."""

    membership: Membership
    before: Membership | None = None

    @property
    def changed(self) -> bool:
        """Whether the database has it otherwise."""
        return self.membership != self.before


@dataclass(slots=True)  # not frozen: that doubles the time to make one
class Join:
    """A membership to be written, with its person and its organization."""

    place: Place
    person: Person
    organization: Organization


@dataclass(slots=True)
class Plan:
    """The changes of a batch that are to be written, and the report of it."""

    report: Report
    people: dict[str, Person] = field(default_factory=dict)  # by id
    joins: dict[str, Join] = field(default_factory=dict)  # by the membership's id
    first_organizations: dict[str, str] = field(default_factory=dict)  # of new people, by id
    # Whose members nobody else may change from before they were read.
    to_hold: set[str] = field(default_factory=set)
