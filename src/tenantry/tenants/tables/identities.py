"""The tables of connections and of the identities of users at them.

`tenantry.identity.connections.model` and `tenantry.identity.federation.model` own them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Table, Text, false

from tenantry.db.sql.encrypted_columns import encrypted
from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT

connections = Table(
    "connections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, ForeignKey("organizations.id", ondelete="CASCADE")),
    Column("type", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("provider_key", Text, nullable=False, server_default=""),
    Column("key_id", Text),
    Column("status", Text, nullable=False, server_default="COMPLETED"),
    Column("enabled", Boolean, nullable=False),
    Column("debug_enabled", Boolean, nullable=False, server_default=false()),
    Column("ui_button_title", Text, nullable=False, server_default=""),
    Column("configuration_type", Text, nullable=False, server_default="DISCOVERY"),
    Column("attribute_mapping", Json, nullable=False, server_default="{}"),
    # The settings of its protocol, of `tenantry.identity.connections.settings`.
    Column("settings", Json, nullable=False, server_default="{}"),
    Column("secret", Text, info=encrypted("secret of a connection")),  # the client secret
    Column("context", Json),  # that a portal keeps for itself
    # The issuer without a final slash, where its identity assertions (ID-JAG) are accepted.
    Column("id_jag_issuer", Text),
    time_column("check_time", nullable=True),  # when the worker looks at its metadata next
    # When its metadata was last read because a signature did not verify.
    time_column("refresh_time", nullable=True),
    time_column("test_time", nullable=True),  # when a test of it last succeeded
    Column("revision", BigInteger, nullable=False, server_default="0"),
    time_column("create_time"),
    time_column("update_time"),
    info=OF_ENVIRONMENT,
)

# The identities that providers have vouched for, each of one user.
federated_identities = Table(
    "federated_identities",
    metadata,
    Column(
        "connection_id",
        Text,
        ForeignKey("connections.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("subject", Text, primary_key=True),  # NameID or sub
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("email", Text, nullable=False),
    # The person has shown that the address is theirs, once.
    Column("is_proved", Boolean, nullable=False),
    Column("claims", Json, nullable=False),  # custom attributes, as they came last
    time_column("create_time"),
    time_column("update_time"),
    info=OF_ENVIRONMENT,
)
