"""Keeps the writes of a dry run, so that later rows of its file find those of earlier rows.

They are in a temporary SQLite database: it does not fill the memory, takes no lock in the database
of the import, and is deleted when it is closed. Its rows have the form of that database's rows.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

from tenantry.db.sql.schema import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tenantry.tenants.organizations.model import Organization
    from tenantry.transfer.bulk.model import Person, Place, Plan

_TABLES = """
CREATE TABLE people (id TEXT PRIMARY KEY, email_key TEXT, external_id TEXT, content TEXT);
CREATE INDEX people_by_email ON people (email_key);
CREATE INDEX people_by_external_id ON people (external_id);
CREATE TABLE places (key TEXT PRIMARY KEY, content TEXT);
CREATE TABLE organizations (external_id TEXT PRIMARY KEY, content TEXT);
"""
_PEOPLE = (
    "SELECT content FROM people WHERE email_key IN (SELECT value FROM json_each(?))"
    " OR external_id IN (SELECT value FROM json_each(?))"
)
_PLACES = "SELECT content FROM places WHERE key IN (SELECT value FROM json_each(?))"
_ORGANIZATIONS = (
    "SELECT content FROM organizations WHERE external_id IN (SELECT value FROM json_each(?))"
)


class DryRunWrites:
    """The writes of one dry run; closed at its end."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.executescript(_TABLES)
        # Those taken in organizations that have a limit.
        self.seats: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self._file.close()

    def users(self, emails: Iterable[str], external_ids: Iterable[str]) -> list[Mapping[str, Any]]:
        """Return the users with these keys."""
        return self._read(_PEOPLE, emails, external_ids)

    def places(self, pairs: Iterable[tuple[str, str]]) -> list[Mapping[str, Any]]:
        """Return the memberships of these organizations and users."""
        return self._read(_PLACES, map("/".join, pairs))

    def organizations(self, external_ids: Iterable[str]) -> list[Mapping[str, Any]]:
        """Return the organizations with these external IDs."""
        return self._read(_ORGANIZATIONS, external_ids)

    def add_organizations(self, founded: Iterable[Organization]) -> None:
        """Add organizations that would have been created."""
        self._write(
            "organizations",
            [
                (one.external_id, to_json({**one.to_row(), "default_role_id": None}))
                for one in founded
            ],
        )

    def add(self, plan: Plan) -> None:
        """Add users and memberships as they would be after a batch."""
        self._write("people", [_of_person(person) for person in plan.people.values()])
        self._write("places", [_of_place(join.place) for join in plan.joins.values()])
        self.seats.update(
            join.organization.id
            for join in plan.joins.values()
            if join.place.before is None and join.organization.max_allowed_users
        )

    def _read(self, sql: str, *keys: Iterable[str]) -> list[Mapping[str, Any]]:
        found = self._file.execute(sql, [to_json(list(some)) for some in keys])
        return [from_json(content) for (content,) in found]

    def _write(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self._file.execute("BEGIN")
            self._file.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)  # noqa: S608
            self._file.execute("COMMIT")


def _of_person(person: Person) -> tuple[Any, ...]:
    row = {
        **person.user.to_row(),
        "password_hash": person.password_hash,
        "password_time": person.password_time,
    }
    return row["id"], row["email_key"], row["external_id"], to_json(row)


def _of_place(place: Place) -> tuple[Any, ...]:
    membership = place.membership
    row = {**membership.to_row(), "role_ids": to_json([role.id for role in membership.roles])}
    return f"{membership.organization_id}/{membership.user_id}", to_json(row)
