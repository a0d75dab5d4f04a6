"""Connections as they move to another deployment: without secrets, which are sealed by this one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry.identity.connections import completeness
from tenantry.identity.connections.model import COMPLETED, FEDERATED, OAUTH

if TYPE_CHECKING:
    from tenantry.identity.connections.model import Connection


def portable(connection: Connection) -> Connection:
    """Return a connection without its secret: not complete any more, and off, if it needs one."""
    bare = replace(connection, secret=None)
    status = completeness.status(bare)
    return replace(bare, status=status, enabled=bare.enabled and status == COMPLETED)


def problem(connection: Connection) -> str:
    """Return why a connection cannot be one of an environment that moves; "" where it can."""
    if connection.type not in FEDERATED:
        return f"connection_type: must be one of {', '.join(FEDERATED)}"
    if (connection.type == OAUTH) != (connection.organization_id is None):
        return "organization_id: OAUTH connections have none, the others have one"
    return ""
