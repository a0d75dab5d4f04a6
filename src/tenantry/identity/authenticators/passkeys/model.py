"""The tables of passkeys and of challenges, and the record of one passkey."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text

from tenantry.core.times import rfc3339
from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes.rows import members, row_of
from tenantry.identity.authenticators.passkeys import authenticators

if TYPE_CHECKING:
    from tenantry.db.engine import Row

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("credential_id", Text, nullable=False),  # base64url
    Column("public_key", Text, nullable=False),  # COSE, base64url
    Column("sign_count", BigInteger, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("attestation_type", Text, nullable=False),
    Column("aaguid", Text, nullable=False),
    Column("attachment", Text, nullable=False),
    Column("transports", Json, nullable=False),
    Column("user_verified", Boolean, nullable=False),
    Column("backup_eligible", Boolean, nullable=False),
    Column("backup_state", Boolean, nullable=False),
    Column("user_agent", Json, nullable=False),
    Column("client_info", Json, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    time_column("last_used_time", nullable=True),
    info=OF_ENVIRONMENT,
)
Index("uq_passkeys__credential_id", passkeys.c.credential_id, unique=True)
Index("ix_passkeys__user_id_id", passkeys.c.user_id, passkeys.c.id)

# Each is good once, for a short time.
webauthn_challenges = Table(
    "webauthn_challenges",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # registration or authentication
    Column("challenge", Text, nullable=False),  # base64url
    Column("user_id", Text),
    Column("auth_request_id", Text),
    time_column("expire_time"),
    info=OF_ENVIRONMENT,
)
Index("uq_webauthn_challenges__challenge", webauthn_challenges.c.challenge, unique=True)
Index("ix_webauthn_challenges__expire_time", webauthn_challenges.c.expire_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """One passkey; times in microseconds since 1970, UTC.

    The flags are the authenticator's of the last time: ``user_verified`` that it knew the
    person, by a PIN or by a finger, and not only that somebody touched it.
    """

    id: str
    user_id: str
    credential_id: str  # base64url
    public_key: str = field(repr=False)
    sign_count: int
    display_name: str
    attestation_type: str
    aaguid: str
    attachment: str  # platform, cross-platform, "" if it was not said
    transports: tuple[str, ...]
    user_verified: bool
    backup_eligible: bool
    backup_state: bool
    user_agent: dict[str, str] = field(hash=False)
    client_info: dict[str, str] = field(hash=False)
    create_time: int
    update_time: int
    last_used_time: int | None

    @classmethod
    def from_row(cls, row: Row) -> Passkey:
        """Return the passkey of one row."""
        return cls(**members(row, passkeys))

    def to_row(self) -> dict[str, Any]:
        return row_of(self, passkeys)

    @property
    def authenticator_name(self) -> str:
        """The name of its authenticator, "" where that is not known."""
        return authenticators.name_of(self.aaguid)

    def to_event(self) -> dict[str, Any]:
        """Return it as its events show it: with neither the key nor the person's location."""
        event: dict[str, Any] = {
            "id": self.id,
            "user_id": self.user_id,
            "credential_id": self.credential_id,
            "display_name": self.display_name,
            "attestation_type": self.attestation_type,
            "authenticator": {
                "aaguid": self.aaguid,
                "name": self.authenticator_name,
                "attachment": self.attachment,
            },
            "transports": list(self.transports),
            "authenticator_flags": {
                "user_verified": self.user_verified,
                "backup_eligible": self.backup_eligible,
                "backup_state": self.backup_state,
            },
            "created_at": rfc3339(self.create_time),
            "updated_at": rfc3339(self.update_time),
        }
        if self.last_used_time is not None:
            event["last_used_at"] = rfc3339(self.last_used_time)
        return event
