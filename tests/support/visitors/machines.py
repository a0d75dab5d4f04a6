"""Clients as these tests know them, what they send, and what they sign."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from apis import unique
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

if TYPE_CHECKING:
    import httpx

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def basic(client_id, secret):
    """The headers of client_secret_basic (RFC 6749 section 2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def parts_of(token):
    """Header and claims of a JWT."""
    header, claims, _ = token.split(".")
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims)]


def claims_of(token):
    return parts_of(token)[1]


def is_error(answer, error, status=400):
    """The answer is this error, in the form of RFC 6749 section 5.2."""
    assert answer.status_code == status, answer.text
    assert answer.json()["error"] == error, answer.text
    assert answer.json()["error_description"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    return True


@dataclass(frozen=True)
class Machine:
    """A client and how it authenticates: by its secret in the form, unless told otherwise."""

    id: str
    secret: str

    @property
    def form(self) -> dict[str, str]:
        return {"client_id": self.id, "client_secret": self.secret}


class Endpoint:
    """One of the endpoints; None leaves a member of the form out."""

    def __init__(self, http: httpx.AsyncClient, path: str, **members: str) -> None:
        self._http = http
        self._path = path
        self._members = members

    async def __call__(
        self, client: Machine | None = None, *, headers: Any = None, **members: str | None
    ) -> httpx.Response:
        form = {**self._members, **(client.form if client else {}), **members}
        return await self._http.post(
            self._path,
            data={name: value for name, value in form.items() if value is not None},
            headers=headers,
        )


_NEW_KEYS = {
    "RS": lambda: RSAKey.import_key(rsa.generate_private_key(65537, 2048)),
    "ES256": lambda: ECKey.import_key(ec.generate_private_key(ec.SECP256R1())),
    "ES384": lambda: ECKey.import_key(ec.generate_private_key(ec.SECP384R1())),
    "ES512": lambda: ECKey.import_key(ec.generate_private_key(ec.SECP521R1())),
    "Ed25519": lambda: OKPKey.import_key(ed25519.Ed25519PrivateKey.generate()),
}
_KEYS: dict[str, Any] = {}


def key_for(algorithm, number=0):
    """A key pair that signs by this algorithm; RSA keys sign by six."""
    kind = {"RS": "RS", "PS": "RS", "Ed": "Ed25519"}.get(algorithm[:2], algorithm)
    name = f"{kind}-{number}"
    if name not in _KEYS:
        _KEYS[name] = _NEW_KEYS[kind]()
    return _KEYS[name]


def jwks(*keys: Any, **members: Any):
    """The public halves as a JWK Set; each key's kid is its number, from 0."""
    shown = [
        key.as_dict(private=False) | {"kid": str(number)} | members
        for number, key in enumerate(keys)
    ]
    return {"keys": shown}


def signed(claims, key, algorithm="ES256", **header: Any):
    """A JWS over claims, whatever they are; None leaves a member of the header out."""
    whole = {"alg": algorithm, "kid": "0", **header}
    kept = {name: value for name, value in whole.items() if value is not None}
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    name = "Ed25519" if algorithm == "EdDSA" else algorithm
    model = jws.JWSRegistry.algorithms[name]
    said = ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode()
        for part in (json.dumps(kept).encode(), payload)
    )
    signature = model.sign(said.encode(), key)
    return f"{said}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def says(client_id, audience, **claims: Any):
    """The claims of an assertion (RFC 7523 section 3); None leaves a claim out."""
    at = int(time.time())
    whole = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": unique("jti"),
        "iat": at,
        "exp": at + 60,
        **claims,
    }
    return {name: value for name, value in whole.items() if value is not None}


def by_assertion(assertion):
    """The members of the form that carry an assertion."""
    return {"client_assertion_type": TYPE, "client_assertion": assertion}
