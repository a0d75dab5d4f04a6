"""ID tokens that come back to us, as `id_token_hint` (OpenID Connect Core 1.0 section 3.1.2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from joserfc import jwt
from joserfc.errors import JoseError

from tenantry import ids
from tenantry.doors.oauth import compact

if TYPE_CHECKING:
    from tenantry.doors.oauth.key_ring import KeyRing

MAX_CHARACTERS = 16_000


@dataclass(frozen=True, slots=True)
class Hint:
    """What an ID token of ours says: whose it was, in which session, for which client."""

    user_id: str
    session_id: str | None
    client_id: str


class IdTokenHints:
    """Verifies ID tokens of this issuer, also after they have expired."""

    def __init__(self, ring: KeyRing, issuer: str) -> None:
        self._ring = ring
        self._issuer = issuer

    async def verify(self, token: str) -> Hint | None:
        """Return what an ID token says; None if it is none of ours."""
        if len(token) > MAX_CHARACTERS:
            return None
        try:
            header = compact.header(token)
            key = await self._ring.verifying(str(header.get("kid")))
            if key is None or header.get("typ") != "JWT":
                return None
            claims = jwt.decode(token, key, algorithms=[str(key.alg)]).claims
        except (JoseError, ValueError, TypeError):
            return None
        user_id, session_id, audience = claims.get("sub"), claims.get("sid"), claims.get("aud")
        if (
            claims.get("iss") != self._issuer
            # What tells it from an access token, which has a jti, and from a logout token.
            or "jti" in claims
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
