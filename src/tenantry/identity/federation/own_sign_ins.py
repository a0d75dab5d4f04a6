"""A sign-in at an application's own page: the way there, the person that it names, and back.

The application is sent a `login_request_id` and a `state`, names the person to us by the first and
sends the browser back with the second. Nothing goes on before that: the person is the one of the
browser that comes back, and of no other that knows the id.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry.crypto.vault import Binding
from tenantry.identity.connections.federated_identities import FederatedIdentity, FederationError
from tenantry.identity.federation import requests

if TYPE_CHECKING:
    from tenantry.db.engine import Session
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.federation.model import FederationRequest

# Facts of a way: that it is one of these, and the person as it was named; "" for nobody.
_OWN, _NAMED = "own", "named"


def login_uri(connection: Connection) -> str:
    """Return the application's page, "" for a connection of a protocol."""
    found: str = connection.settings.get("login_uri", "")
    return found


async def start(
    db: Session, connection: Connection, auth_request_id: str
) -> tuple[str, dict[str, str]]:
    """Start a login at the application; return the address and the members of its query."""
    state = await requests.begin(
        db, connection.id, auth_request_id=auth_request_id, facts={_OWN: True}
    )
    return login_uri(connection), {"login_request_id": auth_request_id, "state": state}


async def name(
    db: Session, connection: Connection, auth_request_id: str, identity: FederatedIdentity | None
) -> bool:
    """Keep the person of a sign-in until the browser is back, None for nobody.

    False where the browser was never sent there, or somebody was named before.
    """
    bound_to = _binding(connection.id, auth_request_id)
    async with db.transaction() as held:
        named = ""
        if identity is not None:
            named = replace(identity, received={}).encrypted(held, bound_to)
        ways = await requests.hold(held, connection.id, auth_request_id)
        own = {digest: way for digest, way in ways.items() if is_one(way)}
        if not own or any(_NAMED in way.facts for way in own.values()):
            return False
        for digest, way in own.items():
            await requests.note(held, digest, {**way.facts, _NAMED: named})
    return True


def is_one(way: FederationRequest) -> bool:
    return _OWN in way.facts


def identity(db: Session, way: FederationRequest) -> FederatedIdentity:
    """Return the person that the application has named.

    Raises:
        FederationError: it named nobody.

    """
    named = way.facts.get(_NAMED, "")
    if not named:
        raise FederationError("authentication_not_completed", "the user did not sign in")
    bound_to = _binding(way.connection_id, way.auth_request_id or "")
    return FederatedIdentity.decrypted(db, named, bound_to)


def _binding(connection_id: str, auth_request_id: str) -> Binding:
    key = (connection_id, auth_request_id)
    return Binding("identity named by an application", key, former="identity of a provider")
