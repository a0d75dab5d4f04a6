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
    UpdateOrganization,
    UpdateOrganizationRequest,
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
        return Answer(lambda: found, dict), {"etag": '"3"'}


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


def test_a_request_line_is_that_of_the_named_rpc(client_of):
    api = client_of(SYSTEM)
    line = api.request_line("RolesService.DeleteRole", role_name="admin")
    assert (line, api.sent) == ("DELETE /api/v1/roles/admin", [])
    with pytest.raises(LookupError):
        api.request_line("RolesService.DropRole", role_name="admin")


def test_each_rpc_has_a_name_of_its_own():
    paths = [
        f"{each.type_name}.{rpc.name}".split(".")[-2:] for each in SERVICES for rpc in each.methods
    ]
    assert len(paths) == len({tuple(path) for path in paths})


async def test_calls_of_one_transaction_are_part_of_it(client_of, pipeline):
    api = client_of(SYSTEM)
    async with api.transaction(Database()) as together:
        await together.organizations.get_organization(ASKED)
    assert pipeline.admissions[0].db == "the transaction"
    assert len(api.sent) == 1


async def test_a_change_may_be_of_what_the_last_response_showed(client_of, pipeline):
    api = client_of(SYSTEM)
    await api.organizations.get_organization(ASKED)
    change = UpdateOrganizationRequest(
        identities=Oneof("id", "org_1"), organization=UpdateOrganization(display_name="Acme")
    )
    await api.if_unchanged().organizations.update_organization(change)
    await api.organizations.update_organization(change)
    assert [one.if_match for one in pipeline.admissions] == [None, frozenset({3}), None]


async def test_a_service_is_loaded_by_its_first_call(pipeline):
    loaded = []

    def rpcs_of(name):
        loaded.append(name)
        (service,) = (one for one in SERVICES if one.type_name == name)
        return of_service(service, Nothing())

    rpcs = Rpcs()
    rpcs.serve_on_demand(rpcs_of, pipeline)
    api = InProcessClient(rpcs, SYSTEM, "req_1", Origin())
    for _ in range(2):
        await api.organizations.get_organization(ASKED)
    assert loaded == ["scalekit.v1.organizations.OrganizationService"]
