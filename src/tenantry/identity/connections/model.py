"""The tables of connections, their tests and our key pairs for SAML; a connection's record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text

from tenantry.db.sql.encrypted_columns import encrypted
from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes.rows import members, row_of
from tenantry.tenants.tables import identities as declared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.db.engine import Row

# Types of the contract. The environment has one connection of each of these.
PASSWORDLESS = "PASSWORDLESS"
PASSWORD = "PASSWORD"  # noqa: S105 - a name, no secret
WEBAUTHN = "WEBAUTHN"
TYPES = (PASSWORDLESS, PASSWORD, WEBAUTHN)
# An organization has as many as it likes of these, the environment of the last.
OIDC, SAML, OAUTH = "OIDC", "SAML", "OAUTH"
FEDERATED = (OIDC, SAML, OAUTH)
# A type of connections of applications, beside OAUTH.
GOOGLE_DWD = "GOOGLE_DWD"
# Statuses of the contract: nothing is filled in, something is, all that a sign-in needs is.
DRAFT, IN_PROGRESS, COMPLETED = "DRAFT", "IN_PROGRESS", "COMPLETED"
# How an OIDC connection is configured.
DISCOVERY, MANUAL = "DISCOVERY", "MANUAL"
IDP_SIMULATOR = "IDP_SIMULATOR"
# Providers of the contract; any other is a provider_key, of a CUSTOM one.
PROVIDERS = (
    *("OKTA", "GOOGLE", "MICROSOFT_AD", "AUTH0", "ONELOGIN", "PING_IDENTITY", "JUMPCLOUD"),
    *("CUSTOM", "GITHUB", "GITLAB", "LINKEDIN", "SALESFORCE", "MICROSOFT", IDP_SIMULATOR),
    *("SCALEKIT", "ADFS"),
)

connections = declared.connections
_c = connections.c
# Literals, not parameters: the planner matches a partial index by its text.
_only_one = _c.organization_id.is_(None) & _c.type.in_(TYPES)
Index(
    "uq_connections__type",
    _c.type,
    unique=True,
    postgresql_where=_only_one,
    sqlite_where=_only_one,
)
Index("ix_connections__organization_id_id", _c.organization_id, _c.id)
_due = _c.check_time.is_not(None)
Index("ix_connections__check_time", _c.check_time, postgresql_where=_due, sqlite_where=_due)
_accepts_id_jags = _c.id_jag_issuer.is_not(None)
Index(
    "ix_connections__id_jag_issuer",
    _c.id_jag_issuer,
    postgresql_where=_accepts_id_jags,
    sqlite_where=_accepts_id_jags,
)

# Searched over all organizations, each kind in the order of its ids.
_owned = _c.organization_id.is_not(None)
for _name, *_columns in (("kind",), ("provider", _c.provider), ("provider_key", _c.provider_key)):
    Index(
        f"ix_connections__{_name}",
        *(*_columns, _c.type, _c.status, _c.enabled, _c.id),
        postgresql_where=_owned,
        sqlite_where=_owned,
    )

# By which an application reaches another service: nobody signs in by one.
app_connections = Table(
    "app_connections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("provider_key", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("settings", Json, nullable=False),
    # A client secret, or the key of a service account.
    Column("secret", Text, info=connections.c.secret.info),
    Column("revision", BigInteger, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=OF_ENVIRONMENT,
)

# Our own key pairs for SAML: to sign with, and to be encrypted to. The next one stands in our
# metadata beside the current one before it signs, and the former one decrypts for a while after.
saml_key_pairs = Table(
    "saml_key_pairs",
    metadata,
    Column("id", Text, primary_key=True),
    Column(
        "private_key", Text, nullable=False, info=encrypted("key pair for SAML {id}")
    ),  # PKCS #8 in DER
    Column("certificate", Text, nullable=False),  # DER in base64
    time_column("sign_time"),  # it signs from then on
    time_column("expire_time"),  # of its certificate
    time_column("create_time"),
    info=OF_ENVIRONMENT,
)

# Sign-ins that somebody tries a connection with.
connection_tests = Table(
    "connection_tests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection_id", Text, ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    Column("status", Text, nullable=False),  # PENDING, SUCCESS or FAILURE
    Column("user_info", Json),
    Column("error", Text),
    Column("error_description", Text),
    Column("error_details", Text),
    time_column("create_time"),
    time_column("expire_time"),
    info=OF_ENVIRONMENT,
)
Index(None, connection_tests.c.connection_id, connection_tests.c.id)
Index(None, connection_tests.c.expire_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One connection; ``organization_id`` is None for one of the environment.

    Times in microseconds since 1970, UTC. ``secret`` is encrypted. ``is_app`` says that it is
    one of an application, in a separate table. The defaults are those of a new one.
    """

    id: str
    organization_id: str | None = None
    type: str
    provider: str
    provider_key: str = ""
    key_id: str | None = None
    status: str = DRAFT
    enabled: bool = False
    debug_enabled: bool = False
    ui_button_title: str = ""
    configuration_type: str = DISCOVERY
    attribute_mapping: Mapping[str, str] = field(default_factory=dict, hash=False)
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    secret: str | None = field(default=None, repr=False)
    context: Mapping[str, Any] | None = field(default=None, hash=False)
    check_time: int | None = None
    refresh_time: int | None = None
    test_time: int | None = None
    revision: int = 1
    create_time: int
    update_time: int
    is_app: bool = False

    @classmethod
    def from_row(cls, row: Row, *, is_app: bool = False) -> Connection:
        table = app_connections if is_app else connections
        return cls(**members(row, table, but=("id_jag_issuer",)), is_app=is_app)

    def to_row(self) -> dict[str, Any]:
        return row_of(self, app_connections if self.is_app else connections)

    @property
    def id_jag_issuer(self) -> str | None:
        """The issuer whose identity assertions are accepted, without a final slash."""
        if self.type != OIDC or not self.settings.get("id_jag_enabled"):
            return None
        return self.settings.get("issuer", "").rstrip("/") or None

    @property
    def serves(self) -> bool:
        """Whether people can sign in by it."""
        return self.enabled and self.status == COMPLETED
