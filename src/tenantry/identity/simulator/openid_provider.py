"""The simulator as an OpenID Provider (OpenID Connect Core 1.0, code flow).

This server's own requests to it are answered in process (`fetching.InProcessProvider`).
"""

from __future__ import annotations

import functools
import hmac
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

from tenantry.core.times import SECOND, now
from tenantry.crypto.vault import Binding, WrongKey
from tenantry.identity.connections.oidc.authorization import challenge
from tenantry.net.outgoing import OutgoingResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.identity.simulator.model import Person
    from tenantry.identity.simulator.provider import Simulator

_CODE, _TOKEN = "code of the simulator", "access token of the simulator"
_CODE_SECONDS, _TOKEN_SECONDS = 60, 300
_ALGORITHM = "ES256"


class OpenIDProvider:
    """Its endpoints, as functions of their requests."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.prefix = f"{simulator.public_url}/simulator/"

    def code(self, connection_id: str, request: Mapping[str, str], person: Person) -> str:
        """Return a code for a person, bound to the request; it is good for a minute."""
        content = {
            "exp": now() + _CODE_SECONDS * SECOND,
            "connection": connection_id,
            "redirect_uri": request.get("redirect_uri", ""),
            "nonce": request.get("nonce", ""),
            "code_challenge": request.get("code_challenge", ""),
            "claims": self._claims(person),
        }
        return self._encrypt(content, _CODE)

    def metadata(self, connection_id: str) -> dict[str, Any]:
        """Return its metadata (OpenID Connect Discovery 1.0 section 3)."""
        issuer = self._simulator.issuer(connection_id)
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [_ALGORITHM],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "authorization_response_iss_parameter_supported": True,
        }

    def jwks(self) -> dict[str, Any]:
        """Return its public key (RFC 7517 section 5)."""
        public = self._key.as_dict(private=False)
        return {"keys": [public | {"use": "sig", "alg": _ALGORITHM, "kid": self._kid}]}

    def token(self, connection_id: str, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer at the token endpoint (RFC 6749 section 4.1.3): a status and the JSON."""
        secret = self._simulator.client_secret(connection_id)
        known = hmac.compare_digest(form.get("client_secret", "").encode(), secret.encode())
        if form.get("client_id") != connection_id or not known:
            return 401, {"error": "invalid_client"}
        found = self._decrypt(form.get("code", ""), _CODE)
        verifier = form.get("code_verifier", "")
        if (
            form.get("grant_type") != "authorization_code"
            or found is None
            or found["connection"] != connection_id
            or found["redirect_uri"] != form.get("redirect_uri")
            or (found["code_challenge"] and found["code_challenge"] != _challenge(verifier))
        ):
            return 400, {"error": "invalid_grant"}
        at = now() // SECOND
        claims = {
            **found["claims"],
            "iss": self._simulator.issuer(connection_id),
            "aud": connection_id,
            "iat": at,
            "exp": at + _TOKEN_SECONDS,
            "auth_time": at,
        }
        if found["nonce"]:
            claims["nonce"] = found["nonce"]
        header = {"alg": _ALGORITHM, "kid": self._kid, "typ": "JWT"}
        encrypted = {"exp": now() + _TOKEN_SECONDS * SECOND, "claims": found["claims"]}
        return 200, {
            "access_token": self._encrypt(encrypted, _TOKEN),
            "token_type": "Bearer",
            "expires_in": _TOKEN_SECONDS,
            "id_token": jwt.encode(header, claims, self._key, algorithms=[_ALGORITHM]),
        }

    def userinfo(self, authorization: str) -> tuple[int, dict[str, Any]]:
        """Answer at the userinfo endpoint (section 5.3): a status and the JSON."""
        found = self._decrypt(authorization.removeprefix("Bearer "), _TOKEN)
        return (401, {"error": "invalid_token"}) if found is None else (200, found["claims"])

    async def answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> OutgoingResponse:
        """Answer our own side, which asks one of the addresses below `prefix`."""
        connection_id, _, name = urlsplit(url).path.removeprefix("/simulator/").partition("/")
        if method == "POST" and name == "token":
            form = (body or b"").decode(errors="replace")
            status, content = self.token(connection_id, dict(parse_qsl(form)))
        elif name == "userinfo":
            status, content = self.userinfo(headers.get("authorization", ""))
        elif name == "jwks":
            status, content = 200, self.jwks()
        elif name == ".well-known/openid-configuration":
            status, content = 200, self.metadata(connection_id)
        else:
            status, content = 404, {}
        return OutgoingResponse(
            status, {"content-type": "application/json"}, json.dumps(content).encode(), cut=False
        )

    def _claims(self, person: Person) -> dict[str, Any]:
        names = {"given_name": person.given_name, "family_name": person.family_name}
        full = " ".join(filter(None, names.values()))
        return {
            **{name: value for name, value in (*names.items(), ("name", full)) if value},
            **person.attributes,
            "sub": person.subject,
            "email": person.email,
            "email_verified": True,
        }

    def _encrypt(self, content: Mapping[str, Any], purpose: str) -> str:
        plain = json.dumps(content, separators=(",", ":")).encode()
        return self._simulator.vault.encrypt_for_url(plain, Binding(purpose))

    def _decrypt(self, encrypted: str, purpose: str) -> dict[str, Any] | None:
        """Return encrypted content, while it is good."""
        try:
            opened = self._simulator.vault.decrypt_from_url(encrypted, Binding(purpose))
            found: dict[str, Any] = json.loads(opened)
        except (WrongKey, ValueError):
            return None
        return found if found["exp"] > now() else None

    @functools.cached_property
    def _key(self) -> ECKey:
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        pem = self._simulator.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return ECKey.import_key(pem)

    @functools.cached_property
    def _kid(self) -> str:
        return self._key.thumbprint()


def _challenge(verifier: str) -> str:
    return challenge(verifier) if verifier.isascii() else ""
