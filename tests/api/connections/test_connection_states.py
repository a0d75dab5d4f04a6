"""Faults of connections of organizations, of those that are named."""

from __future__ import annotations

from apis import refused

from tenantry.identity.connections import diagnostics as tries
from tenantry.identity.connections.federated_identities import FederationError


async def connected(api, make):
    organization = await make.organization()
    answer = await api.connections.create_connection(
        organization_id=organization["id"], connection={"provider": "OKTA", "type": "SAML"}
    )
    return answer["connection"]["id"]


async def test_a_try_and_no_certificate(api, make, database):
    tried, other = await connected(api, make), await connected(api, make)
    test = await tries.begin(database, tried)
    await tries.fail(
        database, test, FederationError("invalid_saml_response", "The audience is wrong.")
    )
    answer = await api.states.list_connection_states(connection_ids=[tried, other, "conn_1"])
    states = {one["connection_id"]: one for one in answer["states"]}
    assert set(states) == {tried, other}
    assert states[tried]["last_test_status"] == "FAILURE"
    assert states[tried]["last_test_error"] == "invalid_saml_response"
    assert states[tried]["last_test_error_description"] == "The audience is wrong."
    assert "certificate_expire_time" not in states[other]
    assert not states[other].get("last_test_status")


async def test_connections_have_to_be_named(api):
    with refused("INVALID_ARGUMENT"):
        await api.states.list_connection_states()
    with refused("INVALID_ARGUMENT"):
        await api.states.list_connection_states(connection_ids=[f"conn_{n}" for n in range(31)])
