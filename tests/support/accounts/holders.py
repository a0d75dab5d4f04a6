"""Clients that hold secrets, of either kind, asked by the rpcs of their kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apis import Api
from wires import Rest

if TYPE_CHECKING:
    from factories import Make

MOST = {"M2M": 5, "WEB_APP": 2}  # secrets in force


class Holder:
    """One client and the calls about its secrets."""

    def __init__(self, api: Api, kind: str, key: dict[str, str]) -> None:
        self.api, self.kind, self.key = api, kind, key
        self.id = key["client_id"]
        self._name = "organization_client" if kind == "M2M" else "client"

    @classmethod
    async def made(cls, api: Api, kind: str, make: Make) -> Holder:
        """A new one; an M2M client comes with one secret, a web application with none."""
        if kind == "M2M":
            organization = (await make.organization())["id"]
            client_id, _ = await make.client(organization)
            return cls(api, kind, {"organization_id": organization, "client_id": client_id})
        answer = await api.clients.create_client(client={"name": "App", "client_type": kind})
        return cls(api, kind, {"client_id": answer["client"]["id"]})

    async def shown(self) -> dict[str, Any]:
        """The client as it is read."""
        answer = await getattr(self.api.clients, f"get_{self._name}")(**self.key)
        client: dict[str, Any] = answer["client"]
        return client

    async def secrets(self) -> list[dict[str, Any]]:
        """Its secrets, as the API shows them."""
        found: list[dict[str, Any]] = (await self.shown())["secrets"]
        return found

    async def add(self, **extra: object) -> Any:
        """Add a secret; our members go into the query, or into headers where there is none."""
        api, members = self.api, dict(self.key)
        if isinstance(api.wire, Rest):
            members |= {name: str(value) for name, value in extra.items()}
        else:
            headers = tuple((f"x-{name}", str(value)) for name, value in extra.items())
            api = Api(api.wire, (*api.headers, *headers))
        return await getattr(api.clients, f"create_{self._name}_secret")(**members)

    async def delete(self, secret_id: str) -> Any:
        """Delete a secret."""
        method = getattr(self.api.clients, f"delete_{self._name}_secret")
        return await method(**self.key, secret_id=secret_id)

    async def set_status(self, secret_id: str, status: str) -> Any:
        """Take a secret out of force, or put it back."""
        return await self.api.clients.update_client_secret(
            **self.key, secret_id=secret_id, secret={"status": status}
        )
