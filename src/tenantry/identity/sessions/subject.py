"""The subject of a token: a user in an organization, in a session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.identity.sessions.model import Impersonation
    from tenantry.tenants.organizations.policy import OrganizationPolicy
    from tenantry.tenants.users.model import User


@dataclass(frozen=True, slots=True)
class Vouched:
    """A provider's word for a person: the connection, and the custom attributes that it gave."""

    connection_id: str
    organization_id: str | None
    connection_type: str
    provider: str
    provider_key: str
    claims: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A person in an organization, in a session; times in microseconds since 1970, UTC."""

    user: User  # without memberships
    sub: str
    organization_id: str  # NO_ORGANIZATION for somebody whom a social provider alone knows
    organization_external_id: str | None
    organization_features: frozenset[str] = frozenset()  # those that are on
    session_id: str
    auth_time: int
    amr: tuple[str, ...]  # ids of the connections by which the person signed in
    roles: tuple[str, ...]  # names, the oldest role first
    permissions: tuple[str, ...]  # names of all that the roles permit, in order
    own_permissions: tuple[str, ...]  # those of them that the product has named
    custom_claims: Mapping[str, Any]
    impersonation: Impersonation | None = None  # an operator is in the session, for the person
    vouched_for: tuple[Vouched, ...] = ()  # an organization's own provider before others
    template_version: str | None = None  # of the token template in force
    policy: OrganizationPolicy | None = None  # of the organization; None requires nothing
    member_since: int = 0
    second_factor_time: int | None = None
    address: str | None = None  # from which the person last entered the organization
    client_scopes: frozenset[str] = frozenset()  # of a token: those that its application has now
