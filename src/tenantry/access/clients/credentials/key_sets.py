"""JWK Sets of clients (RFC 7517): only public keys, strong enough, told apart (pure functions)."""

from __future__ import annotations

import base64
import re
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tenantry.db.sql.schema import to_json

MAX_KEYS = 10
MAX_BYTES = 16 * 1024
RSA_BITS = range(2048, 8192 + 1)

# Of these the client alone may know (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, RFC 8037 section 2).
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_CURVES: dict[str, tuple[ec.EllipticCurve, str]] = {
    "P-256": (ec.SECP256R1(), "ES256"),
    "P-384": (ec.SECP384R1(), "ES384"),
    "P-521": (ec.SECP521R1(), "ES512"),
}
_RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_ED25519_ALGORITHMS = ("EdDSA", "Ed25519")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


class InvalidKeySet(Exception):
    """A key set cannot be taken; ``where`` is the member of it that says why, "" for all of it."""

    def __init__(self, where: str, text: str) -> None:
        super().__init__(text)
        self.where = where
        self.text = text


def check(jwks: dict[str, Any]) -> None:
    """Check a JWK Set.

    Raises:
        InvalidKeySet: it cannot be used.

    """
    size = len(to_json(jwks).encode())
    if size > MAX_BYTES:
        raise InvalidKeySet("", f"must be at most {MAX_BYTES} bytes, got {size}")
    keys = jwks.get("keys")
    if not isinstance(keys, list):
        raise InvalidKeySet("keys", "must be a list of keys (RFC 7517 section 5)")
    if len(keys) > MAX_KEYS:
        raise InvalidKeySet("keys", f"there may be {MAX_KEYS} at most, got {len(keys)}")
    seen: set[str] = set()
    for index, key in enumerate(keys):
        where = f"keys[{index}]"
        if not isinstance(key, dict):
            raise InvalidKeySet(where, "must be a JSON object (RFC 7517 section 4)")
        try:
            _check_key(key)
            kid = _kid(key, needed=len(keys) > 1)
        except InvalidKeySet as problem:
            raise InvalidKeySet(f"{where}.{problem.where}", problem.text) from None
        if kid in seen:
            raise InvalidKeySet(f"{where}.kid", f"{kid[:60]!r} is given twice")
        seen.add(kid)


def _check_key(key: dict[str, Any]) -> None:
    for name in sorted(_PRIVATE & key.keys()):
        raise InvalidKeySet(name, "is a member of a private key: send the public one only")
    match key.get("kty"):
        case "RSA":
            algorithms = _rsa(key)
        case "EC":
            algorithms = _ec(key)
        case "OKP":
            algorithms = _okp(key)
        case _:
            raise InvalidKeySet("kty", "must be RSA, EC or OKP")
    algorithm = key.get("alg")
    if algorithm is not None and algorithm not in algorithms:
        raise InvalidKeySet("alg", f"must be {' or '.join(algorithms)} for this key")
    if key.get("use", "sig") != "sig":
        raise InvalidKeySet("use", "must be sig")
    operations = key.get("key_ops", ["verify"])
    if operations != ["verify"]:
        raise InvalidKeySet("key_ops", 'must be ["verify"]')


def _kid(key: dict[str, Any], *, needed: bool) -> str:
    kid = key.get("kid")
    if kid is None and not needed:
        return ""
    if not isinstance(kid, str) or not 1 <= len(kid) <= 128:
        raise InvalidKeySet("kid", "must be 1 to 128 characters; each of several keys needs one")
    return kid


def _rsa(key: dict[str, Any]) -> tuple[str, ...]:
    modulus = int.from_bytes(_decoded(key, "n"), "big")
    exponent = int.from_bytes(_decoded(key, "e"), "big")
    if modulus.bit_length() not in RSA_BITS or not modulus % 2:
        raise InvalidKeySet("n", f"must be of {RSA_BITS[0]} to {RSA_BITS[-1]} bits")
    # Verifiers of a signature compute with it: FIPS 186-5 section 5.1 knows no smaller one.
    if not 65_537 <= exponent < 1 << 32 or not exponent % 2:
        raise InvalidKeySet("e", "must be odd, 65537 or more, and of 32 bits at most")
    return _RSA_ALGORITHMS


def _ec(key: dict[str, Any]) -> tuple[str, ...]:
    name = key.get("crv")
    if not isinstance(name, str) or name not in _CURVES:
        raise InvalidKeySet("crv", f"must be {', '.join(_CURVES)}")
    curve, algorithm = _CURVES[name]
    length = (curve.key_size + 7) // 8
    x, y = (_decoded(key, member, length) for member in ("x", "y"))
    try:
        ec.EllipticCurvePublicNumbers(
            int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve
        ).public_key()
    except ValueError:
        raise InvalidKeySet("x", f"is with y no point of {name}") from None
    return (algorithm,)


def _okp(key: dict[str, Any]) -> tuple[str, ...]:
    if key.get("crv") != "Ed25519":
        raise InvalidKeySet("crv", "must be Ed25519")
    ed25519.Ed25519PublicKey.from_public_bytes(_decoded(key, "x", 32))
    return _ED25519_ALGORITHMS


def _decoded(key: dict[str, Any], member: str, length: int | None = None) -> bytes:
    """Return a member's bytes (RFC 7515 section 2: base64url without padding)."""
    text = key.get(member)
    if not isinstance(text, str) or not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise InvalidKeySet(member, "must be base64url without padding")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if length is not None and len(data) != length:
        raise InvalidKeySet(member, f"must be {length} bytes, got {len(data)}")
    return data
