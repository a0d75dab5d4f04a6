"""Previews: the access token of a person as a token template would make it now."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.identity.grants import claims as claims_of
from tenantry.identity.sessions.model import NO_ORGANIZATION
from tenantry.identity.sessions.subject import Subject
from tenantry.identity.token_templates import reading, templates, variables
from tenantry.identity.token_templates import service as token_templates
from tenantry.tenants.roles import catalogue
from tenantry.tenants.users import reading as users
from tenantry.tenants.users.model import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.db.engine import Session
    from tenantry.identity.token_templates.templates import Template
    from tenantry.tenants.users.model import Membership, User

# As long as ids of the kind are.
_SAMPLE = "1" * 19
_SCOPES = ("openid", "profile", "email", "offline_access")
_SECONDS = 300


class InvalidTemplate(Exception):
    """A text is no template; the error says each fault of it."""

    def __init__(self, error: errors.InvalidArgument) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class Preview:
    """The claims for a person, the paths of those that are left out, and their access token."""

    claims: Mapping[str, Any] = field(hash=False)
    omitted: tuple[str, ...]
    token: Mapping[str, Any] = field(hash=False)


async def of_person(
    db: Session,
    content: Mapping[str, Any] | None,
    *,
    user_id: str,
    organization_id: str | None,
    issuer: str,
    compact: bool,
) -> Preview:
    """Return what a template makes of a person; of the one that is kept where none is given.

    Raises:
        InvalidTemplate: it is no template.

    """
    if content is None:
        content = (await token_templates.get(db)).template
    room = claims_of.room(issuer, compact=compact)
    try:
        template = templates.read(content, field="template", room=room)
    except errors.InvalidArgument as problem:
        raise InvalidTemplate(problem) from None
    user = await users.find(db, id_=user_id, external_id=None)
    if user is None:
        raise errors.NotFound("user")
    membership = _membership(user, organization_id)
    return await _tried(db, template, user, membership, issuer=issuer, compact=compact)


async def _tried(
    db: Session,
    template: Template,
    user: User,
    membership: Membership | None,
    *,
    issuer: str,
    compact: bool,
) -> Preview:
    subject, place = _subject(user, membership), None
    if membership is not None:
        place = await reading.place(db, membership.organization_id, user.id)
        external_id = None if place is None else place.external_id
        subject = replace(subject, organization_external_id=external_id)
    claims, omitted = template.claims(variables.of(subject, place))
    token = claims_of.access_token(
        subject,
        issuer=issuer,
        client_id=f"{ids.ENVIRONMENT_CLIENT}{_SAMPLE}",
        scopes=_SCOPES,
        compact=compact,
        more=claims,
    )
    added = {name: value for name, value in claims.items() if name in token}
    unfit = {name: value for name, value in claims.items() if name not in token}
    at = now() // 1_000_000
    times = {"iat": at, "nbf": at, "exp": at + _SECONDS, "jti": f"{ids.TOKEN}{_SAMPLE}"}
    return Preview(added, (*omitted, *templates.leaves(unfit)), {**token, **times})


def _membership(user: User, organization_id: str | None) -> Membership | None:
    """Return the active membership in an organization, or else the oldest, if there is one."""
    active = [one for one in user.memberships if one.status == ACTIVE]
    if organization_id is None:
        return active[0] if active else None
    for one in active:
        if one.organization_id == organization_id:
            return one
    raise errors.InvalidArgument.field(
        "organization_id", "member", "the user is not an active member of it"
    )


def _subject(user: User, membership: Membership | None) -> Subject:
    roles = () if membership is None else membership.roles
    return Subject(
        user=user,
        sub=user.sub or user.id,
        organization_id=NO_ORGANIZATION if membership is None else membership.organization_id,
        organization_external_id=None,
        session_id=f"{ids.SESSION}{_SAMPLE}",
        auth_time=now(),
        amr=(),
        roles=tuple(role.name for role in users.in_order(roles)),
        permissions=tuple(catalogue.effective(roles)),
        own_permissions=tuple(catalogue.effective_own(roles)),
        custom_claims={},
    )
