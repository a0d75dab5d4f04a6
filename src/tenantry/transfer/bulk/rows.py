"""One row of a file of users: its columns, and the checks that need nothing but the row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.identity.authenticators.passwords import hashes
from tenantry.net import email_addresses
from tenantry.tenants.users import values
from tenantry.transfer.bulk.formats import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tenantry.transfer.bulk.formats import Record

    # Validates an object to be created by the rules of the API; raises errors.InvalidArgument.
    Check = Callable[[dict[str, Any]], None]

# Of the profile, by the contract's names.
_PROFILE = {
    **dict.fromkeys(
        (
            *("given_name", "family_name", "name", "locale", "phone_number"),
            *("preferred_username", "picture", "gender"),
        ),
        Column.TEXT,
    ),
    "groups": Column.LIST,
    "custom_attributes": Column.MAP,
}
COLUMNS = {
    "email": Column.TEXT,
    "external_id": Column.TEXT,
    **_PROFILE,
    "metadata": Column.MAP,
    "email_verified": Column.SWITCH,
    "password_hash": Column.TEXT,
    "organization_external_id": Column.TEXT,
    "organization_id": Column.TEXT,
    "organization_name": Column.TEXT,
    "roles": Column.LIST,
    "membership_metadata": Column.MAP,
    "inviter_email": Column.TEXT,
    "status": Column.TEXT,
}
# Only a member has these.
_OF_MEMBERSHIP = ("organization_name", "roles", "membership_metadata", "inviter_email", "status")
# Where the contract has a column, in a user to be created.
_PLACES = {
    "display_name": "organization_name",
    "organization.external_id": "organization_external_id",
    "membership.metadata": "membership_metadata",
    "membership.inviter_email": "inviter_email",
}
_STATUS = {"active": False, "invite": True}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused row: its line, the column, the fault."""

    line: int
    field: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return it as reports say it."""
        return {"line": self.line, "field": self.field, "reason": self.reason}


@dataclass(slots=True)
class Row:
    """A row that is sound by itself; what it leaves out is None or empty, and stays as it is."""

    line: int
    email: str
    external_id: str | None
    profile: dict[str, Any]
    metadata: dict[str, str]
    email_verified: bool | None
    password_hash: str | None
    organization: tuple[str, str] | None  # by "id" or by "external_id"
    organization_name: str
    roles: tuple[str, ...]
    membership_metadata: dict[str, str]
    inviter_email: str | None
    invite: bool
    email_key: str = field(init=False)

    def __post_init__(self) -> None:
        self.email_key = email_addresses.key(self.email)

    @property
    def keys(self) -> Iterator[str]:
        """The keys of its person: rows that share one are taken one after the other."""
        yield self.email_key
        if self.external_id is not None:
            yield f"#{self.external_id}"


def checked(record: Record, check_user: Check) -> Row | list[Refusal]:
    """Return the row of a record, or its fault."""
    if record.members is None:
        return [Refusal(record.line, "", record.problem)]
    members = {
        name: value for name, value in record.members.items() if value or value not in _NOTHING
    }
    try:
        _check_columns(members)
        row = _row(record.line, members)
        check_user(_as_new_user(members, row.profile))
        _check_values(row)
    except errors.InvalidArgument as problem:
        return refusals(record.line, problem)
    return row


def refusals(line: int, problem: errors.InvalidArgument) -> list[Refusal]:
    """Return what an error says of a row, by the names of columns."""
    if not problem.violations:
        return [Refusal(line, "", problem.message)]
    return [Refusal(line, _column(v.field), v.description) for v in problem.violations]


_NOTHING: tuple[Any, ...] = (None, "", [], {})
_TYPES = {Column.TEXT: (str, "a string"), Column.SWITCH: (bool, "true or false")}
# A value that only the contract knows to read has no type here.
_EXPECTED = {name: _TYPES.get(kind, (object, "")) for name, kind in COLUMNS.items()}


def _check_columns(members: Mapping[str, Any]) -> None:
    for name, value in members.items():
        if name not in _EXPECTED:
            raise errors.InvalidArgument.field(name[:60], "unknown_field", "is not a column")
        kind, says = _EXPECTED[name]
        if not isinstance(value, kind):
            raise errors.InvalidArgument.field(name, "type", f"must be {says}")
    roles = members.get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise errors.InvalidArgument.field("roles", "type", "must be a list of role names")
    if "email" not in members:
        raise errors.InvalidArgument.field("email", "required", "is required")
    if members.get("status", "active") not in _STATUS:
        raise errors.InvalidArgument.field("status", "in", "must be active or invite")
    _check_organization(members)


def _check_organization(members: Mapping[str, Any]) -> None:
    by_id, by_external_id = (
        name in members for name in ("organization_id", "organization_external_id")
    )
    if by_id and by_external_id:
        raise errors.InvalidArgument.field(
            "organization_id", "oneof", "cannot be given together with organization_external_id"
        )
    if by_id or by_external_id:
        return
    for name in _OF_MEMBERSHIP:
        if name in members and (name != "status" or _STATUS[members[name]]):
            raise errors.InvalidArgument.field(name, "organization", "needs an organization")


def _as_new_user(members: Mapping[str, Any], profile: dict[str, Any]) -> dict[str, Any]:
    user: dict[str, Any] = {
        name: members[name] for name in ("email", "external_id", "metadata") if name in members
    }
    if profile:
        user["user_profile"] = profile
    place: dict[str, Any] = {}
    if "roles" in members:
        place["roles"] = [{"name": name} for name in members["roles"]]
    if "membership_metadata" in members:
        place["metadata"] = members["membership_metadata"]
    if "inviter_email" in members:
        place["inviter_email"] = members["inviter_email"]
    if place:
        user["membership"] = place
    return user


def _row(line: int, members: Mapping[str, Any]) -> Row:
    organization = None
    if "organization_id" in members:
        organization = ("id", members["organization_id"])
    elif "organization_external_id" in members:
        organization = ("external_id", members["organization_external_id"])
    return Row(
        line=line,
        email=members["email"],
        external_id=members.get("external_id"),
        profile={name: members[name] for name in _PROFILE if name in members},
        metadata=members.get("metadata", {}),
        email_verified=members.get("email_verified"),
        password_hash=members.get("password_hash"),
        organization=organization,
        organization_name=members.get("organization_name", ""),
        roles=tuple(dict.fromkeys(members.get("roles", ()))),
        membership_metadata=members.get("membership_metadata", {}),
        inviter_email=members.get("inviter_email"),
        invite=_STATUS[members.get("status", "active")],
    )


def _check_values(row: Row) -> None:
    email_addresses.checked(row.email, "email")
    values.external_id(row.external_id, "external_id")
    values.profile({}, row.profile, "user_profile")
    if row.password_hash is not None and (wrong := hashes.problem(row.password_hash)):
        raise errors.InvalidArgument.field("password_hash", "form", wrong)


def _column(path: str) -> str:
    for place, name in _PLACES.items():
        if path.startswith(place):
            return name + path.removeprefix(place)
    if path.startswith("membership.roles"):
        return path.removeprefix("membership.").removesuffix(".name")
    return path.removeprefix("user_profile.")
