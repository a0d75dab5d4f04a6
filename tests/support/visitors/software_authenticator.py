"""An authenticator in software: makes passkeys and signs with them as WebAuthn section 6 says.

Its answers, and its browser's, can be bent into those of an attacker.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

ES256, EDDSA, RS256 = -7, -8, -257
ICLOUD = bytes.fromhex("fbfc3007154e4ecc8c0b6e020557d7bd")
_USER_PRESENT, _USER_VERIFIED, _BACKUP_ELIGIBLE, _BACKUP_STATE = 1, 4, 8, 16
_ATTESTED = 64


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


@dataclass
class Key:
    """One passkey, as its authenticator keeps it."""

    algorithm: int = ES256
    id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    user_handle: bytes = b""
    count: int = 0

    def __post_init__(self) -> None:
        if self.algorithm == ES256:
            self.private = ec.generate_private_key(ec.SECP256R1())
        elif self.algorithm == EDDSA:
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = rsa.generate_private_key(65537, 2048)

    def public(self) -> bytes:
        """The public key in COSE (RFC 9052 section 7)."""
        numbers = self.private.public_key()
        if self.algorithm == ES256:
            x, y = numbers.public_numbers().x, numbers.public_numbers().y
            parts = {1: 2, 3: ES256, -1: 1, -2: x.to_bytes(32, "big"), -3: y.to_bytes(32, "big")}
        elif self.algorithm == EDDSA:
            parts = {1: 1, 3: EDDSA, -1: 6, -2: numbers.public_bytes_raw()}
        else:
            modulus = numbers.public_numbers().n.to_bytes(256, "big")
            parts = {1: 3, 3: RS256, -1: modulus, -2: b"\x01\x00\x01"}
        return cbor2.dumps(parts)

    def sign(self, data: bytes) -> bytes:
        if self.algorithm == ES256:
            return self.private.sign(data, ec.ECDSA(hashes.SHA256()))
        if self.algorithm == EDDSA:
            return self.private.sign(data)
        return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())


@dataclass
class Authenticator:
    """A device of somebody, in a browser that shows a page of this origin."""

    origin: str
    aaguid: bytes = bytes(16)
    counts: bool = True
    verifies: bool = True
    backs_up: bool = False
    keys: list[Key] = field(default_factory=list)

    def create(self, options: dict[str, Any], key: Key | None = None, **bent: Any):
        """The RegistrationResponseJSON of `navigator.credentials.create`."""
        algorithms = [one["alg"] for one in options["pubKeyCredParams"]]
        key = key or Key(algorithms[0])
        key.user_handle = from_base64url(options["user"]["id"])
        self.keys.append(key)
        attested = self.aaguid + len(key.id).to_bytes(2, "big") + key.id + key.public()
        data = self._data(options["rp"]["id"], key, bent, attested)
        statement = {"fmt": "none", "attStmt": {}, "authData": data}
        return self._credential(
            bent.get("id", key.id),
            clientDataJSON=self._client_data("webauthn.create", options, bent),
            attestationObject=cbor2.dumps(statement),
        ) | {"authenticatorAttachment": "platform"}

    def get(self, options: dict[str, Any], key: Key | None = None, **bent: Any):
        """The AuthenticationResponseJSON of `navigator.credentials.get`."""
        key = key or self.keys[-1]
        data = self._data(options["rpId"], key, bent)
        client_data = self._client_data("webauthn.get", options, bent)
        return self._credential(
            bent.get("id", key.id),
            clientDataJSON=client_data,
            authenticatorData=data,
            signature=key.sign(data + hashlib.sha256(client_data).digest()),
            userHandle=bent.get("user_handle", key.user_handle),
        )

    def _data(self, rp_id: str, key: Key, bent: dict[str, Any], attested: bytes = b"") -> bytes:
        if self.counts:
            key.count = bent.get("count", key.count + 1)
        flags = bent.get("present", _USER_PRESENT)
        flags |= _USER_VERIFIED if bent.get("verified", self.verifies) else 0
        flags |= _BACKUP_ELIGIBLE | _BACKUP_STATE if bent.get("backed_up", self.backs_up) else 0
        flags |= _ATTESTED if attested else 0
        hashed = hashlib.sha256(bent.get("rp_id", rp_id).encode()).digest()
        return hashed + bytes([flags]) + key.count.to_bytes(4, "big") + attested

    def _client_data(self, kind: str, options: dict[str, Any], bent: dict[str, Any]) -> bytes:
        said = {
            "type": bent.get("kind", kind),
            "challenge": bent.get("challenge", options["challenge"]),
            "origin": bent.get("origin", self.origin),
            "crossOrigin": bent.get("cross_origin", False),
        }
        return json.dumps(said).encode()

    def _credential(self, key_id: bytes, **response: bytes) -> dict[str, Any]:
        return {
            "id": base64url(key_id),
            "rawId": base64url(key_id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                **{name: base64url(value) for name, value in response.items()},
                **({"transports": ["internal"]} if "attestationObject" in response else {}),
            },
        }
