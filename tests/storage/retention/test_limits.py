"""Everything that calls can make again and again has a limit, and the refusal names it."""

from __future__ import annotations

import pytest

from tenantry.access.api_tokens import service as api_tokens
from tenantry.access.clients import applications, changes, organization_clients
from tenantry.core import errors
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.roles import permissions
from tenantry.tenants.roles import service as roles


@pytest.fixture
async def organization(call):
    made = await organizations.create(call, display_name="Acme", region_code="US")
    return made.id


async def until_refused(make, most):
    """Make them until one is refused: after so many."""
    for number in range(most):
        await make(number)
    with pytest.raises(errors.InvalidArgument) as refused:
        await make(most)
    return refused.value.message


async def test_roles(call, organization, monkeypatch):
    monkeypatch.setattr(roles, "ENVIRONMENT_MAX", 4)  # of which two are built in
    monkeypatch.setattr(roles, "ORGANIZATION_MAX", 2)

    def of(organization_id):
        async def make(number):
            await roles.create(
                call,
                organization_id,
                name=f"role_{organization_id}_{number}",
                display_name="Role",
                description="",
                extends=None,
                permission_names=[],
            )

        return make

    said = await until_refused(of(None), 2)
    assert said == "environment has reached its limit of 4 roles; delete one first"
    said = await until_refused(of(organization), 2)
    assert said.startswith("organization has reached its limit of 2 roles")


async def test_permissions(call, monkeypatch):
    async def make(number):
        await permissions.create(call, name=f"data:read{number}", description="")

    await make(-1)
    monkeypatch.setattr(permissions, "PERMISSIONS_MAX", 0)
    said = await until_refused(make, 0)
    assert said.startswith("environment has reached its limit of 0 permissions")


async def test_clients_of_an_organization(call, organization, monkeypatch):
    monkeypatch.setattr(changes, "ORGANIZATION_MAX", 2)

    async def make(number):
        await organization_clients.create(call, organization, name=f"client {number}")

    said = await until_refused(make, 2)
    assert said == ("organization has reached its limit of 2 clients; delete one first")


async def test_applications(call, monkeypatch):
    monkeypatch.setattr(changes, "APPLICATIONS_MAX", 2)

    async def make(number):
        await applications.create(
            call, client_type="SPA", members={"name": f"app {number}"}, production=False
        )

    assert (await until_refused(make, 2)).startswith(
        "environment has reached its limit of 2 clients"
    )


async def test_api_tokens(call, organization, monkeypatch):
    monkeypatch.setattr(api_tokens, "ORGANIZATION_MAX", 2)

    async def make(_number):
        await api_tokens.create(
            call,
            prefix="",
            organization_id=organization,
            user_id=None,
            custom_claims={},
            expire_time=None,
            description="",
        )

    assert (await until_refused(make, 2)).startswith(
        "organization has reached its limit of 2 API tokens"
    )
