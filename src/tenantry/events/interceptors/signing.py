"""Signatures of requests, as the Standard Webhooks make them, and the secrets behind them.

Every request carries them under two sets of names: some SDKs look for the one, some for the other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from standardwebhooks import Webhook

if TYPE_CHECKING:
    from tenantry.events.interceptors.model import Interceptor
    from tenantry.vault import Vault

PREFIXES = ("interceptor", "webhook")
_PURPOSE = "interceptor-secret"


def seal(vault: Vault, plain: str) -> str:
    """Return a secret as it is stored."""
    return vault.encrypt(plain.encode(), _PURPOSE)


def headers(
    vault: Vault, interceptor: Interceptor, message_id: str, body: str, at: int
) -> dict[str, str]:
    """Return the headers that prove the sender of a body, at a time in microseconds since 1970.

    For a day after a rotation there are two signatures: by the new secret and by the one before.

    Raises:
        vault.WrongKey: a secret cannot be decrypted.

    """
    sealed = [interceptor.secret_sealed]
    expire_time = interceptor.previous_secret_expire_time
    if interceptor.previous_secret_sealed and expire_time is not None and at < expire_time:
        sealed.append(interceptor.previous_secret_sealed)
    moment = datetime.fromtimestamp(at // 1_000_000, UTC)
    signature = " ".join(
        Webhook(vault.decrypt(one, _PURPOSE).decode()).sign(message_id, moment, body)
        for one in sealed
    )
    members = {"id": message_id, "timestamp": str(at // 1_000_000), "signature": signature}
    return {f"{prefix}-{name}": value for prefix in PREFIXES for name, value in members.items()}
