"""Signatures as the Standard Webhooks make them, and the secrets behind them.

A secret is handed out once, when it is made, and kept encrypted. After a rotation the one before
signs as well, for 24 hours.
"""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from standardwebhooks import Webhook

from tenantry.core.times import DAY, SECOND, now
from tenantry.crypto.vault import WrongKey
from tenantry.db.sql.encrypted_columns import binding
from tenantry.db.writes.rows import row_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Table

    from tenantry.crypto.vault import Vault

SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, no secret
_SECRET_BYTES = 32
_OVERLAP = DAY


class Holder(Protocol):
    """A record that holds a secret, maybe the one before, and until when that is in force."""

    @property
    def id(self) -> str: ...
    @property
    def secret_sealed(self) -> str: ...
    @property
    def previous_secret_sealed(self) -> str | None: ...
    @property
    def previous_secret_expire_time(self) -> int | None: ...


def new_secret() -> str:
    """Return a new secret: 256 random bits in standard base64.

    Receivers take the part behind the one underscore, so it must not be of the URL-safe kind.
    """
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def encrypted(vault: Vault, table: Table, row: Mapping[str, Any], plain: str) -> str:
    """Return the secret of a row of one of the tables of holders, as it is stored."""
    return vault.encrypt(plain.encode(), binding(table.c.secret_sealed, row))


def rotated(vault: Vault, table: Table, before: Holder, plain: str) -> dict[str, Any]:
    """Return the members of a record that gets a new secret; an earlier previous one ends.

    So does the former one where it cannot be decrypted.
    """
    row = row_of(before, table)
    try:
        former = vault.decrypt(before.secret_sealed, binding(table.c.secret_sealed, row))
    except WrongKey:
        previous, expire_time = None, None
    else:
        previous = vault.encrypt(former, binding(table.c.previous_secret_sealed, row))
        expire_time = now() + _OVERLAP
    return {
        "secret_sealed": encrypted(vault, table, row, plain),
        "previous_secret_sealed": previous,
        "previous_secret_expire_time": expire_time,
    }


class Signer:
    """Signs by the secret of a record, and by the one before while that is in force.

    Its representation shows neither.
    """

    __slots__ = ("_secrets", "_webhooks")

    def __init__(self, vault: Vault, table: Table, holder: Holder, at: int) -> None:
        """Take the secrets that are in force at this time, in microseconds since 1970.

        ``table`` is the one of the holder.

        Raises:
            vault.WrongKey: a secret cannot be decrypted.

        """
        row = row_of(holder, table)
        names = ["secret_sealed"]
        expire_time = holder.previous_secret_expire_time
        if holder.previous_secret_sealed and expire_time is not None and at < expire_time:
            names.append("previous_secret_sealed")
        self._secrets = [
            vault.decrypt(row[name], binding(table.c[name], row)).decode() for name in names
        ]
        self._webhooks = [Webhook(secret) for secret in self._secrets]

    def headers(
        self, message_id: str, body: str, at: int, prefixes: tuple[str, ...] = ("webhook",)
    ) -> dict[str, str]:
        """Return the headers that prove the sender of a body, at a time in microseconds since 1970.

        They are in lower case: receivers look for them so. ``prefixes`` are those of their names.
        """
        moment = datetime.fromtimestamp(at // SECOND, UTC)
        members = {
            "id": message_id,
            "timestamp": str(at // SECOND),
            "signature": " ".join(one.sign(message_id, moment, body) for one in self._webhooks),
        }
        return {f"{prefix}-{name}": value for prefix in prefixes for name, value in members.items()}

    def without_secrets(self, text: str) -> str:
        """Return a text that a receiver sent, without the secrets, which others must not see."""
        for secret in self._secrets:
            for part in (secret, secret.partition("_")[2]):
                text = text.replace(part, "…")
        return text
