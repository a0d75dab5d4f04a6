"""AuditLogsService and SignInService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core.times import microseconds, timestamp
from tenantry.gen.scalekit.v1.auditlogs import auditlogs_pb as pb
from tenantry.gen.tenantry.v1 import sign_ins_pb as own_pb
from tenantry.identity.auth_log import last_sign_ins, service, sign_ins
from tenantry.identity.connections import environment as connections

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tenantry.call import Call
    from tenantry.identity.auth_log.last_sign_ins import LastSignIns
    from tenantry.identity.auth_log.sign_ins import SignIn
    from tenantry.identity.connections.guides.explanations import ExplainedError
    from tenantry.identity.connections.model import Connection


class AuditLogsService:
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
        return pb.ListAuthLogResponse(
            next_page_token=page.next_page_token,
            prev_page_token=page.prev_page_token,
            total_size=page.total_size,
            authRequests=[_entry(entry, call.db.environment_id, known) for entry in page.items],
        )


class SignInService:
    async def get_sign_in(
        self, request: own_pb.GetSignInRequest, call: Call
    ) -> own_pb.GetSignInResponse:
        found = await sign_ins.find(call, request.auth_request_id)
        return own_pb.GetSignInResponse(sign_in=_sign_in(found))

    async def list_failed_sign_ins(
        self, request: own_pb.ListFailedSignInsRequest, call: Call
    ) -> own_pb.ListFailedSignInsResponse:
        found = await sign_ins.failed(call, request.connection_id)
        return own_pb.ListFailedSignInsResponse(sign_ins=[_sign_in(one) for one in found])

    async def list_last_sign_ins(
        self, request: own_pb.ListLastSignInsRequest, call: Call
    ) -> own_pb.ListLastSignInsResponse:
        found = await last_sign_ins.of_organization(call, request.organization_id)
        return own_pb.ListLastSignInsResponse(last_sign_ins=[_last(one) for one in found])

    async def list_sign_ins(
        self, request: own_pb.ListSignInsRequest, call: Call
    ) -> own_pb.ListSignInsResponse:
        page = await sign_ins.search(
            call,
            sign_ins.Filter(
                email=request.email,
                organization_id=request.organization_id,
                connection_id=request.connection_id,
                client_id=request.client_id,
                status=request.status,
                method=request.method,
                error=request.error,
            ),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        found = [_sign_in(one) for one in page.items]
        for one in found:
            one.steps, one.evidence = [], None
        return own_pb.ListSignInsResponse(sign_ins=found, next_page_token=page.next_page_token)


def _sign_in(found: SignIn) -> own_pb.SignIn:
    evidence = own_pb.SignInEvidence()
    known = {field.name for field in evidence.desc().fields}
    for name, value in found.evidence.items():
        if name in known:  # an older process may have kept more
            setattr(evidence, name, value)
    message = own_pb.SignIn(
        auth_request_id=found.id,
        timestamp=timestamp(found.time),
        status=found.status,
        email=found.email,
        user_id=found.user_id,
        organization_id=found.organization_id,
        connection_id=found.connection_id,
        connection_type=found.connection_type,
        connection_provider=found.connection_provider,
        client_id=found.client_id,
        workflow=found.intent,
        steps=[own_pb.SignInStep(state=state, milliseconds=at) for state, at in found.steps],
        evidence=evidence if found.evidence else None,
        proofs=list(found.proofs),
    )
    if found.said is not None:
        message.error = _error(found.said)
    return message


def _error(said: ExplainedError) -> own_pb.SignInError:
    return own_pb.SignInError(
        error=said.error,
        error_description=said.description,
        meaning=said.means,
        remedy=said.remedy,
    )


def _last(found: LastSignIns) -> own_pb.LastSignIns:
    message = own_pb.LastSignIns(connection_id=found.connection_id, fault=found.fault)
    for name in ("last_sign_in_time", "last_failure_time", "certificates_expire_time"):
        if time := getattr(found, name):
            setattr(message, name, timestamp(time))
    if found.said is not None:
        message.last_error = _error(found.said)
    return message


def _entry(
    entry: service.Entry,
    environment_id: str,
    known: Mapping[str, Connection],
) -> pb.AuthLogRequest:
    return pb.AuthLogRequest(
        organization_id=entry.organization_id,
        environment_id=environment_id,
        connection_id=entry.connection_id,
        auth_request_id=entry.id,
        email=entry.email,
        connection_type=entry.connection_type,
        connection_provider=entry.connection_provider,
        status=entry.status,
        timestamp=timestamp(entry.time),
        connection_details=[
            pb.ConnectionDetails(
                connection_id=connection_id,
                organization_id=entry.organization_id,
                connection_type=type_,
                connection_provider=provider,
            )
            for connection_id, type_, provider in _proved_by(entry, known)
        ],
        workflow=entry.intent,
        client_id=entry.client_id,
        client_name=entry.client_name,
        client_type=entry.client_type,
    )


def _proved_by(
    entry: service.Entry, known: Mapping[str, Connection]
) -> Iterator[tuple[str, str, str]]:
    """Yield id, type and provider of the connections whose proofs a sign-in had.

    A proof names the environment's by its type, and any other, of which there is one, by its id.
    """
    for proof in entry.proofs:
        if proof in known:
            yield known[proof].id, proof, known[proof].provider
        elif proof == entry.connection_id:
            yield proof, entry.connection_type, entry.connection_provider
