"""Providers of OAuth 2.0 that everybody can have an account at, each a row of data.

A row says where its endpoints are, and how its answers tell id, e-mail address and whether that
is verified. One with an issuer speaks OpenID Connect: its ID token is the proof. A connection may
have its own endpoints (GitHub Enterprise, a GitLab of the company): then it needs all
of them, and its userinfo endpoint says whose account it is.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tenantry.identity.connections.oidc import faults
from tenantry.identity.connections.oidc.faults import OIDCError
from tenantry.identity.connections.settings import BASIC_AUTH, URL_PARAMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.identity.connections.model import Connection
    from tenantry.identity.connections.settings import OAuthSettings

GITHUB, MICROSOFT, APPLE = "GITHUB", "MICROSOFT", "APPLE"
# Tenants of Microsoft's that are everybody.
_ANY_TENANT = "common"
_SUBJECT_MAX = 255
_APPLE_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider; ``claims`` are the names that it has for those of OpenID Connect."""

    issuer: str = ""
    authorize_uri: str = ""
    token_uri: str = ""
    user_info_uri: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    token_auth_type: str = URL_PARAMS
    has_pkce: bool = True
    # Values of `prompt` that it knows.
    prompts: tuple[str, ...] = ("none", "login", "consent", "select_account")
    # Of a form that its page posts (OAuth 2.0 Form Post Response Mode).
    form_post: bool = False
    subject: tuple[str, ...] = ("sub",)
    email: tuple[str, ...] = ("email",)
    claims: Mapping[str, str] = field(default_factory=dict, hash=False)
    # By which claim it says that the address is verified; "" if it never does.
    email_verified: str = "email_verified"
    # Beside userinfo there is a list of addresses, at the address of that and this.
    emails_path: str = ""
    # Userinfo is no part of OpenID Connect: it names people by other ids than the ID token.
    own_userinfo: bool = False


_CUSTOM = Provider(
    scopes=(), subject=("sub", "id", "user_id", "uid"), claims={"picture": "avatar_url"}
)
# By ConnectionProvider of the contract; the last is ours, by its provider_key.
PROVIDERS = {
    "GOOGLE": Provider(
        issuer="https://accounts.google.com",
        scopes=("openid", "email", "profile"),
        prompts=("none", "consent", "select_account"),
    ),
    # The address of an account is any text that the admin of its tenant wrote; xms_edov, an
    # optional claim, says that the tenant owns its domain.
    MICROSOFT: Provider(
        issuer="https://login.microsoftonline.com/{tenant}/v2.0",
        user_info_uri="https://graph.microsoft.com/v1.0/me",
        scopes=("openid", "profile", "email", "User.Read"),
        subject=("sub", "id"),
        email=("email", "mail", "userPrincipalName"),
        claims={
            "given_name": "givenName",
            "family_name": "surname",
            "name": "displayName",
            "locale": "preferredLanguage",
        },
        email_verified="xms_edov",
        own_userinfo=True,
    ),
    GITHUB: Provider(
        authorize_uri="https://github.com/login/oauth/authorize",
        token_uri="https://github.com/login/oauth/access_token",  # noqa: S106 - an address
        user_info_uri="https://api.github.com/user",
        scopes=("read:user", "user:email"),
        prompts=("select_account",),
        subject=("id",),
        claims={"preferred_username": "login", "picture": "avatar_url"},
        email_verified="",
        emails_path="/emails",
    ),
    "GITLAB": Provider(
        issuer="https://gitlab.com",
        authorize_uri="https://gitlab.com/oauth/authorize",
        token_uri="https://gitlab.com/oauth/token",  # noqa: S106 - an address
        user_info_uri="https://gitlab.com/oauth/userinfo",
        prompts=(),
    ),
    # Its ID tokens have no nonce, so that userinfo is asked; PKCE is for programs alone there.
    "LINKEDIN": Provider(
        authorize_uri="https://www.linkedin.com/oauth/v2/authorization",
        token_uri="https://www.linkedin.com/oauth/v2/accessToken",  # noqa: S106 - an address
        user_info_uri="https://api.linkedin.com/v2/userinfo",
        has_pkce=False,
        prompts=(),
    ),
    "SALESFORCE": Provider(issuer="https://login.salesforce.com", prompts=("login", "consent")),
    APPLE: Provider(
        issuer="https://appleid.apple.com",
        scopes=("openid", "name", "email"),
        form_post=True,
        prompts=(),
    ),
}


def of(connection: Connection, settings: OAuthSettings) -> Provider:
    """Return the provider of a connection, with the endpoints that the connection has."""
    row = PROVIDERS.get(connection.provider) or PROVIDERS.get(connection.provider_key.upper())
    row = row or _CUSTOM
    names = ("authorize_uri", "token_uri", "user_info_uri")
    own = {name: getattr(settings, name) for name in names}
    if any(own.values()):
        # Those are of another server: it issues its own ID tokens, and none of its access
        # tokens is for the servers of the row.
        row = replace(row, issuer="", **own)
    if settings.token_endpoint_auth_method:
        method = settings.token_endpoint_auth_method
        is_basic = method in {"client_secret_basic", BASIC_AUTH}
        row = replace(row, token_auth_type=BASIC_AUTH if is_basic else URL_PARAMS)
    tenant = settings.tenant_id or _ANY_TENANT
    return replace(row, issuer=row.issuer.replace("{tenant}", tenant))


def scopes(provider: Provider, settings: OAuthSettings) -> str:
    """Return the scopes of a request: those of the connection, else the provider's."""
    wanted = settings.scopes or provider.scopes
    if provider.issuer and "openid" not in wanted:
        wanted = ("openid", *wanted)
    return " ".join(wanted)


def claims_of(
    provider: Provider, told: Mapping[str, Any], emails: Sequence[Any] = ()
) -> dict[str, Any]:
    """Return what a provider tells of a person, by the names of OpenID Connect.

    ``emails`` is its list of addresses, where it has one: only one that is verified counts, and
    the primary one goes before the others.
    """
    found = dict(told)
    for claim, name in provider.claims.items():
        if not found.get(claim) and told.get(name):
            found[claim] = told[name]
    found["email"] = next((told[name] for name in provider.email if told.get(name)), None)
    verified = told.get(provider.email_verified) if provider.email_verified else None
    if provider.email_verified == "xms_edov":
        # It is said of the claim `email` alone.
        is_said = verified in {True, "1", "true"} if _is_plain(verified) else False
        verified = is_said and bool(told.get("email"))
    found["email_verified"] = verified
    if provider.emails_path:
        found |= _verified_of(emails, found["email"])
    return {name: value for name, value in found.items() if value is not None}


def subject(provider: Provider, told: Mapping[str, Any]) -> str:
    """Return the id by which a provider knows a person."""
    for name in provider.subject:
        found = told.get(name)
        if isinstance(found, int) and not isinstance(found, bool):
            found = str(found)
        if isinstance(found, str) and 0 < len(found) <= _SUBJECT_MAX and "\x00" not in found:
            return found
    raise OIDCError(faults.NO_SUBJECT)


def apple_secret(secret: str, client_id: str, *, issuer: str) -> str:
    """Return the client secret of Apple, a JWT by a key that Apple gave to a team.

    ``secret`` is a JSON object of team_id, key_id and private_key (PKCS #8 in PEM); anything else
    is taken for the JWT itself.
    """
    if not secret.lstrip().startswith("{"):
        return secret
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        members = json.loads(secret)
        key = load_pem_private_key(members["private_key"].encode(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise OIDCError(faults.CLIENT_KEY)
        header = {"alg": "ES256", "kid": str(members["key_id"])}
        team = str(members["team_id"])
    except (ValueError, TypeError, KeyError, AttributeError):
        raise OIDCError(faults.CLIENT_KEY) from None
    at = int(time.time())
    times = {"iat": at, "exp": at + _APPLE_SECONDS}
    claims = {"iss": team, "sub": client_id, "aud": issuer, **times}
    said = b".".join(_base64url(json.dumps(one).encode()) for one in (header, claims))
    r, s = decode_dss_signature(key.sign(said, ec.ECDSA(hashes.SHA256())))
    return (said + b"." + _base64url(r.to_bytes(32) + s.to_bytes(32))).decode()


def _verified_of(emails: Sequence[Any], public: Any) -> dict[str, Any]:
    """Return the address that counts of GitHub's list, and whether it is verified."""
    verified = [
        one
        for one in emails
        if isinstance(one, dict)
        and one.get("verified") is True
        and isinstance(one.get("email"), str)
    ]
    primary = [one for one in verified if one.get("primary") is True]
    if not verified:
        return {"email": public, "email_verified": False}
    return {"email": (primary or verified)[0]["email"], "email_verified": True}


def _is_plain(value: object) -> bool:
    return isinstance(value, bool | int | str)


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
