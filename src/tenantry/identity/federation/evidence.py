"""How a provider vouched for a person, for the log of sign-ins: names and algorithms, no values.

Of SAML see `connections.saml.evidence`. All of it came from outside, so it is bounded here. A
message that was refused has its facts too, and says of which signatures nobody knows whether they
hold.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tenantry.core.times import SECOND, rfc3339
from tenantry.db.sql.schema import to_json
from tenantry.identity.connections.federated_identities import FederationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tenantry.identity.connections.faults import ProtocolError
    from tenantry.identity.connections.oidc.jwts import Signed

_TEXT_MAX = 300  # characters
_MOST = 60  # of a list
_MAX = 6000  # characters of JSON; the list of names goes first
_NAMES = ("attributes", "claims")
_TIMES = {"iat": "issued", "exp": "not_on_or_after", "auth_time": "authn_instant"}


def of_openid(
    id_token: Signed | None, *, scopes: Iterable[str], claims: Iterable[str]
) -> dict[str, Any]:
    """Return the facts of an ID token that was verified, or of an answer without one.

    ``claims`` are the names of all that were taken, of userinfo too.
    """
    facts = {} if id_token is None else of_id_token(id_token)
    return {**facts, "scopes": list(scopes), "claims": sorted(claims)}


def of_id_token(id_token: Signed, *, verified: bool = True) -> dict[str, Any]:
    """Return the facts of an ID token; ``verified`` says whether its signature holds."""
    said, audience = id_token.claims, id_token.claims.get("aud")
    by = f", by {id_token.kid}" if id_token.kid else ""
    facts: dict[str, Any] = {
        "issuer": said.get("iss"),
        "audience": audience if isinstance(audience, list) else [audience] if audience else [],
        "signatures": [f"ID token: {id_token.algorithm}{by}{'' if verified else ', not verified'}"],
    }
    for claim, name in _TIMES.items():
        if shown := _moment(said.get(claim)):
            facts[name] = shown
    return {**facts, "claims": sorted(said)}


def fault_of(error: ProtocolError) -> FederationError:
    """Return the fault of a protocol's message, as the rest of a sign-in knows it."""
    return FederationError(
        error.code, error.description, hint=error.fault.remedy, evidence=bounded(error.evidence)
    )


def bounded(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as they are kept: texts, and lists of texts, each as long as it may be."""
    kept = {
        name: [_text(one) for one in value[:_MOST]] if isinstance(value, list) else _text(value)
        for name, value in facts.items()
        if value
    }
    if len(to_json(kept)) > _MAX:
        kept = {name: value for name, value in kept.items() if name not in _NAMES}
    return kept if len(to_json(kept)) <= _MAX else {}


def _text(value: object) -> str:
    text = str(value)[:_TEXT_MAX]
    return "".join(char if char.isprintable() else "?" for char in text)


def _moment(said: object) -> str:
    if (
        isinstance(said, bool)
        or not isinstance(said, int | float)
        or not 0 < said < time.time() * 2
    ):
        return ""
    return rfc3339(int(said * SECOND))
