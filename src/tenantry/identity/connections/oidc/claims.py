"""Single claims of a JWT, each checked by the rule that holds for it (RFC 7519 section 4.1)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tenantry.core.strict_json import is_number
from tenantry.identity.connections.oidc import faults
from tenantry.identity.connections.oidc.faults import OIDCError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUBJECT_MAX = 255  # characters, section 2 of OpenID Connect Core 1.0
_TENANT = re.compile(r"[0-9a-fA-F-]{36}")
# Microsoft's metadata for many tenants has this in the place of the one that a token is of.
TENANT = "{tenantid}"


def hold_to_issuer(claims: Mapping[str, Any], issuer: str) -> None:
    """Refuse a token of another issuer, letter by letter.

    One issuer of many tenants has `{tenantid}` in its name: the token's `tid` stands there.
    """
    tenant = claims.get("tid")
    if TENANT in issuer and isinstance(tenant, str) and _TENANT.fullmatch(tenant):
        issuer = issuer.replace(TENANT, tenant)
    found = claims.get("iss")
    if not issuer or TENANT in issuer or found != issuer:
        raise OIDCError(faults.ISSUER, found=found or "missing", expected=issuer)


def hold_to_audience(claims: Mapping[str, Any], client_id: str) -> None:
    """Refuse a token that is not for us.

    One for others too must say that it was issued to us (section 3.1.3.7, numbers 3 to 5).
    """
    audience, party = claims.get("aud"), claims.get("azp")
    named = audience if isinstance(audience, list) else [audience]
    if not client_id or client_id not in named:
        found = ", ".join(str(one) for one in named[:5])
        raise OIDCError(faults.AUDIENCE, found=found, expected=client_id)
    if party != client_id and (party is not None or len(named) > 1):
        raise OIDCError(faults.AUTHORIZED_PARTY, found=party or "missing", expected=client_id)


def hold_to_times(claims: Mapping[str, Any], *, now: float, skew: int) -> None:
    """Refuse a token that has expired or is not good yet; times are seconds since 1970."""
    expires = time(claims, "exp")
    if expires <= now - skew:
        raise OIDCError(faults.EXPIRED, until=_clock(expires), now=_clock(now))
    hold_to_beginning(claims, now=now, skew=skew)


def hold_to_beginning(claims: Mapping[str, Any], *, now: float, skew: int) -> None:
    """Refuse a token that says to be issued, or good, from a later time on."""
    begins = [time(claims, "iat")] + ([time(claims, "nbf")] if "nbf" in claims else [])
    for since in begins:
        if since > now + skew:
            raise OIDCError(faults.EARLY, since=_clock(since), now=_clock(now))


def hold_to_age(claims: Mapping[str, Any], *, max_age: int | None, now: float, skew: int) -> None:
    """Refuse a sign-in at the provider that is older than was asked for, in seconds.

    Section 3.1.3.7 number 13.
    """
    if max_age is None:
        return
    since = time(claims, "auth_time")
    if since < now - max_age - skew:
        raise OIDCError(faults.TOO_OLD, since=_clock(since))


def subject(claims: Mapping[str, Any]) -> str:
    found = claims.get("sub")
    if not isinstance(found, str) or not 0 < len(found) <= _SUBJECT_MAX or "\x00" in found:
        raise OIDCError(faults.CLAIM, claim="sub")
    return found


def time(claims: Mapping[str, Any], name: str) -> float:
    """Return a claim that is a time, in seconds since 1970."""
    value = claims.get(name)
    if not is_number(value) or not 0 <= value < 1e11:
        raise OIDCError(faults.CLAIM, claim=name)
    return value


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
