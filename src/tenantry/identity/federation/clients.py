"""How we show ourselves to a provider's token endpoint (RFC 6749 section 2.3.1, RFC 7523)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenantry.crypto import vault
from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.connections.oidc import tokens
from tenantry.identity.connections.settings import BASIC_AUTH

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Sign = Callable[[dict[str, Any]], Awaitable[str]]

_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS = 60


@dataclass(frozen=True, slots=True)
class PresentedCredentials:
    """A client as a request shows it: members of its form, a header, and the secrets in both."""

    form: dict[str, str] = field(repr=False)
    authorization: str | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def by_secret(method: str, client_id: str, secret: str) -> PresentedCredentials:
    """Return a client that shows its secret by this TokenAuthType; without one it is public."""
    if not secret or method != BASIC_AUTH:
        form = {"client_id": client_id} | ({"client_secret": secret} if secret else {})
        return PresentedCredentials(form, None, (secret,))
    header = tokens.basic(client_id, secret)
    return PresentedCredentials({}, header, (secret, header))


async def by_key(
    sign: Sign, client_id: str, token_uri: str, *, issuer: str
) -> PresentedCredentials:
    """Return a client that signs with our own key, which the provider finds at our /keys.

    All connections share that key. So the audience is the very address that the assertion is sent
    to, as an admin wrote it: the provider there can use it at no other one. And no admin makes us
    sign as ``issuer``, which is ourselves.
    """
    if client_id == issuer:
        raise FederationError(
            "invalid_client", "The client ID of the connection cannot be Tenantry's issuer."
        )
    at = int(time.time())
    assertion = await sign(
        {
            "iss": client_id,
            "sub": client_id,
            "aud": token_uri,
            "jti": vault.new_secret(),
            "iat": at,
            "exp": at + _ASSERTION_SECONDS,
        }
    )
    form = {
        "client_id": client_id,
        "client_assertion_type": _JWT_BEARER,
        "client_assertion": assertion,
    }
    return PresentedCredentials(form, None, (assertion,))
