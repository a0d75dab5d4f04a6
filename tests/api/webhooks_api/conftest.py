"""Shared by the tests of webhook endpoints: endpoints that are gone when a test ends."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from apis import unique
from wires import ApiError

if TYPE_CHECKING:
    from apis import Api
    from wires import Answer


class Endpoints:
    """Makes endpoints by REST; an environment has room for so many only."""

    def __init__(self, rest: Api) -> None:
        self._rest = rest
        self._made: list[str] = []

    async def made(self, **members: Any) -> dict[str, Any]:
        """A new endpoint."""
        answer = await self.answer(**members)
        endpoint: dict[str, Any] = answer["endpoint"]
        return endpoint

    async def answer(self, **members: Any) -> Answer:
        """The answer to the creation of a new endpoint."""
        return self.noted(
            await self._rest.webhooks.create_endpoint(endpoint={"url": address(), **members})
        )

    def noted(self, answer: Answer) -> Answer:
        """The answer of a creation; its endpoint is deleted in the end."""
        self._made.append(answer["endpoint"]["id"])
        return answer

    async def aclose(self) -> None:
        """Delete the rest."""
        for endpoint_id in self._made:
            with suppress(ApiError):
                await self._rest.webhooks.delete_endpoint(endpoint_id=endpoint_id)


def address() -> str:
    """An address that no other test uses; nothing is sent there, for no worker runs."""
    return f"https://hooks.example.com/{unique()}"


@pytest.fixture
async def endpoints(rest):
    """Makes endpoints."""
    made = Endpoints(rest)
    yield made
    await made.aclose()


@pytest.fixture
async def endpoint(endpoints):
    """An endpoint of the environment."""
    return await endpoints.made()
