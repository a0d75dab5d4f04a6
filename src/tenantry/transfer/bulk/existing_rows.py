"""Reads the existing users, memberships and roles of a batch, with a fixed number of statements."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, or_, select

from tenantry.db.sql.records import named, records, spelled
from tenantry.db.sql.schema import from_json, json_rows, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.net import email_addresses
from tenantry.tenants.memberships import deprovisioned
from tenantry.tenants.roles.catalogue import HeldRole
from tenantry.tenants.roles.model import role_holders, roles
from tenantry.tenants.users.model import Membership, User, memberships, users
from tenantry.transfer.bulk.model import Person, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tenantry.db.engine import Session
    from tenantry.transfer.bulk.dry_run import DryRunWrites
    from tenantry.transfer.bulk.model import Offers
    from tenantry.transfer.bulk.rows import Row

_u, _m, _h, _r = users.c, memberships.c, role_holders.c, roles.c
KEY = named(memberships, "organization_id", "user_id")

_keys = json_values(bindparam("keys", type_=Text))
_BY_EMAIL = Statement(select(users).where(_u.email_key.in_(_keys)))
_BY_EXTERNAL_ID = Statement(select(users).where(_u.external_id.in_(_keys)))
_pairs = records("pairs", KEY)
_held = (
    select(json_rows(_h.role_id))
    .where(_h.organization_id == _m.organization_id, _h.user_id == _m.user_id)
    .scalar_subquery()
)
_PLACES = Statement(
    select(memberships, _held.label("role_ids")).join(
        _pairs,
        (_m.organization_id == _pairs.c.organization_id) & (_m.user_id == _pairs.c.user_id),
    )
)
_OF_ENVIRONMENT = Statement(select(roles).where(_r.organization_id.is_(None)))
_OF_ORGANIZATIONS = Statement(
    select(roles).where(
        _r.organization_id.in_(_keys),
        or_(
            _r.name.in_(json_values(bindparam("names", type_=Text))),
            _r.id.in_(json_values(bindparam("ids", type_=Text))),
        ),
    )
)


class Roles:
    """The roles of the environment, and those of the organizations of a batch."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._by_name: dict[tuple[str | None, str], HeldRole] = {}
        self._by_id: dict[str, HeldRole] = {}
        self.creator = self.member = ""
        for row in rows:
            # A role's permissions are in no event of a membership.
            role = HeldRole(row["id"], row["name"], row["display_name"], ())
            self._by_name[row["organization_id"], role.name] = self._by_id[role.id] = role
            if row["default_creator"]:
                self.creator = role.id
            if row["default_member"]:
                self.member = role.id

    def find(self, organization_id: str, name: str) -> HeldRole | None:
        """Return a role that members of an organization may have."""
        return self._by_name.get((None, name)) or self._by_name.get((organization_id, name))

    def all(self, ids: Iterable[str]) -> tuple[HeldRole, ...]:
        """Return the roles of these ids, the oldest first."""
        return tuple(self._by_id[id_] for id_ in sorted(ids) if id_ in self._by_id)


@dataclass(slots=True)
class ExistingRows:
    """Existing users and memberships, and those that the plan adds."""

    roles: Roles
    by_email: dict[str, Person] = field(default_factory=dict)
    by_external_id: dict[str, Person] = field(default_factory=dict)
    places: dict[tuple[str, str], Place] = field(default_factory=dict)
    # Organization and key of an address: of people whom a directory has as inactive there.
    dismissed: set[tuple[str, str]] = field(default_factory=set)

    def add(self, person: Person) -> None:
        """Enter a person under its keys."""
        self.by_email[email_addresses.key(person.user.email)] = person
        if person.user.external_id is not None:
            self.by_external_id[person.user.external_id] = person


async def load(
    db: Session, rows: Sequence[Row], offers: Offers, dry_run_writes: DryRunWrites | None
) -> ExistingRows:
    """Return the present people, memberships and roles of these rows."""
    people = await _read_users(db, rows, dry_run_writes)
    wanted = _pairs_of(rows, offers, people)
    found = await _read_places(db, wanted, dry_run_writes)
    existing = ExistingRows(await _read_roles(db, rows, offers, found))
    coming = {(offer.organization.id, row.email_key) for row in rows if (offer := offers.of(row))}
    existing.dismissed = await deprovisioned.among(db, coming)
    for row in people:
        user, hash_ = User.from_row(row), row["password_hash"]
        existing.add(Person(user, hash_, user, hash_, row["password_time"]))
    for row in found:
        membership = _membership(row, offers, existing.roles)
        key = membership.organization_id, membership.user_id
        existing.places[key] = Place(membership, membership)
    return existing


async def _read_users(
    db: Session, rows: Sequence[Row], dry_run_writes: DryRunWrites | None
) -> list[Mapping[str, Any]]:
    emails = {row.email_key for row in rows}
    external_ids = {row.external_id for row in rows if row.external_id is not None}
    found = list(await db.fetch_all(_BY_EMAIL, keys=to_json(sorted(emails))))
    if external_ids:
        found += await db.fetch_all(_BY_EXTERNAL_ID, keys=to_json(sorted(external_ids)))
    if dry_run_writes is not None:
        found += dry_run_writes.users(emails, external_ids)
    return list({row["id"]: row for row in found}.values())


def _pairs_of(
    rows: Sequence[Row], offers: Offers, people: Iterable[Mapping[str, Any]]
) -> set[tuple[str, str]]:
    """Return organization and user of each membership that there could be."""
    by_email, by_external_id = {}, {}
    for person in people:
        by_email[person["email_key"]] = person["id"]
        by_external_id[person["external_id"]] = person["id"]
    pairs = set()
    for row in rows:
        offer = offers.of(row)
        for user_id in (by_email.get(row.email_key), by_external_id.get(row.external_id or "")):
            if offer is not None and user_id is not None:
                pairs.add((offer.organization.id, user_id))
    return pairs


async def _read_places(
    db: Session, pairs: set[tuple[str, str]], dry_run_writes: DryRunWrites | None
) -> list[Mapping[str, Any]]:
    if not pairs:
        return []
    keys = ({"organization_id": o, "user_id": u} for o, u in sorted(pairs))
    found = list(await db.fetch_all(_PLACES, pairs=spelled(KEY, keys)))
    if dry_run_writes is not None:
        found += dry_run_writes.places(pairs)
    return list({(row["organization_id"], row["user_id"]): row for row in found}.values())


async def _read_roles(
    db: Session, rows: Sequence[Row], offers: Offers, places: Iterable[Mapping[str, Any]]
) -> Roles:
    """Return the environment's roles, and those of organizations that are named or held."""
    found = list(await db.fetch_all(_OF_ENVIRONMENT))
    ids, names = ({row[key] for row in found} for key in ("id", "name"))
    further_names = {name for row in rows for name in row.roles} - names
    further_ids = {id_ for row in places for id_ in from_json(row["role_ids"] or "[]")}
    further_ids = (further_ids | offers.default_role_ids) - ids
    if further_names or further_ids:
        found += await db.fetch_all(
            _OF_ORGANIZATIONS,
            keys=to_json(sorted(offers.ids)),
            names=to_json(sorted(further_names)),
            ids=to_json(sorted(further_ids)),
        )
    return Roles(found)


def _membership(row: Mapping[str, Any], offers: Offers, known: Roles) -> Membership:
    return Membership(
        id=row["id"],
        organization_id=row["organization_id"],
        organization_name=offers.by_id[row["organization_id"]].organization.display_name,
        user_id=row["user_id"],
        status=row["status"],
        metadata=from_json(row["metadata"]),
        inviter_email=row["inviter_email"],
        provisioning_method=row["provisioning_method"],
        create_time=row["create_time"],
        accept_time=row["accept_time"],
        join_time=row["join_time"],
        expire_time=row["expire_time"],
        resend_time=row["invite_resend_time"],
        resend_count=row["invite_resend_count"],
        roles=known.all(from_json(row["role_ids"] or "[]")),
    )
