"""Interceptors: the table and the record; times in microseconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text

from tenantry.core.times import rfc3339
from tenantry.db.sql.encrypted_columns import encrypted
from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes.rows import members, row_of

if TYPE_CHECKING:
    from tenantry.db.engine import Row

PRE_SIGNUP = "PRE_SIGNUP"
PRE_SESSION_CREATION = "PRE_SESSION_CREATION"
PRE_USER_INVITATION = "PRE_USER_INVITATION"
PRE_M2M_TOKEN_CREATION = "PRE_M2M_TOKEN_CREATION"  # noqa: S105 - a name, no secret
TRIGGERS = (PRE_SIGNUP, PRE_SESSION_CREATION, PRE_USER_INVITATION, PRE_M2M_TOKEN_CREATION)
FAIL_OPEN, FAIL_CLOSED = "FAIL_OPEN", "FAIL_CLOSED"
API_KEY, OAUTH2 = "API_KEY", "OAUTH2"
_SECRET = encrypted("interceptor-secret")

interceptors = Table(
    "interceptors",
    metadata,
    Column("id", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("trigger_point", Text, nullable=False),
    Column("api_url", Text, nullable=False),
    Column("timeout_ms", Integer, nullable=False),
    Column("failure_policy", Text, nullable=False),
    Column("auth_config_type", Text),  # API_KEY or OAUTH2; with it the next one
    Column("auth_config_sealed", Text, info=encrypted("interceptor-auth-config")),
    Column("enabled", Boolean, nullable=False),
    Column("secret_id", Text, nullable=False),
    Column("secret_suffix", Text, nullable=False),
    Column("secret_sealed", Text, nullable=False, info=_SECRET),
    Column("previous_secret_sealed", Text, info=_SECRET),
    time_column("previous_secret_expire_time", nullable=True),
    time_column("create_time"),
    time_column("update_time"),
    time_column("last_executed_time", nullable=True),
    info=OF_ENVIRONMENT,
)
Index("ix_interceptors__trigger_point_id", interceptors.c.trigger_point, interceptors.c.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interceptor:
    """An address that is asked before something happens, with its settings and its state."""

    id: str
    display_name: str
    description: str = ""
    trigger_point: str
    api_url: str
    timeout_ms: int
    failure_policy: str
    auth_config_type: str | None = None
    auth_config_sealed: str | None = None
    enabled: bool = False
    secret_id: str
    secret_suffix: str
    secret_sealed: str
    previous_secret_sealed: str | None = None
    previous_secret_expire_time: int | None = None
    create_time: int
    update_time: int
    last_executed_time: int | None = None

    def to_row(self) -> dict[str, Any]:
        return row_of(self, interceptors)

    @classmethod
    def from_row(cls, row: Row) -> Interceptor:
        """Return the interceptor of one row."""
        return cls(**members(row, interceptors))

    def to_event(self) -> dict[str, Any]:
        """Return what events show: no secret, encrypted or not."""
        return {
            "id": self.id,
            "display_name": self.display_name,
            "description": self.description,
            "trigger_point": self.trigger_point,
            "api_url": self.api_url,
            "timeout_ms": self.timeout_ms,
            "failure_policy": self.failure_policy,
            "auth_config_type": self.auth_config_type,
            "enabled": self.enabled,
            "secret_id": self.secret_id,
            "secret_suffix": self.secret_suffix,
            "create_time": rfc3339(self.create_time),
            "update_time": rfc3339(self.update_time),
        }
