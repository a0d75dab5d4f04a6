"""The tables of authorization codes and of families of refresh tokens, and their refusal."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT


class InvalidGrant(Exception):
    """A code or a refresh token that gives nothing; the text tells its client why."""


def _session() -> Column[str]:
    rule = ForeignKey("sessions.id", ondelete="CASCADE")
    return Column("session_id", Text, rule, nullable=False)


def _client() -> Column[str]:
    rule = ForeignKey("clients.id", ondelete="CASCADE")
    return Column("client_id", Text, rule, nullable=False)


authorization_codes = Table(
    "authorization_codes",
    metadata,
    Column("digest", Text, primary_key=True),
    _session(),
    _client(),
    Column("user_id", Text, nullable=False),
    Column("organization_id", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("nonce", Text),
    Column("code_challenge", Text),
    time_column("auth_time"),
    time_column("create_time"),
    time_column("expire_time"),
    time_column("use_time", nullable=True),
    # The tokens that it gave, to be revoked when it comes again (RFC 6749 section 4.1.2).
    Column("refresh_token_id", Text),
    Column("token_id", Text),
    time_column("token_expire_time", nullable=True),
    Column("resource_id", Text),  # that the tokens are for; None: this application
    info=OF_ENVIRONMENT,
)
Index("ix_authorization_codes__expire_time", authorization_codes.c.expire_time)
Index("ix_authorization_codes__session_id", authorization_codes.c.session_id)
Index("ix_authorization_codes__client_id", authorization_codes.c.client_id)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    _session(),
    _client(),
    Column("user_id", Text, nullable=False),
    Column("organization_id", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    time_column("rotate_time"),  # when this generation began
    time_column("create_time"),
    time_column("revoke_time", nullable=True),
    Column("resource_id", Text),
    info=OF_ENVIRONMENT,
)
Index("ix_refresh_tokens__session_id", refresh_tokens.c.session_id)
Index("ix_refresh_tokens__client_id", refresh_tokens.c.client_id)
