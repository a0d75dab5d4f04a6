"""What tokens say of a person: pure functions from a subject to claims.

The names and forms are those of the wire contract. Where they differ from OpenID Connect Core
section 5.1, it is because clients of the contract decode `updated_at` and `metadata` as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.db.schema import to_json
from tenantry.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.connections.model import Connection
    from tenantry.grants.subjects import Subject
    from tenantry.users.model import User

# In the order of OpenID Connect Core section 5.4; the claims that a scope asks for.
SCOPES = ("openid", "profile", "email", "phone", "offline_access")
# The members of a profile that are claims as they are.
_PROFILE = (
    *("name", "given_name", "family_name", "preferred_username", "picture", "gender", "locale"),
)
# Kept as attributes of the product's own, where it has them; clients read one name or the other.
_ATTRIBUTES = (
    ("birthdate", ("birthdate", "birth_date")),
    ("zoneinfo", ("zoneinfo", "zone_info")),
    ("profile", ("profile",)),
)
CLAIMS = (
    *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr", "azp", "at_hash", "c_hash"),
    *("sid", "oid", "xoid", "client_id"),
    *(*_PROFILE, *(name for _, names in _ATTRIBUTES for name in names), "updated_at", "metadata"),
    *("email", "email_verified", "phone_number", "phone_number_verified", "identities"),
)


def access_token(subject: Subject, *, client_id: str, scopes: Sequence[str]) -> dict[str, Any]:
    """Return what an access token says beside its issuer, its id and its times."""
    claims: dict[str, Any] = {
        "sub": subject.user.id,
        "aud": [client_id],
        "client_id": client_id,
        "oid": subject.organization_id,
        "sid": subject.session_id,
        "scope": " ".join(scopes),
        "scopes": list(scopes),
    }
    optional: dict[str, Any] = {
        "roles": list(subject.roles),
        "permissions": list(subject.permissions),
        "xoid": subject.organization_external_id,
        "xuid": subject.user.external_id,
        "custom_claims": dict(subject.custom_claims),
    }
    return claims | {name: value for name, value in optional.items() if value}


def id_token(
    subject: Subject,
    *,
    client_id: str,
    scopes: Sequence[str],
    connections: Mapping[str, Connection],
) -> dict[str, Any]:
    """Return what an ID token says beside its issuer, its times, its nonce and its hashes.

    ``connections`` are those that a session may name, by id.
    """
    claims: dict[str, Any] = {
        "sub": subject.user.id,
        "aud": [client_id],
        "azp": client_id,
        "client_id": client_id,
        "oid": subject.organization_id,
        "sid": subject.session_id,
        "amr": list(subject.amr),
        **_of_scopes(subject.user, scopes),
    }
    if subject.organization_external_id:
        claims["xoid"] = subject.organization_external_id
    if "profile" in scopes:
        claims["updated_at"] = rfc3339(subject.user.update_time)
        claims["identities"] = [
            _identity(connections[id_], subject) for id_ in subject.amr if id_ in connections
        ]
    return claims


def userinfo(subject: Subject, scopes: Sequence[str]) -> dict[str, Any]:
    """Return what the UserInfo endpoint tells (OpenID Connect Core section 5.3.2)."""
    claims: dict[str, Any] = {
        "sub": subject.user.id,
        "oid": subject.organization_id,
        "sid": subject.session_id,
        **_of_scopes(subject.user, scopes),
    }
    if subject.organization_external_id:
        claims["xoid"] = subject.organization_external_id
    if "profile" in scopes:
        claims["updated_at"] = subject.user.update_time // 1_000_000  # a number, as of section 5.1
    return claims


def _of_scopes(user: User, scopes: Sequence[str]) -> dict[str, Any]:
    """Return the claims that scopes ask for (section 5.4); what is not known is left out."""
    claims: dict[str, Any] = {}
    if "profile" in scopes:
        claims |= {name: user.profile[name] for name in _PROFILE if user.profile.get(name)}
        attributes = user.profile.get("custom_attributes") or {}
        for attribute, names in _ATTRIBUTES:
            if attributes.get(attribute):
                claims |= dict.fromkeys(names, attributes[attribute])
        claims["metadata"] = to_json(user.metadata)
    if "email" in scopes:
        claims |= {"email": user.email, "email_verified": user.email_verified}
    if "phone" in scopes and user.profile.get("phone_number"):
        claims["phone_number"] = user.profile["phone_number"]
        claims["phone_number_verified"] = False  # nothing proves one yet
    return claims


def _identity(connection: Connection, subject: Subject) -> dict[str, Any]:
    return {
        "connection_id": connection.id,
        "organization_id": subject.organization_id,
        "connection_type": connection.type,
        "provider_name": connection.provider,
        "social": False,
        "provider_raw_attributes": "{}",
    }
