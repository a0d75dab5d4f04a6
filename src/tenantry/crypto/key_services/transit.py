"""A key of the transit engine of Vault or OpenBao: vault-transit://host:8200/KEY.

https://developer.hashicorp.com/vault/api-docs/secret/transit: the key never leaves the server,
which names its version in what it wraps; so the key may be rotated there by itself.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from tenantry.crypto.key_services.requests import Refused, ask, member
from tenantry.crypto.master_key import MasterKeyError
from tenantry.crypto.vault import WrongKey

if TYPE_CHECKING:
    from collections.abc import Mapping

VAULT = "VAULT"
_SERVICE = "the transit engine"
_MEMBERS = {"mount", "namespace", "ca", "tls", "token_file"}
# The engine's words for a ciphertext of another key, or one that was changed.
_OF_ANOTHER = ("invalid ciphertext", "message authentication failed", "no prefix")


@dataclass(frozen=True, slots=True)
class TransitKey:
    """A key there; ``address`` is the server's, ``ca`` its authority where it is a private one."""

    address: str
    mount: str
    name: str
    namespace: str
    ca: str
    token_file: str
    provider = VAULT

    @property
    def reference(self) -> str:
        return f"{urlsplit(self.address).netloc}/{self.mount}/{self.name}"

    def wrap(self, plain: bytes) -> bytes:
        given = {"plaintext": base64.b64encode(plain).decode()}
        return self._asked("encrypt", given, "ciphertext").encode()

    def unwrap(self, wrapped: bytes) -> bytes:
        given = {"ciphertext": wrapped.decode("ascii", "replace")}
        return base64.b64decode(self._asked("decrypt", given, "plaintext"))

    def _asked(self, verb: str, given: Mapping[str, str], name: str) -> str:
        headers = {"x-vault-token": self._token(), "content-type": "application/json"}
        if self.namespace:
            headers["x-vault-namespace"] = self.namespace
        url = f"{self.address}/v1/{self.mount}/{verb}/{quote(self.name, safe='')}"
        trusting = ssl.create_default_context(cafile=self.ca) if self.ca else None
        body = json.dumps(given).encode()
        try:
            answer = ask(_SERVICE, url, headers=headers, body=body, trusting=trusting)
        except Refused as refused:
            said = "; ".join(map(str, refused.body.get("errors") or ()))
            if refused.status == 400 and any(words in said for words in _OF_ANOTHER):
                raise WrongKey(self.reference) from None
            raise refused.error(_SERVICE, said) from None
        return member(_SERVICE, answer, "data", name)

    def _token(self) -> str:
        try:
            token = Path(self.token_file).read_text().strip() if self.token_file else ""
        except OSError as problem:
            raise MasterKeyError(f"no token: {self.token_file}: {problem.strerror}") from None
        token = token or os.environ.get("VAULT_TOKEN", "")
        if not token:
            raise MasterKeyError("no token: set VAULT_TOKEN, or token_file in the URL")
        return token


def open_key(url: str) -> TransitKey:
    """Return the key of a URL: vault-transit://host:8200/key, with members in its query.

    ``mount`` (transit), ``namespace``, ``ca`` (a file), ``token_file`` (else VAULT_TOKEN), and
    ``tls=no`` for a server on this machine.

    Raises:
        ValueError: it is no such URL.

    """
    parts = urlsplit(url)
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    name = parts.path.strip("/")
    if unknown := given.keys() - _MEMBERS:
        raise ValueError(f"{', '.join(sorted(unknown))} is no member of vault-transit://")
    if not parts.hostname or not name or "/" in name or parts.username is not None:
        raise ValueError("is to be vault-transit://host:8200/key")
    is_plain = given.get("tls") == "no"
    if is_plain and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise ValueError("tls=no is for a server on this machine")
    return TransitKey(
        address=f"{'http' if is_plain else 'https'}://{parts.netloc}",
        mount=given.get("mount", "transit").strip("/"),
        name=name,
        namespace=given.get("namespace", ""),
        ca=given.get("ca", ""),
        token_file=given.get("token_file", ""),
    )
