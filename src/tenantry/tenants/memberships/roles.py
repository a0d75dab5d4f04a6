"""The roles that members are given: those that are named, or the default one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from tenantry.core import errors
from tenantry.db.sql.schema import from_json, json_list, json_rows, json_values, to_json
from tenantry.db.sql.statements import Batch, Statement
from tenantry.tenants.organizations.model import Organization, organizations
from tenantry.tenants.roles import catalogue
from tenantry.tenants.roles.model import default_member_roles, role_holders, roles
from tenantry.tenants.users import reading

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tenantry.db.engine import Session
    from tenantry.tenants.memberships.model import NamedRole
    from tenantry.tenants.roles.catalogue import HeldRole

_r, _o = roles.c, organizations.c
_ROLE_IDS = bindparam("role_ids", type_=Text)
_ROLE_NAMES = bindparam("role_names", type_=Text)

# The id of the role that new members of an organization get, where `organizations` is read.
DEFAULT = func.coalesce(
    select(default_member_roles.c.role_id)
    .where(default_member_roles.c.organization_id == _o.id)
    .scalar_subquery(),
    select(_r.id).where(_r.organization_id.is_(None), _r.default_member).scalar_subquery(),
)
_named = (
    select(json_rows(json_list(_r.id, _r.name)))
    .where(
        or_(_r.organization_id.is_(None), _r.organization_id == _o.id),
        or_(_r.id.in_(json_values(_ROLE_IDS)), _r.name.in_(json_values(_ROLE_NAMES))),
    )
    .scalar_subquery()
)
_version = catalogue.version.label("version")
_here = _o.id == bindparam("organization_id")
_READ_DEFAULT = Statement(
    select(organizations, DEFAULT.label("default_role_id"), _version).where(_here),
    batch=Batch("organization_id"),
)
_READ_NAMED = Statement(
    select(organizations, _named.label("named"), _version).where(_here),
    batch=Batch("organization_id"),
)
_KEEP = Statement(
    select(_r.id)
    .where(_r.id.in_(json_values(_ROLE_IDS)))
    .order_by(_r.id)
    .with_for_update(read=True, key_share=True)
)
_CREATOR = Statement(
    select(_r.id, _version).where(_r.organization_id.is_(None), _r.default_creator)
)

# Gives the roles `m_role_ids` to the member `m_user_id` of `m_organization_id`.
_given = json_values(bindparam("m_role_ids", type_=Text)).subquery("given_roles")
GIVE = (
    insert_or_leave(role_holders)
    .from_select(
        ["organization_id", "user_id", "role_id"],
        select(
            bindparam("m_organization_id", type_=Text),
            bindparam("m_user_id", type_=Text),
            _given.c.value,
        ).where(_given.c.value.is_not(None)),  # or SQLite takes the next ON for that of a join
    )
    .on_conflict_do_nothing()
)


async def offered(
    db: Session, organization_id: str, named: Sequence[NamedRole]
) -> tuple[Organization, tuple[HeldRole, ...]]:
    """Return an organization and its roles of these names, or its default role for no names."""
    row = await db.fetch_one(
        _READ_NAMED if named else _READ_DEFAULT,
        organization_id=organization_id,
        role_ids=to_json([one.id for one in named if one.id]),
        role_names=to_json([one.name for one in named if one.name]),
    )
    if row is None:
        raise errors.NotFound("organization")
    if named:
        role_ids = _resolved(named, dict(from_json(row["named"] or "[]")))
    else:
        role_ids = {row["default_role_id"]}
    held = await catalogue.look_up(db, role_ids, row["version"])
    if len(held) < len(role_ids):  # or somebody would be told of a role, and come without it
        raise errors.ConcurrentChange
    return Organization.from_row(row), reading.in_order(held.values())


async def existing(
    db: Session, organization_id: str, names: Collection[str] = (), *, ids: Collection[str] = ()
) -> tuple[HeldRole, ...]:
    """Return those roles of these names or ids that an organization or the environment has."""
    if not names and not ids:
        return ()
    row = await db.fetch_one(
        _READ_NAMED,
        organization_id=organization_id,
        role_ids=to_json(sorted(ids)),
        role_names=to_json(sorted(names)),
    )
    if row is None:
        return ()
    known = dict(from_json(row["named"] or "[]"))
    held = await catalogue.look_up(db, known, row["version"])
    return reading.in_order(held.values())


async def keep(db: Session, role_ids: Collection[str]) -> None:
    """Lock roles against deletion before the rows of their holders are changed.

    The deletion of a role locks it first as well, and then changes those rows.
    """
    found = await db.fetch_all(_KEEP, role_ids=to_json(sorted(role_ids)))
    if len(found) < len(set(role_ids)):
        raise errors.ConcurrentChange


async def of_creator(db: Session) -> tuple[HeldRole, ...]:
    """Return the role of a user who founds an organization."""
    row = await db.fetch_one(_CREATOR)
    assert row is not None
    held = await catalogue.look_up(db, {row["id"]}, row["version"])
    if not held:
        raise errors.ConcurrentChange
    return tuple(held.values())


def unknown(field: str, name: str) -> errors.InvalidArgument:
    """Return the error for a role that does not exist, given by its name or ID."""
    return errors.InvalidArgument.field(field, "exists", f"there is no role {name[:100]!r}")


def _resolved(named: Sequence[NamedRole], known: Mapping[str, str]) -> set[str]:
    """Return the ids of the roles meant, of those known: names by id."""
    by_name = {name: id_ for id_, name in known.items()}
    found = set()
    for one in named:
        if not one.id and not one.name:
            raise errors.InvalidArgument.field(one.field, "required", "name or id is required")
        id_ = one.id or by_name.get(one.name, "")
        if id_ not in known:
            raise unknown(one.field, one.id or one.name)
        if one.name and known[id_] != one.name:
            raise errors.InvalidArgument.field(
                one.field, "exists", f"{id_} is the role {known[id_]!r}, not {one.name[:100]!r}"
            )
        found.add(id_)
    return found
