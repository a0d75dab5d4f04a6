"""Connections as they move to another deployment: without secrets, or with them under another key.

A deployment's own key encrypts them in its database, and stays there. A file has them only where
its writer gave a key for it, which the reader has to give as well.
"""

from __future__ import annotations

import base64
import hmac
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tenantry.core import errors
from tenantry.identity.connections import completeness
from tenantry.identity.connections.changes import client_secrets
from tenantry.identity.connections.model import COMPLETED, FEDERATED, OAUTH, Connection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.crypto.vault import Binding
    from tenantry.db.engine import Row, Session

KEY_BYTES = 32
_NONCE = 12


class WrongKey(Exception):
    """A secret was encrypted under another key, for another connection, or was changed."""


class SecretCipher:
    """Encrypts secrets of a file by AES-256-GCM, each the same way each time: files are compared.

    So its nonce is made of the secret and the connection (as RFC 5297 does), and no two of them
    that differ have the same.
    """

    def __init__(self, key: bytes) -> None:
        """Take a key of 32 bytes.

        Raises:
            ValueError: it is not as long.

        """
        if len(key) != KEY_BYTES:
            raise ValueError(f"must be {KEY_BYTES} bytes in base64")
        self._aead = AESGCM(hmac.digest(key, b"secrets of connections", "sha256"))
        self._nonces = hmac.digest(key, b"nonces of secrets of connections", "sha256")

    def encrypt(self, binding: Binding, plain: bytes) -> str:
        """Return nonce and ciphertext in base64, bound to the connection and its organization."""
        about = binding.associated_data
        nonce = hmac.digest(self._nonces, about + b"\0" + plain, "sha256")[:_NONCE]
        return base64.b64encode(nonce + self._aead.encrypt(nonce, plain, about)).decode()

    def decrypt(self, binding: Binding, encrypted: str) -> bytes:
        """Return the secret in the clear; in files of former versions it is bound to the id alone.

        Raises:
            WrongKey: it was encrypted under another key, for another connection, or was changed.

        """
        try:
            raw = base64.b64decode(encrypted, validate=True)
        except ValueError:
            raise WrongKey from None
        for about in (binding.associated_data, binding.key[0].encode()):
            with suppress(InvalidTag, ValueError):
                return self._aead.decrypt(raw[:_NONCE], raw[_NONCE:], about)
        raise WrongKey


class Archive:
    """Moves the rows of one table: the connections, or those of applications."""

    def __init__(self, *, is_app: bool) -> None:
        self._is_app = is_app

    def to_archive(
        self, db: Session, row: Row, cipher: SecretCipher | None
    ) -> tuple[dict[str, Any], str | None]:
        """Return the exported row of a connection, and its encrypted secret if there is a key."""
        found = Connection.from_row(row, is_app=self._is_app)
        if cipher is None or found.secret is None:
            return _with_secret(found, None), None
        secret = client_secrets.secret_of(db, found)
        return found.to_row(), cipher.encrypt(client_secrets.binding_of(found), secret.encode())

    def from_archive(
        self,
        db: Session,
        row: Mapping[str, Any],
        encrypted: str | None,
        cipher: SecretCipher | None,
    ) -> dict[str, Any]:
        """Return the row to insert.

        A connection without the secret that it needs is incomplete and disabled; one of an
        application stays enabled.
        """
        found = Connection.from_row({**row, "secret": None}, is_app=self._is_app)
        if encrypted is None or cipher is None:
            return _with_secret(found, None)
        binding = client_secrets.binding_of(found)
        return _with_secret(found, db.vault.encrypt(cipher.decrypt(binding, encrypted), binding))


CONNECTIONS, APP_CONNECTIONS = Archive(is_app=False), Archive(is_app=True)


def check(row: dict[str, Any]) -> dict[str, Any]:
    if row["type"] not in FEDERATED:
        raise errors.InvalidArgument(f"connection_type: must be one of {', '.join(FEDERATED)}")
    if (row["type"] == OAUTH) != (row["organization_id"] is None):
        raise errors.InvalidArgument(
            "organization_id: must be empty for OAUTH connections and is required for all others"
        )
    return row


def check_app(row: dict[str, Any]) -> dict[str, Any]:
    if row["type"] not in completeness.APP_CONFIG:
        raise errors.InvalidArgument(
            f"app_connection_type: must be one of {', '.join(completeness.APP_CONFIG)}"
        )
    return row


def _with_secret(connection: Connection, secret: str | None) -> dict[str, Any]:
    connection = replace(connection, secret=secret)
    status = completeness.status(connection)
    enabled = connection.enabled and (connection.is_app or status == COMPLETED)
    return replace(connection, status=status, enabled=enabled).to_row()
