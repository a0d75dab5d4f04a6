"""Becoming a member, for new users and for old ones: the rules, and the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, func, insert, or_, select
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from tenantry import email_addresses, errors, ids
from tenantry.db.engine import ForeignKey
from tenantry.db.schema import from_json, json_list, json_rows, json_values, to_json
from tenantry.db.statements import Statement
from tenantry.tenants.domains import email_domains
from tenantry.tenants.memberships import invitations, seats
from tenantry.tenants.organizations.model import Organization, organizations
from tenantry.tenants.roles import catalogue
from tenantry.tenants.roles.model import default_member_roles, role_holders, roles
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import (
    ACTIVE,
    DIRECT_PROVISION,
    INVITATION,
    PENDING_INVITE,
    Membership,
    User,
    memberships,
    shown_together,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.event import Event
    from tenantry.tenants.roles.catalogue import HeldRole

_r, _o, _m = roles.c, organizations.c, memberships.c
_ROLE_IDS = bindparam("role_ids", type_=Text)
_ROLE_NAMES = bindparam("role_names", type_=Text)

_default = func.coalesce(
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
    select(organizations, _default.label("default_role_id"), _version).where(_here)
)
_READ_NAMED = Statement(select(organizations, _named.label("named"), _version).where(_here))

INSERT = insert(memberships).values({name: bindparam(f"m_{name}") for name in _m.keys()})  # noqa: SIM118
_given = json_values(bindparam("m_role_ids", type_=Text)).subquery("given_roles")
INSERT_HOLDERS = (
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


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may join, and how long one may think about it: settings of the deployment."""

    invitation_days: int
    block_disposable_emails: bool
    block_public_emails: bool


@dataclass(frozen=True, slots=True)
class NamedRole:
    """A role as a request names it: by id, by name, or by both; the field is for errors."""

    field: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a new member is told before it joins: how it is to be a member."""

    roles: Sequence[NamedRole]  # none: the default
    metadata: Mapping[str, str]
    inviter_email: str | None
    invite: bool  # by mail; else it is a member at once


def check_address(rules: Rules, address: str, field: str) -> None:
    """Refuse an e-mail address that may not join.

    Raises:
        errors.InvalidArgument: its domain is blocked.

    """
    domain = email_addresses.domain_of(address)
    if rules.block_disposable_emails and email_domains.is_disposable(domain):
        raise errors.InvalidArgument.field(
            field, "not_disposable", f"{domain} is a domain of disposable addresses"
        )
    if rules.block_public_emails and email_domains.is_public(domain):
        raise errors.InvalidArgument.field(
            field, "not_public", f"{domain} is a domain of a public mail provider"
        )


async def offered(
    db: Session, organization_id: str, named: Sequence[NamedRole]
) -> tuple[Organization, tuple[HeldRole, ...]]:
    """Return an organization and its roles of these names, or its default role for no names.

    Raises:
        errors.NotFound: there is no such organization.
        errors.InvalidArgument: neither the environment nor the organization has such a role.

    """
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
    return Organization.from_row(row), reading.in_order(held.values())


def _resolved(named: Sequence[NamedRole], known: Mapping[str, str]) -> set[str]:
    """Return the ids of the roles meant, of those known: names by id."""
    by_name = {name: id_ for id_, name in known.items()}
    found = set()
    for one in named:
        if not one.id and not one.name:
            raise errors.InvalidArgument.field(one.field, "required", "name or id is required")
        id_ = one.id or by_name.get(one.name, "")
        if id_ not in known:
            raise errors.InvalidArgument.field(
                one.field, "exists", f"there is no role {(one.id or one.name)[:100]!r}"
            )
        if one.name and known[id_] != one.name:
            raise errors.InvalidArgument.field(
                one.field, "exists", f"{id_} is the role {known[id_]!r}, not {one.name[:100]!r}"
            )
        found.add(id_)
    return found


def membership(
    db: Session,
    organization: Organization,
    user_id: str,
    held: tuple[HeldRole, ...],
    terms: Terms,
    *,
    rules: Rules,
    at: int,
) -> Membership:
    """Return a new membership."""
    return Membership(
        id=db.new_id(ids.MEMBERSHIP),
        organization_id=organization.id,
        organization_name=organization.display_name,
        user_id=user_id,
        status=PENDING_INVITE if terms.invite else ACTIVE,
        metadata=dict(terms.metadata),
        inviter_email=terms.inviter_email or None,
        provisioning_method=INVITATION if terms.invite else DIRECT_PROVISION,
        create_time=at,
        accept_time=None if terms.invite else at,
        join_time=None if terms.invite else at,
        expire_time=invitations.end(at, rules.invitation_days) if terms.invite else None,
        resend_time=None,
        resend_count=0,
        roles=held,
    )


async def join(
    call: Call,
    statement: Statement,
    organization: Organization,
    user: User,
    place: Membership,
    *further: Event,
    **params: Any,
) -> None:
    """Make somebody a member, by a statement that has `INSERT` and `INSERT_HOLDERS` in it.

    Raises:
        DuplicateKey: a value is taken that must be unique.
        errors.NotFound: the organization or the user went away meanwhile.
        errors.InvalidArgument: the organization has no free seat.

    """
    db = call.db
    params |= {f"m_{name}": value for name, value in place.to_row().items()}
    params["m_invite_digest"] = invitations.digest(db, place)
    params["m_role_ids"] = to_json([role.id for role in place.roles])
    if place.status == PENDING_INVITE:
        params |= invitations.mail_row(db, user, place)
        type_ = "user.organization_invitation"
    else:
        type_ = "user.organization_membership_created"
    event = call.event(
        type_,
        organization_id=organization.id,
        after=shown_together(organization, user, place),
    )
    try:
        if not organization.max_allowed_users:
            await db.apply(statement, *further, event, **params)
            return
        async with db.transaction() as held:
            await seats.check(held, await seats.hold(held, organization.id))
            await held.apply(statement, *further, event, **params)
    except ForeignKey as problem:
        raise _gone(problem) from None


def _gone(problem: ForeignKey) -> errors.Error:
    what = {
        "fk_memberships__organization_id": "organization",
        "fk_memberships__user_id": "user",
    }
    if problem.constraint in what:
        return errors.NotFound(what[problem.constraint])
    return errors.Busy()  # a role; or SQLite, which does not say what: the next call will find out
