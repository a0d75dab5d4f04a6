"""SessionService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.gen.scalekit.v1.sessions import sessions_pb as pb
from tenantry.identity.sessions import listing, service
from tenantry.times import microseconds, now, timestamp

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.sessions.model import Session


class SessionService:
    """One async method per rpc."""

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
