"""ID tokens that come back to us, as `id_token_hint` (OpenID Connect Core 1.0 section 3.1.2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry import ids
from tenantry.doors.oauth.signed_tokens import signed

if TYPE_CHECKING:
    from tenantry.doors.oauth.key_ring import KeyRing

MAX_CHARACTERS = 16_000


@dataclass(frozen=True, slots=True)
class Hint:
    """The claims of an ID token of ours: its person, session and client."""

    user_id: str
    session_id: str | None
    client_id: str


class IdTokenHints:
    """Verifies ID tokens of this issuer, also after they have expired."""

    def __init__(self, ring: KeyRing, issuer: str) -> None:
        self._ring = ring
        self._issuer = issuer

    async def verify(self, token: str) -> Hint | None:
        """Return what an ID token says; None if it is not one of ours."""
        if len(token) > MAX_CHARACTERS:
            return None
        claims = await signed(self._ring, self._issuer, token)
        if claims is None:
            return None
        user_id, session_id, audience = claims.get("sub"), claims.get("sid"), claims.get("aud")
        if (
            # An access token has a jti, a logout token events.
            "jti" in claims
            or "events" in claims
            or not isinstance(user_id, str)
            or not ids.well_formed(ids.USER, user_id)
            or not isinstance(audience, list)
            or len(audience) != 1
            or not isinstance(audience[0], str)
            or claims.get("azp", audience[0]) != audience[0]
        ):
            return None
        return Hint(user_id, session_id if isinstance(session_id, str) else None, audience[0])
