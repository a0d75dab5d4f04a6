"""ID tokens (OpenID Connect Core section 2): the signed-in person, told to the application."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import TYPE_CHECKING, Any

from tenantry.identity.grants import claims as claims_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.access.clients.model import Client
    from tenantry.identity.sessions.subject import Subject
    from tenantry.identity.tokens.key_ring import KeyRing

ALGORITHM = "RS256"  # the one that every client verifies (section 15.1)
SECONDS = 3600


class IdTokens:
    """Issues them; the hints that come back to us are read by `id_token_hints`."""

    def __init__(self, ring: KeyRing, issuer: str, *, compact: bool) -> None:
        self._ring = ring
        self._issuer = issuer
        self._compact = compact

    async def issue(
        self,
        client: Client,
        subject: Subject,
        scopes: Sequence[str],
        *,
        nonce: str | None,
        auth_time: int,
        access_token: str,
        code: str,
        more: Mapping[str, Any] = claims_of.NOTHING,
        issuer: str = "",
    ) -> str:
        """Return the ID token that goes with an access token and the code that gave both.

        ``auth_time`` is in microseconds since 1970; ``more`` are the claims of the token template.
        ``issuer`` is that of a resource.
        """
        sign = await self._ring.signer(ALGORITHM)
        at = int(time.time())
        claims = {
            **claims_of.id_token(
                subject,
                issuer=issuer or self._issuer,
                client_id=client.id,
                scopes=scopes,
                compact=self._compact,
                more=more,
            ),
            "auth_time": auth_time // 1_000_000,
            "iat": at,
            "exp": at + SECONDS,
        }
        if not self._compact:  # they guard tokens that come through a browser: section 3.3.2.11
            claims |= {"at_hash": _half_hash(access_token), "c_hash": _half_hash(code)}
        if nonce is not None:
            claims["nonce"] = nonce
        return sign(claims)


def _half_hash(text: str) -> str:
    """Return what `at_hash` and `c_hash` are of a token signed by RS256 (section 3.3.2.11)."""
    half = hashlib.sha256(text.encode("ascii")).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()
