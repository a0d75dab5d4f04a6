"""The roles that a caller may grant: the check that every change of roles and role mappings makes.

- Management clients and operators grant every role.
- A member grants and takes only roles that permit no more than their own roles do together.
- A portal session grants and takes only roles that the product has released to the admin portal.
- A directory, and a sign-in page that acts for a person by no permission, apply rules that
  somebody else has set: this check was made when they were.

Everybody else grants no role. `tests/protocols/memberships/test_role_writes.py` finds every
statement that writes roles or mappings, and requires this check of the functions that run it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.core.caller import Kind
from tenantry.tenants.memberships import roles as member_roles
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


@dataclass(frozen=True, slots=True)
class Grantable:
    """The roles that one caller may grant in one organization.

    ``permissions`` are those that a role may hold at most; ``built_in_only`` limits the built-in
    ones alone. With ``names``, these roles and no others are meant.
    """

    refusal: str = ""
    is_any: bool = False
    permissions: frozenset[str] = frozenset()
    built_in_only: bool = False
    names: frozenset[str] | None = None

    def __contains__(self, role: HeldRole) -> bool:
        """Whether the caller may grant a role."""
        if self.is_any:
            return True
        if self.names is not None:
            return role.name in self.names
        limited = set(role.permissions)
        if self.built_in_only:
            limited -= set(role.own)
        return limited <= self.permissions


def is_person(call: Call) -> bool:
    """Whether a member calls by their permissions, and no program or operator."""
    return call.caller.kind is Kind.USER_SESSION and not call.caller.acts_by_rule


def is_limited(call: Call) -> bool:
    """Whether there may be roles that the caller may not grant."""
    caller = call.caller
    return not (caller.is_operators or caller.acts_by_rule or caller.kind is Kind.DIRECTORY)


async def caller_in(call: Call, db: Session, organization_id: str) -> User:
    """Return the calling person, with their membership of an organization."""
    user = await reading.find(
        db, id_=call.caller.id, external_id=None, organization_id=organization_id
    )
    if user is None or not user.memberships or user.memberships[0].status != ACTIVE:
        raise errors.PermissionDenied
    return user


async def of_caller(call: Call, db: Session, organization_id: str) -> Grantable:
    """Return the roles that the caller may grant in an organization."""
    if not is_limited(call):
        return Grantable(is_any=True)
    caller = call.caller
    if caller.organization_id != organization_id:
        raise errors.PermissionDenied
    if caller.kind is Kind.USER_SESSION:
        person = await caller_in(call, db, organization_id)
        own = catalogue.effective(person.memberships[0].roles)
        return Grantable("permits more than the caller may", permissions=frozenset(own))
    if caller.kind is not Kind.PORTAL_SESSION:
        raise errors.PermissionDenied
    refusal = "is not released to the admin portal (TENANTRY_PORTAL_ROLES)"
    if caller.released_roles:
        return Grantable(refusal, names=frozenset(caller.released_roles))
    _, default = await member_roles.offered(db, organization_id, ())
    return Grantable(
        refusal, permissions=frozenset(catalogue.effective(default)), built_in_only=True
    )


async def check(
    call: Call,
    db: Session,
    organization_id: str,
    roles: Iterable[HeldRole],
    named: Sequence[NamedRole] = (),
) -> None:
    """Raise unless the caller may grant, or take, these roles.

    ``named`` are the roles as the request names them, for the field of the error.
    """
    if not is_limited(call):
        return
    roles = list(roles)
    if not roles:
        return
    grantable = await of_caller(call, db, organization_id)
    for role in roles:
        if role not in grantable:
            raise _refused(role, grantable, named)


def _refused(
    role: HeldRole, grantable: Grantable, named: Sequence[NamedRole]
) -> errors.PermissionDenied:
    sentence = f"the role {role.name!r} {grantable.refusal}"
    fields = [one.field for one in named if role.id == one.id or role.name == one.name]
    violations = [errors.Violation(field, "own_permissions", sentence) for field in fields[:1]]
    return errors.PermissionDenied(sentence, violations=tuple(violations))
