"""The tables of sessions and of notices of their end, and the record of one session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from tenantry.core.times import rfc3339
from tenantry.db.sql.schema import Json, from_json, metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.db.engine import Row

# In the place of an organization's id: of somebody whom a social provider alone knows.
NO_ORGANIZATION = ""
ACTIVE, EXPIRED, REVOKED, LOGOUT = "active", "expired", "revoked", "logout"

# No foreign keys to users and organizations: a session outlives both, for its end to be told.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("sub", Text),  # that applications know the person by, where it is not the id
    Column("organization_id", Text, nullable=False),  # the one last active
    Column("digest", Text, nullable=False),  # of the cookie's secret
    Column("status", Text, nullable=False),
    Column("device", Json, nullable=False),
    Column("amr", Json, nullable=False),  # ids of connections
    time_column("auth_time"),
    time_column("create_time"),
    time_column("update_time"),
    time_column("last_active_time"),
    time_column("absolute_expire_time"),
    Column("idle_minutes", Integer),  # None: idle time does not end it
    time_column("idle_expire_time", nullable=True),
    time_column("lapse_time"),  # the earlier of the two
    time_column("expire_time", nullable=True),  # when it ended by time or was revoked
    time_column("logout_time", nullable=True),
    Column("impersonation", Json),  # of an operator that is in it in place of the person
    time_column("second_factor_time", nullable=True),  # when the person last gave one
    info=OF_ENVIRONMENT,
)
Index("uq_sessions__digest", sessions.c.digest, unique=True)
Index("ix_sessions__user_id_id", sessions.c.user_id, sessions.c.id)
_active = sessions.c.status == ACTIVE
Index(
    "ix_sessions__lapse_time",
    sessions.c.lapse_time,
    postgresql_where=_active,
    sqlite_where=_active,
)
_ended = sessions.c.status != ACTIVE
# Of no time: those change with each refresh, which is to touch no index.
Index(
    "ix_sessions__ended",
    sessions.c.id,
    postgresql_where=_ended,
    sqlite_where=_ended,
)
_impersonated = sessions.c.impersonation.is_not(None)
Index(
    "ix_sessions__impersonated",
    sessions.c.id,
    postgresql_where=_impersonated,
    sqlite_where=_impersonated,
)

# The organizations that a session is signed in to.
session_organizations = Table(
    "session_organizations",
    metadata,
    Column("session_id", Text, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("organization_id", Text, primary_key=True),
    Column("custom_claims", Json, nullable=False),
    time_column("create_time"),
    Column("address", Text),  # from which the person last entered it
    info=OF_ENVIRONMENT,
)
Index(
    "ix_session_organizations__organization_id_session_id",
    session_organizations.c.organization_id,
    session_organizations.c.session_id,
)

# The applications that a session has signed in to, and for which organization.
session_clients = Table(
    "session_clients",
    metadata,
    Column("session_id", Text, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("client_id", Text, primary_key=True),
    Column("organization_id", Text, primary_key=True),
    time_column("create_time"),
    info=OF_ENVIRONMENT,
)

# Back-channel logouts that are still to be sent.
logout_notices = Table(
    "logout_notices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("session_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("sub", Text),  # as of the session
    Column("client_id", Text, nullable=False),
    Column("uri", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    time_column("due_time"),
    Column("create_time", BigInteger, nullable=False),
    info=OF_ENVIRONMENT,
)
Index("ix_logout_notices__due_time", logout_notices.c.due_time)

# One row: the position of the event log up to which sessions of departed people were ended.
session_departures = Table(
    "session_departures",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    time_column("due_time"),  # until then one process is at it
    info=OF_ENVIRONMENT,
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a session lives, in minutes; ``idle`` is None where idle time does not end it."""

    absolute: int
    idle: int | None


@dataclass(frozen=True, slots=True)
class Impersonation:
    """An operator in a session in place of its person; until when, in microseconds since 1970."""

    operator_id: str
    operator: str  # the name
    reason: str
    until: int

    @classmethod
    def of_column(cls, text: str | None) -> Impersonation | None:
        """Return that of a session's column, None where the person is in it."""
        return cls(**from_json(text)) if text else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session; times in microseconds since 1970, UTC."""

    id: str
    user_id: str
    sub: str | None  # of `users`: None where the user's id is it
    organization_id: str
    status: str
    device: Mapping[str, Any]
    amr: tuple[str, ...]
    auth_time: int
    create_time: int
    update_time: int
    last_active_time: int
    absolute_expire_time: int
    idle_minutes: int | None
    idle_expire_time: int | None
    expire_time: int | None
    logout_time: int | None
    organizations: tuple[str, ...]  # the first one first
    clients: tuple[tuple[str, str], ...]  # client_id, organization_id
    impersonation: Impersonation | None = None
    second_factor_time: int | None = None

    @classmethod
    def from_row(cls, row: Row) -> Session:
        """Return the session of one row of `reading.sessions_with_places`."""
        return cls(
            id=row["id"],
            user_id=row["user_id"],
            sub=row["sub"],
            organization_id=row["organization_id"],
            status=row["status"],
            device=from_json(row["device"]),
            amr=tuple(from_json(row["amr"])),
            auth_time=row["auth_time"],
            create_time=row["create_time"],
            update_time=row["update_time"],
            last_active_time=row["last_active_time"],
            absolute_expire_time=row["absolute_expire_time"],
            idle_minutes=row["idle_minutes"],
            idle_expire_time=row["idle_expire_time"],
            expire_time=row["expire_time"],
            logout_time=row["logout_time"],
            organizations=tuple(
                organization_id
                for _, organization_id in sorted(from_json(row["organizations"] or "[]"))
                if organization_id != NO_ORGANIZATION
            ),
            clients=tuple(
                (client_id, organization_id)
                for _, client_id, organization_id in sorted(from_json(row["clients"] or "[]"))
            ),
            impersonation=Impersonation.of_column(row["impersonation"]),
            second_factor_time=row["second_factor_time"],
        )

    @property
    def proved_by(self) -> tuple[str, ...] | None:
        """The ids of connections that it may be good by; None: an operator needs no other."""
        return self.amr if self.impersonation is None else None

    @property
    def impersonator(self) -> str:
        """The id of the operator that is in it in the person's place, "" of the person's own."""
        return self.impersonation.operator_id if self.impersonation is not None else ""

    @property
    def subject(self) -> str:
        """The `sub` of its tokens: it stays when the person is gone."""
        return self.sub or self.user_id

    @property
    def lapse_time(self) -> int:
        """When it ends by itself: at the earlier one of its two limits."""
        if self.idle_expire_time is None:
            return self.absolute_expire_time
        return min(self.absolute_expire_time, self.idle_expire_time)

    def state(self, at: int) -> tuple[str, int | None]:
        """Return its status and its expire_time at a time, although nobody has ended it yet."""
        if self.status == ACTIVE and self.lapse_time <= at:
            return EXPIRED, self.lapse_time
        return self.status, self.expire_time

    def to_event(self) -> dict[str, Any]:
        """Return it as events show it."""
        event: dict[str, Any] = {
            "session_id": self.id,
            "user_id": self.user_id,
            "status": self.status.upper(),
            "created_at": rfc3339(self.create_time),
            "updated_at": rfc3339(self.update_time),
            "last_active_at": rfc3339(self.last_active_time),
            "absolute_expires_at": rfc3339(self.absolute_expire_time),
            "authenticated_organizations": list(self.organizations),
            "device": dict(self.device),
        }
        if self.organization_id != NO_ORGANIZATION:
            event["organization_id"] = self.organization_id
        for name, moment in (
            ("idle_expires_at", self.idle_expire_time),
            ("expired_at", self.expire_time),
            ("logout_at", self.logout_time),
        ):
            if moment is not None:
                event[name] = rfc3339(moment)
        return event
