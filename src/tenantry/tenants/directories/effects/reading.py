"""Reading all that the meaning of a change hangs on: by one statement for one person or many."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, bindparam, select

from tenantry.db.sql.schema import from_json, json_list, json_rows, json_values, one_of, to_json
from tenantry.db.sql.statements import Statement
from tenantry.net import email_addresses
from tenantry.tenants.directories.model import (
    ORGANIZATION_ID,
    DirectoryUser,
    directory_groups,
    directory_members,
    directory_role_assignments,
    directory_users,
    key,
    of_directory,
)
from tenantry.tenants.domains import service as domains
from tenantry.tenants.memberships import roles as member_roles
from tenantry.tenants.organizations.model import Organization, organizations
from tenantry.tenants.roles import catalogue
from tenantry.tenants.roles.model import role_holders, roles
from tenantry.tenants.user_attributes.model import CUSTOM, DIRECTORY, user_attributes
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import User, memberships, users

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, ScalarSelect

    from tenantry.db.engine import Row, Session
    from tenantry.tenants.directories.model import Directory

_dm, _dg, _da = directory_members.c, directory_groups.c, directory_role_assignments.c
_du, _ua, _r, _h, _m = directory_users.c, user_attributes.c, roles.c, role_holders.c, memberships.c
_BUT = bindparam("but", type_=Text)  # a group that is about to go; "" for none


def _groups_of(user_id: ColumnElement[str]) -> ScalarSelect[str]:
    """Return the groups that a person is in: id and name."""
    # A subquery for each name: a plan made for an empty table would start a join from all groups.
    name = select(_dg.display_name).where(
        _dg.organization_id == _dm.organization_id,
        _dg.directory_id == _dm.directory_id,
        _dg.id == _dm.directory_group_id,
    )
    return (
        select(json_rows(json_list(_dm.directory_group_id, name.scalar_subquery())))
        .select_from(directory_members)
        .where(
            *of_directory(directory_members),
            _dm.directory_user_id == user_id,
            _dm.directory_group_id != _BUT,
        )
        .scalar_subquery()
    )


def _mapped_of(user_id: ColumnElement[str]) -> ScalarSelect[str]:
    """Return the roles that come of these groups: id and name, some of them twice."""
    return (
        select(json_rows(json_list(_r.id, _r.name)))
        .select_from(directory_members)
        .join(
            directory_role_assignments,
            and_(
                _da.organization_id == _dm.organization_id,
                _da.directory_id == _dm.directory_id,
                _da.directory_group_id == _dm.directory_group_id,
            ),
        )
        .join(roles, _r.id == _da.role_id)
        .where(
            *of_directory(directory_members),
            _dm.directory_user_id == user_id,
            _dm.directory_group_id != _BUT,
        )
        .scalar_subquery()
    )


_attributes = (
    select(json_rows(_ua.key))
    .where(_ua.kind == DIRECTORY, _ua.category == CUSTOM, _ua.enabled)
    .scalar_subquery()
    .label("attributes")
)
_decided = (
    select(json_rows(_da.role_id))
    .where(*of_directory(directory_role_assignments))
    .scalar_subquery()
    .label("decided")
)
_creator = (
    select(_r.id).where(_r.organization_id.is_(None), _r.default_creator).scalar_subquery()
).label("creator_role_id")
_of_organization = (
    *organizations.c,
    member_roles.DEFAULT.label("default_role_id"),
    catalogue.version.label("version"),
    _attributes,
)
_ACCOUNT = "account_"
_account = [column.label(f"{_ACCOUNT}{column.name}") for column in reading.COLUMNS]
_PERSON_ID = bindparam("person_id", type_=Text)


def _of_person(known: ColumnElement[bool]) -> Statement:
    return Statement(
        select(
            *_of_organization,
            domains.owned(ORGANIZATION_ID, bindparam("domain", type_=Text)).label("owned"),
            _creator,
            *_account,
            reading.places(of_one=True).label("memberships"),
            _groups_of(_PERSON_ID).label("groups"),
            _mapped_of(_PERSON_ID).label("mapped"),
        )
        .select_from(organizations.outerjoin(users, known))
        .where(organizations.c.id == ORGANIZATION_ID)
    )


_BY_ID = _of_person(users.c.id == bindparam("key", type_=Text))
_BY_ADDRESS = _of_person(users.c.email_key == bindparam("key", type_=Text))

_MAPPING = Statement(
    select(*_of_organization, _decided, _creator).where(organizations.c.id == ORGANIZATION_ID)
)
_PERSON = "person_"
_person = [column.label(f"{_PERSON}{column.name}") for column in _du]
_held = (
    select(json_rows(_h.role_id))
    .where(_h.organization_id == _m.organization_id, _h.user_id == _m.user_id)
    .correlate(memberships)
    .scalar_subquery()
)
_is_its_place = and_(_m.organization_id == ORGANIZATION_ID, _m.user_id == _du.user_id)
_are_given = (*of_directory(directory_users), one_of(_du.id, bindparam("ids", type_=Text)))
_STANDINGS = Statement(
    select(
        *(_du.id, _du.user_id, _m.id.label("membership_id"), _m.status),
        _held.label("held"),
        _mapped_of(_du.id).label("mapped"),
    )
    .select_from(directory_users.join(memberships, _is_its_place))
    .where(*_are_given)
    .order_by(_du.id)
)
_beside = _groups_of(_du.id).label("groups"), _mapped_of(_du.id).label("mapped")
_PEOPLE = Statement(select(*_person, *_beside).where(*_are_given).order_by(_du.id))
_SURROUNDINGS = Statement(
    select(
        _du.id.label("person_id"),
        *_account,
        reading.places(of_one=True).label("memberships"),
        *_beside,
    )
    .select_from(directory_users.outerjoin(users, users.c.id == _du.user_id))
    .where(*_are_given)
)
_MAPPING_AND_PEOPLE = Statement(
    select(*_of_organization, _decided, _creator, *_person, *_beside)
    .select_from(organizations.outerjoin(directory_users, and_(*_are_given)))
    .where(organizations.c.id == ORGANIZATION_ID)
    .order_by(_du.id)
)
_ids = json_values(bindparam("ids", type_=Text)).subquery("given_ids")
_OWNED = Statement(
    select(_ids.c.value.label("domain")).where(domains.owned(ORGANIZATION_ID, _ids.c.value))
)
_TAKEN = Statement(select(users.c.email_key).where(users.c.email_key.in_(select(_ids.c.value))))
_NEXT_MEMBERS = Statement(
    select(_dm.directory_user_id)
    .where(
        *of_directory(directory_members),
        _dm.directory_group_id.in_(json_values(bindparam("group_ids", type_=Text))),
        _dm.directory_user_id > bindparam("after", type_=Text),
    )
    .group_by(_dm.directory_user_id)
    .order_by(_dm.directory_user_id)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Mapping:
    """All that an organization's directory decides of roles."""

    organization: Organization
    default_role_id: str
    creator_role_id: str
    version: int
    attributes: frozenset[str]  # keys of the custom attributes that are registered
    decided: frozenset[str]  # ids of the roles that its groups are mapped to


@dataclass(frozen=True, slots=True)
class Around:
    """The surroundings of a person: the organization, the account there, groups and their roles."""

    mapping: Mapping
    owned: bool  # whether the domain of the address is proved to be the organization's
    groups: tuple[tuple[str, str], ...]
    mapped: dict[str, str]  # names of roles, by id
    row: Row = field(repr=False)

    @property
    def has_account(self) -> bool:
        return self.row[f"{_ACCOUNT}id"] is not None

    async def account(self, db: Session) -> User:
        """Return the account that there is, with its place in the organization, if it has one."""
        row = {column.name: self.row[f"{_ACCOUNT}{column.name}"] for column in reading.COLUMNS}
        row |= {
            "memberships": self.row["memberships"],
            "external_identities": None,  # no event shows them
            "version": self.mapping.version,
        }
        return (await reading.users_of(db, [row]))[0]

    @property
    def profile(self) -> dict[str, Any]:
        found: dict[str, Any] = from_json(self.row[f"{_ACCOUNT}profile"])
        return found

    @property
    def status(self) -> str | None:
        """The status of its place, as it is stored."""
        places = from_json(self.row["memberships"] or "[]")
        return str(places[0][3]) if places else None


@dataclass(frozen=True, slots=True)
class MembershipStatus:
    """A person's place in the organization, with the roles that it has and is to have by groups."""

    id: str
    user_id: str
    membership_id: str
    status: str
    held: frozenset[str]
    mapped: frozenset[str]


@dataclass(frozen=True, slots=True)
class Person:
    """A person with groups, and the names of the roles that come of them."""

    user: DirectoryUser
    groups: tuple[tuple[str, str], ...]
    mapped: dict[str, str]  # names of roles, by id


async def around(db: Session, directory: Directory, user: DirectoryUser) -> Around | None:
    """Return the context of a directory user; None if the organization was deleted.

    The account is the one that the person is linked to, or else that of the address.
    """
    given = {
        **key(directory),
        "person_id": user.id,
        "but": "",
        "domain": email_addresses.domain_of(user.email) if user.email else "",
    }
    row = None
    if user.user_id is not None:
        row = await db.fetch_one(_BY_ID, key=user.user_id, **given)
        if row is not None and row[f"{_ACCOUNT}id"] is None:
            row = None  # it was deleted
    if row is None:
        row = await db.fetch_one(_BY_ADDRESS, key=user.email_key, **given)
    if row is None:
        return None
    return _around(row, _mapping(row, None), owned=bool(row["owned"]))


async def surroundings(
    db: Session, directory: Directory, ids: Sequence[str]
) -> tuple[Mapping | None, dict[str, Around]]:
    """Return what `mapping` returns, and the surroundings of these people by their ids.

    The account is only the one that a person is linked to, and whether the domain is owned is not
    looked up: see `around`.
    """
    found = await mapping(db, directory)
    if found is None:
        return None, {}
    rows = await db.fetch_all(_SURROUNDINGS, **_given(directory, ids, ""))
    return found, {row["person_id"]: _around(row, found, owned=False) for row in rows}


def _around(row: Row, mapping: Mapping, *, owned: bool) -> Around:
    return Around(mapping, owned, _pairs(row["groups"]), dict(_pairs(row["mapped"])), row)


async def free_addresses(db: Session, directory: Directory, addresses: Iterable[str]) -> set[str]:
    """Return the keys of those addresses of proved domains that are no account's."""
    domains_of = {
        email_addresses.key(one): email_addresses.domain_of(one) for one in addresses if one
    }
    if not domains_of:
        return set()
    owned = {
        row["domain"]
        for row in await db.fetch_all(
            _OWNED,
            organization_id=directory.organization_id,
            ids=to_json(sorted(set(domains_of.values()))),
        )
    }
    keys = {key for key, domain in domains_of.items() if domain in owned}
    rows = await db.fetch_all(_TAKEN, ids=to_json(sorted(keys)))
    return keys - {row["email_key"] for row in rows}


async def mapping(db: Session, directory: Directory) -> Mapping | None:
    """Return what a directory decides of roles; None where the organization is gone."""
    row = await db.fetch_one(_MAPPING, **key(directory))
    return None if row is None else _mapping(row, row["decided"])


async def mapping_and_people(
    db: Session, directory: Directory, ids: Sequence[str], *, but: str = ""
) -> tuple[Mapping | None, list[Person]]:
    """Return what `mapping` and `people` return, by one statement: for few people."""
    rows = await db.fetch_all(_MAPPING_AND_PEOPLE, **_given(directory, ids, but))
    if not rows:
        return None, []
    found = [_person_of(row) for row in rows if row[f"{_PERSON}id"] is not None]
    return _mapping(rows[0], rows[0]["decided"]), found


def _mapping(row: Row, decided: str | None) -> Mapping:
    return Mapping(
        Organization.from_row(row),
        row["default_role_id"],
        row["creator_role_id"],
        row["version"],
        frozenset(from_json(row["attributes"] or "[]")),
        frozenset(from_json(decided or "[]")),
    )


async def standings(
    db: Session, directory: Directory, ids: Sequence[str], *, but: str = ""
) -> list[MembershipStatus]:
    """Return those of these people that have a place in the organization; ``but`` for one group."""
    rows = await db.fetch_all(_STANDINGS, **_given(directory, ids, but))
    return [
        MembershipStatus(
            row["id"],
            row["user_id"],
            row["membership_id"],
            row["status"],
            frozenset(from_json(row["held"] or "[]")),
            frozenset(id_ for id_, _ in _pairs(row["mapped"])),
        )
        for row in rows
    ]


async def people(
    db: Session, directory: Directory, ids: Sequence[str], *, but: str = ""
) -> list[Person]:
    """Return those of these people that are there, by their ids; ``but`` for one group."""
    rows = await db.fetch_all(_PEOPLE, **_given(directory, ids, but))
    return [_person_of(row) for row in rows]


def _person_of(row: Row) -> Person:
    user = DirectoryUser.from_row({column.name: row[f"{_PERSON}{column.name}"] for column in _du})
    return Person(user, _pairs(row["groups"]), dict(_pairs(row["mapped"])))


async def members_after(
    db: Session, directory: Directory, group_ids: Sequence[str], after: str, *, most: int
) -> list[str]:
    """Return the ids of the next people that are in one of these groups, in their order."""
    rows = await db.fetch_all(
        _NEXT_MEMBERS, group_ids=to_json(list(group_ids)), after=after, most=most, **key(directory)
    )
    return [row["directory_user_id"] for row in rows]


def _given(directory: Directory, ids: Sequence[str], but: str) -> dict[str, Any]:
    return {**key(directory), "ids": to_json(list(ids)), "but": but}


def _pairs(text: str | None) -> tuple[tuple[str, str], ...]:
    return tuple((first, second) for first, second in from_json(text or "[]"))
