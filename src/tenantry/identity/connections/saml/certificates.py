"""X.509 certificates: those of identity providers that are pinned, and our own signing pair."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tenantry.identity.connections.saml import faults
from tenantry.identity.connections.saml.faults import SAMLError

_MAX_BYTES = 32 * 1024
_RSA_BITS = range(1024, 8193)  # smaller ones are broken, and larger ones take too long
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_PEM = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----([^-]*)-----END (?:X509 )?CERTIFICATE-")
_IN_XML = re.compile(r"<(?:\w+:)?X509Certificate>([^<]*)</")
_BLANK_LINES = re.compile(r"\n[ \t]*\n")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Details:
    """A certificate's own words; times in microseconds since 1970, names by RFC 4514."""

    not_before: int
    not_after: int
    subject: str
    issuer: str


@dataclass(frozen=True, slots=True)
class SigningPair:
    """A Tenantry key, and the certificate that identity providers know it by."""

    private_key: rsa.RSAPrivateKey
    certificate: x509.Certificate


def split(pasted: str) -> list[str]:
    """Return the texts of single certificates, each for `read`.

    They are blocks of PEM with anything around, elements of metadata, or bare base64 with blank
    lines between.
    """
    if "PRIVATE KEY-----" in pasted:
        raise _invalid("it contains a private key, which must stay secret")
    text = pasted.replace("\r\n", "\n").strip("\ufeff \t\r\n")
    begun = text.count("-----BEGIN ")
    if begun:
        blocks = [one[0].decode() for one in _PEM.finditer(text.encode())]
        if len(blocks) != begun:
            raise _invalid("a PEM block is truncated or is not a certificate")
        return blocks
    if found := _IN_XML.findall(text):
        return list(found)
    parts = _BLANK_LINES.split(text)
    # DER begins with a sequence of more than 255 bytes.
    return parts if all(part.lstrip().startswith("MI") for part in parts) else [text]


def read(pasted: bytes) -> x509.Certificate:
    """Return the first certificate of a file or a text: PEM, bare base64 or DER.

    Signatures can be verified with its key. One that has expired is taken: see `details`.
    """
    if b"PRIVATE KEY-----" in pasted:
        raise _invalid("it contains a private key, which must stay secret")
    if len(pasted) > _MAX_BYTES:
        raise _invalid(f"it exceeds {_MAX_BYTES // 1024} KB")
    try:
        certificate = x509.load_der_x509_certificate(_der(pasted))
        key = certificate.public_key()
        details(certificate)
    except (ValueError, UnsupportedAlgorithm):
        raise _invalid("it is not an X.509 certificate with a supported key") from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA_BITS:
        return certificate
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return certificate
    raise _invalid("its key is not RSA (1024 to 8192 bits) or EC (P-256 to P-521)")


def _der(pasted: bytes) -> bytes:
    if pasted[:1] == b"\x30":  # a sequence of ASN.1, and in base64 it would begin with an M
        return pasted
    found = _PEM.search(pasted)
    return binascii.a2b_base64(b"".join((found[1] if found else pasted).split()), strict_mode=True)


def _invalid(reason: str) -> SAMLError:
    return SAMLError(faults.CERTIFICATE, reason=reason)


def details(certificate: x509.Certificate) -> Details:
    """Return what a certificate says of itself."""
    return Details(
        not_before=(certificate.not_valid_before_utc - _EPOCH) // _MICROSECOND,
        not_after=(certificate.not_valid_after_utc - _EPOCH) // _MICROSECOND,
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
    )


def base64_of(certificate: x509.Certificate) -> str:
    """Return a certificate as metadata holds it (XML Signature, 4.4.4)."""
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def make_signing_pair(common_name: str, *, not_before: int, not_after: int) -> SigningPair:
    """Make a key (RSA, 2048 bits) and its own certificate; times in microseconds since 1970.

    It takes a tenth of a second of one processor, or more: not on an event loop.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_EPOCH + timedelta(microseconds=not_before))
        .not_valid_after(_EPOCH + timedelta(microseconds=not_after))
        .sign(key, hashes.SHA256())
    )
    return SigningPair(key, certificate)
