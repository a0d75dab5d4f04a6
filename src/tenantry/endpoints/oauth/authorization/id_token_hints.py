"""ID tokens that come back to us: as `id_token_hint` (OpenID Connect Core 1.0 section 3.1.2.1), and
as the subject of a token exchange."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.identity.tokens.signed_tokens import signed
from tenantry.identity.tokens.user_tokens import is_person

if TYPE_CHECKING:
    from tenantry.identity.tokens.key_ring import KeyRing

MAX_CHARACTERS = 16_000


@dataclass(frozen=True, slots=True)
class Hint:
    """The claims of an ID token that Tenantry issued; times are Unix times."""

    sub: str
    session_id: str | None
    client_id: str
    organization_id: str = ""
    issue_time: int = 0
    expire_time: int = 0


class IdTokenHints:
    """Verifies ID tokens of this issuer, also after they have expired."""

    def __init__(self, ring: KeyRing, issuer: str) -> None:
        self._ring = ring
        self._issuer = issuer

    async def verify(self, token: str) -> Hint | None:
        """Return what an ID token says; None if Tenantry did not issue it."""
        if len(token) > MAX_CHARACTERS:
            return None
        claims = await signed(self._ring, self._issuer, token)
        if claims is None:
            return None
        sub, session_id, audience = claims.get("sub"), claims.get("sid"), claims.get("aud")
        if (
            # An access token has a jti, a logout token events.
            "jti" in claims
            or "events" in claims
            or not isinstance(sub, str)
            or not is_person(sub)
            or not isinstance(audience, list)
            or len(audience) != 1
            or not isinstance(audience[0], str)
            or claims.get("azp", audience[0]) != audience[0]
        ):
            return None
        return Hint(
            sub,
            session_id if isinstance(session_id, str) else None,
            audience[0],
            organization_id=claims.get("oid", ""),
            issue_time=claims.get("iat", 0),
            expire_time=claims.get("exp", 0),
        )
