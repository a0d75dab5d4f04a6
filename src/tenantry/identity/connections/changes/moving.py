"""Connections as they move to another deployment: without secrets, or with them under another key.

A deployment's own key seals them in its database, and stays there. A file has them only where its
writer gave a key for it, which the reader has to give as well.
"""

from __future__ import annotations

import base64
import hmac
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tenantry.identity.connections.changes import client_secrets, completeness
from tenantry.identity.connections.model import COMPLETED, FEDERATED, OAUTH

if TYPE_CHECKING:
    from tenantry.db.engine import Session
    from tenantry.identity.connections.model import Connection
    from tenantry.vault import Binding

KEY_BYTES = 32
_NONCE = 12


class WrongKey(Exception):
    """A secret was sealed under another key, for another connection, or was changed."""


class Box:
    """Seals secrets of a file by AES-256-GCM, each the same way each time: files are compared.

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

    def seal(self, binding: Binding, plain: bytes) -> str:
        """Return nonce and ciphertext in base64, bound to the connection and its organization."""
        about = binding.associated_data
        nonce = hmac.digest(self._nonces, about + b"\0" + plain, "sha256")[:_NONCE]
        return base64.b64encode(nonce + self._aead.encrypt(nonce, plain, about)).decode()

    def open(self, binding: Binding, sealed: str) -> bytes:
        """Return the secret in the clear; in files of former versions it is bound to the id alone.

        Raises:
            WrongKey: it was sealed under another key, for another connection, or was changed.

        """
        try:
            raw = base64.b64decode(sealed, validate=True)
        except ValueError:
            raise WrongKey from None
        for about in (binding.associated_data, binding.key[0].encode()):
            with suppress(InvalidTag, ValueError):
                return self._aead.decrypt(raw[:_NONCE], raw[_NONCE:], about)
        raise WrongKey


def packed(db: Session, connection: Connection, box: Box | None) -> tuple[Connection, str | None]:
    """Return a connection as a file has it, and its secret for it, where there is a key."""
    if box is None or connection.secret is None:
        return portable(connection), None
    secret = client_secrets.secret_of(db, connection)
    return connection, box.seal(client_secrets.binding_of(connection), secret.encode())


def unpacked(
    db: Session, connection: Connection, sealed: str | None, box: Box | None
) -> Connection:
    """Return a connection of a file as this deployment keeps it.

    Raises:
        WrongKey: see `Box.open`.

    """
    if sealed is None or box is None:
        return portable(connection)
    bound_to = client_secrets.binding_of(connection)
    plain = box.open(bound_to, sealed)
    return _standing(replace(connection, secret=db.vault.encrypt(plain, bound_to)))


def portable(connection: Connection) -> Connection:
    """Return a connection without its secret: not complete any more, and off, if it needs one."""
    return _standing(replace(connection, secret=None))


def _standing(connection: Connection) -> Connection:
    status = completeness.status(connection)
    return replace(connection, status=status, enabled=connection.enabled and status == COMPLETED)


def problem(connection: Connection) -> str:
    """Return why a connection cannot be one of an environment that moves; "" where it can."""
    if connection.type not in FEDERATED:
        return f"connection_type: must be one of {', '.join(FEDERATED)}"
    if (connection.type == OAUTH) != (connection.organization_id is None):
        return "organization_id: OAUTH connections have none, the others have one"
    return ""
