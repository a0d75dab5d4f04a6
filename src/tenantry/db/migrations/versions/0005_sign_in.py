"""Sign-in: connections, auth requests, sessions, grants, factors, interceptors.

Revision: 0005, after 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenantry.db.sql.schema import Json

revision = "0005"
down_revision = "0004"
older_may_run = True


def upgrade() -> None:
    op.add_column("users", _time("password_time", nullable=True))
    _sign_in()
    _sessions()
    _grants()
    _factors()
    _interceptors()
    if op.get_bind().dialect.name == "postgresql":
        # Written in place, at every refresh.
        for table in ("sessions", "refresh_tokens"):
            op.execute(f"ALTER TABLE {table} SET (fillfactor = 80)")


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _sign_in() -> None:
    op.create_table(
        "connections",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "organization_id",
            sa.Text,
            sa.ForeignKey(
                "organizations.id", ondelete="CASCADE", name="fk_connections__organization_id"
            ),
        ),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        _time("create_time"),
        _time("update_time"),
    )
    op.create_index("ix_connections__organization_id_id", "connections", ["organization_id", "id"])
    op.create_index(
        "uq_connections__type",
        "connections",
        ["type"],
        unique=True,
        postgresql_where=sa.text("organization_id IS NULL"),
        sqlite_where=sa.text("organization_id IS NULL"),
    )
    op.create_table(
        "auth_requests",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("browser_digest", sa.Text),
        sa.Column("client_id", sa.Text),
        sa.Column("params", Json, nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.Column("email", sa.Text),
        sa.Column("email_key", sa.Text),
        sa.Column("user_id", sa.Text),
        sa.Column("organization_id", sa.Text),
        sa.Column("connection_id", sa.Text),
        sa.Column("error", Json),
        _time("create_time"),
        _time("update_time"),
        _time("expire_time"),
    )
    op.create_index(
        "ix_auth_requests__browser_digest_id",
        "auth_requests",
        ["browser_digest", "id"],
        postgresql_where=sa.text("browser_digest IS NOT NULL"),
        sqlite_where=sa.text("browser_digest IS NOT NULL"),
    )
    op.create_index(
        "ix_auth_requests__client_id_status_id", "auth_requests", ["client_id", "status", "id"]
    )
    op.create_index("ix_auth_requests__email_key_id", "auth_requests", ["email_key", "id"])
    op.create_index("ix_auth_requests__status_id", "auth_requests", ["status", "id"])
    op.create_table(
        "passwordless_requests",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("state", sa.Text),
        sa.Column("link_uri", sa.Text),
        sa.Column("template_variables", Json, nullable=False),
        sa.Column("auth_request_id", sa.Text),
        sa.Column("organization_id", sa.Text),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Integer, nullable=False),
        sa.Column("wrong_digest", sa.Text),
        _time("wrong_time", nullable=True),
        _time("create_time"),
        _time("expire_time"),
        _time("verify_time", nullable=True),
    )
    op.create_index("ix_passwordless_requests__email_key", "passwordless_requests", ["email_key"])
    op.create_index(
        "ix_passwordless_requests__expire_time", "passwordless_requests", ["expire_time"]
    )
    op.create_table(
        "attempts",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
        _time("end_time"),
    )
    op.create_index("ix_attempts__end_time", "attempts", ["end_time"])


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("device", Json, nullable=False),
        sa.Column("amr", Json, nullable=False),
        _time("auth_time"),
        _time("create_time"),
        _time("update_time"),
        _time("last_active_time"),
        _time("absolute_expire_time"),
        sa.Column("idle_minutes", sa.Integer),
        _time("idle_expire_time", nullable=True),
        _time("lapse_time"),
        _time("expire_time", nullable=True),
        _time("logout_time", nullable=True),
    )
    op.create_index(
        "ix_sessions__lapse_time",
        "sessions",
        ["lapse_time"],
        postgresql_where=sa.text("status = 'active'"),
        sqlite_where=sa.text("status = 'active'"),
    )
    op.create_index(
        "ix_sessions__ended",
        "sessions",
        ["id"],
        postgresql_where=sa.text("status != 'active'"),
        sqlite_where=sa.text("status != 'active'"),
    )
    op.create_index("ix_sessions__user_id_id", "sessions", ["user_id", "id"])
    op.create_index("uq_sessions__digest", "sessions", ["digest"], unique=True)
    op.create_table(
        "session_organizations",
        sa.Column(
            "session_id",
            sa.Text,
            sa.ForeignKey(
                "sessions.id", ondelete="CASCADE", name="fk_session_organizations__session_id"
            ),
            primary_key=True,
        ),
        sa.Column("organization_id", sa.Text, primary_key=True),
        sa.Column("custom_claims", Json, nullable=False),
        _time("create_time"),
    )
    op.create_index(
        "ix_session_organizations__organization_id_session_id",
        "session_organizations",
        ["organization_id", "session_id"],
    )
    op.create_table(
        "session_clients",
        sa.Column(
            "session_id",
            sa.Text,
            sa.ForeignKey("sessions.id", ondelete="CASCADE", name="fk_session_clients__session_id"),
            primary_key=True,
        ),
        sa.Column("client_id", sa.Text, primary_key=True),
        sa.Column("organization_id", sa.Text, primary_key=True),
        _time("create_time"),
    )
    op.create_table(
        "logout_notices",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        _time("due_time"),
        _time("create_time"),
    )
    op.create_index("ix_logout_notices__due_time", "logout_notices", ["due_time"])
    op.create_table(
        "session_departures",
        sa.Column("only", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        _time("due_time"),
    )
    # Events from before there were sessions are of no concern to them.
    op.execute(
        'INSERT INTO session_departures ("only", position, due_time)'
        " SELECT 1, position, 0 FROM event_log_state"
    )


def _grants() -> None:
    op.create_table(
        "authorization_codes",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column(
            "session_id",
            sa.Text,
            sa.ForeignKey(
                "sessions.id", ondelete="CASCADE", name="fk_authorization_codes__session_id"
            ),
            nullable=False,
        ),
        sa.Column(
            "client_id",
            sa.Text,
            sa.ForeignKey(
                "clients.id", ondelete="CASCADE", name="fk_authorization_codes__client_id"
            ),
            nullable=False,
        ),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("nonce", sa.Text),
        sa.Column("code_challenge", sa.Text),
        _time("auth_time"),
        _time("create_time"),
        _time("expire_time"),
        _time("use_time", nullable=True),
        sa.Column("refresh_token_id", sa.Text),
        sa.Column("token_id", sa.Text),
        _time("token_expire_time", nullable=True),
    )
    op.create_index("ix_authorization_codes__client_id", "authorization_codes", ["client_id"])
    op.create_index("ix_authorization_codes__expire_time", "authorization_codes", ["expire_time"])
    op.create_index("ix_authorization_codes__session_id", "authorization_codes", ["session_id"])
    op.create_table(
        "refresh_tokens",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "session_id",
            sa.Text,
            sa.ForeignKey("sessions.id", ondelete="CASCADE", name="fk_refresh_tokens__session_id"),
            nullable=False,
        ),
        sa.Column(
            "client_id",
            sa.Text,
            sa.ForeignKey("clients.id", ondelete="CASCADE", name="fk_refresh_tokens__client_id"),
            nullable=False,
        ),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        _time("rotate_time"),
        _time("create_time"),
        _time("revoke_time", nullable=True),
    )
    op.create_index("ix_refresh_tokens__client_id", "refresh_tokens", ["client_id"])
    op.create_index("ix_refresh_tokens__session_id", "refresh_tokens", ["session_id"])


def _factors() -> None:
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "user_id",
            sa.Text,
            sa.ForeignKey("users.id", ondelete="CASCADE", name="fk_passkeys__user_id"),
            nullable=False,
        ),
        sa.Column("credential_id", sa.Text, nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("attestation_type", sa.Text, nullable=False),
        sa.Column("aaguid", sa.Text, nullable=False),
        sa.Column("attachment", sa.Text, nullable=False),
        sa.Column("transports", Json, nullable=False),
        sa.Column("user_verified", sa.Boolean, nullable=False),
        sa.Column("backup_eligible", sa.Boolean, nullable=False),
        sa.Column("backup_state", sa.Boolean, nullable=False),
        sa.Column("user_agent", Json, nullable=False),
        sa.Column("client_info", Json, nullable=False),
        _time("create_time"),
        _time("update_time"),
        _time("last_used_time", nullable=True),
    )
    op.create_index("ix_passkeys__user_id_id", "passkeys", ["user_id", "id"])
    op.create_index("uq_passkeys__credential_id", "passkeys", ["credential_id"], unique=True)
    op.create_table(
        "webauthn_challenges",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("challenge", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text),
        sa.Column("auth_request_id", sa.Text),
        _time("expire_time"),
    )
    op.create_index("ix_webauthn_challenges__expire_time", "webauthn_challenges", ["expire_time"])
    op.create_index(
        "uq_webauthn_challenges__challenge", "webauthn_challenges", ["challenge"], unique=True
    )
    op.create_table(
        "totp_registrations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "user_id",
            sa.Text,
            sa.ForeignKey("users.id", ondelete="CASCADE", name="fk_totp_registrations__user_id"),
        ),
        sa.Column("account_name", sa.Text, nullable=False),
        sa.Column("secret_sealed", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        _time("create_time"),
        _time("update_time"),
    )
    op.create_index("ix_totp_registrations__user_id_id", "totp_registrations", ["user_id", "id"])
    op.create_index(
        "uq_totp_registrations__user_id",
        "totp_registrations",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("enabled IS true"),
        sqlite_where=sa.text("enabled IS true"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column(
            "registration_id",
            sa.Text,
            sa.ForeignKey(
                "totp_registrations.id",
                ondelete="CASCADE",
                name="fk_recovery_codes__registration_id",
            ),
            primary_key=True,
        ),
        sa.Column("digest", sa.Text, primary_key=True),
    )


def _interceptors() -> None:
    op.create_table(
        "interceptors",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("trigger_point", sa.Text, nullable=False),
        sa.Column("api_url", sa.Text, nullable=False),
        sa.Column("timeout_ms", sa.Integer, nullable=False),
        sa.Column("failure_policy", sa.Text, nullable=False),
        sa.Column("auth_config_type", sa.Text),
        sa.Column("auth_config_sealed", sa.Text),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("secret_id", sa.Text, nullable=False),
        sa.Column("secret_suffix", sa.Text, nullable=False),
        sa.Column("secret_sealed", sa.Text, nullable=False),
        sa.Column("previous_secret_sealed", sa.Text),
        _time("previous_secret_expire_time", nullable=True),
        _time("create_time"),
        _time("update_time"),
        _time("last_executed_time", nullable=True),
    )
    op.create_index("ix_interceptors__trigger_point_id", "interceptors", ["trigger_point", "id"])
