"""The tables of registrations and of recovery codes, and the record of one registration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text, text

from tenantry.core.times import rfc3339
from tenantry.db.sql.encrypted_columns import encrypted
from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes.rows import members

if TYPE_CHECKING:
    from tenantry.db.engine import Row

totp_registrations = Table(
    "totp_registrations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE")),
    Column("account_name", Text, nullable=False),
    Column("secret_sealed", Text, nullable=False, info=encrypted("totp {id}")),
    Column("enabled", Boolean, nullable=False),
    # The last time step of which a code was taken: each is good once (RFC 6238 section 5.2).
    Column("last_step", BigInteger, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=OF_ENVIRONMENT,
)
_t = totp_registrations.c
Index("ix_totp_registrations__user_id_id", _t.user_id, _t.id)
_in_force = _t.enabled.is_(True)
Index(
    "uq_totp_registrations__user_id",
    _t.user_id,
    unique=True,
    postgresql_where=_in_force,
    sqlite_where=_in_force,
)
# As a text, so that both databases see one condition in the index and in the clean-up.
NOT_IN_FORCE = text("enabled IS false")
Index(
    "ix_totp_registrations__not_in_force",
    _t.create_time,
    postgresql_where=NOT_IN_FORCE,
    sqlite_where=NOT_IN_FORCE,
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column(
        "registration_id",
        Text,
        ForeignKey("totp_registrations.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("digest", Text, primary_key=True),
    info=OF_ENVIRONMENT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One registration of an authenticator app; times in microseconds since 1970, UTC."""

    id: str
    user_id: str | None  # None: only of an account name that the application knows
    account_name: str
    secret_sealed: str = field(repr=False)
    enabled: bool
    last_step: int
    create_time: int
    update_time: int

    @classmethod
    def from_row(cls, row: Row) -> Registration:
        """Return the registration of one row."""
        return cls(**members(row, totp_registrations))

    def to_event(self) -> dict[str, Any]:
        """Return it as its events show it."""
        event: dict[str, Any] = {
            "id": self.id,
            "account_name": self.account_name,
            "enabled": self.enabled,
            "create_time": rfc3339(self.create_time),
            "update_time": rfc3339(self.update_time),
        }
        if self.user_id is not None:
            event["user_id"] = self.user_id
        return event
