"""XML signatures as SAML allows them (Core 5.4), and signed queries of the Redirect binding.

signxml does the cryptography. It takes more than SAML allows, so each signature is first held to
one shape. The covered element is then read from the canonical bytes that were digested, and
from nothing else. The element is verified as its own document: nothing around it can be meant.
"""

from __future__ import annotations

import base64
import binascii
import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tenantry.identity.connections.saml import faults, parsing
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.names import DS, XMLNS_DS

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from cryptography import x509
    from lxml.etree import _Element

    from tenantry.identity.connections.saml.certificates import SigningPair

_ENVELOPED = f"{XMLNS_DS}enveloped-signature"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_INCLUSIVE_NAMESPACES = f"{{{_EXCLUSIVE}}}InclusiveNamespaces"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
RSA_SHA256 = f"{_MORE}rsa-sha256"
_Hash = hashes.SHA1 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512
_RSA: dict[str, type[_Hash]] = {
    f"{XMLNS_DS}rsa-sha1": hashes.SHA1,
    RSA_SHA256: hashes.SHA256,
    f"{_MORE}rsa-sha384": hashes.SHA384,
    f"{_MORE}rsa-sha512": hashes.SHA512,
}
_ECDSA: dict[str, type[_Hash]] = {
    f"{_MORE}ecdsa-sha1": hashes.SHA1,
    f"{_MORE}ecdsa-sha256": hashes.SHA256,
    f"{_MORE}ecdsa-sha384": hashes.SHA384,
    f"{_MORE}ecdsa-sha512": hashes.SHA512,
}
_METHODS = _RSA | _ECDSA
_DIGESTS = {
    f"{XMLNS_DS}sha1",
    "http://www.w3.org/2001/04/xmlenc#sha256",
    f"{_MORE}sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
}
_SHA1 = {f"{XMLNS_DS}rsa-sha1", f"{_MORE}ecdsa-sha1", f"{XMLNS_DS}sha1"}
# An OpenSSL that was built so has no SHA-1.
_NOT_VERIFIED = (InvalidSignature, UnsupportedAlgorithm, ValueError)
_NCNAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


def is_signed(element: _Element) -> bool:
    """Say whether a signature is a direct child of the element."""
    return element.find(f"{DS}Signature") is not None


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that verified: of which element, by which algorithms and whose certificate."""

    element: str
    method: str
    digest: str
    fingerprint: str  # SHA-256 of the certificate, in hexadecimal


def verified(
    element: _Element, certificates: Sequence[x509.Certificate], *, sha1: bool
) -> tuple[_Element, Signature]:
    """Return the element as its own signature covers it, read anew from the canonical bytes.

    One of the pinned `certificates` made it; a certificate in the message counts for nothing.
    A pinned one that has expired still verifies: the operator is warned of it elsewhere.
    """
    from lxml.etree import LxmlError
    from signxml.algorithms import DigestAlgorithm, SignatureMethod
    from signxml.exceptions import SignXMLException
    from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

    method, digest = _hold_to_shape(element, sha1=sha1)
    document = parsing.serialize(element)
    for certificate in certificates:
        expected = SignatureConfiguration(
            location="./",
            signature_methods=frozenset({SignatureMethod(method)}),
            digest_algorithms=frozenset({DigestAlgorithm(digest)}),
            ignore_ambiguous_key_info=True,
            verification_time=certificate.not_valid_before_utc,
        )
        try:
            result = XMLVerifier().verify(
                document,
                x509_cert=certificate,
                validate_schema=False,  # the shape is narrower
                parser=parsing.parser(),
                id_attribute="ID",
                expect_config=expected,
            )
        except (SignXMLException, LxmlError, *_NOT_VERIFIED):
            continue
        assert isinstance(result, VerifyResult)
        signed = result.signed_xml
        if (
            signed is not None
            and signed.tag == element.tag
            and signed.get("ID") == element.get("ID")
        ):
            return signed, Signature(
                parsing.local(element.tag),
                method.rpartition("#")[2],
                digest.rpartition("#")[2],
                certificate.fingerprint(hashes.SHA256()).hex(),
            )
    raise SAMLError(faults.SIGNATURE, count=len(certificates))


def _hold_to_shape(element: _Element, *, sha1: bool) -> tuple[str, str]:
    """Refuse all but SAML's one shape (Core 5.4); return the two algorithms, which are allowed."""
    signatures = element.findall(f"{DS}Signature")
    if len(signatures) != 1:
        raise _shape("the element does not have exactly one signature")
    names = [f"{DS}SignedInfo", f"{DS}SignatureValue", f"{DS}KeyInfo"]
    if (parts := list(signatures[0])) and len(parts) == 2:
        names.pop()
    signed_info, value, *_ = _children(signatures[0], *names)
    canonicalization, method, reference = _children(
        signed_info, f"{DS}CanonicalizationMethod", f"{DS}SignatureMethod", f"{DS}Reference"
    )
    transforms, digest, digest_value = _children(
        reference, f"{DS}Transforms", f"{DS}DigestMethod", f"{DS}DigestValue"
    )
    enveloped, exclusive = _children(transforms, f"{DS}Transform", f"{DS}Transform")
    for leaf in (method, digest, value, digest_value, enveloped):
        _children(leaf)
    for one in (canonicalization, exclusive):
        for inclusive in _children(one, *[_INCLUSIVE_NAMESPACES] * bool(len(one))):
            _children(inclusive)
    for leaf in (value, digest_value):
        _base64(leaf.text or "")
    identifier = element.get("ID", "")
    if not _NCNAME.fullmatch(identifier) or reference.get("URI") != f"#{identifier}":
        raise _shape("the reference is not the ID of the parent element")
    if enveloped.get("Algorithm") != _ENVELOPED:
        raise _shape("the first transform is not enveloped-signature")
    if {one.get("Algorithm") for one in (canonicalization, exclusive)} != {_EXCLUSIVE}:
        raise _shape("it does not use exclusive canonicalization without comments")
    method_uri, digest_uri = method.get("Algorithm", ""), digest.get("Algorithm", "")
    _allow(method_uri, _METHODS, sha1=sha1)
    _allow(digest_uri, _DIGESTS, sha1=sha1)
    return method_uri, digest_uri


def _children(parent: _Element, *tags: str) -> list[_Element]:
    children = list(parent)
    if [child.tag for child in children] != list(tags):
        raise _shape(f"{parsing.local(parent.tag)} has unexpected child elements")
    return children


def _base64(text: str) -> bytes:
    spelled = "".join(text.split())
    try:
        data = binascii.a2b_base64(spelled.encode("ascii"), strict_mode=True)
        # One value has one spelling: the last bits, which stand for nothing, are zero.
        if data and base64.b64encode(data).decode() == spelled:
            return data
    except ValueError:
        pass
    raise _shape("a value is not valid base64")


def _shape(reason: str) -> SAMLError:
    return SAMLError(faults.SIGNATURE_SHAPE, reason=reason)


def _allow(algorithm: str, known: Container[str], *, sha1: bool) -> None:
    if algorithm not in known or (algorithm in _SHA1 and not sha1):
        raise SAMLError(faults.SIGNATURE_METHOD, found=algorithm or "(missing)")


def sign(element: _Element, pair: SigningPair, *, before: str | None = None) -> _Element:
    """Return a copy with a signature by RSA and SHA-256, in front of the child `before`.

    Without `before` it follows the first child, which is the Issuer in messages (Core 3.2.1).
    """
    from lxml import etree
    from signxml.algorithms import CanonicalizationMethod
    from signxml.signer import XMLSigner

    place = etree.Element(f"{DS}Signature", nsmap={"ds": XMLNS_DS}, Id="placeholder")
    signed = copy.deepcopy(element)
    first = signed.find(before) if before else signed[0]
    assert first is not None
    if before:
        first.addprevious(place)
    else:
        first.addnext(place)
    signer = XMLSigner(c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0)
    return signer.sign(
        signed, key=pair.private_key, cert=[pair.certificate], reference_uri=element.get("ID")
    )


def sign_octets(octets: bytes, pair: SigningPair) -> str:
    """Return the signature of a query by RSA and SHA-256, in base64 (Bindings 3.4.4.1)."""
    signed = pair.private_key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(signed).decode()


def verify_octets(
    octets: bytes,
    *,
    method: str,
    signature: str,
    certificates: Sequence[x509.Certificate],
    sha1: bool,
) -> None:
    """Hold a query to its signature (Bindings 3.4.4.1) by one of the pinned certificates."""
    _allow(method, _METHODS, sha1=sha1)
    value = _base64(signature)
    for certificate in certificates:
        key = certificate.public_key()
        try:
            if isinstance(key, rsa.RSAPublicKey) and method in _RSA:
                key.verify(value, octets, padding.PKCS1v15(), _RSA[method]())
                return
            if isinstance(key, ec.EllipticCurvePublicKey) and method in _ECDSA:
                key.verify(_der(value), octets, ec.ECDSA(_ECDSA[method]()))
                return
        except _NOT_VERIFIED:
            continue
    raise SAMLError(faults.SIGNATURE, count=len(certificates))


def _der(value: bytes) -> bytes:
    """Return an ECDSA signature, two numbers side by side (RFC 4051, 2.3.6), as ASN.1 has it."""
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    half = len(value) // 2
    return encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))
