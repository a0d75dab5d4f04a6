"""Signing out at the provider as well: the address to visit before a logout's own answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.identity.connections import reading
from tenantry.identity.connections.model import OIDC, SAML
from tenantry.identity.federation import sessions
from tenantry.identity.federation.saml import logging_out
from tenantry.identity.federation.saml.service_provider import ServiceProvider

if TYPE_CHECKING:
    from tenantry.db.engine import Database
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.federation.model import FrontChannelMessage
    from tenantry.identity.federation.openid import RelyingParty
    from tenantry.identity.federation.sessions import FederatedSession
    from tenantry.settings import Settings

MOST = 3  # providers of one session that are visited


class ProviderLogout:
    """The logouts at providers that follow ours, in one process."""

    def __init__(self, db: Database, settings: Settings, openid: RelyingParty) -> None:
        self._db = db
        self._openid = openid
        self._saml = ServiceProvider(db, settings)

    async def before(self, session_id: str, back: str) -> FrontChannelMessage | None:
        """Return where the browser goes first, now that this session has ended; None for nowhere.

        The provider sends it back to us, and we on to ``back``: a Tenantry address, or one that
        an application has registered. Several providers are visited one after the other, up to
        `MOST`, and the one that was used last comes first: should another keep the browser, that
        one has been told. A message by a form can only be the first.
        """
        first = None
        for one in reversed((await sessions.of_session(self._db, session_id))[:MOST]):
            connection = await reading.find(self._db, one.connection_id)
            sent = None if connection is None else await self._sent(connection, one, back)
            if sent is not None:
                first = sent
                back = sent.url if sent.fields is None else back
        return first

    async def _sent(
        self, connection: Connection, session: FederatedSession, back: str
    ) -> FrontChannelMessage | None:
        if connection.type == SAML:
            side = await self._saml.side(connection)
            return await logging_out.leave(self._db, side, session, back)
        if connection.type == OIDC:
            return await self._openid.leave(connection, session, back)
        return None
