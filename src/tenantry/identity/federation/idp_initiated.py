"""Sign-ins that a provider begins: handed to an application, which then begins its own sign-in.

The application gets a signed `idp_initiated_login` at its initiate_login_uri, verifies it with our
published keys, and sends the browser to the authorization endpoint, with its own state. So nobody
is signed in by a link that somebody else prepared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.access.clients.uris import return_targets
from tenantry.core.times import SECOND, now
from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.sessions import applications

if TYPE_CHECKING:
    from tenantry.db.engine import Session
    from tenantry.identity.connections.federated_identities import FederatedIdentity
    from tenantry.identity.connections.model import Connection

PARAMETER = "idp_initiated_login"
SECONDS = 300  # that the token is good for
RELAY_STATE_MAX = 1000  # characters


async def target(db: Session, connection: Connection, default_redirect_uri: str) -> str:
    """Return the address that a sign-in is handed to.

    That is the connection's own, at an origin that some application has registered; else the
    initiate login URI of the application that the organization used last; else that of the only
    application that has one.

    Raises:
        FederationError: there is no such address, there are several, or the connection's own
            is at another origin.

    """
    if default_redirect_uri:
        if await return_targets.is_at_registered_origin(db, default_redirect_uri):
            return default_redirect_uri
        raise FederationError(
            "invalid_redirect_uri",
            "The connection's default redirect URI does not belong to an application.",
            hint="Register a redirect URI of the same origin, or correct the connection's.",
        )
    way = None
    if connection.organization_id:
        way = await applications.of_organization(db, connection.organization_id)
    uri = way.uri if way and way.begins else await return_targets.only_initiate_login_uri(db)
    if uri is None:
        raise FederationError(
            "invalid_redirect_uri",
            "No application has an initiate login URI.",
            hint="Set an application's initiate login URI. If several applications have one, set "
            "the connection's default redirect URI.",
        )
    return uri


def claims(
    connection: Connection, identity: FederatedIdentity, *, issuer: str, relay_state: str
) -> dict[str, Any]:
    """Return the claims of the token; `relay_state` only where the provider has sent one."""
    at = now() // SECOND
    return {
        "iss": issuer,
        "organization_id": connection.organization_id or "",
        "connection_id": connection.id,
        "login_hint": identity.email,
        "iat": at,
        "nbf": at,
        "exp": at + SECONDS,
        **({"relay_state": relay_state} if relay_state else {}),
    }
