"""A profile from the attributes of an assertion: by the connection's mapping, or by known names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.identity.connections.saml import faults
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.names import NameIDFormat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tenantry.identity.connections.saml.response import Assertion

EMAIL, GIVEN_NAME, FAMILY_NAME = "email", "given_name", "family_name"
_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
# In lower case: spellings of the guides, of LDAP (RFC 4519, RFC 4524 by OID) and of Microsoft.
_SPELLINGS = {
    EMAIL: (
        "email",
        "mail",
        "emailaddress",
        "email_address",
        f"{_CLAIMS}emailaddress",
        "http://schemas.xmlsoap.org/claims/emailaddress",
        "urn:oid:0.9.2342.19200300.100.1.3",
    ),
    GIVEN_NAME: (
        "given_name",
        "givenname",
        "first_name",
        "firstname",
        f"{_CLAIMS}givenname",
        "urn:oid:2.5.4.42",
    ),
    FAMILY_NAME: (
        "family_name",
        "familyname",
        "last_name",
        "lastname",
        "surname",
        "sn",
        f"{_CLAIMS}surname",
        "urn:oid:2.5.4.4",
    ),
}


def profile(assertion: Assertion, mapping: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the profile's values by key: `email` always, names if sent, and all of the mapping.

    `mapping` says for a key which attribute it is, letter by letter; a key that it leaves out is
    found by any known spelling, as a name or a friendly name. Without an attribute the NameID is
    the e-mail address, where its format says that it is one.
    """
    sent = {name: kept for name, all_ in assertion.attributes.items() if (kept := _filled(all_))}
    found = {key: sent[name] for key, name in mapping.items() if name in sent}
    by_spelling = _by_spelling(sent, assertion.friendly_names)
    for key in _SPELLINGS.keys() - mapping.keys():
        for spelling in _SPELLINGS[key]:
            if spelling in by_spelling:
                found.setdefault(key, by_spelling[spelling])
    if EMAIL not in mapping and assertion.name_id.format == NameIDFormat.EMAIL:
        found.setdefault(EMAIL, (assertion.name_id.value,))
    if EMAIL not in found:
        raise SAMLError(
            faults.NO_EMAIL,
            expected=mapping.get(EMAIL, EMAIL),
            found=", ".join(sorted(sent)) or "no attributes",
        )
    return found


def find_spelling(sent: Iterable[str], key: str) -> str:
    """Return the name among those sent that is a known spelling of a key, "" for none."""
    by_spelling = {name.lower(): name for name in sent}
    return next((by_spelling[one] for one in _SPELLINGS[key] if one in by_spelling), "")


def _by_spelling(
    sent: Mapping[str, tuple[str, ...]], friendly_names: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return values by names in lower case; a name counts before a friendly name."""
    names = [(name, name) for name in sent]
    names += [(friendly, name) for name, friendly in friendly_names.items() if name in sent]
    by_spelling: dict[str, tuple[str, ...]] = {}
    for spelling, name in names:
        by_spelling.setdefault(spelling.lower(), sent[name])
    return by_spelling


def _filled(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value for value in values if value)
