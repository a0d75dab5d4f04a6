"""A client of the stream: reads lines as they come, and comes back with the last id."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tenantry.core.caller import SYSTEM
from tenantry.core.event import Event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tenantry.db.engine import Session

STREAM, EXPORT = "/api/v1/events:stream", "/api/v1/events:export"


def lines(text: str) -> list[dict[str, Any]]:
    """The events of an answer in NDJSON."""
    return [json.loads(line) for line in text.split("\n") if line]


def names_of(found: list[dict[str, Any]]) -> list[str | None]:
    """A mark that tells the events of a test apart."""
    return [event["data"].get("display_name") for event in found]


async def record(db: Session, organization_id: str, *names: str) -> None:
    """Let an organization be renamed, as far as events tell."""
    for name in names:
        await db.record(
            Event(
                type="organization.updated",
                actor=SYSTEM.actor,
                request_id="req_test",
                organization_id=organization_id,
                after={"id": organization_id, "display_name": name},
            )
        )


class Reading:
    """An answer that is still under way: its headers, and its events so far."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status_code = answer.status_code
        self.headers = answer.headers
        self.events = []
        self.is_over = False

    async def have(self, number):
        """Wait until so many events came, and return them."""
        async with asyncio.timeout(60):
            while len(self.events) < number:
                assert not self.is_over, self.events
                await asyncio.sleep(0.005)
        return self.events

    async def end(self):
        """Wait until the server ends the answer."""
        async with asyncio.timeout(60):
            while not self.is_over:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return self.events


@asynccontextmanager
async def reading(client: httpx.AsyncClient, **query: Any) -> AsyncIterator[Reading]:
    """Read a stream while the test goes on."""
    async with client.stream("GET", STREAM, params=query) as answer:
        read = Reading(answer)

        async def collect():
            async for line in answer.aiter_lines():
                if line:
                    read.events.append(json.loads(line))
            read.is_over = True

        collecting = asyncio.create_task(collect())
        try:
            yield read
        finally:
            collecting.cancel()
            await asyncio.wait({collecting})
