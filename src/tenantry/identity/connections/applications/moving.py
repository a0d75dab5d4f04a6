"""Connections of applications as they move to another deployment; see `changes.moving`.

One without its secret is not complete, and stays switched on as it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.db.writes.rows import row_of
from tenantry.identity.connections.applications import apps
from tenantry.identity.connections.changes import client_secrets
from tenantry.identity.connections.model import app_connections

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.db.engine import Row, Session
    from tenantry.identity.connections.changes.moving import Box
    from tenantry.identity.connections.model import Connection


def to_archive(db: Session, row: Row, box: Box | None) -> tuple[dict[str, Any], str | None]:
    """Return the exported row of a connection, and its encrypted secret if there is a key."""
    found = apps.from_row(row)
    if box is None or found.secret is None:
        return _row(found, None), None
    secret = client_secrets.secret_of(db, found)
    bound_to = client_secrets.binding_of(found)
    return _row(found, found.secret), box.seal(bound_to, secret.encode())


def from_archive(
    db: Session, row: Mapping[str, Any], sealed: str | None, box: Box | None
) -> dict[str, Any]:
    """Return the row to insert."""
    found = apps.from_row({**row, "secret": None})
    if sealed is None or box is None:
        return _row(found, None)
    bound_to = client_secrets.binding_of(found)
    return _row(found, db.vault.encrypt(box.open(bound_to, sealed), bound_to))


def check(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row of an imported connection."""
    if row["type"] not in apps.CONFIG:
        raise errors.InvalidArgument(
            f"app_connection_type: must be one of {', '.join(apps.CONFIG)}"
        )
    return row


def _row(connection: Connection, secret: str | None) -> dict[str, Any]:
    return row_of(apps.standing(replace(connection, secret=secret)), app_connections)
