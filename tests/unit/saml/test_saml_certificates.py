"""Certificates that are pasted or uploaded, and a signing pair of ours."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from saml_provider import NOW, pair, pem

from tenantry.core.times import DAY, SECOND
from tenantry.identity.connections.saml import certificates
from tenantry.identity.connections.saml.faults import SAMLError

CERTIFICATE = pair("idp").certificate
PEM, DER = CERTIFICATE.public_bytes(Encoding.PEM), CERTIFICATE.public_bytes(Encoding.DER)
BARE = base64.b64encode(DER)


@pytest.mark.parametrize(
    "pasted",
    [
        PEM,
        DER,
        BARE,
        b"\n  " + BARE[:70] + b"\r\n" + BARE[70:] + b"\n",
        PEM.replace(b"\n", b"\r\n"),
        b"Bag Attributes\n    friendlyName: idp\n"
        + PEM
        + pair("next").certificate.public_bytes(Encoding.PEM),
        PEM.replace(b"\n", b" "),
        PEM.replace(b"BEGIN C", b"BEGIN X509 C").replace(b"END C", b"END X509 C"),
    ],
)
def test_a_certificate_is_read_as_people_paste_it(pasted):
    assert certificates.read(pasted) == CERTIFICATE


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        (b"", "not an X.509"),
        (b"hello", "not an X.509"),
        (BARE[:-8], "not an X.509"),
        (DER[:-8], "not an X.509"),
        ("straße".encode(), "not an X.509"),
        (pem(pair("idp").private_key), "private key"),
        (pem(pair("idp").private_key) + PEM, "private key"),
        (b"A" * 40_000, "exceeds 32 KB"),
    ],
)
def test_other_texts_are_refused(pasted, said):
    with pytest.raises(SAMLError, match=said) as refused:
        certificates.read(pasted)
    assert refused.value.code == "invalid_saml_metadata"


def of_key(key, sign_with=None):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(CERTIFICATE.not_valid_before_utc)
        .not_valid_after(CERTIFICATE.not_valid_after_utc)
        .sign(sign_with or pair("idp").private_key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


def test_keys_that_verify_signatures_are_taken():
    for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()):
        certificates.read(of_key(ec.generate_private_key(curve)))
    certificates.read(of_key(rsa.generate_private_key(65537, 1024)))


@pytest.mark.parametrize(
    "key",
    [
        dsa.generate_private_key(1024),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
)
def test_other_keys_are_refused(key):
    with pytest.raises(SAMLError, match="not RSA"):
        certificates.read(of_key(key))


def test_a_signing_pair_says_its_name_and_its_times():
    made = certificates.make_signing_pair("sp.test", not_before=NOW, not_after=NOW + 3650 * DAY)
    assert certificates.details(made.certificate) == certificates.Details(
        not_before=NOW // SECOND * SECOND,
        not_after=(NOW + 3650 * DAY) // SECOND * SECOND,
        subject="CN=sp.test",
        issuer="CN=sp.test",
    )
    assert made.certificate.public_key() == made.private_key.public_key()
    assert made.private_key.key_size == 2048
    assert certificates.read(certificates.base64_of(made.certificate).encode()) == made.certificate
    made.certificate.verify_directly_issued_by(made.certificate)
