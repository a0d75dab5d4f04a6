"""Organizations and their directories, over the API."""

from __future__ import annotations

import pytest

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.tenants.directories import registry
from tenantry.tenants.directories.effects import provisioning
from tenantry.tenants.directories.resources import groups, people
from tenantry.tenants.directories.scim import resources


@pytest.fixture
async def organization(make):
    """A new organization."""
    return await make.organization()


class Directories:
    """Directories of one organization, as a test makes and changes them."""

    def __init__(self, api, organization_id) -> None:
        self.api = api.directories
        self.organization_id = organization_id

    async def make(self, type_="SCIM", **more: object):
        answer = await self.api.create_directory(
            organization_id=self.organization_id, directory={"directory_type": type_, **more}
        )
        return answer["directory"]

    async def get(self, directory):
        answer = await self.api.get_directory(
            organization_id=self.organization_id, id=directory["id"]
        )
        return answer["directory"]

    async def update(self, directory, **changes: object):
        answer = await self.api.update_directory(
            organization_id=self.organization_id, id=directory["id"], directory=changes
        )
        return answer["directory"]

    def enable(self, directory):
        return self.api.enable_directory(organization_id=self.organization_id, id=directory["id"])

    def disable(self, directory):
        return self.api.disable_directory(organization_id=self.organization_id, id=directory["id"])

    def delete(self, directory):
        return self.api.delete_directory(organization_id=self.organization_id, id=directory["id"])

    async def listed(self):
        answer = await self.api.list_directories(organization_id=self.organization_id)
        return answer.get("directories", [])

    def create_secret(self, directory):
        return self.api.create_directory_secret(
            organization_id=self.organization_id, directory_id=directory["id"]
        )

    def regenerate_secret(self, directory):
        return self.api.regenerate_directory_secret(
            organization_id=self.organization_id, directory_id=directory["id"]
        )


@pytest.fixture
def directories(api, organization):
    """Directories of the organization."""
    return Directories(api, organization["id"])


class Pushed:
    """People and groups of a directory as its provider pushes them, without SCIM requests."""

    def __init__(self, database, directory) -> None:
        self.directory = directory
        caller = provisioning.caller_of(directory, is_modular=False)
        self.call = Call(caller, database, "req_push")

    async def person(self, user_name, **members: object):
        payload = {"userName": user_name, **members}
        return await people.create(self.call, self.directory, resources.read_user(payload))

    async def group(self, display_name, *members: object, **more: object):
        payload = {
            "displayName": display_name,
            "members": [{"value": one.id} for one in members],
            **more,
        }
        return (await groups.create(self.call, self.directory, resources.read_group(payload))).group


@pytest.fixture
async def pushed(make, database, directories, organization):
    """A directory that is on, of an organization that owns acme-….example.com."""
    made = await directories.make(directory_provider="OKTA")
    await directories.enable(made)
    domain = await make.domain(organization["id"])
    found = await registry.get(Call(SYSTEM, database, "req_1"), organization["id"], made["id"])
    pushed = Pushed(database, found)
    pushed.domain = domain["domain"]
    pushed.of = {"organization_id": organization["id"], "directory_id": made["id"]}
    return pushed
