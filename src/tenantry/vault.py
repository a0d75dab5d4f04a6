"""Secrets: made at random, kept as hashes where they are only compared, encrypted where not.

Pure functions over bytes; storing them is the rooms' concern.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tenantry.times import now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# A process seals with a data key for so long without having read that it is still the one. A key is
# destroyed later than that after another took its place.
SURE_SECONDS = 12 * 3600.0
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_NONCE = 12  # bytes, NIST SP 800-38D section 8.2.2
# What a data key sealed begins with: three bytes that are `dekv` in base64, and its version.
_MARK = base64.b64decode("dekv")
_VERSION = 3  # bytes
_HEAD = len(_MARK) + _VERSION
_WRAPPED = "data key {}"
_READ_SECONDS = 1.0


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


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key that values are sealed with from a time on, None for one that waits for it."""

    version: int  # 1 or more
    key: bytes = field(repr=False)
    active_from: int | None  # microseconds since 1970, UTC


class Vault:
    """Encrypts with AES-256-GCM; its purpose is bound as associated data.

    The first key seals until the first data key is active. A value of a data key names the version
    of that, in six bytes before the nonce: its text begins with ``dekv``. The first key is also the
    one that others are derived from. See docs/decisions/0036-data-keys.md.
    """

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._key = key
        self._data_keys: dict[int, AESGCM] = {}
        self._turns: list[tuple[int, int]] = []  # (active from, version), the latest first
        self._read_at = float("-inf")
        self._asked_at = float("-inf")
        # Reads the data keys again and tells them to `know`, while the caller waits: for a process
        # that was stopped for longer than a key is published before its time.
        self.read_again: Callable[[], None] | None = None

    def know(self, keys: Iterable[DataKey]) -> None:
        """Open values of these data keys, and no others, from now on; seal with that of the time.

        The same keys may be told again, at no cost.
        """
        known = list(keys)
        self._data_keys = {
            one.version: self._data_keys.get(one.version) or AESGCM(one.key) for one in known
        }
        turns = [(one.active_from, one.version) for one in known if one.active_from is not None]
        self._turns = sorted(turns, reverse=True)
        self._read_at = _awake()

    @property
    def version(self) -> int:
        """The version of the data key that seals now; 0 before the first."""
        at = now()
        return next((version for active_from, version in self._turns if active_from <= at), 0)

    def encrypt(self, plain: bytes, purpose: str) -> str:
        """Return nonce and ciphertext in base64, of a data key with its version before them."""
        if self.read_again is not None and _awake() - self._read_at > SURE_SECONDS:
            self._read_again()  # the key that it knows may have had its time long ago
        version, nonce = self.version, secrets.token_bytes(_NONCE)
        if not version:
            sealed = nonce + self._aead.encrypt(nonce, plain, purpose.encode())
        else:
            head = _MARK + version.to_bytes(_VERSION)
            aead = self._data_keys[version]
            sealed = head + nonce + aead.encrypt(nonce, plain, head + purpose.encode())
        return base64.b64encode(sealed).decode()

    def decrypt(self, sealed: str, purpose: str, *, from_outside: bool = False) -> bytes:
        """Return the encrypted bytes in the clear.

        ``from_outside`` says that it did not come out of the database: a key of an unknown version
        is then none of ours, and nothing is read for it.

        Raises:
            WrongKey: it was encrypted under another key or for another purpose, or was changed.

        """
        raw = base64.b64decode(sealed)
        if raw.startswith(_MARK):
            version = int.from_bytes(raw[len(_MARK) : _HEAD])
            if version not in self._data_keys and not from_outside:
                self._read_again()
            aead = self._data_keys.get(version)
            if aead is not None:
                bound = raw[:_HEAD] + purpose.encode()
                try:
                    return aead.decrypt(raw[_HEAD : _HEAD + _NONCE], raw[_HEAD + _NONCE :], bound)
                except (InvalidTag, ValueError):
                    pass  # a nonce of the first key that happens to begin so: one in 16 million
        try:
            return self._aead.decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode())
        except (InvalidTag, ValueError):
            raise WrongKey(purpose) from None

    def wrap(self, key: bytes, version: int) -> str:
        """Return a data key as it is stored: sealed with the first key, for its version."""
        nonce = secrets.token_bytes(_NONCE)
        bound = _WRAPPED.format(version).encode()
        return base64.b64encode(nonce + self._aead.encrypt(nonce, key, bound)).decode()

    def unwrap(self, wrapped: str, version: int) -> bytes:
        """Return the data key of a text of `wrap`.

        Raises:
            WrongKey: it is of another version or another database, or was changed.

        """
        raw, bound = base64.b64decode(wrapped), _WRAPPED.format(version).encode()
        try:
            return self._aead.decrypt(raw[:_NONCE], raw[_NONCE:], bound)
        except (InvalidTag, ValueError):
            raise WrongKey(f"data key {version}") from None

    def own_key(self) -> bytes:
        """Return the first key, for a master key to wrap it."""
        return self._key

    def derive(self, purpose: str) -> bytes:
        """Return a key of 32 bytes for one purpose."""
        return hmac.digest(self._key, purpose.encode(), "sha256")

    def _read_again(self) -> None:
        """Read the data keys while the caller waits, once a second at most."""
        at = _awake()
        if self.read_again is None or at - self._asked_at < _READ_SECONDS:
            return
        self._asked_at = at
        self.read_again()


def head_of(version: int) -> str:
    """Return how the text of a value begins that the data key of a version has sealed."""
    return base64.b64encode(_MARK + version.to_bytes(_VERSION)).decode()


def _awake() -> float:
    """Return the seconds since the machine was started, with those when it was suspended."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def new_data_key() -> bytes:
    """Return a new key of 256 bits."""
    return AESGCM.generate_key(256)
