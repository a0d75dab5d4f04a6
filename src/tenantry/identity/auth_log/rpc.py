"""AuditLogsService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.gen.scalekit.v1.auditlogs import auditlogs_pb as pb
from tenantry.identity.auth_log import service
from tenantry.identity.connections import service as connections
from tenantry.times import microseconds, timestamp

if TYPE_CHECKING:
    from tenantry.call import Call


class AuditLogsService:
    """One async method per rpc."""

    async def list_auth_requests(
        self, request: pb.ListAuthLogRequest, call: Call
    ) -> pb.ListAuthLogResponse:
        if request.resource_id or request.connected_account_identifier:
            return pb.ListAuthLogResponse()  # there is no sign-in to either
        page = await service.page(
            call,
            service.Filter(
                email=request.email,
                statuses=tuple(request.status),
                client_id=request.client_id,
                start_time=microseconds(request.start_time, "start_time", up=True),
                end_time=microseconds(request.end_time, "end_time"),
            ),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        known = await connections.of_environment(call.db)
        of_connection = {one.id: (one.type, one.provider) for one in known.values()}
        return pb.ListAuthLogResponse(
            next_page_token=page.next_page_token,
            prev_page_token=page.prev_page_token,
            total_size=page.total_size,
            authRequests=[
                _entry(entry, call.db.environment_id, known, of_connection) for entry in page.items
            ],
        )


def _entry(
    entry: service.Entry,
    environment_id: str,
    known: dict[str, Any],
    of_connection: dict[str, tuple[str, str]],
) -> pb.AuthLogRequest:
    type_, provider = of_connection.get(entry.connection_id, ("", ""))
    return pb.AuthLogRequest(
        organization_id=entry.organization_id,
        environment_id=environment_id,
        connection_id=entry.connection_id,
        auth_request_id=entry.id,
        email=entry.email,
        connection_type=type_,
        connection_provider=provider,
        status=entry.status,
        timestamp=timestamp(entry.time),
        connection_details=[
            pb.ConnectionDetails(
                connection_id=known[proof].id,
                organization_id=entry.organization_id,
                connection_type=proof,
                connection_provider=known[proof].provider,
            )
            for proof in entry.proofs
            if proof in known
        ],
        workflow=entry.intent,
        client_id=entry.client_id,
        client_name=entry.client_name,
        client_type=entry.client_type,
    )
