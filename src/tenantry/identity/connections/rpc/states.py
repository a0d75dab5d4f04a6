"""ConnectionStateService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core.times import timestamp
from tenantry.gen.tenantry.v1 import states_pb
from tenantry.identity.connections import states

if TYPE_CHECKING:
    from tenantry.call import Call


class ConnectionStateService:
    """The method of StateService about connections."""

    async def list_connection_states(
        self, request: states_pb.ListConnectionStatesRequest, call: Call
    ) -> states_pb.ListConnectionStatesResponse:
        found = await states.of_connections(call, request.connection_ids)
        return states_pb.ListConnectionStatesResponse(states=[_state(one) for one in found])


def _state(found: states.State) -> states_pb.ConnectionState:
    message = states_pb.ConnectionState(
        connection_id=found.connection_id,
        fault=found.fault,
        last_test_status=found.test_status,
        last_test_error=found.test_error,
        last_test_error_description=found.test_error_description,
    )
    if found.certificate_expire_time is not None:
        message.certificate_expire_time = timestamp(found.certificate_expire_time)
    if found.test_time is not None:
        message.last_test_time = timestamp(found.test_time)
    return message
