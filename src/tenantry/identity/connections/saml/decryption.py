"""Encrypted assertions and NameIDs (XML Encryption 1.1), with our keys.

RSA 1.5 and 3DES are never taken. AES-CBC has no separate integrity: many questions of
"does this decrypt?" read it without the key, so a verified signature must cover it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tenantry.identity.connections.saml import faults, parsing
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.names import (
    DS,
    XENC,
    XENC11,
    XMLNS_DS,
    XMLNS_XENC,
    XMLNS_XENC11,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from lxml.etree import _Element

# By the identifier of the algorithm: the length of its key in bytes.
_CBC = {f"{XMLNS_XENC}aes{bits}-cbc": bits // 8 for bits in (128, 192, 256)}
AES128_GCM, AES256_GCM = f"{XMLNS_XENC11}aes128-gcm", f"{XMLNS_XENC11}aes256-gcm"
_GCM = {f"{XMLNS_XENC11}aes{bits}-gcm": bits // 8 for bits in (128, 192, 256)}
RSA_OAEP = f"{XMLNS_XENC11}rsa-oaep"
RSA_OAEP_MGF1P = f"{XMLNS_XENC}rsa-oaep-mgf1p"
_SHA1, _MGF1_SHA1 = f"{XMLNS_DS}sha1", f"{XMLNS_XENC11}mgf1sha1"
_HASHES: dict[str, type[hashes.SHA1 | hashes.SHA256 | hashes.SHA512]] = {
    _SHA1: hashes.SHA1,
    f"{XMLNS_XENC}sha256": hashes.SHA256,
    f"{XMLNS_XENC}sha512": hashes.SHA512,
}
_MASKS: dict[str, type[hashes.SHA1 | hashes.SHA256 | hashes.SHA512]] = {
    _MGF1_SHA1: hashes.SHA1,
    f"{XMLNS_XENC11}mgf1sha256": hashes.SHA256,
    f"{XMLNS_XENC11}mgf1sha512": hashes.SHA512,
}
_NONCE, _TAG, _BLOCK = 12, 16, 16


def decrypted(
    encrypted: _Element, keys: Sequence[RSAPrivateKey], *, covered: bool, tag: str
) -> _Element:
    """Return the element of this tag that stands encrypted, parsed within the bounds of messages.

    `encrypted` is an EncryptedAssertion or EncryptedID (Core 2.2.4, 2.3.4) with one EncryptedData
    and one EncryptedKey, for one of our `keys`; `covered` says that a verified signature covers it.
    """
    data = parsing.one(encrypted, f"{XENC}EncryptedData")
    method = _algorithm(parsing.one(data, f"{XENC}EncryptionMethod"))
    length = _GCM.get(method) or _CBC.get(method)
    if length is None:
        raise SAMLError(faults.ENCRYPTION_METHOD, found=method)
    if method in _CBC and not covered:
        raise SAMLError(faults.UNSIGNED_CBC)
    # Inside the KeyInfo of the data, or beside the data.
    found = list(encrypted.iter(f"{XENC}EncryptedKey"))
    if len(found) != 1:
        raise SAMLError(faults.DECRYPTION)
    padding = _padding(parsing.one(found[0], f"{XENC}EncryptionMethod"))
    wrapped, text = _cipher_value(found[0]), _cipher_value(data)
    for key in keys:
        try:
            secret = key.decrypt(wrapped, padding)
            if len(secret) == length:
                plain = _gcm(secret, text) if method in _GCM else _cbc(secret, text)
                break
        except (ValueError, InvalidTag):
            continue
    else:  # one answer for all that can fail: a key, a tag, a padding
        raise SAMLError(faults.DECRYPTION)
    root = parsing.parse(plain)
    if root.tag != tag:
        raise SAMLError(
            faults.ELEMENT, parent=parsing.local(encrypted.tag), element=parsing.local(tag)
        )
    return root


def _padding(method: _Element) -> OAEP:
    algorithm = _algorithm(method)
    if algorithm not in (RSA_OAEP, RSA_OAEP_MGF1P) or method.find(f"{XENC}OAEPparams") is not None:
        raise SAMLError(faults.ENCRYPTION_METHOD, found=algorithm)
    digest = parsing.only(method, f"{DS}DigestMethod")
    mask = parsing.only(method, f"{XENC11}MGF") if algorithm == RSA_OAEP else None
    digest_uri = _SHA1 if digest is None else _algorithm(digest)
    mask_uri = _MGF1_SHA1 if mask is None else _algorithm(mask)
    if digest_uri not in _HASHES or mask_uri not in _MASKS:
        raise SAMLError(faults.ENCRYPTION_METHOD, found=f"{algorithm} {digest_uri} {mask_uri}")
    return OAEP(mgf=MGF1(_MASKS[mask_uri]()), algorithm=_HASHES[digest_uri](), label=None)


def _gcm(key: bytes, data: bytes) -> bytes:
    if len(data) < _NONCE + _TAG:
        raise ValueError
    return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], None)


def _cbc(key: bytes, data: bytes) -> bytes:
    """Decrypt, and remove the padding (XML Encryption 5.2.1): its last byte counts it."""
    decryptor = Cipher(algorithms.AES(key), modes.CBC(data[:_BLOCK])).decryptor()
    padded = decryptor.update(data[_BLOCK:]) + decryptor.finalize()
    if not padded or not 1 <= padded[-1] <= _BLOCK:
        raise ValueError
    return padded[: -padded[-1]]


def _cipher_value(parent: _Element) -> bytes:
    value = parsing.text(
        parsing.one(parsing.one(parent, f"{XENC}CipherData"), f"{XENC}CipherValue")
    )
    return parsing.decode("CipherValue", value)


def _algorithm(method: _Element) -> str:
    return str(method.get("Algorithm", "(missing)"))
