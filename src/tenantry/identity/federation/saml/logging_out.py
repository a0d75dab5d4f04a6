"""Single logout by SAML (Profiles 4.4), begun by the identity provider or by us.

After a logout there no session of that connection is left here, and the other way round.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from tenantry.core.times import MINUTE, now
from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.connections.saml import bindings, faults, logout, writing
from tenantry.identity.connections.saml.bindings import REQUEST, RESPONSE
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.names import NameIDFormat
from tenantry.identity.connections.saml.trust import NameID
from tenantry.identity.connections.settings import HTTP_POST
from tenantry.identity.federation import replays, requests, sessions
from tenantry.identity.federation.evidence import fault_of
from tenantry.identity.federation.model import FrontChannelMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.etree import _Element

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.identity.connections.saml.bindings import Query
    from tenantry.identity.connections.saml.logout import LogoutRequest
    from tenantry.identity.federation.model import FederationRequest
    from tenantry.identity.federation.saml.service_provider import ServiceProvider, SPConfiguration
    from tenantry.identity.federation.sessions import FederatedSession

    _T = TypeVar("_T")

_GOOD_FOR = 5 * MINUTE  # a Tenantry request
_LOGOUT, BACK = "logout", "back"  # facts of a way

_log = logging.getLogger(__name__)


async def leave(
    db: Session, side: SPConfiguration, session: FederatedSession, back: str
) -> FrontChannelMessage | None:
    """Return where the browser of an ended session goes to end the one at the provider, too.

    None where the connection does not ask for it. ``back`` is the address that the browser comes
    back to in the end.
    """
    settings = side.settings
    if not (settings.idp_slo_required and settings.idp_slo_url and session.hint):
        return None
    identifier = writing.new_id()
    facts = {_LOGOUT: identifier, BACK: back}
    relay_state = await requests.begin(db, side.connection.id, facts=facts)
    message = logout.logout_request(
        identifier=identifier,
        sp_entity_id=side.sp_entity_id,
        slo_url=settings.idp_slo_url,
        name_id=NameID(**session.hint),
        session_index=session.session_index,
        now=now(),
        not_on_or_after=now() + _GOOD_FOR,
    )
    return _sent(side, settings.idp_slo_url, REQUEST, message, relay_state)


async def take_request(
    call: Call,
    provider: ServiceProvider,
    side: SPConfiguration,
    received: str | Query,
    relay_state: str | None,
) -> FrontChannelMessage | None:
    """End the sessions that an identity provider asks to end; return where the answer goes.

    None where the provider has no address for it.
    """
    at = now()

    def read(side: SPConfiguration) -> LogoutRequest:
        return logout.read_request(received, side.trust, now=at, skew=side.skew)

    asked = await _verified(provider, side, received, read)
    until = asked.not_on_or_after + 2 * side.skew
    if not await replays.spend(
        call.db, side.connection.id, f"LogoutRequest {asked.id}", expire_time=until
    ):
        raise fault_of(SAMLError(faults.LOGOUT_REPLAYED))
    ended = await _end(call, side, asked)
    fields = {"connection_id": side.connection.id, "sessions": ended}
    _log.info("sessions ended by identity provider", extra={"fields": fields})
    url = side.settings.idp_slo_response_url or side.settings.idp_slo_url
    if not url:
        return None
    message = logout.logout_response(
        identifier=writing.new_id(),
        sp_entity_id=side.sp_entity_id,
        slo_url=url,
        in_response_to=asked.id,
        now=now(),
        success=True,
    )
    return _sent(side, url, RESPONSE, message, relay_state)


async def take_response(
    provider: ServiceProvider, side: SPConfiguration, received: str | Query, way: FederationRequest
) -> bool:
    """Return whether an identity provider says that its session has ended as well.

    Ours has ended before; so nothing hangs on it.
    """
    try:
        answer = await _verified(
            provider, side, received, lambda side: logout.read_response(received, side.trust)
        )
    except FederationError:
        return False
    return answer.success and answer.in_response_to == way.facts[_LOGOUT]


def is_logout(way: FederationRequest) -> bool:
    return _LOGOUT in way.facts


async def _verified(
    provider: ServiceProvider,
    side: SPConfiguration,
    received: str | Query,
    read: Callable[[SPConfiguration], _T],
) -> _T:
    size = len(received if isinstance(received, str) else received.message)
    try:
        return await provider.verified(side, read, size=size)
    except SAMLError as error:
        raise fault_of(error) from None


async def _end(call: Call, side: SPConfiguration, asked: LogoutRequest) -> int:
    # A transient NameID is the subject of no session (see `signing_in`): the index is.
    transient = asked.name_id.format == NameIDFormat.TRANSIENT
    subject = None if transient else asked.name_id.value
    indexes: tuple[str | None, ...] = asked.session_indexes or (None,)
    ended = 0
    for index in indexes:
        if subject is not None or index is not None:
            ended += await sessions.end(
                call, side.connection.id, subject=subject, session_index=index
            )
    return ended


def _sent(
    side: SPConfiguration, url: str, parameter: str, message: _Element, relay_state: str | None
) -> FrontChannelMessage:
    if side.settings.idp_slo_request_binding == HTTP_POST:
        fields = {parameter: bindings.form_value(message, pair=side.signing)}
        return FrontChannelMessage(
            url, fields | ({"RelayState": relay_state} if relay_state else {})
        )
    return FrontChannelMessage(
        bindings.redirect(url, parameter, message, relay_state=relay_state, pair=side.signing)
    )
