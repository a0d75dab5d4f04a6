"""A profile from claims: by the connection's mapping, or by the names of section 5.1."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tenantry.core import strict_json
from tenantry.identity.connections.oidc import faults
from tenantry.identity.connections.oidc.faults import OIDCError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EMAIL, GROUPS = "email", "groups"
# Standard claims that are a profile's, and the one that most providers list groups by.
_STANDARD = (
    *(EMAIL, "given_name", "family_name", "name", "preferred_username"),
    *("phone_number", "locale", "picture", "gender", GROUPS),
)
# Without them a profile is thin: it is worth asking the userinfo endpoint.
_WANTED = (EMAIL, "given_name", "family_name")
_LONGEST = 2048  # characters of one value
_MOST = 2000  # values of one claim


def lacks(claims: Mapping[str, Any], mapping: Mapping[str, str]) -> bool:
    """Whether an ID token says less of a person than is wanted of them."""
    wanted = {**{key: key for key in _WANTED}, **mapping}
    return any(not _texts(_found(claims, name)) for name in wanted.values())


def joined(claims: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims of an ID token, and those that userinfo tells beside them.

    That an address is verified counts for the very address that it was said of.
    """
    whole = {**told, **claims}
    if EMAIL in claims and "email_verified" not in claims and told.get(EMAIL) != claims[EMAIL]:
        whole.pop("email_verified", None)
    return whole


def values(claims: Mapping[str, Any], mapping: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the values of a person's attributes by their keys; ``email`` is always there.

    ``mapping`` says for a key which claim it is: its name, or a path of names with dots. Numbers,
    truth values and objects are written as JSON.
    """
    named = {key: key for key in _STANDARD} | dict(mapping)
    found = {key: texts for key, name in named.items() if (texts := _texts(_found(claims, name)))}
    if EMAIL not in found:
        sent = ", ".join(sorted(claims)) or "no claims"
        raise OIDCError(faults.NO_EMAIL, expected=named[EMAIL], found=sent)
    return found


def email_verified(claims: Mapping[str, Any], mapping: Mapping[str, str]) -> bool:
    """Whether the provider says that the address is the person's; some say so as text.

    It says it of its claim `email`, and of no other that an admin has mapped.
    """
    verified = claims.get("email_verified")
    return mapping.get(EMAIL, EMAIL) == EMAIL and (verified is True or verified == "true")


def _found(claims: Mapping[str, Any], name: str) -> Any:
    """Return the claim of this very name, else that at the end of a path."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(part)
    return found


def _texts(value: Any) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else [value]
    return tuple(_written(parts[:_MOST]))


def _written(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        if part is None:
            continue
        text = part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
        # A NUL is in no name; PostgreSQL could not keep it.
        if 0 < len(text) <= _LONGEST and not strict_json.has_nul(part):
            yield text
