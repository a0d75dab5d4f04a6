"""The keys that a provider signs with: JWK Sets of somebody else (RFC 7517).

A provider may publish keys of kinds that we do not know, and keys to encrypt with: those are left
out. Each of the others verifies signatures of its kind, and only those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joserfc.errors import JoseError
from joserfc.jwa import JWS_ALGORITHMS
from joserfc.jwk import import_key
from joserfc.util import urlsafe_b64decode

from tenantry import strict_json
from tenantry.identity.connections.oidc import faults
from tenantry.identity.connections.oidc.faults import OIDCError

if TYPE_CHECKING:
    from joserfc.jwk import Key

MOST_BYTES = 128 << 10
_MOST_KEYS = 100
_RSA_BITS = range(2048, 8192 + 1)
_TRIED = 10  # keys for one signature that names none
_PUBLIC = ("kty", "n", "e", "crv", "x", "y")  # the members of a key, RFC 7518 section 6

_by_name = {algorithm.name: algorithm for algorithm in JWS_ALGORITHMS}
# Signatures by a private key alone: the keys that a provider publishes make none of them.
ALGORITHMS = {
    **{name: _by_name[name] for name in ("RS256", "RS384", "RS512")},
    **{name: _by_name[name] for name in ("PS256", "PS384", "PS512")},
    **{name: _by_name[name] for name in ("ES256", "ES384", "ES512")},
    "Ed25519": _by_name["Ed25519"],  # its name in RFC 9864
    "EdDSA": _by_name["Ed25519"],  # and before that, in RFC 8037
}


@dataclass(frozen=True, slots=True)
class _Known:
    key: Key
    kid: str | None
    alg: str | None


@dataclass(frozen=True, slots=True)
class KeySet:
    """The public keys of one provider that verify signatures."""

    keys: tuple[_Known, ...]

    def fitting(self, algorithm: str, kid: str | None) -> list[Key]:
        """Return the keys that a signature by this algorithm may be of; none is an unknown kid.

        A signature that names no key is tried by a few (RFC 7515 section 4.1.4 leaves it to us).
        """
        wanted = ALGORITHMS[algorithm]
        found = [
            one.key
            for one in self.keys
            if (kid is None or one.kid == kid)
            and (one.alg is None or ALGORITHMS.get(one.alg) is wanted)
            and _fits(one.key, algorithm)
        ]
        return found[:_TRIED]


def read(document: bytes) -> KeySet:
    """Return the keys of a JWK Set.

    Raises:
        OIDCError: it is no set of keys, or has too many.

    """
    try:
        content = strict_json.loads(document)
    except ValueError as problem:
        raise OIDCError(faults.KEYS, reason=f"it is no JSON: {problem}") from None
    keys = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(keys, list):
        raise OIDCError(faults.KEYS, reason="it has no list of keys")
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
    key = _imported({name: member[name] for name in _PUBLIC if name in member})
    return None if key is None else _Known(key, kid, alg)


def _imported(members: dict[str, Any]) -> Key | None:
    # A symmetric key is nobody's secret once it is published.
    if members.get("kty") not in {"RSA", "EC", "OKP"}:
        return None
    try:
        if members["kty"] == "RSA" and not (
            _bits(members["n"]) in _RSA_BITS and _is_odd(members["e"])
        ):
            return None
        return import_key(members)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None


def _bits(modulus: str) -> int:
    return int.from_bytes(urlsafe_b64decode(modulus.encode())).bit_length()


def _is_odd(exponent: str) -> bool:
    number = int.from_bytes(urlsafe_b64decode(exponent.encode()))
    return 3 <= number < 1 << 32 and number % 2 == 1


def _fits(key: Key, algorithm: str) -> bool:
    try:
        ALGORITHMS[algorithm].check_key(key)  # its type and its curve
    except JoseError:
        return False
    return True
