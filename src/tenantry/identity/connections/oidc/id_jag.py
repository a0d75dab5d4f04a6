"""Identity assertions (ID-JAG): an identity provider lets a client act for a user at a resource.

Identity Assertion JWT Authorization Grant, section 4.4.1. The claim names are those of the draft.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.identity.connections.oidc import claims as of_token
from tenantry.identity.connections.oidc import faults
from tenantry.identity.connections.oidc.faults import OIDCError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tenantry.identity.connections.oidc.jwts import Signed

TYPE = "oauth-id-jag+jwt"
# An assertion is accepted again until it expires, so its lifetime is bounded.
LONGEST_SECONDS = 86_400
_MOST_CHARACTERS = 255
_MOST_SCOPE_CHARACTERS = 4096
_MOST_RESOURCES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityAssertion:
    """The claims of an assertion; times in seconds since 1970."""

    subject: str
    email: str  # "" if it has none
    jti: str
    scopes: tuple[str, ...] | None  # None: it does not limit the scopes
    auth_time: int  # `iat` if it does not say
    expires: int  # with the clock skew: it is refused from then on


@dataclass(frozen=True, slots=True)
class Hints:
    """Claims of an unverified assertion, to look up the connections that may accept it."""

    issuer: str
    subject: str
    email: str
    organization_id: str  # `aud_tenant`, "" if it has none


def hints(jwt: Signed) -> Hints:
    """Return the claims by which the connections of an assertion are found.

    Raises:
        OIDCError: the assertion is of another type, or has no issuer or subject.

    """
    typ = None if jwt.typ is None else jwt.typ.lower().removeprefix("application/")
    if typ != TYPE:
        raise OIDCError(faults.ID_JAG, reason=f"its typ is not {TYPE}")
    claims = jwt.claims
    return Hints(
        _text(claims, "iss"),
        of_token.subject(claims),
        _optional(claims, "email"),
        _optional(claims, "aud_tenant"),
    )


def verify(
    jwt: Signed,
    *,
    issuer: str,
    audiences: Collection[str],
    client_id: str,
    resources: Collection[str],
    now: float,
    skew: int,
) -> IdentityAssertion:
    """Return the claims of an assertion whose signature was verified.

    ``audiences`` are the issuers of this server that may be in `aud`; ``resources`` are the names
    of the resource, without a final slash. ``now`` is in seconds since 1970, ``skew`` in seconds.

    Raises:
        OIDCError: a claim is missing, or does not hold.

    """
    claims = jwt.claims
    of_token.hold_to_issuer(claims, issuer)
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if len(named) != 1 or named[0] not in audiences:
        raise OIDCError(faults.ID_JAG, reason="its aud is not the issuer of the resource")
    if claims.get("client_id") != client_id:
        raise OIDCError(faults.ID_JAG, reason="its client_id is not the authenticated client")
    _check_resource(claims.get("resource"), resources)
    of_token.hold_to_times(claims, now=now, skew=skew)
    expires, issued = (of_token.time(claims, name) for name in ("exp", "iat"))
    if expires > now + LONGEST_SECONDS:
        raise OIDCError(faults.ID_JAG, reason=f"its exp is over {LONGEST_SECONDS} seconds away")
    since = of_token.time(claims, "auth_time") if "auth_time" in claims else issued
    return IdentityAssertion(
        subject=of_token.subject(claims),
        email=_optional(claims, "email"),
        jti=_text(claims, "jti"),
        scopes=_scopes(claims),
        auth_time=int(min(since, now)),
        expires=int(expires) + skew + 1,
    )


def _check_resource(value: Any, resources: Collection[str]) -> None:
    named = value if isinstance(value, list) else [value]
    if len(named) <= _MOST_RESOURCES:
        for one in named:
            if isinstance(one, str) and one.rstrip("/") in resources:
                return
    raise OIDCError(faults.ID_JAG, reason="its resource is not the one of the client")


def _scopes(claims: Mapping[str, Any]) -> tuple[str, ...] | None:
    scope = claims.get("scope")
    if scope is None:
        return None
    if not isinstance(scope, str) or len(scope) > _MOST_SCOPE_CHARACTERS:
        raise OIDCError(faults.ID_JAG, reason="its scope is not a string, or is too long")
    return tuple(dict.fromkeys(scope.split()))


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = claims.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= _MOST_CHARACTERS or "\x00" in found:
        raise OIDCError(faults.CLAIM, claim=name)
    return found


def _optional(claims: Mapping[str, Any], name: str) -> str:
    return "" if claims.get(name) is None else _text(claims, name)
