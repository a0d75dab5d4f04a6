"""Clients that change organizations meanwhile, and note the answers."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    import random

_PAUSE_SECONDS = 0.1


@dataclass
class Ledger:
    """Each change by a name of its own, by its outcome."""

    acknowledged: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)  # organizations, their ids
    perhaps_deleted: set[str] = field(default_factory=set)
    surprises: list[str] = field(default_factory=list)


class Writer:
    """One client, with one organization at a time."""

    def __init__(
        self,
        name: str,
        urls: list[str],
        credentials: tuple[str, str],
        ledger: Ledger,
        chance: random.Random,
    ) -> None:
        self._name = name
        self._urls = urls
        self._credentials = credentials
        self._ledger = ledger
        self._chance = chance
        self._numbers = itertools.count(1)
        self._headers: dict[str, str] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Create, change and delete, until told to stop."""
        async with httpx.AsyncClient(timeout=10) as self._http:
            organization_id = None
            while not stop.is_set():
                if organization_id is None:
                    answer = await self._change("POST", "/api/v1/organizations")
                    if answer is not None:
                        organization_id = answer["id"]
                elif self._chance.random() < 0.15:
                    await self._delete(organization_id)
                    organization_id = None
                else:
                    path = f"/api/v1/organizations/{organization_id}"
                    await self._change("PATCH", path)
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _change(self, method: str, path: str) -> dict[str, Any] | None:
        change = f"{self._name}-{next(self._numbers)}"
        answer = await self._ask(method, path, json={"display_name": change})
        if answer is None:
            self._ledger.unanswered.add(change)
        elif answer.status_code in {200, 201}:
            self._ledger.acknowledged.add(change)
            shown: dict[str, Any] = answer.json()
            return shown
        elif answer.status_code in {401, 503}:
            self._ledger.refused.add(change)
        else:
            self._ledger.surprises.append(f"{method} {path}: {answer.status_code} {answer.text}")
        return None

    async def _delete(self, organization_id: str) -> None:
        answer = await self._ask("DELETE", f"/api/v1/organizations/{organization_id}")
        if answer is not None and answer.status_code < 300:
            self._ledger.deleted.add(organization_id)
        elif answer is None:
            self._ledger.perhaps_deleted.add(organization_id)
        elif answer.status_code not in {401, 503}:
            self._ledger.surprises.append(f"DELETE: {answer.status_code} {answer.text}")

    async def _ask(self, method: str, path: str, **how: Any) -> httpx.Response | None:
        """Ask a server that takes the connection; None if nobody knows what it did."""
        while True:
            url = self._chance.choice(self._urls)
            try:
                if not self._headers:
                    await self._sign_in(url)
                answer = await self._http.request(method, url + path, headers=self._headers, **how)
            except httpx.ConnectError:
                await asyncio.sleep(0.05)  # not even sent
                continue
            except httpx.TransportError:
                return None
            if answer.status_code == 401:
                self._headers = {}
            return None if answer.status_code == 504 else answer  # OUTCOME_UNKNOWN

    async def _sign_in(self, url: str) -> None:
        client_id, client_secret = self._credentials
        while not self._headers:
            try:
                answer = await self._http.post(
                    f"{url}/oauth/token",
                    data={
                        "grant_type": "client_credentials",
                        "client_id": client_id,
                        "client_secret": client_secret,
                    },
                )
                if answer.status_code == 200:
                    self._headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
            except httpx.TransportError:
                url = self._chance.choice(self._urls)
            await asyncio.sleep(0.05)
