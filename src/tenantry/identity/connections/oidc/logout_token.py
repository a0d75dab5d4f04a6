"""Logout tokens: a provider says that a session has ended there (Back-Channel Logout 1.0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.identity.connections.oidc import claims as of_token
from tenantry.identity.connections.oidc import faults
from tenantry.identity.connections.oidc.faults import OIDCError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.identity.connections.oidc.jwts import Signed

EVENT = "http://schemas.openid.net/event/backchannel-logout"
# Section 2.4 has the first; providers from before it send the second, or nothing.
_TYPES = ("logout+jwt", "jwt", None)
# How old a token may be that does not say until when it is good; section 2.4 asks for two minutes.
LONGEST_SECONDS = 600
_MOST_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Logout:
    """The session that has ended, or all of a person; one of both is always there."""

    subject: str | None
    session_index: str | None  # sid
    jti: str
    expires: int  # seconds since 1970: nobody takes the token after that


def verify(jwt: Signed, *, issuer: str, client_id: str, now: float, skew: int) -> Logout:
    """Return what a logout token says, whose signature was verified (section 2.6).

    ``now`` in seconds since 1970, ``skew`` in seconds. That its jti is new is for the caller to
    see.
    """
    claims = jwt.claims
    typ = None if jwt.typ is None else jwt.typ.lower().removeprefix("application/")
    if typ not in _TYPES:
        raise OIDCError(faults.LOGOUT_TOKEN, reason=f"its typ is {jwt.typ}")
    of_token.hold_to_issuer(claims, issuer)
    of_token.hold_to_audience(claims, client_id)
    expires = _expires(claims, now=now, skew=skew)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise OIDCError(faults.LOGOUT_TOKEN, reason="it has no logout event")
    if "nonce" in claims:  # an ID token is no logout
        raise OIDCError(faults.LOGOUT_TOKEN, reason="it has a nonce")
    subject, session, jti = (_text(claims, name) for name in ("sub", "sid", "jti"))
    if subject is None and session is None:
        raise OIDCError(faults.LOGOUT_TOKEN, reason="it has neither sub nor sid")
    if jti is None:
        raise OIDCError(faults.LOGOUT_TOKEN, reason="it has no jti")
    return Logout(subject, session, jti, expires)


def _expires(claims: Mapping[str, Any], *, now: float, skew: int) -> int:
    if "exp" in claims:
        of_token.hold_to_times(claims, now=now, skew=skew)
    else:
        of_token.hold_to_beginning(claims, now=now, skew=skew)
    latest = of_token.time(claims, "iat") + LONGEST_SECONDS
    if "exp" in claims:
        latest = min(latest, of_token.time(claims, "exp"))
    if latest <= now - skew:
        raise OIDCError(faults.LOGOUT_TOKEN, reason="it is too old")
    return int(latest) + skew + 1


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    found = claims.get(name)
    if found is None:
        return None
    if not isinstance(found, str) or not 0 < len(found) <= _MOST_CHARACTERS or "\x00" in found:
        raise OIDCError(faults.LOGOUT_TOKEN, reason=f"its {name} is not a short string")
    return found
