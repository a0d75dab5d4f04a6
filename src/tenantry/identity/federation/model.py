"""The tables of federation, and its records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from tenantry.db.sql.encrypted_columns import encrypted, encrypted_for_a_day
from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.tenants.tables import identities as declared

if TYPE_CHECKING:
    from collections.abc import Mapping


def _connection() -> Column[str]:
    rule = ForeignKey("connections.id", ondelete="CASCADE")
    return Column("connection_id", Text, rule, nullable=False)


# One way to a provider and back. Its secret is the `state` of OAuth 2.0 and the RelayState of
# SAML; once the provider has answered, another one leads the browser back to the sign-in.
federation_requests = Table(
    "federation_requests",
    metadata,
    Column("digest", Text, primary_key=True),
    _connection(),
    # The sign-in that waits for it, or the test; one of the two.
    Column("auth_request_id", Text),
    Column("test_id", Text),
    # JSON: the answer is bound to these by the protocol.
    Column("facts", Text, nullable=False, info=encrypted_for_a_day("request to a provider")),
    # JSON: the verified answer.
    Column("identity", Text, info=encrypted_for_a_day("identity of a provider")),
    time_column("create_time"),
    time_column("expire_time"),
    info=OF_ENVIRONMENT,
)
Index(None, federation_requests.c.expire_time)
Index(None, federation_requests.c.connection_id)

# Assertions that were used, until they expire by themselves (SAML 2.0 Profiles 4.1.4.5).
seen_assertions = Table(
    "seen_assertions",
    metadata,
    Column("connection_id", Text, primary_key=True),
    Column("digest", Text, primary_key=True),  # SHA-256 of its ID, or of the jti of a logout token
    time_column("expire_time"),
    info=OF_ENVIRONMENT,
)
Index(None, seen_assertions.c.expire_time)

federated_identities = declared.federated_identities
Index(None, federated_identities.c.user_id)

# Our sessions that go with one at a provider: each ends with the other.
federated_sessions = Table(
    "federated_sessions",
    metadata,
    Column("session_id", Text, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "connection_id",
        Text,
        ForeignKey("connections.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("subject", Text, nullable=False),
    Column("session_index", Text),  # SessionIndex of SAML, sid of OpenID Connect
    Column("hint", Text, info=encrypted("session at a provider")),  # JSON: NameID, or the ID token
    time_column("create_time"),
    info=OF_ENVIRONMENT,
)
Index(None, federated_sessions.c.connection_id, federated_sessions.c.subject)
Index(None, federated_sessions.c.connection_id, federated_sessions.c.session_index)


@dataclass(frozen=True, slots=True, kw_only=True)
class FederationRequest:
    """One way to a provider and back; times in microseconds since 1970, UTC.

    ``facts`` are the protocol's own: the ID of an AuthnRequest, nonce, code verifier.
    """

    connection_id: str
    auth_request_id: str | None
    test_id: str | None
    facts: Mapping[str, Any] = field(hash=False, repr=False)
    create_time: int
    expire_time: int


@dataclass(frozen=True, slots=True)
class FrontChannelMessage:
    """The place that a browser goes to with a message: an address, or a form that is posted."""

    url: str
    fields: Mapping[str, str] | None = None
