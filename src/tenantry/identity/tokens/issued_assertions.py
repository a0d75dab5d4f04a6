"""Identity assertions (ID-JAG) that this server issues, for other authorization servers.

draft-ietf-oauth-identity-assertion-authz-grant. An application presents one to the authorization
server that it names, and gets an access token of that server without the consent of the user.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tenantry.core import ids
from tenantry.identity.tokens.access_tokens import Issued

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.db.engine import Database
    from tenantry.identity.sessions.subject import Subject
    from tenantry.identity.tokens.key_ring import KeyRing

ALGORITHM = "RS256"  # that every server verifies
SECONDS = 300
_TYPE = "oauth-id-jag+jwt"


class IssuedAssertions:
    """Issues them."""

    def __init__(self, db: Database, ring: KeyRing, issuer: str) -> None:
        self._db = db
        self._ring = ring
        self._issuer = issuer

    async def issue(
        self, target: Mapping[str, Any], subject: Subject, *, resource: str, scopes: Sequence[str]
    ) -> Issued:
        """Return an assertion about a user.

        ``target`` has `issuer` and `client_id` of the client at the other server; ``resource`` is
        "" for none.
        """
        sign = await self._ring.signer(ALGORITHM)
        at = int(time.time())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": subject.sub,
            "aud": target["issuer"],
            "client_id": target["client_id"],
            "iat": at,
            "exp": at + SECONDS,
            "jti": self._db.new_id(ids.TOKEN),
            "tenant": subject.organization_id,
            "auth_time": subject.auth_time // 1_000_000,
        }
        if subject.amr:
            claims["amr"] = list(subject.amr)
        if resource:
            claims["resource"] = resource
        if scopes:
            claims["scope"] = " ".join(scopes)
        if subject.user.email and subject.user.email_verified:
            claims |= {"email": subject.user.email, "email_verified": True}
        return Issued(sign(claims, typ=_TYPE), claims["jti"], SECONDS)
