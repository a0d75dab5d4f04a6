"""How far a member reaches in changing members: no further than what they may do themselves.

Clients and operators give any role. A person gives and takes only roles that permit no more than
theirs do together, and removes nobody with another one: so nobody makes themselves, or a
friend, more than they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry import errors
from tenantry.caller import Kind
from tenantry.tenants.roles import catalogue
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.tenants.memberships.model import NamedRole
    from tenantry.tenants.roles.catalogue import HeldRole
    from tenantry.tenants.users.model import User


def is_person(call: Call) -> bool:
    """Whether a member calls, and no program or operator.

    Somebody for whom a page of ours acts, by no permission, takes what our own rules give: by an
    invitation, or by the groups that a provider names.
    """
    return call.caller.kind is Kind.USER_SESSION and bool(call.caller.permissions)


async def caller_in(call: Call, db: Session, organization_id: str) -> User:
    """Return the calling person, with their membership of an organization.

    Raises:
        errors.PermissionDenied: they are no active member of it any more.

    """
    user = await reading.find(
        db, id_=call.caller.id, external_id=None, organization_id=organization_id
    )
    if user is None or not user.memberships or user.memberships[0].status != ACTIVE:
        raise errors.PermissionDenied
    return user


async def check(
    call: Call,
    db: Session,
    organization_id: str,
    roles: Iterable[HeldRole],
    named: Sequence[NamedRole] = (),
) -> None:
    """Let the caller give, or take, these roles.

    ``named`` are the names in the request, for the error.

    Raises:
        errors.PermissionDenied: the caller is a person, and a role permits more than they may.

    """
    if not is_person(call):
        return
    roles = list(roles)
    if not roles:
        return
    own = await caller_in(call, db, organization_id)
    for role in roles:
        if not reaches(own, role):
            raise _refused(role, named)


def reaches(person: User, role: HeldRole) -> bool:
    """Whether a role permits no more than a person with one membership may do there."""
    return set(role.permissions) <= set(catalogue.effective(person.memberships[0].roles))


def _refused(role: HeldRole, named: Sequence[NamedRole]) -> errors.PermissionDenied:
    sentence = f"the role {role.name!r} permits more than the caller may"
    fields = [one.field for one in named if role.id == one.id or role.name == one.name]
    violations = [errors.Violation(field, "own_permissions", sentence) for field in fields[:1]]
    return errors.PermissionDenied(sentence, violations=tuple(violations))
