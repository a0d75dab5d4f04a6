"""The table of passwordless requests, and the record of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Index, Integer, Table, Text

from tenantry.db.sql.schema import Json, from_json, metadata, time_column, to_json
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes.rows import prefixed
from tenantry.net import email_addresses

if TYPE_CHECKING:
    from tenantry.db.engine import Row

# The content of the mail: a code, a link, or both.
OTP, LINK, LINK_OTP = "OTP", "LINK", "LINK_OTP"
# The words of the mail. The last has neither code nor link: there is no account to sign in to.
SIGNIN, SIGNUP, NO_ACCOUNT = "SIGNIN", "SIGNUP", "NO_ACCOUNT"
# The states of a link.
GOOD, USED, EXPIRED = "GOOD", "USED", "EXPIRED"

passwordless_requests = Table(
    "passwordless_requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("template", Text, nullable=False),  # SIGNIN or SIGNUP; "" where none was named
    Column("state", Text),
    Column("link_uri", Text),  # that link_token is added to
    Column("template_variables", Json, nullable=False),
    Column("auth_request_id", Text),  # None: an application asked, by the API
    Column("organization_id", Text),  # whom the mail is of
    Column("generation", Integer, nullable=False),
    Column("seconds", Integer, nullable=False),  # that a code is good
    Column("wrong_digest", Text),  # of the last wrong code
    time_column("wrong_time", nullable=True),
    time_column("create_time"),
    time_column("expire_time"),
    time_column("verify_time", nullable=True),
    info=OF_ENVIRONMENT,
)
Index("ix_passwordless_requests__expire_time", passwordless_requests.c.expire_time)
Index("ix_passwordless_requests__email_key", passwordless_requests.c.email_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Somebody is to prove that they read the mail of an address; times as everywhere."""

    id: str
    email: str
    type: str
    template: str
    state: str | None
    link_uri: str | None
    template_variables: dict[str, str] = field(hash=False)
    auth_request_id: str | None
    organization_id: str | None
    generation: int  # grows when a new code and link take the place of the old ones
    seconds: int
    create_time: int
    expire_time: int
    verify_time: int | None

    @classmethod
    def from_row(cls, row: Row) -> Request:
        """Return the request of one row."""
        members: dict[str, Any] = {name: row[name] for name in cls.__dataclass_fields__}
        members["template_variables"] = from_json(row["template_variables"])
        return cls(**members)

    @property
    def has_code(self) -> bool:
        """Whether somebody was sent its code: one that nobody knows could still be guessed."""
        return self.type != LINK and self.template != NO_ACCOUNT

    @property
    def has_link(self) -> bool:
        """Whether somebody was sent its link."""
        return self.link_uri is not None and self.template != NO_ACCOUNT

    def to_params(self) -> dict[str, Any]:
        """Return the parameters of the statement that inserts it."""
        row: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        row |= {
            "email_key": email_addresses.key(self.email),
            "template_variables": to_json(self.template_variables),
            "wrong_digest": None,
            "wrong_time": None,
        }
        return prefixed(row)

    def is_good(self, at: int) -> bool:
        """Whether its code and link are good at this time."""
        return self.verify_time is None and self.expire_time > at
