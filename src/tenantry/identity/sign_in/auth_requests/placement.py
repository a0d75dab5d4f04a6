"""The organization that somebody signs in for: a pure decision, once the person is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.identity.sign_in.auth_requests import states
from tenantry.tenants.users.model import ACTIVE, PENDING_INVITE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.tenants.users.model import Membership


@dataclass(frozen=True, slots=True)
class Placement:
    """The state that follows; in a selected organization, whether by accepting an invitation.

    ``problem`` says why it is the state of failure.
    """

    state: str
    organization_id: str | None = None
    accepts: bool = False
    problem: str = ""


def place(
    memberships: Sequence[Membership],
    *,
    named: str | None,
    may_found: bool,
    wants_to_found: bool = False,
) -> Placement:
    """Decide on the organization of somebody with these memberships.

    ``named`` is the organization that the application asks for, if any. ``may_found`` says whether
    people may sign up, ``wants_to_found`` whether this one came to.
    """
    active = {one.organization_id for one in memberships if one.status == ACTIVE}
    invited = {one.organization_id for one in memberships if one.status == PENDING_INVITE}
    if named is not None:
        return _placed_in(named, active, invited)
    if not active and not invited and not may_found:
        return Placement(states.FAILED, problem="you are not a member of any organization")
    if not active and not invited:
        return Placement(states.ORGANIZATION_SIGNUP)
    if may_found and (wants_to_found or not active):
        return Placement(states.ORGANIZATION_SWITCHER_SIGNUP)
    if len(active) == 1 and not invited:
        return Placement(states.ORGANIZATION_SELECTED, next(iter(active)))
    return Placement(states.ORGANIZATION_SWITCHER)


def _placed_in(named: str, active: set[str], invited: set[str]) -> Placement:
    if named in active:
        return Placement(states.ORGANIZATION_SELECTED, named)
    if named in invited:
        return Placement(states.ORGANIZATION_SELECTED, named, accepts=True)
    return Placement(states.FAILED, problem="you are not a member of this organization")
