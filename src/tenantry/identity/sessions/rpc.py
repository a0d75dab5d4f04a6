"""SessionService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from protobuf import Oneof

from tenantry.core import errors
from tenantry.core.answer import message_of
from tenantry.core.caller import Kind
from tenantry.core.times import microseconds, now, timestamp
from tenantry.gen.scalekit.v1.connections import connections_pb
from tenantry.gen.scalekit.v1.environments import environments_pb
from tenantry.gen.scalekit.v1.organizations import organizations_pb
from tenantry.gen.scalekit.v1.sessions import sessions_pb as pb
from tenantry.identity.sessions import listing, service
from tenantry.tenants.portal_links import service as portal_links
from tenantry.tenants.users import reading as users

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.core.answer import Answer
    from tenantry.core.caller import Caller
    from tenantry.identity.sessions.model import Session

    _Organization = Oneof[Literal["id"], str]


class SessionService:
    async def get_session(self, request: pb.SessionDetailsRequest, call: Call) -> pb.SessionDetails:
        return _details(await service.get(call, request.session_id))

    async def revoke_session(
        self, request: pb.RevokeSessionRequest, call: Call
    ) -> pb.RevokeSessionResponse:
        session = await service.revoke(call, request.session_id)
        return pb.RevokeSessionResponse(revoked_session=_revoked(session))

    async def get_user_sessions(
        self, request: pb.UserSessionDetailsRequest, call: Call
    ) -> pb.UserSessionDetails:
        page = await listing.of_user(
            call,
            request.user_id,
            _filter(request.filter),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.UserSessionDetails(
            sessions=[_details(session) for session in page.items],
            next_page_token=page.next_page_token,
            prev_page_token=page.prev_page_token,
            total_size=page.total_size,
        )

    async def revoke_all_user_sessions(
        self, request: pb.RevokeAllUserSessionsRequest, call: Call
    ) -> pb.RevokeAllUserSessionsResponse:
        ended = await service.revoke_all(call, request.user_id)
        return pb.RevokeAllUserSessionsResponse(
            revoked_sessions=[_revoked(session) for session in ended], total_revoked=len(ended)
        )


class Organizations(Protocol):
    """Answers calls about organizations."""

    async def get_organization(
        self, request: organizations_pb.GetOrganizationRequest, call: Call
    ) -> Answer:
        """Return one."""


class Connections(Protocol):
    """Answers calls about connections."""

    async def list_connections(
        self, request: connections_pb.ListConnectionsRequest, call: Call
    ) -> connections_pb.ListConnectionsResponse:
        """Return those of an organization."""


class Branding(Protocol):
    """Answers calls about the look of pages."""

    async def get_portal_customization(
        self, request: environments_pb.GetPortalCustomizationRequest, call: Call
    ) -> environments_pb.GetPortalCustomizationResponse:
        """Return that of the portal."""


class CurrentSessionService:
    """One async method per rpc; what other services answer, they answer to the same caller."""

    def __init__(
        self, organizations: Organizations, connections: Connections, branding: Branding
    ) -> None:
        self._organizations = organizations
        self._connections = connections
        self._branding = branding

    async def get_current_session(
        self, request: environments_pb.GetCurrentSessionRequest, call: Call
    ) -> environments_pb.GetCurrentSessionResponse:
        if request.id not in {"", "-", call.db.environment_id}:
            raise errors.NotFound("environment")
        caller = call.caller
        if caller.kind is Kind.PORTAL_SESSION:
            return _current(caller, (await portal_links.current_session(call)).expire_time)
        if caller.session_id is None:
            return environments_pb.GetCurrentSessionResponse(subject=caller.id)
        session = await service.get(call, caller.session_id)
        message = _current(caller, session.absolute_expire_time)
        user = await users.find(call.db, id_=caller.id, external_id=None)
        if user is not None:
            message.email = user.email
        return message

    async def portal_bootstrap(
        self, _request: environments_pb.PortalBootstrapRequest, call: Call
    ) -> environments_pb.PortalBootstrapResponse:
        session = await portal_links.current_session(call)
        own: _Organization = Oneof("id", session.organization_id)
        found = await self._organizations.get_organization(
            organizations_pb.GetOrganizationRequest(identities=own), call
        )
        look = await self._branding.get_portal_customization(
            environments_pb.GetPortalCustomizationRequest(), call
        )
        answer = environments_pb.PortalBootstrapResponse(
            session=_current(call.caller, session.expire_time),
            organization=message_of(found).organization,  # type: ignore[attr-defined]
            portal_customizations=environments_pb.PortalCustomizationBootstrap(
                customization_settings=look.customization_settings,
                settings=look.settings,
                organization_customizations=look.organization_customizations,
            ),
        )
        if "sso" in call.caller.features:
            listed = await self._connections.list_connections(
                connections_pb.ListConnectionsRequest(
                    organization_id=session.organization_id, include="all"
                ),
                call,
            )
            answer.connections.extend(listed.connections)
        call.headers.pop("etag", None)  # of the organization, which is a part of the answer
        return answer


def _current(caller: Caller, expire_time: int) -> environments_pb.GetCurrentSessionResponse:
    return environments_pb.GetCurrentSessionResponse(
        session_expiry=timestamp(expire_time),
        access_token_expiry=timestamp(expire_time),
        organization_id=caller.organization_id,
        subject=caller.id,
    )


def _filter(given: pb.UserSessionFilter | None) -> listing.Filter:
    if given is None:
        return listing.Filter()
    return listing.Filter(
        statuses=tuple(given.status),
        start_time=microseconds(given.start_time, "filter.start_time", up=True),
        end_time=microseconds(given.end_time, "filter.end_time"),
    )


def _details(session: Session) -> pb.SessionDetails:
    return pb.SessionDetails(
        **_common(session),
        organization_id=session.organization_id,
        authenticated_organizations=list(session.organizations),
        authenticated_clients=[
            pb.AuthenticatedClients(client_id=client_id, organization_id=organization_id)
            for client_id, organization_id in session.clients
        ],
        device=_device(session.device),
    )


def _revoked(session: Session) -> pb.RevokedSessionDetails:
    return pb.RevokedSessionDetails(**_common(session))


def _common(session: Session) -> dict[str, Any]:
    """Return the members that both messages have."""
    status, expire_time = session.state(now())
    times = {
        "created_at": session.create_time,
        "updated_at": session.update_time,
        "last_active_at": session.last_active_time,
        "idle_expires_at": session.idle_expire_time,
        "absolute_expires_at": session.absolute_expire_time,
        "expired_at": expire_time,
        "logout_at": session.logout_time,
    }
    return {
        "session_id": session.id,
        "user_id": session.user_id,
        "status": status,
        **{name: timestamp(moment) for name, moment in times.items() if moment is not None},
    }


def _device(device: dict[str, Any] | Any) -> pb.DeviceDetails:
    known = dict(device)
    location = known.pop("location", {})
    return pb.DeviceDetails(**known, location=pb.Location(**location))
