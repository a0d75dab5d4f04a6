"""Our own metadata, one document for each connection (Metadata 2.4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.identity.connections.saml import (
    certificates,
    decryption,
    parsing,
    signatures,
    writing,
)
from tenantry.identity.connections.saml.names import (
    DS,
    MD,
    XMLNS_DS,
    XMLNS_MD,
    XMLNS_SAMLP,
    Binding,
    NameIDFormat,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from tenantry.identity.connections.saml.certificates import SigningPair


def write(
    *,
    identifier: str,
    sp_entity_id: str,
    acs_urls: Sequence[str],
    slo_urls: Sequence[str],
    current: SigningPair,
    others: Sequence[x509.Certificate],
    authn_requests_signed: bool,
    want_assertions_signed: bool,
    name_id_format: NameIDFormat | None,
    valid_until: int,
) -> bytes:
    """Return our metadata, signed by the current pair; `valid_until` in microseconds since 1970.

    `others` are our certificates beside the current one: the next, so that each identity
    provider knows it before it signs, and the previous, until none encrypts for it any more.
    """
    from lxml import etree

    nsmap = {"md": XMLNS_MD, "ds": XMLNS_DS}
    root = etree.Element(f"{MD}EntityDescriptor", nsmap=nsmap)
    writing.set_all(
        root,
        ID=identifier,
        entityID=sp_entity_id,
        validUntil=parsing.written(valid_until),
    )
    role = writing.child(
        root,
        f"{MD}SPSSODescriptor",
        AuthnRequestsSigned=_boolean(authn_requests_signed),
        WantAssertionsSigned=_boolean(want_assertions_signed),
        protocolSupportEnumeration=XMLNS_SAMLP,
    )
    for use in ("signing", "encryption"):
        for certificate in (current.certificate, *others):
            key = writing.child(role, f"{MD}KeyDescriptor", use=use)
            data = writing.child(writing.child(key, f"{DS}KeyInfo"), f"{DS}X509Data")
            encoded = certificates.base64_of(certificate)
            writing.child(data, f"{DS}X509Certificate", text=encoded)
            for algorithm in _ENCRYPTION if use == "encryption" else ():
                writing.child(key, f"{MD}EncryptionMethod", Algorithm=algorithm)
    for url in slo_urls:
        for binding in Binding:
            writing.child(role, f"{MD}SingleLogoutService", Binding=binding, Location=url)
    if name_id_format:
        writing.child(role, f"{MD}NameIDFormat", text=name_id_format)
    for index, url in enumerate(acs_urls):
        writing.child(
            role,
            f"{MD}AssertionConsumerService",
            Binding=Binding.HTTP_POST,
            Location=url,
            index=str(index),
            isDefault=_boolean(index == 0),
        )
    return parsing.serialize(signatures.sign(root, current, before=f"{MD}SPSSODescriptor"))


# The ones to choose; CBC, which is taken too, is not among them.
_ENCRYPTION = (decryption.AES256_GCM, decryption.AES128_GCM, decryption.RSA_OAEP)


def _boolean(value: bool) -> str:
    return "true" if value else "false"
