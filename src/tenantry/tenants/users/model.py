"""The tables of users and memberships, and their records."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from tenantry.core import ids
from tenantry.core.times import rfc3339
from tenantry.db.search.index import Searched
from tenantry.db.sql.schema import Json, from_json, metadata, tallies, time_column, to_json
from tenantry.db.sql.sharding import OF_ENVIRONMENT, of_organization
from tenantry.db.writes.tallies import Tally
from tenantry.net import email_addresses
from tenantry.tenants.tables import memberships as declared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.db.engine import Row
    from tenantry.tenants.organizations.model import Organization
    from tenantry.tenants.roles.catalogue import HeldRole

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False),  # the unique one: `User.key`
    Column("sub", Text),  # of somebody whom a provider alone knows: `federated_sub`
    Column("external_id", Text),
    Column("profile", Json, nullable=False),
    Column("metadata", Json, nullable=False),
    Column("email_verified", Boolean, nullable=False),
    # As an import brought it, for sign-in: PHC or modular crypt format.
    Column("password_hash", Text),
    time_column("password_time", nullable=True),  # when the person last chose it
    time_column("last_login_time", nullable=True),
    Column("revision", BigInteger, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=OF_ENVIRONMENT | {"prefix": ids.USER},
)
Index("uq_users__email", users.c.email_key, unique=True)
Index("uq_users__external_id", users.c.external_id, unique=True)
user_search = Searched(users, "user_id", "email", "external_id")
user_tally = Tally(tallies.c.name)
USERS = users.name  # its key

memberships = declared.memberships
Index("uq_memberships__id", memberships.c.organization_id, memberships.c.id, unique=True)
Index("ix_memberships__user_id_id", memberships.c.user_id, memberships.c.id)
_invited = memberships.c.invite_digest.is_not(None)
# Derived from the id of the membership, so it comes once without a rule.
Index(
    "ix_memberships__invite_digest",
    memberships.c.invite_digest,
    postgresql_where=_invited,
    sqlite_where=_invited,
)

# How many members an organization has; see `tallies`.
member_tallies = Table(
    "member_tallies",
    metadata,
    Column(
        "organization_id",
        Text,
        ForeignKey("organizations.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("slot", Integer, primary_key=True),
    Column("n", BigInteger, nullable=False),
    info=of_organization(),
)
member_tally = Tally(member_tallies.c.organization_id)

_SOCIAL = "OAUTH"  # the type of connections to social providers
ACTIVE = "ACTIVE"
INACTIVE = "INACTIVE"
PENDING_INVITE = "PENDING_INVITE"
INVITE_EXPIRED = "INVITE_EXPIRED"

# The ways to become a member.
INVITATION = "invitation"
JIT_USING_SSO = "jit_using_sso"
DIRECT_PROVISION = "direct_provision"
ORG_CREATOR = "org_creator"

_FEDERATED = re.compile(rf"{ids.CONNECTION}[0-9]{{1,19}};.+", re.DOTALL)


def federated_sub(connection_id: str, subject: str) -> str:
    """Return the `sub` of somebody whom a provider alone knows; no e-mail address is like it."""
    return f"{connection_id};{subject}"


def is_federated(sub: str) -> bool:
    """Whether a text is such a `sub`, which begins with the connection: nothing else is a part."""
    return _FEDERATED.fullmatch(sub) is not None


@dataclass(slots=True)
class Membership:
    """A user's place in one organization; times in microseconds since 1970, UTC."""

    id: str
    organization_id: str
    organization_name: str
    user_id: str
    status: str  # INVITE_EXPIRED once a pending one's time is over; it is never stored
    metadata: dict[str, str]
    inviter_email: str | None
    provisioning_method: str
    create_time: int
    accept_time: int | None
    join_time: int | None
    expire_time: int | None
    resend_time: int | None
    resend_count: int
    roles: tuple[HeldRole, ...]  # the oldest first

    def to_row(self) -> dict[str, Any]:
        """Return the columns of its row, but for `invite_digest` and
        `invite_client_id`."""
        pending = self.status == INVITE_EXPIRED
        return {
            "organization_id": self.organization_id,
            "user_id": self.user_id,
            "id": self.id,
            "status": PENDING_INVITE if pending else self.status,
            "metadata": to_json(self.metadata),
            "inviter_email": self.inviter_email,
            "provisioning_method": self.provisioning_method,
            "create_time": self.create_time,
            "accept_time": self.accept_time,
            "join_time": self.join_time,
            "expire_time": self.expire_time,
            "invite_resend_time": self.resend_time,
            "invite_resend_count": self.resend_count,
        }

    def to_event(self) -> dict[str, Any]:
        event: dict[str, Any] = {
            "organization_id": self.organization_id,
            "membership_status": self.status,
            "roles": [
                {"id": role.id, "name": role.name, "display_name": role.display_name}
                for role in self.roles
            ],
            "metadata": self.metadata,
            "provisioning_method": self.provisioning_method,
            "created_at": rfc3339(self.create_time),
        }
        if self.inviter_email is not None:
            event["inviter_email"] = self.inviter_email
        for name, moment in (
            ("accepted_at", self.accept_time),
            ("join_time", self.join_time),
            ("expires_at", self.expire_time),
            ("resent_at", self.resend_time),
        ):
            if moment is not None:
                event[name] = rfc3339(moment)
        if self.resend_count:
            event["resent_count"] = self.resend_count
        return event


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """One account at a provider; times in microseconds since 1970, UTC."""

    connection_id: str
    connection_type: str
    connection_provider: str
    connection_user_id: str  # NameID or sub
    create_time: int
    last_login_time: int

    @property
    def is_social(self) -> bool:
        """Whether anybody may have such an account, in no organization."""
        return self.connection_type == _SOCIAL


@dataclass(slots=True)
class User:
    """One person; times in microseconds since 1970, UTC.

    One with a ``sub`` is known to a provider alone (docs/decisions/0023): the address is what that
    says, nobody is found by it, and another user may have it as well.
    """

    id: str
    email: str
    external_id: str | None
    profile: dict[str, Any]  # the members that are set, by the contract's newer names
    metadata: dict[str, str]
    email_verified: bool
    last_login_time: int | None
    revision: int
    create_time: int
    update_time: int
    sub: str | None = None
    memberships: list[Membership] = field(default_factory=list)  # the oldest first
    external_identities: tuple[ExternalIdentity, ...] = ()  # the oldest first

    @classmethod
    def new(
        cls,
        id_: str,
        email: str,
        *,
        email_verified: bool,
        at: int,
        external_id: str | None = None,
        profile: dict[str, Any] | None = None,
        metadata: Mapping[str, str] | None = None,
        sub: str | None = None,
    ) -> User:
        """Return a user of this moment, to be inserted."""
        return cls(
            id=id_,
            email=email,
            external_id=external_id,
            profile=profile or {},
            metadata=dict(metadata or {}),
            email_verified=email_verified,
            last_login_time=None,
            revision=1,
            create_time=at,
            update_time=at,
            sub=sub,
        )

    @classmethod
    def from_row(cls, row: Row) -> User:
        """Return the user of one row, without memberships."""
        return cls(
            id=row["id"],
            email=row["email"],
            external_id=row["external_id"],
            profile=from_json(row["profile"]),
            metadata=from_json(row["metadata"]),
            email_verified=bool(row["email_verified"]),
            last_login_time=row["last_login_time"],
            revision=row["revision"],
            create_time=row["create_time"],
            update_time=row["update_time"],
            sub=row["sub"],
        )

    @property
    def key(self) -> str:
        """The key that it is found by: its address, unless a provider alone knows it."""
        return self.sub or email_addresses.key(self.email)

    def to_row(self) -> dict[str, Any]:
        """Return the columns of its row, but for the password's hash."""
        return {
            "id": self.id,
            "email": self.email,
            "email_key": self.key,
            "sub": self.sub,
            "external_id": self.external_id,
            "profile": to_json(self.profile),
            "metadata": to_json(self.metadata),
            "email_verified": self.email_verified,
            "last_login_time": self.last_login_time,
            "revision": self.revision,
            "create_time": self.create_time,
            "update_time": self.update_time,
        }

    @property
    def profile_id(self) -> str:
        """The id of the profile: it lives and dies with its user, whose number it has."""
        return ids.USER_PROFILE + self.id.removeprefix(ids.USER)

    def membership_in(self, organization_id: str) -> Membership | None:
        """Return its place in an organization."""
        for membership in self.memberships:
            if membership.organization_id == organization_id:
                return membership
        return None

    def to_event(self) -> dict[str, Any]:
        """Return its content in events, memberships aside."""
        event: dict[str, Any] = {
            "id": self.id,
            "email": self.email,
            "create_time": rfc3339(self.create_time),
            "update_time": rfc3339(self.update_time),
            "metadata": self.metadata,
            "user_profile": {
                "id": self.profile_id,
                **self.profile,
                "email_verified": self.email_verified,
            },
        }
        if self.external_id is not None:
            event["external_id"] = self.external_id
        if self.last_login_time is not None:
            event["last_login_time"] = rfc3339(self.last_login_time)
        return event


def shown_together(
    organization: Organization, user: User, membership: Membership
) -> dict[str, Any]:
    """Return the content of its events: the published members, and the membership itself."""
    return {
        "organization": organization.to_event(),
        "user": user.to_event(),
        "membership": membership.to_event(),
    }


def full_name(profile: Mapping[str, Any]) -> str:
    """Return the name that a profile has whole, or in parts; "" for an unknown one."""
    parts = (profile.get("given_name", ""), profile.get("family_name", ""))
    return profile.get("name") or " ".join(filter(None, parts))
