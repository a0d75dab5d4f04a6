"""The typed client: the policy, the pipeline, and the requests that make the same calls."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from protobuf import Oneof
from served import SERVICES

from tenantry.api.in_process import InProcessClient, Rpcs
from tenantry.api.methods import of_service
from tenantry.core import errors
from tenantry.core.answer import Answer
from tenantry.core.caller import ANONYMOUS, SYSTEM, Origin
from tenantry.gen.scalekit.v1.organizations.organizations_pb import (
    GetOrganizationRequest,
    GetOrganizationResponse,
    Organization,
)


class Nothing:
    """A service that has every method."""

    def __getattr__(self, name) -> None: ...


class Pipeline:
    """Answers each call with an organization, and keeps what it was asked."""

    def __init__(self) -> None:
        self.admissions = []

    async def run(self, _method, admission, _message):
        self.admissions.append(admission)
        found = GetOrganizationResponse(organization=Organization(id="org_1"))
        return Answer(lambda: found, dict), {}


class Database:
    """Opens one transaction."""

    @asynccontextmanager
    async def transaction(self):
        yield "the transaction"


@pytest.fixture
def pipeline():
    return Pipeline()


@pytest.fixture
def client_of(pipeline):
    rpcs = Rpcs()
    rpcs.serve([one for each in SERVICES for one in of_service(each, Nothing())], pipeline)
    return lambda caller: InProcessClient(rpcs, caller, "req_1", Origin())


ASKED = GetOrganizationRequest(identities=Oneof("id", "org_1"))


async def test_a_call_has_the_message_of_its_rpc(client_of, pipeline):
    api = client_of(SYSTEM)
    answer = await api.organizations.get_organization(ASKED)
    assert answer.organization.id == "org_1"
    (admission,) = pipeline.admissions
    assert (admission.caller, admission.request_id, admission.db) == (SYSTEM, "req_1", None)
    assert [(call.verb, call.path) for call in api.sent] == [("GET", "/api/v1/organizations/org_1")]


async def test_the_policy_of_the_rpc_holds(client_of, pipeline):
    with pytest.raises(errors.Unauthenticated):
        await client_of(ANONYMOUS).organizations.get_organization(ASKED)
    assert not pipeline.admissions


async def test_calls_of_one_transaction_are_part_of_it(client_of, pipeline):
    api = client_of(SYSTEM)
    async with api.transaction(Database()) as together:
        await together.organizations.get_organization(ASKED)
    assert pipeline.admissions[0].db == "the transaction"
    assert len(api.sent) == 1
