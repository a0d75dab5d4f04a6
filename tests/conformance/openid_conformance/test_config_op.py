"""Members that the discovery documents of the profiles must have."""

from __future__ import annotations

from urllib.parse import urlsplit

from joserfc.jwk import KeySet
from profiles import BACK_CHANNEL, CONFIG, RP_INITIATED, drives

_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def is_https(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(parts.netloc) and not parts.fragment


def has_https_endpoints(metadata) -> bool:
    """All endpoints are at https, and those that every provider has are among them."""
    endpoints = {n: v for n, v in metadata.items() if n.endswith(("_endpoint", "_uri"))}
    assert all(is_https(url) for url in endpoints.values()), endpoints
    return {"authorization_endpoint", "token_endpoint", "jwks_uri"} <= set(endpoints)


@drives("oidcc-discovery-endpoint-verification", CONFIG)
async def test_discovery_endpoint_verification(trial):
    """OpenID Connect Discovery 1.0 sections 3 and 4, RFC 8414 section 2."""
    metadata = await trial.party.discover()
    answer = await trial.http.get("/.well-known/openid-configuration")
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == "application/json"
    assert metadata == answer.json()
    # Section 4.3: the issuer is exactly where the document was found.
    assert metadata["issuer"] == trial.url
    assert is_https(metadata["issuer"])
    assert not urlsplit(metadata["issuer"]).query
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["subject_types_supported"] == ["public"]
    assert "RS256" in metadata["id_token_signing_alg_values_supported"]
    assert "authorization_code" in metadata["grant_types_supported"]
    assert "openid" in metadata["scopes_supported"]
    assert all(scope.isascii() and " " not in scope for scope in metadata["scopes_supported"])
    assert "sub" in metadata["claims_supported"]
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["ui_locales_supported"]
    assert has_https_endpoints(metadata)
    assert is_https(metadata["userinfo_endpoint"])
    for name in ("claims", "request", "request_uri"):
        assert isinstance(metadata[f"{name}_parameter_supported"], bool)
    published = (await trial.http.get(metadata["jwks_uri"])).json()
    assert KeySet.import_key_set(published).keys
    assert not any(_PRIVATE & set(key) for key in published["keys"])


@drives("oidcc-rp-initiated-logout-discovery-endpoint-verification", RP_INITIATED)
async def test_rp_initiated_logout_discovery_endpoint_verification(trial):
    """RP-Initiated Logout 1.0 section 2.1."""
    metadata = await trial.party.discover()
    assert has_https_endpoints(metadata)
    assert is_https(metadata["end_session_endpoint"])


@drives("oidcc-backchannel-logout-discovery-endpoint-verification", BACK_CHANNEL)
async def test_backchannel_logout_discovery_endpoint_verification(trial):
    """Back-Channel Logout 1.0 section 2.1."""
    metadata = await trial.party.discover()
    assert has_https_endpoints(metadata)
    assert metadata["backchannel_logout_supported"] is True
    assert metadata["backchannel_logout_session_supported"] is True
    assert is_https(metadata["end_session_endpoint"])
