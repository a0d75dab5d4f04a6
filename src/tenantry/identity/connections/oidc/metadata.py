"""The metadata that a provider publishes about itself (OpenID Connect Discovery 1.0, RFC 8414)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tenantry.core import strict_json
from tenantry.crypto.jws import ALGORITHMS
from tenantry.identity.connections.oidc import faults
from tenantry.identity.connections.oidc.faults import OIDCError

MOST_BYTES = 128 << 10
WELL_KNOWN = "/.well-known/openid-configuration"
_URL_MAX = 2048
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """One provider; an endpoint that it has not is ""."""

    issuer: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    userinfo_endpoint: str = ""
    jwks_uri: str = ""
    end_session_endpoint: str = ""
    # Those that Tenantry supports and it signs ID tokens by.
    algorithms: tuple[str, ...] = tuple(ALGORITHMS)
    # RFC 9207: each of its answers says the issuer.
    says_issuer: bool = False


def address(place: str) -> str:
    """Return where the document of an issuer is (section 4.1); the address of a document stays."""
    if is_document(place):
        return place.rstrip("/")
    return place.rstrip("/") + WELL_KNOWN


def is_document(place: str) -> bool:
    """Whether this is the address of a document, where an issuer could be as well.

    Its path says so, or a query: an issuer has none (section 3).
    """
    path, _, query = place.partition("?")
    return bool(query) or "/.well-known/" in path or path.endswith(".json")


def read(document: bytes, *, fetched_from: str) -> Metadata:
    """Return what a discovery document says, which was fetched from this address.

    Its issuer is that of the address (section 4.3), but for a slash at the end. One for many
    tenants of Microsoft's has `{tenantid}` there instead.
    """
    try:
        content = strict_json.loads(document)
    except ValueError as problem:
        raise OIDCError(faults.DISCOVERY, reason=f"it is not valid JSON: {problem}") from None
    if not isinstance(content, dict):
        raise OIDCError(faults.DISCOVERY, reason="it is not a JSON object")
    issuer = content.get("issuer")
    if not isinstance(issuer, str) or not 0 < len(issuer) <= _URL_MAX:
        raise OIDCError(faults.DISCOVERY, reason="it has no issuer")
    if not _is_of(issuer, fetched_from):
        raise OIDCError(faults.DISCOVERY, reason=f"it belongs to another issuer, {issuer}")
    return Metadata(
        issuer=issuer,
        **{name: _endpoint(content, name) for name in _ENDPOINTS},
        end_session_endpoint=_endpoint(content, "end_session_endpoint"),
        algorithms=_algorithms(content),
        says_issuer=content.get("authorization_response_iss_parameter_supported") is True,
    )


def _is_of(issuer: str, fetched_from: str) -> bool:
    if not fetched_from.endswith(WELL_KNOWN):
        return True  # an address of the admin's own choice says nothing of the issuer
    base = fetched_from.removesuffix(WELL_KNOWN)
    if "{tenantid}" in issuer:
        # login.microsoftonline.com/common, /organizations, /consumers
        before, _, after = issuer.partition("{tenantid}")
        return base.startswith(before) and base.endswith(after.rstrip("/"))
    return issuer.rstrip("/") == base.rstrip("/")


def _endpoint(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    if value is None:
        return ""
    try:
        parts = urlsplit(value) if isinstance(value, str) and len(value) <= _URL_MAX else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in {"https", "http"} or not parts.hostname:
        raise OIDCError(faults.DISCOVERY, reason=f"its {name} is not a URL")
    return str(value)


def _algorithms(content: dict[str, Any]) -> tuple[str, ...]:
    named = content.get("id_token_signing_alg_values_supported")
    if not isinstance(named, list):
        return tuple(ALGORITHMS)
    return tuple(one for one in ALGORITHMS if one in named)
