"""Google Cloud KMS as its reference says it, on this machine: it encrypts, and checks its callers.

It takes tokens for assertions of one service account (RFC 7523), and has a metadata server. Checked
are signature, issuer, audience, scope and times of an assertion, the sums of all contents, the
additional data, and that a ciphertext is of its key.
"""

from __future__ import annotations

import base64
import http.server
import json
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from pathlib import Path

EMAIL = "tenantry@project-1.iam.gserviceaccount.com"
RING = "projects/project-1/locations/europe-west3/keyRings/ring"
_SCOPE = "https://www.googleapis.com/auth/cloudkms"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"
_TABLE = [0] * 256
for _n in range(256):
    _TABLE[_n] = _n
    for _ in range(8):
        _TABLE[_n] = (_TABLE[_n] >> 1) ^ (0x82F63B78 * (_TABLE[_n] & 1))


def crc32c(content: bytes) -> str:
    """The sum of some bytes, as it stands in JSON: an int64 is a text."""
    value = 0xFFFFFFFF
    for byte in content:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return str(value ^ 0xFFFFFFFF)


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.status, self.body = status, body


def google_error(status: int, name: str, message: str) -> Refusal:
    return Refusal(status, {"error": {"code": status, "message": message, "status": name}})


class CloudKms:
    """A server with the keys of one ring."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.assertions: list[dict[str, Any]] = []
        self.damage: str | None = None  # the member of an answer that comes damaged
        self.answer: bytes | None = None  # in the place of its own
        self._account = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._keys: dict[str, AESGCM] = {}
        self._tokens: set[str] = set()

    def __enter__(self) -> Self:
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                try:
                    status, content = 200, service.answered(self.path, self.headers, body)
                except Refusal as refused:
                    status, content = refused.status, refused.body
                raw = json.dumps(content).encode() if service.answer is None else service.answer
                self.send_response(status)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is named there
                assert args, format

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def endpoint(self) -> str:
        return f"http://{self.host}"

    def url(self, name: str) -> str:
        """The URL of a key, which is made if it is not there."""
        full = f"{RING}/cryptoKeys/{name}"
        self._keys.setdefault(full, AESGCM(AESGCM.generate_key(256)))
        return f"gcp-kms://{full}?endpoint={self.endpoint}"

    def key_file(self, path: Path, **changed: Any) -> Path:
        """The file of the service account, as the console gives it."""
        pem = self._account.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        account = {
            "type": "service_account",
            "project_id": "project-1",
            "private_key_id": "key-of-the-account",
            "private_key": pem.decode(),
            "client_email": EMAIL,
            "client_id": "1",
            "token_uri": f"{self.endpoint}/token",
        }
        path.write_text(json.dumps(account | changed))
        return path

    def answered(self, path: str, headers: Any, body: bytes) -> Any:
        self.asked.append(path)
        if path == _METADATA:
            if headers.get("metadata-flavor") != "Google":
                raise Refusal(403, {})
            return self._new_token()
        if path == "/token":
            return self._granted(body)
        if headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            raise google_error(401, "UNAUTHENTICATED", "Request had invalid credentials.")
        name, _, verb = path.removeprefix("/v1/").rpartition(":")
        if name not in self._keys:
            raise google_error(403, "PERMISSION_DENIED", f"Permission denied on {name}.")
        found = getattr(self, f"_{verb}")(self._keys[name], name, json.loads(body))
        if self.damage in found:
            found[self.damage] = {str: "AAAA", bool: False}[type(found[self.damage])]
        return found

    def _new_token(self) -> dict[str, Any]:
        token = f"ya29.{secrets.token_urlsafe(20)}"
        self._tokens.add(token)
        return {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}

    def _granted(self, body: bytes) -> dict[str, Any]:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        try:
            assert form["grant_type"] == _GRANT
            assert jwt.get_unverified_header(form["assertion"])["kid"] == "key-of-the-account"
            claims = jwt.decode(
                form["assertion"],
                self._account.public_key(),
                algorithms=["RS256"],
                audience=f"{self.endpoint}/token",
                issuer=EMAIL,
                options={"require": ["iss", "aud", "iat", "exp", "scope"]},
            )
            assert claims["scope"] == _SCOPE
            assert claims["exp"] - claims["iat"] <= 3600
            assert abs(claims["iat"] - time.time()) < 60
        except (jwt.InvalidTokenError, KeyError, AssertionError):
            refused = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            raise Refusal(400, refused) from None
        self.assertions.append(claims)
        return self._new_token()

    def _encrypt(self, key: AESGCM, name: str, given: dict[str, str]) -> dict[str, Any]:
        plain, bound = _checked(given, "plaintext"), _checked(given, "additionalAuthenticatedData")
        nonce = secrets.token_bytes(12)
        wrapped = nonce + key.encrypt(nonce, plain, bound)
        return {
            "name": f"{name}/cryptoKeyVersions/1",
            "ciphertext": base64.b64encode(wrapped).decode(),
            "ciphertextCrc32c": crc32c(wrapped),
            "verifiedPlaintextCrc32c": True,
            "verifiedAdditionalAuthenticatedDataCrc32c": True,
            "protectionLevel": "SOFTWARE",
        }

    def _decrypt(self, key: AESGCM, _name: str, given: dict[str, str]) -> dict[str, Any]:
        wrapped = _checked(given, "ciphertext")
        bound = _checked(given, "additionalAuthenticatedData")
        try:
            plain = key.decrypt(wrapped[:12], wrapped[12:], bound)
        except (InvalidTag, ValueError):
            words = "Decryption failed: verify that 'name' refers to the correct CryptoKey."
            raise google_error(400, "INVALID_ARGUMENT", words) from None
        return {
            "plaintext": base64.b64encode(plain).decode(),
            "plaintextCrc32c": crc32c(plain),
            "usedPrimary": True,
            "protectionLevel": "SOFTWARE",
        }


def _checked(given: dict[str, str], name: str) -> bytes:
    content = base64.b64decode(given[name], validate=True)
    if given[f"{name}Crc32c"] != crc32c(content):
        raise google_error(400, "INVALID_ARGUMENT", f"The checksum of {name} did not match.")
    return content
