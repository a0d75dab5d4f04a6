"""Signatures as the Standard Webhooks make them, and the secrets behind them at rest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from standardwebhooks import Webhook

if TYPE_CHECKING:
    from tenantry.events.webhooks.records import Endpoint
    from tenantry.vault import Vault

_PURPOSE = "webhook-secret"


def seal(vault: Vault, plain: str) -> str:
    """Return a secret as it is stored."""
    return vault.encrypt(plain.encode(), _PURPOSE)


class Signer:
    """Signs for one endpoint: by its secret, and by the one before while that is in force.

    Its representation shows neither.
    """

    __slots__ = ("_secrets", "_webhooks")

    def __init__(self, vault: Vault, endpoint: Endpoint, at: int) -> None:
        """Take the secrets that hold at this time, in microseconds since 1970."""
        sealed = [endpoint.secret_sealed]
        expire_time = endpoint.previous_secret_expire_time
        if endpoint.previous_secret_sealed and expire_time is not None and at < expire_time:
            sealed.append(endpoint.previous_secret_sealed)
        self._secrets = [vault.decrypt(one, _PURPOSE).decode() for one in sealed]
        self._webhooks = [Webhook(secret) for secret in self._secrets]

    def headers(self, event_id: str, body: str, at: int) -> dict[str, str]:
        """Return the headers that prove the sender of a body, at a time in microseconds since 1970.

        They are in lower case: receivers look for them so.
        """
        moment = datetime.fromtimestamp(at // 1_000_000, UTC)
        return {
            "webhook-id": event_id,
            "webhook-timestamp": str(at // 1_000_000),
            "webhook-signature": " ".join(
                webhook.sign(event_id, moment, body) for webhook in self._webhooks
            ),
        }

    def without_secrets(self, text: str) -> str:
        """Return a text that a receiver sent, without what it must not tell others."""
        for secret in self._secrets:
            for part in (secret, secret.partition("_")[2]):
                text = text.replace(part, "…")
        return text
