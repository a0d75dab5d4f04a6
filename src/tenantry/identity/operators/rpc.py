"""OperatorService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Empty

from tenantry.core.times import timestamp
from tenantry.gen.tenantry.v1 import operators_pb as pb
from tenantry.identity.operators import service
from tenantry.identity.operators.model import READER

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.operators.model import Operator


class OperatorService:
    def __init__(self, *, public_url: str) -> None:
        self._public_url = public_url

    async def list_operators(
        self, _request: pb.ListOperatorsRequest, call: Call
    ) -> pb.ListOperatorsResponse:
        found = await service.list_all(call.db)
        return pb.ListOperatorsResponse(operators=[_message(one) for one in found])

    async def get_operator(
        self, request: pb.GetOperatorRequest, call: Call
    ) -> pb.GetOperatorResponse:
        found = await service.get(call.db, request.operator_id)
        return pb.GetOperatorResponse(operator=_message(found))

    async def invite_operator(
        self, request: pb.InviteOperatorRequest, call: Call
    ) -> pb.InviteOperatorResponse:
        assert request.operator is not None
        given = request.operator
        made, token = await service.invite(
            call, email=given.email, name=given.name, role=given.role or READER
        )
        return pb.InviteOperatorResponse(
            operator=_message(made), link=service.link_address(self._public_url, token)
        )

    async def create_operator_link(
        self, request: pb.CreateOperatorLinkRequest, call: Call
    ) -> pb.CreateOperatorLinkResponse:
        token = await service.new_link(call, request.operator_id)
        return pb.CreateOperatorLinkResponse(link=service.link_address(self._public_url, token))

    async def update_operator(
        self, request: pb.UpdateOperatorRequest, call: Call
    ) -> pb.UpdateOperatorResponse:
        assert request.operator is not None
        given = request.operator
        kind = pb.Operator.desc()
        name, email, role = (
            getattr(given, field.name) if field in given else None
            for field in kind.fields
            if field.name in {"name", "email", "role"}
        )
        after = await service.update(call, request.operator_id, name=name, email=email, role=role)
        return pb.UpdateOperatorResponse(operator=_message(after))

    async def delete_operator(self, request: pb.DeleteOperatorRequest, call: Call) -> Empty:
        await service.remove(call, request.operator_id)
        return Empty()

    async def revoke_operator_sessions(
        self, request: pb.RevokeOperatorSessionsRequest, call: Call
    ) -> pb.RevokeOperatorSessionsResponse:
        await service.get(call.db, request.operator_id)
        ended = await service.sign_out(call, request.operator_id)
        return pb.RevokeOperatorSessionsResponse(ended=ended)


def _message(operator: Operator) -> pb.Operator:
    message = pb.Operator(
        id=operator.id,
        name=operator.name,
        email=operator.email,
        role=operator.role,
        create_time=timestamp(operator.create_time),
        update_time=timestamp(operator.update_time),
    )
    if operator.last_sign_in_time is not None:
        message.last_sign_in_time = timestamp(operator.last_sign_in_time)
    return message
