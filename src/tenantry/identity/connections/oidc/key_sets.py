"""The keys that a provider signs with: JWK Sets of somebody else (RFC 7517).

A provider may publish keys of kinds that we do not know, and keys to encrypt with: those are left
out. Each of the others verifies signatures of its kind, and only those.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from joserfc.errors import JoseError
from joserfc.jwk import import_key
from joserfc.util import urlsafe_b64decode

from tenantry.core import strict_json
from tenantry.crypto import jws
from tenantry.crypto.jws import ALGORITHMS
from tenantry.identity.connections.oidc import faults
from tenantry.identity.connections.oidc.faults import OIDCError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from joserfc.jwk import Key

MOST_BYTES = 128 << 10
_MOST_KEYS = 100
_RSA_BITS = range(2048, 8192 + 1)
_TRIED = 10  # keys for one signature that names none
# By the first letters of an algorithm, the kty of its keys.
_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


@dataclass(frozen=True)
class _Known:
    """One key of a set, read when it is first of use."""

    members: Mapping[str, Any] = field(hash=False)
    kid: str | None
    alg: str | None

    @functools.cached_property
    def key(self) -> Key | None:
        """The key, None where it is too weak, or none at all."""
        return _imported(self.members)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The public keys of one provider that verify signatures."""

    keys: tuple[_Known, ...]

    def fitting(self, algorithm: str, kid: str | None) -> list[Key]:
        """Return the keys that a signature by this algorithm may be of; of an unknown kid, [].

        A signature that names no key is tried by a few (RFC 7515 section 4.1.4 leaves it to us).
        """
        wanted, kind = ALGORITHMS[algorithm], _KINDS[algorithm[:2]]
        named = [
            one
            for one in self.keys
            if (kid is None or one.kid == kid)
            and one.members["kty"] == kind
            and (one.alg is None or ALGORITHMS[one.alg] is wanted)
        ]
        found = (one.key for one in named[:_TRIED])
        return [key for key in found if key is not None and jws.fits(key, algorithm)]


def read(document: bytes) -> KeySet:
    """Return the keys of a JWK Set.

    Raises:
        OIDCError: it is no set of keys, or has too many.

    """
    try:
        content = strict_json.loads(document)
    except ValueError as problem:
        raise OIDCError(faults.KEYS, reason=f"it is not valid JSON: {problem}") from None
    keys = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(keys, list):
        raise OIDCError(faults.KEYS, reason="it has no keys array")
    if len(keys) > _MOST_KEYS:
        raise OIDCError(faults.KEYS, reason=f"it has more than {_MOST_KEYS} keys")
    return KeySet(tuple(known for key in keys if (known := _known(key)) is not None))


def _known(member: Any) -> _Known | None:
    """Return a key that verifies signatures by one of `ALGORITHMS`; None for any other."""
    if not isinstance(member, dict) or member.get("use", "sig") != "sig":
        return None
    kid, alg = member.get("kid"), member.get("alg")
    operations = member.get("key_ops", ["verify"])
    if (
        not isinstance(kid, str | None)
        or (alg is not None and (not isinstance(alg, str) or alg not in ALGORITHMS))
        or not isinstance(operations, list)
        or "verify" not in operations
    ):
        return None
    # A symmetric key is nobody's secret once it is published.
    if member.get("kty") not in _KINDS.values():
        return None
    return _Known({name: member[name] for name in jws.PUBLIC_MEMBERS if name in member}, kid, alg)


def _imported(members: Mapping[str, Any]) -> Key | None:
    try:
        if members["kty"] == "RSA" and not (
            _bits(members["n"]) in _RSA_BITS and _is_odd(members["e"])
        ):
            return None
        return import_key(dict(members))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None


def _bits(modulus: str) -> int:
    return int.from_bytes(urlsafe_b64decode(modulus.encode())).bit_length()


def _is_odd(exponent: str) -> bool:
    number = int.from_bytes(urlsafe_b64decode(exponent.encode()))
    return 3 <= number < 1 << 32 and number % 2 == 1
