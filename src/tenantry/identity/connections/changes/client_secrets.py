"""Client secrets of connections, and keys of service accounts: encrypted, shown, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.crypto.vault import WrongKey
from tenantry.db.sql.encrypted_columns import binding
from tenantry.identity.connections.model import OAUTH, app_connections, connections
from tenantry.net.outgoing import is_same_server

if TYPE_CHECKING:
    from tenantry.crypto.vault import Binding
    from tenantry.db.engine import Session
    from tenantry.identity.connections.model import Connection

# Shown before the end of a secret. A caller that sends it back keeps the secret.
HIDDEN = "********"
# Addresses that say where the secret is sent.
_PLACES = ("token_uri", "issuer", "discovery_endpoint")
_SHOWN_OF = 12  # characters: of a shorter secret, four would say too much


def binding_of(connection: Connection) -> Binding:
    table = app_connections if connection.is_app else connections
    place = {"id": connection.id, "organization_id": connection.organization_id}
    return binding(table.c.secret, place)


def secret_of(db: Session, connection: Connection) -> str:
    """Return the secret of a connection in the clear, or "" where it has none.

    Raises:
        WrongKey: it cannot be decrypted.

    """
    if connection.secret is None:
        return ""
    return db.vault.decrypt(connection.secret, binding_of(connection)).decode()


def encrypted(db: Session, connection: Connection, plain: str) -> dict[str, str | None]:
    """Return the column of a secret that is given, "" for none; no column for the one that it has.

    That would be another text. One that cannot be decrypted is another.
    """
    try:
        if plain == secret_of(db, connection):
            return {}
    except WrongKey:
        pass
    return {"secret": db.vault.encrypt(plain.encode(), binding_of(connection)) if plain else None}


def is_given(secret: str | None) -> bool:
    """Whether a request sets or clears the secret; a masked value keeps it."""
    return secret is not None and not secret.startswith(HIDDEN)


def check_kept(before: Connection, after: Connection, field: str) -> None:
    """Refuse to send the secret that a connection has to another server than it was given for.

    A sign-in reads the token endpoint from the discovery document, where there is one. A social
    provider has fixed endpoints.
    """
    if before.secret is None:
        return
    known = [url for name in _PLACES if (url := before.settings.get(name, ""))]
    for name in _PLACES:
        was, is_ = (one.settings.get(name, "") for one in (before, after))
        allowed = [was] if was else known
        if was == is_ or not (allowed or before.type == OAUTH):
            continue
        if not any(is_same_server(one, is_) for one in allowed):
            raise errors.InvalidArgument.field(
                field, "required", f"is required when the host or port of {name} changes"
            )


def hint(db: Session, connection: Connection) -> str:
    """Return a secret as it is shown: stars and its last four characters.

    Without those where it cannot be decrypted.
    """
    try:
        secret = secret_of(db, connection)
    except WrongKey:
        return HIDDEN
    return secret and HIDDEN + (secret[-4:] if len(secret) >= _SHOWN_OF else "")
