"""Directories as they move to another deployment: rows of a file, and rows that hang on them.

Columns that a row alone decides are made anew. Credentials for polling are encrypted by the
deployment's own key and stay with it; a poll under way begins again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, update

from tenantry.core import errors
from tenantry.db.sql.records import named, records, spelled
from tenantry.db.sql.schema import from_json, to_json
from tenantry.db.sql.statements import Statement
from tenantry.net import email_addresses
from tenantry.tenants.directories import registry, removal
from tenantry.tenants.directories.model import (
    ACTIVE,
    COMPLETED,
    DRAFT,
    IN_PROGRESS,
    INACTIVE,
    POLL,
    SCIM,
    directory_groups,
)
from tenantry.tenants.directories.resources import people
from tenantry.tenants.directories.scim import resources
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.directories.scim.schemas import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tenantry.db.engine import Session

# Columns of each table that no file has; those of a directory with their first values.
OF_DIRECTORY: dict[str, Any] = {"credentials": None, "poll": None, "poll_time": None, "error": ""}
OF_USER = (
    *("user_name_key", "display_name_key", "email_key"),
    *("family_name_key", "given_name_key", "names_revision"),
)
OF_GROUP = ("display_name_key", "member_count")
# Columns with few values.
_CHOICES = {
    "directory_type": (SCIM, POLL),
    "directory_provider": tuple(registry.NAMES),
    "status": (DRAFT, IN_PROGRESS, COMPLETED),
}

_g = directory_groups.c
_GROUP = named(directory_groups, "organization_id", "directory_id", "id")
_NUMBERS = [*_GROUP, Column("n", BigInteger)]
_joined = records("given", _NUMBERS)
_COUNT = Statement(
    update(directory_groups)
    .where(*(column == _joined.c[column.name] for column in _GROUP))
    .values(member_count=_g.member_count + _joined.c.n)
)


def directory(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a directory of a file."""
    for name, values in _CHOICES.items():
        if row[name] not in values:
            raise errors.InvalidArgument(f"{name}: must be one of {', '.join(values)}")
    return {**row, **OF_DIRECTORY}


def secret(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a secret of a file, which is its digest."""
    if row["status"] not in {ACTIVE, INACTIVE}:
        raise errors.InvalidArgument(f"status: must be one of {ACTIVE}, {INACTIVE}")
    return dict(row)


def user(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a person of a file."""
    document = _document(row, resources.read_user)
    email = row["email"]
    return {
        **row,
        "document": to_json(document),
        "user_name_key": fold(row["user_name"]),
        "display_name_key": fold(document.get("displayName", "")),
        "email_key": email_addresses.key(email) if email else "",
        **resources.name_keys(document),
        "names_revision": row["revision"],
    }


def group(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a group of a file, as one whose members are still to come."""
    document = _document(row, lambda given: resources.read_group(given).document)
    return {
        **row,
        "document": to_json(document),
        "display_name_key": fold(row["display_name"]),
        "member_count": 0,
    }


async def note_directories(db: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Let directories of a file be found once they are gone."""
    await removal.enter(db, [(row["organization_id"], row["id"]) for row in rows])


async def note_users(db: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Let people of a file be found by their addresses, be searched, and be counted."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        place = row["organization_id"], row["directory_id"]
        found.setdefault(place, {})[row["id"]] = from_json(row["document"])
    for place, documents in sorted(found.items()):
        await people.note_new(db, place, documents)


async def note_members(db: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Count members of a file for their groups."""
    names = "organization_id", "directory_id", "directory_group_id"
    numbers = Counter(tuple(row[name] for name in names) for row in rows)
    given = [
        dict(zip(("organization_id", "directory_id", "id", "n"), (*group_, n), strict=True))
        for group_, n in sorted(numbers.items())
    ]
    await db.fetch_all(_COUNT, given=spelled(_NUMBERS, given))


def _document(row: Mapping[str, Any], read: Callable[[object], dict[str, Any]]) -> dict[str, Any]:
    try:
        return read(from_json(row["document"]))
    except Fault as problem:
        raise errors.InvalidArgument(f"document: {problem.detail}") from None
