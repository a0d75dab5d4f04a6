"""The claims of tokens about a person: pure functions from a subject.

The names and forms are those of the wire contract. Where they differ from OpenID Connect Core
section 5.1, it is because clients of the contract decode `updated_at` and `metadata` as text.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

from tenantry.core import ids
from tenantry.core.times import SECOND, rfc3339
from tenantry.db.sql.schema import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.identity.sessions.subject import Subject, Vouched
    from tenantry.tenants.users.model import User

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
    *("sid", "oid", "xoid", "client_id", "identities"),
    *(*_PROFILE, *(name for _, names in _ATTRIBUTES for name in names), "updated_at", "metadata"),
    *("email", "email_verified", "phone_number", "phone_number_verified"),
)
_EMAIL = ("email", "email_verified")
# How many bytes of claims compact tokens have at most, beside the id and the times. Applications
# keep both tokens, and once more the claims of the access token, in one encrypted cookie of 3,800
# bytes: the session middleware of the official SDKs does.
ACCESS_TOKEN_BYTES = 440
ID_TOKEN_BYTES = 370
# The same in modular mode, with `sub` once more: it is long, and in the access token as well.
FEDERATED_BYTES = 525
# How many bytes the claims of a template have at most in a token that need not be compact: it
# travels in a header, of which many servers take 8 KiB.
TEMPLATE_BYTES = 4096
# Members of `identities`, the most wanted first, and how many of them come before other claims.
_IDENTITY = (
    *("connection_id", "connection_type", "provider_name"),
    *("social", "organization_id", "provider_raw_attributes"),
)
_FIRST_MEMBERS, _ADDRESS_BYTES = 3, 60
_DIGITS = "1" * 19  # of an id
_OMITTED = {"claims_omitted": True}
NOTHING: Mapping[str, Any] = MappingProxyType({})


def access_token(
    subject: Subject,
    *,
    issuer: str,
    client_id: str,
    scopes: Sequence[str],
    compact: bool,
    also_for: Sequence[str] = (),
    more: Mapping[str, Any] = NOTHING,
) -> dict[str, Any]:
    """Return the claims of an access token beside its id and its times.

    Its audience is the application, and whom it is ``also_for``. Of permissions it has only those
    that the product has named: the built-in ones are for our own pages, which read them anew.
    Where ``compact`` and they make it too long, none of them is in it, and `permissions_omitted`
    says so; ListUserPermissions tells them. The claims of a template, ``more``, come last, as far
    as there is room.
    """
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": subject.sub,
        "aud": [client_id, *also_for],
        "client_id": client_id,
        **_place(subject),
        **_authentication(subject),
        "scope": " ".join(scopes),
        "scopes": list(scopes),
        **_actor(subject),
    }
    claims |= _present(
        roles=list(subject.roles),
        xoid=subject.organization_external_id,
        xuid=subject.user.external_id,
        custom_claims=dict(subject.custom_claims),
    )
    if subject.own_permissions:
        whole = {**claims, "permissions": list(subject.own_permissions)}
        if not compact or _size(whole) <= ACCESS_TOKEN_BYTES:
            claims = whole
        else:
            claims["permissions_omitted"] = True
    return _with_template(claims, more, ACCESS_TOKEN_BYTES if compact else 0)


def room(issuer: str, *, compact: bool) -> int:
    """Return how many bytes the claims of a template have at most, in the shortest access token."""
    if not compact:
        return TEMPLATE_BYTES
    client_id, digits = f"{ids.ENVIRONMENT_CLIENT}{_DIGITS}", _DIGITS
    shortest: dict[str, Any] = {
        "iss": issuer,
        "sub": f"{ids.USER}{digits}",
        "aud": [client_id],
        "client_id": client_id,
        "oid": f"{ids.ORGANIZATION}{digits}",
        "sid": f"{ids.SESSION}{digits}",
        "scope": "openid",
        "scopes": ["openid"],
    }
    return max(0, ACCESS_TOKEN_BYTES - _size(shortest))


def id_token(
    subject: Subject,
    *,
    issuer: str,
    client_id: str,
    scopes: Sequence[str],
    compact: bool,
    more: Mapping[str, Any] = NOTHING,
) -> dict[str, Any]:
    """Return the claims of an ID token beside its times, its nonce and its hashes.

    Where ``compact``, claims that make it too long are left out, from the end of the list that
    scopes ask for; the UserInfo endpoint tells all of them (OpenID Connect Core section 5.4). Those
    of a template, ``more``, come after them.
    """
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": subject.sub,
        "aud": [client_id],
        **_place(subject),
        "sid": subject.session_id,
        "amr": list(subject.amr),
        **_present(xoid=subject.organization_external_id),
        **_actor(subject),
    }
    is_federated, most = subject.sub != subject.user.id, ID_TOKEN_BYTES
    if is_federated:
        # The application knows people by their providers alone, and is to be told of them.
        most = FEDERATED_BYTES - len(subject.sub)
        first = {**claims, "identities": _identities(subject, _FIRST_MEMBERS)}
        has_room = _size(first) + _ADDRESS_BYTES <= most
        claims = first if has_room else {**claims, "identities": _identities(subject, 1)}
    if not compact:
        claims |= {"azp": client_id, "client_id": client_id}
        if "profile" in scopes:
            claims["updated_at"] = rfc3339(subject.user.update_time)
    asked = _of_scopes(subject.user, scopes)
    asked |= {n: v for n, v in _vouched(subject, scopes).items() if n not in asked | claims}
    for name, value in asked.items():
        longer = {**claims, name: value}
        if not compact or name in _EMAIL or _size(longer) <= most:
            claims = longer
    for n in range(_FIRST_MEMBERS + 1, len(_IDENTITY) + 1) if is_federated else ():
        longer = {**claims, "identities": _identities(subject, n)}
        if not compact or _size(longer) <= most:
            claims = longer
    return _with_template(claims, _of_template(more), most if compact else 0)


def userinfo(
    subject: Subject, scopes: Sequence[str], more: Mapping[str, Any] = NOTHING
) -> dict[str, Any]:
    """Return the claims of the UserInfo endpoint (OpenID Connect Core section 5.3.2).

    With all of a template, ``more``.
    """
    claims: dict[str, Any] = {
        **_vouched(subject, scopes),
        **_of_template(more),
        "sub": subject.sub,
        **_place(subject),
        "sid": subject.session_id,
        **_actor(subject),
        **_of_scopes(subject.user, scopes),
    }
    if subject.organization_external_id:
        claims["xoid"] = subject.organization_external_id
    if "profile" in scopes:
        claims["updated_at"] = subject.user.update_time // 1_000_000  # a number, as of section 5.1
    return claims


def _authentication(subject: Subject) -> dict[str, Any]:
    """Return the session, or the connection whose provider asserts the user without one."""
    if subject.session_id:
        return {"sid": subject.session_id}
    return {"amr": list(subject.amr), "auth_time": subject.auth_time // SECOND}


def _of_template(more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims of a template but those that scopes ask for, in tokens that have both."""
    return {name: value for name, value in more.items() if name not in CLAIMS}


def _with_template(claims: dict[str, Any], more: Mapping[str, Any], most: int) -> dict[str, Any]:
    """Return claims with those of a template, ``more``, that they have room for.

    They have ``most`` bytes together, or those of the template as many as they may where it is 0.
    Where they are too long, those that fit go in by their order, and `claims_omitted` says so.
    """
    if not more:
        return claims
    left = most - _size(claims) if most else TEMPLATE_BYTES
    if _added(more) <= left:
        return {**claims, **more}
    left -= _added(_OMITTED)
    fitting: dict[str, Any] = {}
    for name, value in more.items():
        if (takes := _added({name: value})) <= left:
            fitting[name] = value
            left -= takes
    return {**claims, **fitting, **(_OMITTED if left >= 0 else {})}


def _added(claims: Mapping[str, Any]) -> int:
    """Return how many bytes claims add to others: without their braces, and with a comma."""
    return _size(claims) - 1


def _of_scopes(user: User, scopes: Sequence[str]) -> dict[str, Any]:
    """Return the claims that scopes ask for (section 5.4), the most wanted first.

    Unknown ones are left out.
    """
    claims: dict[str, Any] = {}
    if "email" in scopes:
        claims |= {"email": user.email, "email_verified": user.email_verified}
    if "profile" in scopes:
        claims |= {name: user.profile[name] for name in _PROFILE if user.profile.get(name)}
    if "phone" in scopes and user.profile.get("phone_number"):
        claims["phone_number"] = user.profile["phone_number"]
        claims["phone_number_verified"] = False  # nothing proves one yet
    if "profile" in scopes:
        if user.metadata:
            claims["metadata"] = to_json(user.metadata)
        attributes = user.profile.get("custom_attributes") or {}
        for attribute, names in _ATTRIBUTES:
            if attributes.get(attribute):
                claims |= dict.fromkeys(names, attributes[attribute])
    return claims


def _vouched(subject: Subject, scopes: Sequence[str]) -> dict[str, Any]:
    """Return the custom attributes of an organization's provider, or else of another one."""
    if not subject.vouched_for:
        return {}
    claims = dict(subject.vouched_for[0].claims)
    if "profile" in scopes or subject.sub != subject.user.id:
        claims["identities"] = [_identity(one) for one in subject.vouched_for]
    return claims


def _identities(subject: Subject, n: int) -> list[dict[str, Any]]:
    """Return the providers that vouch for a subject, by this many members of each."""
    whole = [_identity(one) for one in subject.vouched_for]
    return [{name: one[name] for name in _IDENTITY[:n]} for one in whole]


def _identity(vouched: Vouched) -> dict[str, Any]:
    return {
        "connection_id": vouched.connection_id,
        "organization_id": vouched.organization_id or "",
        "connection_type": vouched.connection_type,
        "provider_name": vouched.provider_key or vouched.provider,
        "social": vouched.organization_id is None,
        "provider_raw_attributes": to_json(dict(vouched.claims)),
    }


def _place(subject: Subject) -> dict[str, str]:
    """Return the claim of the organization, unless the subject is of none."""
    return {"oid": subject.organization_id} if subject.organization_id else {}


def _actor(subject: Subject) -> dict[str, dict[str, str]]:
    """Return the claim of an operator that acts for the subject (RFC 8693 section 4.1)."""
    by = subject.impersonation
    return {} if by is None else {"act": {"sub": by.operator_id}}


def _present(**claims: Any) -> dict[str, Any]:
    """Return those that say something."""
    return {name: value for name, value in claims.items() if value}


def _size(claims: Mapping[str, Any]) -> int:
    """Return how many bytes claims are in a token, before it is base64."""
    return len(orjson.dumps(claims))
