"""Two parties of one connection: what the identity provider is known by, and what we are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tenantry.identity.connections.saml import faults, parsing
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.names import SAML

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from lxml.etree import _Element


class SigningOption(Enum):
    """The signatures that a response must have; the contract's SAMLSigningOptions."""

    NO_SIGNING = 0
    SAML_ONLY_RESPONSE_SIGNING = 1
    SAML_ONLY_ASSERTION_SIGNING = 2
    SAML_RESPONSE_ASSERTION_SIGNING = 3
    SAML_RESPONSE_OR_ASSERTION_SIGNING = 4

    @property
    def of_response(self) -> bool:
        return self in (self.SAML_ONLY_RESPONSE_SIGNING, self.SAML_RESPONSE_ASSERTION_SIGNING)

    @property
    def of_assertion(self) -> bool:
        return self in (self.SAML_ONLY_ASSERTION_SIGNING, self.SAML_RESPONSE_ASSERTION_SIGNING)


@dataclass(frozen=True, slots=True)
class Trust:
    """The identity provider's entity ID and pinned certificates; our entity ID, addresses, keys.

    One signature at least is always demanded, by NO_SIGNING too: an unsigned response proves
    nothing. `sha1` takes signatures with SHA-1, for providers that have nothing newer.
    """

    idp_entity_id: str
    idp_certificates: tuple[x509.Certificate, ...]
    sp_entity_id: str
    acs_urls: tuple[str, ...]
    slo_urls: tuple[str, ...] = ()
    signing: SigningOption = SigningOption.SAML_RESPONSE_OR_ASSERTION_SIGNING
    decryption_keys: tuple[RSAPrivateKey, ...] = ()
    assertion_encrypted: bool = False
    sha1: bool = False


@dataclass(frozen=True, slots=True)
class NameID:
    """A subject as its identity provider names it (Core 2.2.3); qualifiers go back at logout."""

    value: str
    format: str | None = None
    name_qualifier: str | None = None
    sp_name_qualifier: str | None = None


MAX_NAME_ID = 1024  # characters


def hold_to_issuer(element: _Element, trust: Trust, *, required: bool) -> None:
    """Refuse an element whose Issuer (Core 2.2.5) is not the connection's identity provider."""
    issuer = parsing.only(element, f"{SAML}Issuer")
    if issuer is None and not required:
        return
    if (found := parsing.text(issuer)) != trust.idp_entity_id:
        raise SAMLError(faults.ISSUER, found=found or "missing", expected=trust.idp_entity_id)


def hold_to_destination(element: _Element, urls: tuple[str, ...], *, required: bool) -> None:
    """Refuse a message that was sent to another address than ours (Core 3.2.1, 3.2.2)."""
    found = element.get("Destination")
    if found is None and not required:
        return
    if found not in urls:
        raise SAMLError(faults.DESTINATION, found=found or "missing", expected=" or ".join(urls))


def read_name_id(element: _Element) -> NameID:
    """Return a NameID with its whole text."""
    value = parsing.text(element)
    if not value or len(element) or len(value) > MAX_NAME_ID:
        raise SAMLError(faults.ELEMENT, parent="Subject", element="NameID")
    return NameID(
        value,
        element.get("Format"),
        element.get("NameQualifier"),
        element.get("SPNameQualifier"),
    )
