"""Organizations and their directories, over the API."""

from __future__ import annotations

import pytest


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
