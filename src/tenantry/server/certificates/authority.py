"""The private CA: one root of P-256 that signs the server's certificate and nothing else.

Extensions are those of RFC 5280 that strict verifiers (Python 3.13, Go, Java) ask for.
"""

from __future__ import annotations

import ipaddress
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tenantry.core import atomic

if TYPE_CHECKING:
    from pathlib import Path

CA_DAYS = 3650
SERVER_DAYS = 397  # the longest that Apple's and Mozilla's clients accept


@dataclass(frozen=True, slots=True)
class Issued:
    """A server certificate with its root, its key, and when it ends in seconds since 1970."""

    chain: bytes
    key: bytes
    not_after: int


class Authority:
    """A root certificate with its key."""

    def __init__(self, root: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._root = root
        self._key = key

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Return the CA in the folder; None if there is none that outlives what it would sign."""
        try:
            root = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
            key = load_pem_private_key((folder / "ca-key.pem").read_bytes(), None)
        except FileNotFoundError:
            return None
        lasts = root.not_valid_after_utc.timestamp() > time.time() + SERVER_DAYS * 86_400
        return cls(root, key) if lasts and isinstance(key, ec.EllipticCurvePrivateKey) else None

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Make a CA and write it into the folder."""
        key = ec.generate_private_key(ec.SECP256R1())
        serial = x509.random_serial_number()
        # The number tells the roots of two deployments apart in a key store.
        name = _name(f"Tenantry private CA {serial % 0x10000:04x}")
        root = (
            _valid_for(CA_DAYS)
            .serial_number(serial)
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(_key_identifier(key), critical=False)
            .sign(key, SHA256())
        )
        atomic.write(folder / "ca-key.pem", _key_pem(key), mode=0o600)
        atomic.write(folder / "ca.pem", root.public_bytes(Encoding.PEM), mode=0o600)
        return cls(root, key)

    def issue(self, names: list[str]) -> Issued:
        """Return a new key and a server certificate for host names and IP addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _valid_for(SERVER_DAYS)
            .serial_number(x509.random_serial_number())
            .subject_name(_name(names[0][:64]))
            .issuer_name(self._root.subject)
            .public_key(key.public_key())
            .add_extension(x509.SubjectAlternativeName(map(_general_name, names)), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(_key_identifier(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, SHA256())
        )
        return Issued(
            certificate.public_bytes(Encoding.PEM) + self._root.public_bytes(Encoding.PEM),
            _key_pem(key),
            int(certificate.not_valid_after_utc.timestamp()),
        )


def _valid_for(days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    # From an hour ago: a client's clock may be behind ours.
    return (
        x509.CertificateBuilder()
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_identifier(key: ec.EllipticCurvePrivateKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
