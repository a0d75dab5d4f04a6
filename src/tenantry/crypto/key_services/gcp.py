"""A key of Google Cloud KMS: gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K.

https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys: encrypt
and decrypt, with additional data that binds a wrapped key to its purpose, and a CRC32C of all that
goes there and comes back. The key may be rotated there: a wrapped one names its version.
Credentials are a service account's file (GOOGLE_APPLICATION_CREDENTIALS), which gets a token by
RFC 7523, or those of the machine (the metadata server).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tenantry.core import strict_json
from tenantry.crypto.key_services.requests import Refused, ask, member
from tenantry.crypto.master_key import MasterKeyError
from tenantry.crypto.vault import WrongKey

if TYPE_CHECKING:
    from collections.abc import Mapping

GCP = "GCP"
_SERVICE = "Google Cloud KMS"
_ENDPOINT = "https://cloudkms.googleapis.com"
_BOUND = b"tenantry-data-key"
_SCOPE = "https://www.googleapis.com/auth/cloudkms"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_TOKEN_SECONDS = 300
_MOST = 65536  # bytes of a file of credentials
# Polynomial of CRC-32C, its bits in reverse (RFC 3720 appendix B.4).
_CASTAGNOLI = 0x82F63B78


@dataclass(frozen=True, slots=True)
class CloudKey:
    """A key there, by its resource name."""

    name: str
    endpoint: str
    provider = GCP

    @property
    def reference(self) -> str:
        return self.name

    def wrap(self, plain: bytes) -> bytes:
        answer = self._asked("encrypt", "plaintext", plain)
        wrapped = _content(answer, "ciphertext")
        # It says so where the sums were there when it looked.
        if not _says_yes(answer, "verifiedPlaintextCrc32c"):
            raise _damaged()
        return wrapped

    def unwrap(self, wrapped: bytes) -> bytes:
        return _content(self._asked("decrypt", "ciphertext", wrapped), "plaintext")

    def _asked(self, verb: str, name: str, content: bytes) -> bytes:
        given = {
            name: _text(content),
            f"{name}Crc32c": str(crc32c(content)),
            "additionalAuthenticatedData": _text(_BOUND),
            "additionalAuthenticatedDataCrc32c": str(crc32c(_BOUND)),
        }
        headers = {
            "authorization": f"Bearer {access_token()}",
            "content-type": "application/json",
        }
        url = f"{self.endpoint}/v1/{self.name}:{verb}"
        try:
            return ask(_SERVICE, url, headers=headers, body=json.dumps(given).encode())
        except Refused as refused:
            found = refused.body.get("error")
            error = found if isinstance(found, dict) else {}
            message, status = str(error.get("message", "")), str(error.get("status", ""))
            if refused.status == 400 and message.startswith("Decryption failed"):
                raise WrongKey(self.reference) from None
            raise refused.error(_SERVICE, status) from None


def open_key(url: str) -> CloudKey:
    """Return the key of a URL: gcp-kms:// and its resource name, without a version.

    ``endpoint`` in its query is another one than Google's, as of a private service.

    Raises:
        ValueError: it is no such URL.

    """
    parts = urlsplit(url)
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if unknown := given.keys() - {"endpoint"}:
        raise ValueError(f"{', '.join(sorted(unknown))} is no member of gcp-kms://")
    name = f"{parts.netloc}{parts.path}".rstrip("/")
    if not _NAME.fullmatch(name):
        raise ValueError("is to be gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K")
    endpoint = given.get("endpoint", _ENDPOINT).rstrip("/")
    if not _is_safe(endpoint):
        raise ValueError("its endpoint is no https:// URL")
    return CloudKey(name, endpoint)


def access_token() -> str:
    """Return a token of this process, of its service account's file or of the machine.

    Raises:
        MasterKeyError: there are no credentials, or they are refused.

    """
    try:
        path = os.environ.get(_FILE)
        return _of_file(Path(path)) if path else _of_machine()
    except Refused as refused:
        said = refused.body.get("error")
        said = said if isinstance(said, str) else ""
        raise refused.error("the source of Google's tokens", said) from None


def _of_file(path: Path) -> str:
    """Return the token that the service account of a file gets for an assertion that it signs."""
    try:
        with path.open("rb") as file:
            found = strict_json.loads(file.read(_MOST))
        account = {name: found[name] for name in ("client_email", "private_key", "token_uri")}
        is_right = found["type"] == "service_account" and _is_safe(account["token_uri"])
    except OSError as problem:
        raise MasterKeyError(f"{_FILE}: {path}: {problem.strerror}") from None
    except (ValueError, KeyError, TypeError):
        is_right = False
    if not is_right:
        raise MasterKeyError(f"{_FILE}: {path} is no key file of a service account")
    form = {"grant_type": _GRANT, "assertion": _assertion(account, found.get("private_key_id"))}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = ask(
        "the source of Google's tokens",
        account["token_uri"],
        headers=headers,
        body=urlencode(form).encode(),
    )
    return member("the source of Google's tokens", answer, "access_token")


def _assertion(account: Mapping[str, str], key_id: Any) -> str:
    """Return a JWT by which the account shows itself (RFC 7523 section 3)."""
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey

    at = int(time.time())
    claims = {
        "iss": account["client_email"],
        "scope": _SCOPE,
        "aud": account["token_uri"],
        "iat": at,
        "exp": at + _TOKEN_SECONDS,
    }
    header = {"alg": "RS256", "typ": "JWT"} | ({"kid": str(key_id)} if key_id else {})
    try:
        return jwt.encode(header, claims, RSAKey.import_key(account["private_key"]))
    except (JoseError, ValueError, TypeError):
        raise MasterKeyError(f"{_FILE}: its private key is not an RSA key") from None


def _of_machine() -> str:
    """Return the token of the service account that the machine, or the pod, runs as."""
    host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
    url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
    try:
        answer = ask(
            "the metadata server",
            url,
            headers={"metadata-flavor": "Google"},
            method="GET",
            nearby=True,
        )
    except MasterKeyError as problem:
        text = f"no Google credentials: set {_FILE}, or give the machine a service account"
        raise MasterKeyError(text, may_pass=problem.may_pass) from None
    return member("the metadata server", answer, "access_token")


def _is_safe(url: str) -> bool:
    """Whether a token may go there: by TLS, or within this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )


def _content(answer: bytes, name: str) -> bytes:
    """Return the bytes of a member, of which the sum is that which came with them."""
    try:
        content = base64.b64decode(member(_SERVICE, answer, name), validate=True)
    except binascii.Error:
        raise MasterKeyError(f"{_SERVICE} answers with a {name} that is no base64") from None
    if member(_SERVICE, answer, f"{name}Crc32c") != str(crc32c(content)):
        raise _damaged()
    return content


def _says_yes(answer: bytes, name: str) -> bool:
    return strict_json.loads(answer).get(name) is True


def _damaged() -> MasterKeyError:
    return MasterKeyError(f"{_SERVICE}: what was sent or answered came damaged", may_pass=True)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def crc32c(content: bytes) -> int:
    """Return the CRC-32C of some bytes (RFC 3720 section 12.1): of few, bit by bit."""
    remainder = 0xFFFFFFFF
    for byte in content:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (_CASTAGNOLI if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF
