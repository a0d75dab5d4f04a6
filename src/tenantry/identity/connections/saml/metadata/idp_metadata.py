"""Metadata of an identity provider (Metadata 2.3, 2.4): all that a connection needs of it.

Its own signature is not verified: nobody gave us the key, and its address or the admin vouches
for it. Whether it may replace what a connection has is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes

from tenantry.identity.connections.saml import certificates, faults, parsing
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.names import DS, MD, XMLNS_SAMLP, Binding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography import x509
    from lxml.etree import _Element

_MAX_CERTIFICATES = 8
_MAX_ENTITY_ID = 1024  # characters (Metadata 2.2.1)
_MAX_URL = 2048


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """An identity provider as its metadata describes it.

    `slo_response_urls` differ from `slo_urls` where it wants answers elsewhere. `valid_until` is
    in microseconds since 1970, or None: the caller fetches again, and does not lock anybody out.
    """

    entity_id: str
    sso_urls: Mapping[Binding, str]
    slo_urls: Mapping[Binding, str]
    slo_response_urls: Mapping[Binding, str]
    certificates: tuple[x509.Certificate, ...]
    want_authn_requests_signed: bool
    valid_until: int | None


def read(data: bytes) -> IdentityProvider:
    """Read the metadata of one identity provider, alone or in an EntitiesDescriptor.

    It may be an identity provider and more; certificates that we could not use are left out.
    """
    try:
        root = parsing.parse(data, comments=True)
        entities = (
            [root] if root.tag == f"{MD}EntityDescriptor" else root.iter(f"{MD}EntityDescriptor")
        )
        found = [
            (entity, role)
            for entity in entities
            for role in entity.iterfind(f"{MD}IDPSSODescriptor")
            if XMLNS_SAMLP in role.get("protocolSupportEnumeration", "").split()
        ]
        if len(found) != 1:
            raise _fault(f"it describes {len(found)} SAML 2.0 identity providers instead of one")
        return _read(*found[0], root)
    except SAMLError as error:
        if error.fault in (faults.METADATA, faults.CERTIFICATE):
            raise
        reason = error.description.removesuffix(".").replace("The message ", "it ", 1)
        raise _fault(reason) from None


def _read(entity: _Element, role: _Element, root: _Element) -> IdentityProvider:
    entity_id = entity.get("entityID", "").strip()
    if not entity_id or len(entity_id) > _MAX_ENTITY_ID:
        raise _fault("its entityID is missing or too long")
    sso_urls = _urls(role, "SingleSignOnService", "Location")
    if not sso_urls:
        raise _fault("it has no SingleSignOnService with the HTTP-Redirect or HTTP-POST binding")
    slo_urls = _urls(role, "SingleLogoutService", "Location")
    times = [parsing.time(element, "validUntil") for element in (root, entity, role)]
    return IdentityProvider(
        entity_id=entity_id,
        sso_urls=sso_urls,
        slo_urls=slo_urls,
        slo_response_urls=slo_urls | _urls(role, "SingleLogoutService", "ResponseLocation"),
        certificates=_certificates(role),
        want_authn_requests_signed=role.get("WantAuthnRequestsSigned") in ("true", "1"),
        valid_until=min((at for at in times if at is not None), default=None),
    )


def _urls(role: _Element, service: str, attribute: str) -> dict[Binding, str]:
    """Return a service's addresses by the bindings that we speak; the first of each."""
    urls: dict[Binding, str] = {}
    for endpoint in role.iterfind(f"{MD}{service}"):
        binding, url = endpoint.get("Binding"), endpoint.get(attribute)
        if binding in list(Binding) and url is not None:
            urls.setdefault(Binding(binding), _checked(url.strip(), service))
    return urls


def _checked(url: str, service: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("https", "http") and parts.hostname and len(url) <= _MAX_URL
    except ValueError:
        good = False
    if not good or not url.isascii() or not url.isprintable() or " " in url:
        raise _fault(f"the {service} URL is invalid: {url}")
    return url


def _certificates(role: _Element) -> tuple[x509.Certificate, ...]:
    """Return its certificates for signing, or for no stated use (Metadata 2.4.1.1)."""
    found: dict[bytes, x509.Certificate] = {}
    fault = _fault("it has no signing certificate")
    for descriptor in role.iterfind(f"{MD}KeyDescriptor"):
        if descriptor.get("use", "signing") != "signing":
            continue
        for element in descriptor.iter(f"{DS}X509Certificate"):
            try:
                certificate = certificates.read(parsing.text(element).encode())
            except SAMLError as error:
                fault = error
            else:
                found.setdefault(certificate.fingerprint(hashes.SHA256()), certificate)
    if not found:
        raise fault
    if len(found) > _MAX_CERTIFICATES:
        raise _fault(f"it has more than {_MAX_CERTIFICATES} signing certificates")
    return tuple(found.values())


def _fault(reason: str) -> SAMLError:
    return SAMLError(faults.METADATA, reason=reason)
