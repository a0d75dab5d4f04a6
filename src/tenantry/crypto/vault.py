"""Secrets: made at random, kept as hashes where they are only compared, encrypted where not.

Pure functions over bytes; storing them is the concern of the domain packages.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tenantry.core import errors
from tenantry.core.times import DAY, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# A process encrypts with a data key for so long without having read that it is still the one. A key
# is destroyed later than that after another took its place.
SURE_SECONDS = 12 * 3600.0
# The same for a value that stays, until values without binding are refused: a process that was
# stopped meanwhile must not write one after that.
SURE_UNBOUND_SECONDS = 60.0
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_NONCE = 12  # bytes, NIST SP 800-38D section 8.2.2
# What a data key encrypted begins with: three bytes that are `dekv` in base64, and its version.
_MARK = base64.b64decode("dekv")
_VERSION = 3  # bytes
_HEAD = len(_MARK) + _VERSION
_WRAPPED = "data key {}"
# Before a wrapped data key that binds values to their rows, and before one of a database that
# refuses values without binding, with the time since when.
_BINDS = "binds"
_REFUSES = re.compile(r"binds since ([0-9]{1,19})")
_READ_SECONDS = 1.0
_TO_URL, _FROM_URL = str.maketrans("+/", "-_", "="), str.maketrans("-_", "+/")


class WrongKey(errors.Error):
    """A stored value was encrypted by another key, or was changed, or belongs elsewhere."""

    code = errors.Code.FAILED_PRECONDITION
    error_code = "VALUE_UNREADABLE"
    sentence = (
        "a stored secret cannot be decrypted: it was encrypted with another key, or was changed "
        "or moved in the database. Set it again"
    )


@dataclass(frozen=True, slots=True)
class Binding:
    """The place that a value is bound to, as associated data: elsewhere it is refused.

    ``place`` is the column ("connections.secret"), or the purpose of a value outside of the
    database; ``key`` is the primary key of the row, or the session or object of such a value.
    ``former`` is the associated data of data keys that do not bind, ``place`` where it is empty.
    ``stays`` says that the value is in the database for longer than a day.
    """

    place: str
    key: tuple[str, ...] = ()
    organization_id: str = ""
    former: str = ""
    stays: bool = False

    @property
    def associated_data(self) -> bytes:
        """The associated data: no two bindings have the same."""
        return json.dumps([self.place, list(self.key), self.organization_id]).encode()

    @property
    def former_data(self) -> bytes:
        """The associated data of data keys that do not bind."""
        return (self.former or self.place).encode()


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
    """A key that encrypts values from a time on, None for one that waits for it.

    ``binds`` says that its values are bound to their rows. With ``refuses_since`` the database
    refuses values without binding since then: it stays with one of its keys once it is set.
    """

    version: int  # 1 or more
    key: bytes = field(repr=False)
    active_from: int | None  # microseconds since 1970, UTC
    binds: bool = False
    refuses_since: int | None = None  # microseconds since 1970, UTC


class Vault:
    """Encrypts with AES-256-GCM; what a value belongs to is bound as associated data.

    The first key encrypts until the first data key is active. A value of a data key names the
    version of that, in six bytes before the nonce: its text begins with ``dekv``. The first key is
    also the one that others are derived from. See docs/decisions/0036-data-keys.md.

    A data key either binds all its values to their rows, or none of them, and its wrapping says
    which: so the version of a value tells its format. See docs/decisions/0043-bound-values.md.
    """

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._key = key
        self._data_keys: dict[int, tuple[DataKey, AESGCM]] = {}
        self._turns: list[tuple[int, int]] = []  # (active from, version), the latest first
        self._refuses_since: int | None = None
        self._read_at = float("-inf")
        self._asked_at = float("-inf")
        # Reads the data keys again and tells them to `know`, while the caller waits: for a process
        # that was stopped for longer than a key is published before its time.
        self.read_again: Callable[[], None] | None = None

    def know(self, keys: Iterable[DataKey]) -> None:
        """Decrypt by these data keys, and no others, from now on; encrypt by that of the time.

        The same keys may be told again, at no cost. Once values without binding are refused they
        are refused for as long as this process lives, even when it is told otherwise later.
        """
        known = list(keys)
        former, self._data_keys = self._data_keys, {}
        for one in known:
            before = former.get(one.version)
            aead = before[1] if before is not None else AESGCM(one.key)
            self._data_keys[one.version] = (one, aead)
        turns = [(one.active_from, one.version) for one in known if one.active_from is not None]
        self._turns = sorted(turns, reverse=True)
        since = [one.refuses_since for one in known if one.refuses_since is not None]
        if since and self._refuses_since is None:
            self._refuses_since = min(since)
        self._read_at = _awake()

    @property
    def version(self) -> int:
        """The version of the data key that encrypts now; 0 before the first."""
        at = now()
        return next((version for active_from, version in self._turns if active_from <= at), 0)

    @property
    def binds(self) -> bool:
        """Whether the data key that encrypts now binds values to their rows."""
        version = self.version
        return bool(version) and self._data_keys[version][0].binds

    @property
    def refuses_since(self) -> int | None:
        """Since when values without binding are refused, in microseconds since 1970."""
        return self._refuses_since

    def encrypt(self, plain: bytes, binding: Binding) -> str:
        """Return nonce and ciphertext in base64, of a data key with its version before them."""
        is_soon = binding.stays and self._refuses_since is None
        sure = SURE_UNBOUND_SECONDS if is_soon else SURE_SECONDS
        if self.read_again is not None and _awake() - self._read_at > sure:
            self._read_again()  # the key that it knows may have had its time long ago
        version, nonce = self.version, secrets.token_bytes(_NONCE)
        if not version:
            encrypted = nonce + self._aead.encrypt(nonce, plain, binding.former_data)
        else:
            head = _MARK + version.to_bytes(_VERSION)
            key, aead = self._data_keys[version]
            data = head + (binding.associated_data if key.binds else binding.former_data)
            encrypted = head + nonce + aead.encrypt(nonce, plain, data)
        return base64.b64encode(encrypted).decode()

    def decrypt(self, encrypted: str, binding: Binding, *, from_outside: bool = False) -> bytes:
        """Return the bytes in the clear.

        ``from_outside`` says that it did not come out of the database: a key of an unknown version
        is then not a Tenantry key, and nothing is read for it.

        Raises:
            WrongKey: it was encrypted by another key or for another place, or was changed; or it is
                not bound to its row, in a database that refuses such values.

        """
        try:
            raw = base64.b64decode(encrypted)
        except ValueError:
            raise WrongKey from None
        takes_unbound = self._takes_unbound(binding)
        if raw.startswith(_MARK):
            version = int.from_bytes(raw[len(_MARK) : _HEAD])
            if version not in self._data_keys and not from_outside:
                self._read_again()
            key, aead = self._data_keys.get(version, (None, None))
            if key is not None and aead is not None and (key.binds or takes_unbound):
                data = raw[:_HEAD] + (binding.associated_data if key.binds else binding.former_data)
                try:
                    return aead.decrypt(raw[_HEAD : _HEAD + _NONCE], raw[_HEAD + _NONCE :], data)
                except (InvalidTag, ValueError):
                    pass  # a nonce of the first key that happens to begin so: one in 16 million
        if not takes_unbound:
            raise WrongKey
        try:
            return self._aead.decrypt(raw[:_NONCE], raw[_NONCE:], binding.former_data)
        except (InvalidTag, ValueError):
            raise WrongKey from None

    def _takes_unbound(self, binding: Binding) -> bool:
        """Whether a value may be one of a key that does not bind."""
        if self._refuses_since is None:
            return True
        return not binding.stays and now() < self._refuses_since + DAY

    def encrypt_for_url(self, plain: bytes, binding: Binding) -> str:
        """Return what `encrypt` does in base64url without padding."""
        return self.encrypt(plain, binding).translate(_TO_URL)

    def decrypt_from_url(self, encrypted: str, binding: Binding) -> bytes:
        """Return the bytes of a text of `encrypt_for_url`; it did not come out of the database."""
        padded = encrypted.translate(_FROM_URL) + "=" * (-len(encrypted) % 4)
        return self.decrypt(padded, binding, from_outside=True)

    def wrap(
        self, key: bytes, version: int, *, binds: bool, refuses_since: int | None = None
    ) -> str:
        """Return a data key as it is stored: encrypted by the first key, for its version and kind.

        The kind stands before it in the clear, and is bound as associated data: a data key that
        binds values cannot be passed off as one that does not.
        """
        kind = "" if not binds else _BINDS
        if refuses_since is not None:
            kind = f"{_BINDS} since {refuses_since}"
        nonce = secrets.token_bytes(_NONCE)
        wrapped = nonce + self._aead.encrypt(nonce, key, _wrapping(version, kind))
        encoded = base64.b64encode(wrapped).decode()
        return f"{kind}:{encoded}" if kind else encoded

    def unwrap(self, wrapped: str, version: int, active_from: int | None) -> DataKey:
        """Return the data key of a text of `wrap`.

        Raises:
            WrongKey: it is of another version, kind or database, or was changed.

        """
        kind, _, encoded = wrapped.rpartition(":")
        refuses = _REFUSES.fullmatch(kind)
        if kind not in {"", _BINDS} and refuses is None:
            raise WrongKey
        try:
            raw = base64.b64decode(encoded)
            key = self._aead.decrypt(raw[:_NONCE], raw[_NONCE:], _wrapping(version, kind))
        except (InvalidTag, ValueError):
            raise WrongKey from None
        since = int(refuses[1]) if refuses else None
        return DataKey(version, key, active_from, binds=bool(kind), refuses_since=since)

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


def _wrapping(version: int, kind: str) -> bytes:
    """Return the associated data of a wrapped data key."""
    text = _WRAPPED.format(version)
    return (f"{text} {kind}" if kind else text).encode()


def head_of(version: int) -> str:
    """Return how the text of a value begins that the data key of a version has encrypted."""
    return base64.b64encode(_MARK + version.to_bytes(_VERSION)).decode()


def _awake() -> float:
    """Return the seconds since the machine was started, with those when it was suspended."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def new_data_key() -> bytes:
    """Return a new key of 256 bits."""
    return AESGCM.generate_key(256)
