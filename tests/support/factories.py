"""Factories of the objects that a test needs beside those that it tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from apis import unique
from wires import ApiError

if TYPE_CHECKING:
    import httpx
    from apis import Api


class Make:
    """Create objects through the API."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._permissions: list[str] = []

    async def organization(self, display_name: str = "Acme", **members: Any) -> dict[str, Any]:
        """A new organization."""
        answer = await self._api.organizations.create_organization(
            organization={"display_name": display_name, **members}
        )
        made: dict[str, Any] = answer["organization"]
        return made

    async def user(self, organization_id: str = "", **members: Any) -> dict[str, Any]:
        """A new user, an active member of an organization; of a new one if none is named."""
        answer = await self._api.users.create_user_and_membership(
            organization_id=organization_id or (await self.organization())["id"],
            send_invitation_email=False,
            user={"email": f"{unique('user')}@example.com", **members},
        )
        made: dict[str, Any] = answer["user"]
        return made

    async def role(self, **members: Any) -> dict[str, Any]:
        """A new role of the environment."""
        name = unique("role").replace("-", "_")
        answer = await self._api.roles.create_role(
            role={"name": name, "display_name": "A role", **members}
        )
        made: dict[str, Any] = answer["role"]
        return made

    async def organization_role(self, organization_id: str, **members: Any) -> dict[str, Any]:
        """A new role of one organization."""
        name = unique("role").replace("-", "_")
        answer = await self._api.roles.create_organization_role(
            org_id=organization_id, role={"name": name, "display_name": "A role", **members}
        )
        made: dict[str, Any] = answer["role"]
        return made

    async def permission(self, name: str = "", **members: Any) -> dict[str, Any]:
        """A new permission."""
        name = name or unique("permission").replace("-", ":")
        answer = await self._api.roles.create_permission(permission={"name": name, **members})
        made: dict[str, Any] = answer["permission"]
        self._permissions.append(name)
        return made

    async def delete_permissions(self) -> None:
        """Delete the permissions that it has made: pages of other tests list all there are."""
        for name in self._permissions:
            try:
                await self._api.roles.delete_permission(permission_name=name)
            except ApiError as problem:
                if problem.code != "NOT_FOUND":
                    raise

    async def domain(self, organization_id: str, **members: Any) -> dict[str, Any]:
        """A new domain of an organization."""
        answer = await self._api.domains.create_domain(
            organization_id=organization_id,
            domain={"domain": f"{unique('domain')}.example.com", **members},
        )
        made: dict[str, Any] = answer["domain"]
        return made

    async def client(self, organization_id: str = "", **members: Any) -> tuple[str, str]:
        """Id and secret of a new client of an organization; of a new one if none is named."""
        answer = await self._api.clients.create_organization_client(
            organization_id=organization_id or (await self.organization())["id"],
            client={"name": "Machine", **members},
        )
        return answer["client"]["client_id"], answer["plain_secret"]

    async def portal_link(self, organization_id: str, **request: Any) -> dict[str, Any]:
        """A new portal link."""
        answer = await self._api.organizations.generate_portal_link(id=organization_id, **request)
        link: dict[str, Any] = answer["link"]
        return link

    async def portal_session(self, http: httpx.AsyncClient, organization_id: str) -> str:
        """The Cookie header of a browser that opened a link of this organization."""
        link = await self.portal_link(organization_id)
        opened = await http.get(link["location"])
        assert opened.status_code == 303, opened.text
        return opened.headers["set-cookie"].partition(";")[0]


@pytest.fixture
async def make(rest):
    """The factories, calling the API over REST as the management client."""
    made = Make(rest)
    yield made
    await made.delete_permissions()
