"""The tables of clients and their secrets, and their records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    false,
    true,
)

from tenantry.access.client_metadata.metadata import JWT_BEARER
from tenantry.access.resources.model import resources
from tenantry.core.times import rfc3339
from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes.rows import members, row_of

if TYPE_CHECKING:
    from tenantry.db.engine import Row
    from tenantry.tenants.organizations.policy import OrganizationPolicy

# client_type: a management client; the applications; a client of an organization's machines; a
# client of a resource.
ENV = "ENV"
WEB_APP = "WEB_APP"
SPA = "SPA"
NTV = "NTV"
M2M = "M2M"
RESOURCE_CLIENT = "RESOURCE"
APPLICATIONS = (WEB_APP, SPA, NTV)
CALLS_API = (ENV, WEB_APP)  # with `api_access`
PUBLIC = (SPA, NTV)  # they cannot keep a secret (RFC 6749 section 2.1)

# RFC 8693. The audiences in a client's settings permit it, in addition to its grant types.
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a name, no secret
# The grant types of a client of each type; all of them, where it names none.
_SIGN_IN = ("authorization_code", "refresh_token")
GRANT_TYPES = {
    ENV: (*_SIGN_IN, "client_credentials"),
    WEB_APP: (*_SIGN_IN, "client_credentials"),
    SPA: _SIGN_IN,
    NTV: _SIGN_IN,
    M2M: ("client_credentials",),
    RESOURCE_CLIENT: (*_SIGN_IN, "client_credentials"),
}
# Registration of a client of a resource: by the API, dynamically (RFC 7591), or by the document at
# its `metadata_uri`.
STATIC, DCR, CIMD = "", "DCR", "CIMD"
NONE = "none"  # token_endpoint_auth_method of a client without secrets

ACTIVE = "ACTIVE"
INACTIVE = "INACTIVE"


def _list(name: str) -> Column[str]:
    return Column(name, Json, nullable=False, server_default="[]")


clients = Table(
    "clients",
    metadata,
    Column("id", Text, primary_key=True),
    Column("client_type", Text, nullable=False, server_default=ENV),
    Column("organization_id", Text, ForeignKey("organizations.id", ondelete="CASCADE")),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    _list("scopes"),
    _list("audience"),
    _list("custom_claims"),  # of pairs, in their order
    _list("post_login_uris"),
    _list("post_logout_redirect_uris"),
    _list("back_channel_logout_uris"),
    _list("grant_types"),
    Column("initiate_login_uri", Text),
    Column("expiry", Integer),  # seconds that its access tokens live; None: the default
    Column("enforce_pkce", Boolean, nullable=False, server_default=false()),
    Column("api_access", Boolean, nullable=False, server_default=true()),
    Column("management_scopes", Json),  # None: all of them
    Column("token_exchange_audiences", Json),  # None: no token exchange
    Column("identity_assertion_targets", Json),  # None: no identity assertions
    Column("ip_allowlist", Json),  # {"opted_in": ..., "cidrs": [...]}
    Column("jwks", Json),  # RFC 7517 section 5
    Column("token_endpoint_auth_method", Text, nullable=False, server_default=""),
    Column("access_token_signing_alg", Text, nullable=False, server_default="RS256"),
    Column("resource_id", Text, ForeignKey(resources.c.id, ondelete="CASCADE")),
    Column("registration", Text, nullable=False, server_default=STATIC),
    *(
        Column(name, Text, nullable=False, server_default="")
        for name in ("metadata_uri", "client_uri", "logo_uri", "policy_uri", "tos_uri")
    ),
    Column("revision", BigInteger, nullable=False, server_default="1"),
    time_column("create_time"),
    Column("update_time", BigInteger, nullable=False, server_default="0"),
    info=OF_ENVIRONMENT,
)
Index("ix_clients__organization_id_id", clients.c.organization_id, clients.c.id)
Index("ix_clients__client_type_id", clients.c.client_type, clients.c.id)
_of_resource = clients.c.resource_id.is_not(None)
Index(
    "ix_clients__resource_id_id",
    clients.c.resource_id,
    clients.c.id,
    postgresql_where=_of_resource,
    sqlite_where=_of_resource,
)

client_secrets = Table(
    "client_secrets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("client_id", Text, ForeignKey("clients.id", ondelete="CASCADE"), nullable=False),
    Column("digest", Text, nullable=False),
    Column("suffix", Text, nullable=False),  # last characters, to tell secrets apart
    Column("status", Text, nullable=False, server_default=ACTIVE),
    Column("created_by", Text),
    time_column("create_time"),
    Column("update_time", BigInteger, nullable=False, server_default="0"),
    time_column("expire_time", nullable=True),
    time_column("last_used_time", nullable=True),
    info=OF_ENVIRONMENT,
)
Index(None, client_secrets.c.client_id)

# Assertions of private_key_jwt that were used, until they have expired: each is good once.
spent_assertions = Table(
    "spent_assertions",
    metadata,
    Column("client_id", Text, ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True),
    Column("jti", Text, primary_key=True),
    time_column("expire_time"),
    info=OF_ENVIRONMENT,
)
Index("ix_spent_assertions__expire_time", spent_assertions.c.expire_time)

# Access tokens that were revoked before they expired (RFC 7009).
revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("jti", Text, primary_key=True),
    time_column("expire_time"),
    info=OF_ENVIRONMENT,
)
Index("ix_revoked_tokens__expire_time", revoked_tokens.c.expire_time)


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret without its text; times in microseconds since 1970, UTC."""

    id: str
    digest: str
    suffix: str
    status: str
    created_by: str | None
    create_time: int
    update_time: int
    expire_time: int | None
    last_used_time: int | None

    def in_force(self, at: int) -> bool:
        """Whether it is good at this time."""
        return self.status == ACTIVE and (self.expire_time is None or self.expire_time > at)

    def to_event(self) -> dict[str, Any]:
        """Return what events and the command line show."""
        return {
            "id": self.id,
            "suffix": self.suffix,
            "status": self.status,
            "expire_time": self.expire_time,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client of any type and its secrets, the oldest first."""

    id: str
    client_type: str
    name: str
    organization_id: str | None = None
    description: str = ""
    scopes: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()
    custom_claims: tuple[tuple[str, str], ...] = ()
    post_login_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    back_channel_logout_uris: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ()
    initiate_login_uri: str | None = None
    expiry: int | None = None
    enforce_pkce: bool = False
    api_access: bool = True
    management_scopes: tuple[str, ...] | None = None  # None: all, also those of later versions
    token_exchange_audiences: tuple[str, ...] | None = None
    # Each with `issuer`, `client_id`, `resources` and `scopes`.
    identity_assertion_targets: tuple[dict[str, Any], ...] | None = field(default=None, hash=False)
    ip_allowlist: dict[str, Any] | None = field(default=None, hash=False)
    jwks: dict[str, Any] | None = field(default=None, hash=False)
    token_endpoint_auth_method: str = ""
    access_token_signing_alg: str = "RS256"  # noqa: S105 - a name, no secret
    resource_id: str | None = None  # of a client of a resource
    registration: str = STATIC
    metadata_uri: str = ""
    client_uri: str = ""
    logo_uri: str = ""
    policy_uri: str = ""
    tos_uri: str = ""
    revision: int = 1
    create_time: int
    update_time: int
    secrets: tuple[Secret, ...] = ()
    # The sign-in policy of its organization, where the client authenticates.
    policy: OrganizationPolicy | None = None

    @property
    def may_call_api(self) -> bool:
        """Whether its own access tokens call the management API."""
        return self.api_access and self.client_type in CALLS_API

    @property
    def allowed_grant_types(self) -> tuple[str, ...]:
        """The grant types that it may use: the registered ones, or all of its type."""
        grant_types = self.grant_types or GRANT_TYPES[self.client_type]
        if self.token_exchange_audiences or self.identity_assertion_targets:
            return (*grant_types, TOKEN_EXCHANGE)
        if self.client_type == RESOURCE_CLIENT and self.registration == STATIC:
            return (*grant_types, JWT_BEARER)
        return grant_types

    @property
    def is_public(self) -> bool:
        """Whether it has no credentials (RFC 6749 section 2.1), and so must use PKCE."""
        return self.client_type in PUBLIC or self.token_endpoint_auth_method == NONE

    def to_row(self) -> dict[str, Any]:
        return row_of(self, clients)

    @classmethod
    def from_row(cls, row: Row, secrets: tuple[Secret, ...] = ()) -> Client:
        """Return the client of one row."""
        values = members(row, clients)
        values["custom_claims"] = tuple((key, claim) for key, claim in values["custom_claims"])
        return cls(**values, secrets=secrets)

    def to_event(self) -> dict[str, Any]:
        """Return what events and the command line show."""
        event: dict[str, Any] = {
            "client_id": self.id,
            "client_type": self.client_type,
            "name": self.name,
            "description": self.description,
            "scopes": list(self.scopes),
            "audience": list(self.audience),
            "custom_claims": dict(self.custom_claims),
            "post_login_uris": list(self.post_login_uris),
            "post_logout_redirect_uris": list(self.post_logout_redirect_uris),
            "back_channel_logout_uris": list(self.back_channel_logout_uris),
            "grant_types": list(self.grant_types),
            "initiate_login_uri": self.initiate_login_uri,
            "expiry": self.expiry,
            "enforce_pkce": self.enforce_pkce,
            "disallow_scalekit_api_access": not self.api_access,
            "management_scopes": (
                None if self.management_scopes is None else list(self.management_scopes)
            ),
            "token_exchange": {
                "audiences": list(self.token_exchange_audiences or ()),
                "identity_assertions": list(self.identity_assertion_targets or ()),
            },
            "ip_allowlist": self.ip_allowlist,
            "jwks": self.jwks,
            "token_endpoint_auth_method": self.token_endpoint_auth_method,
            "access_token_signing_alg": self.access_token_signing_alg,
            "created_at": rfc3339(self.create_time),
            "updated_at": rfc3339(self.update_time),
            "secrets": [secret.to_event() for secret in self.secrets],
        }
        if self.organization_id is not None:
            event["organization_id"] = self.organization_id
        if self.resource_id is not None:
            event |= {
                "resource_id": self.resource_id,
                "is_dcr": self.registration == DCR,
                "is_cimd": self.registration == CIMD,
                "metadata_uri": self.metadata_uri,
                "client_uri": self.client_uri,
                "logo_uri": self.logo_uri,
                "policy_uri": self.policy_uri,
                "tos_uri": self.tos_uri,
            }
        return event
