"""The tables of mail, to go out, gone out, failed; of the servers it goes by, and of templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text

from tenantry.db.sql.encrypted_columns import encrypted
from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes.rows import members

if TYPE_CHECKING:
    from tenantry.db.engine import Row

QUEUED = "QUEUED"  # to go out at due_time
SENT = "SENT"  # a mail server took it
KEPT = "KEPT"  # there is no mail server: it can be read here
FAILED = "FAILED"  # refused for good, or tried too often
DROPPED = "DROPPED"  # what it was about is over

mail = Table(
    "mail",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, ForeignKey("organizations.id", ondelete="CASCADE")),
    Column("recipient", Text, nullable=False),
    Column("template", Text, nullable=False),
    # The variables of the template; never a secret, which is derived when the mail goes out.
    Column("variables", Json, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    time_column("due_time"),
    Column("problem", Text),
    Column("content_sealed", Text, info=encrypted("mail:{id}")),
    time_column("create_time"),
    time_column("sent_time", nullable=True),
    info=OF_ENVIRONMENT,
)
Index(None, mail.c.organization_id)
_WAITING = mail.c.state == QUEUED
Index(None, mail.c.due_time, postgresql_where=_WAITING, sqlite_where=_WAITING)

email_servers = Table(
    "email_servers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),  # of one at most
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("username", Text, nullable=False),
    Column("password_sealed", Text, nullable=False, info=encrypted("email server {id}")),
    Column("from_email", Text, nullable=False),
    Column("from_name", Text, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=OF_ENVIRONMENT,
)

email_templates = Table(
    "email_templates",
    metadata,
    Column("id", Text, primary_key=True),
    # NULL for the environment.
    Column("organization_id", Text, ForeignKey("organizations.id", ondelete="CASCADE")),
    Column("use_case", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),  # of one at most of a use case
    Column("subject", Text, nullable=False),
    Column("html_content", Text, nullable=False),
    Column("plain_content", Text, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=OF_ENVIRONMENT,
)
Index(None, email_templates.c.organization_id)


@dataclass(frozen=True, slots=True)
class Email:
    """One mail; times in microseconds since 1970, UTC."""

    id: str
    organization_id: str | None
    recipient: str
    template: str
    variables: dict[str, Any]
    state: str
    attempts: int
    due_time: int
    problem: str | None
    create_time: int
    sent_time: int | None

    @classmethod
    def from_row(cls, row: Row) -> Email:
        """Return the mail of one row."""
        return cls(**members(row, mail, but={"content_sealed"}))


@dataclass(frozen=True, slots=True)
class EmailServer:
    """A mail server that is kept here."""

    id: str
    provider: str
    enabled: bool
    host: str
    port: int
    username: str
    password_sealed: str
    from_email: str
    from_name: str
    create_time: int
    update_time: int

    @classmethod
    def from_row(cls, row: Row) -> EmailServer:
        """Return the server of one row."""
        return cls(**members(row, email_servers))

    def to_event(self) -> dict[str, Any]:
        """Return its content in events: all but the password."""
        names = ("id", "provider", "enabled", "host", "port", "username", "from_email", "from_name")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class EmailTemplate:
    """A template that is kept here; ``organization_id`` is None for the environment."""

    id: str
    organization_id: str | None
    use_case: str
    enabled: bool
    subject: str
    html_content: str
    plain_content: str
    create_time: int
    update_time: int

    @classmethod
    def from_row(cls, row: Row) -> EmailTemplate:
        """Return the template of one row."""
        return cls(**members(row, email_templates))

    def to_event(self) -> dict[str, Any]:
        """Return its content in events: all but the contents, which are long."""
        names = ("id", "organization_id", "use_case", "enabled", "subject")
        return {name: getattr(self, name) for name in names}
