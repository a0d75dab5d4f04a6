"""The tables of operators, their sessions, passkeys and one-time links."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, false

from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes.rows import members

if TYPE_CHECKING:
    from tenantry.db.engine import Row

# An owner also makes operators; a reader changes nothing.
OWNER, OPERATOR, READER = "OWNER", "OPERATOR", "READER"
ROLES = (OWNER, OPERATOR, READER)

_OPERATOR = "operators.id"

operators = Table(
    "operators",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),  # "" where none was given
    Column("role", Text, nullable=False),
    Column("subject", Text, unique=True),  # issuer and sub of their identity provider
    time_column("create_time"),
    time_column("update_time"),
    time_column("last_sign_in_time", nullable=True),
    info=OF_ENVIRONMENT,
)

# A link makes an operator, or lets one back in that has lost every passkey. It opens once.
operator_links = Table(
    "operator_links",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("operator_id", Text, ForeignKey(_OPERATOR, ondelete="CASCADE"), index=True),
    Column("role", Text, nullable=False),
    Column("email", Text, nullable=False),
    time_column("create_time"),
    time_column("expire_time"),
    info=OF_ENVIRONMENT,
)
Index("ix_operator_links__expire_time", operator_links.c.expire_time)

operator_sessions = Table(
    "operator_sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column(
        "operator_id", Text, ForeignKey(_OPERATOR, ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("digest", Text, nullable=False, unique=True),
    Column("method", Text, nullable=False),  # "link", "passkey" or "provider"
    Column("address", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    time_column("create_time"),
    time_column("last_use_time"),
    time_column("expire_time"),
    info=OF_ENVIRONMENT,
)
Index("ix_operator_sessions__expire_time", operator_sessions.c.expire_time)

operator_passkeys = Table(
    "operator_passkeys",
    metadata,
    Column("id", Text, primary_key=True),
    Column(
        "operator_id", Text, ForeignKey(_OPERATOR, ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("credential_id", Text, nullable=False, unique=True),
    Column("public_key", Text, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("transports", Json, nullable=False),
    Column("name", Text, nullable=False),
    time_column("create_time"),
    time_column("last_use_time", nullable=True),
    Column("backup_eligible", Boolean, nullable=False, server_default=false()),
    info=OF_ENVIRONMENT,
)

# What an operator has allowed an MCP client. Its row is created with the authorization code.
operator_grants = Table(
    "operator_grants",
    metadata,
    Column("id", Text, primary_key=True),
    Column(
        "operator_id", Text, ForeignKey(_OPERATOR, ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("client_id", Text, nullable=False),
    Column("client_name", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("code_challenge", Text, nullable=False),
    Column("code_digest", Text, nullable=False, unique=True),
    Column("generation", Integer, nullable=False),  # of its refresh token; 0: not redeemed
    time_column("rotate_time"),
    time_column("create_time"),
    time_column("expire_time"),
    info=OF_ENVIRONMENT,
)
Index("ix_operator_grants__expire_time", operator_grants.c.expire_time)


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator; times in microseconds since 1970, UTC."""

    id: str
    name: str
    email: str
    role: str
    subject: str | None
    create_time: int
    update_time: int
    last_sign_in_time: int | None

    @classmethod
    def from_row(cls, row: Row) -> Operator:
        """Return the operator of one row."""
        return cls(**members(row, operators))

    def to_event(self) -> dict[str, object]:
        """Return the content of events."""
        return {"id": self.id, "name": self.name, "email": self.email, "role": self.role}


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorPasskey:
    """One passkey of an operator; times in microseconds since 1970, UTC."""

    id: str
    operator_id: str
    credential_id: str  # base64url
    public_key: str = field(repr=False)  # COSE, base64url
    sign_count: int
    transports: tuple[str, ...]
    name: str
    create_time: int
    last_use_time: int | None
    backup_eligible: bool

    @classmethod
    def from_row(cls, row: Row) -> OperatorPasskey:
        """Return the passkey of one row."""
        return cls(**members(row, operator_passkeys))

    @property
    def user_id(self) -> str:
        """The user handle that its authenticator keeps."""
        return self.operator_id

    def to_event(self) -> dict[str, str]:
        """Return it as events of its operator show it."""
        return {"id": self.id, "name": self.name}


@dataclass(frozen=True, slots=True)
class OperatorSession:
    """One session at the console."""

    id: str
    operator: Operator
    method: str  # by which it began: "link", "passkey" or "provider"
    address: str
    user_agent: str
    create_time: int
    last_use_time: int
    expire_time: int

    @classmethod
    def from_row(cls, row: Row) -> OperatorSession:
        """Return the session of one row, which has its operator's columns as well."""
        return cls(
            row["session_id"],
            Operator.from_row(row),
            row["method"],
            row["address"],
            row["user_agent"],
            row["session_create_time"],
            row["last_use_time"],
            row["expire_time"],
        )
