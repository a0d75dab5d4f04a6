"""Secrets: made at random, kept as hashes where they are only compared, encrypted where not.

Pure functions over bytes; storing them is the rooms' concern.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_NONCE = 12  # bytes, NIST SP 800-38D section 8.2.2


class WrongKey(Exception):
    """A stored secret was encrypted under another key, or was changed."""


def new_secret(prefix: str = "") -> str:
    """Return a new secret of 256 random bits, URL-safe, after ``prefix``."""
    return prefix + secrets.token_urlsafe(32)


def is_secret(text: str) -> bool:
    """Whether a text has the form of a secret without a prefix."""
    return _SECRET.fullmatch(text) is not None


def digest(secret: str) -> str:
    """Return the SHA-256 of a secret that has at least 256 random bits, in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, stored: str) -> bool:
    """Whether ``stored`` is the digest of ``secret``, in constant time."""
    return hmac.compare_digest(digest(secret), stored)


class Vault:
    """Encrypts with AES-256-GCM under one key; its purpose is bound as associated data."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._key = key

    def encrypt(self, plain: bytes, purpose: str) -> str:
        """Return nonce and ciphertext in base64."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._aead.encrypt(nonce, plain, purpose.encode())
        return base64.b64encode(sealed).decode()

    def decrypt(self, sealed: str, purpose: str) -> bytes:
        """Return the encrypted bytes in the clear.

        Raises:
            WrongKey: it was encrypted under another key or for another purpose, or was changed.

        """
        raw = base64.b64decode(sealed)
        try:
            return self._aead.decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode())
        except (InvalidTag, ValueError):
            raise WrongKey(purpose) from None

    def derive(self, purpose: str) -> bytes:
        """Return a key of 32 bytes for one purpose."""
        return hmac.digest(self._key, purpose.encode(), "sha256")


def new_data_key() -> bytes:
    """Return a new key of 256 bits."""
    return AESGCM.generate_key(256)
