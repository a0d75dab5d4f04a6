"""Whether a web application's secret is management access, where its creation does not say."""

from __future__ import annotations

import pytest
from protobuf.wkt import BoolValue, FieldMask

from tenantry.access.clients.rpc import ClientService
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.gen.scalekit.v1.clients import clients_pb as pb


def application(**members: object):
    return pb.CreateClientRequest(
        client=pb.CreateClient(name="Dashboard", client_type="WEB_APP", **members)
    )


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_setting_decides_whether_a_new_applications_secret_may_call_the_api(
    db,
    allowed,
):
    service, call = ClientService(production=True, api_access=allowed), Call(SYSTEM, db, "req_1")
    created = (await service.create_client(application(), call)).client
    assert created.disallow_scalekit_api_access is not allowed
    for said in (True, False):
        wanted = application(disallow_scalekit_api_access=BoolValue(value=said))
        client = (await service.create_client(wanted, call)).client
        assert client.disallow_scalekit_api_access is said
    # A cleared member is as in a new one.
    cleared = pb.UpdateClientRequest(
        client_id=client.id,
        client=pb.UpdateClient(),
        mask=FieldMask(paths=["disallow_scalekit_api_access"]),
    )
    client = (await service.update_client(cleared, call)).client
    assert client.disallow_scalekit_api_access is not allowed
