"""Histories: what clients asked a deployment, when, and what they were answered."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from types import TracebackType

    Output = dict[str, Any]

_ANSWER_SECONDS = 20.0  # longer than the server lets a statement run
_REQUESTS = 25  # of a connection: the next one may lead to another process


class NotDone(Exception):
    """The request had no effect, by what the server promises, or was not even sent."""


class Unanswered(Exception):
    """Nobody knows whether the request had its effect."""


@dataclass
class History:
    """Operations on any number of objects; ``undone`` counts those that had no effect."""

    operations: list[dict[str, Any]] = field(default_factory=list)
    undone: int = 0
    surprises: list[str] = field(default_factory=list)

    async def note(
        self,
        model: str,
        key: str,
        client: int,
        asked: dict[str, Any],
        do: Callable[[], Awaitable[Output]],
    ) -> Output | None:
        """Do something to an object and write it down; return its answer, if it had one.

        A request without an effect is left out: if it had one, no order explains the rest.
        """
        line = {"model": model, "key": key, "client": client, "call": time.monotonic_ns()}
        answered = None
        try:
            answered = await do()
        except NotDone:
            self.undone += 1
            return None
        except Unanswered:
            if asked["op"] == "read":
                return None
        line |= {"return": time.monotonic_ns(), "input": asked, "output": answered}
        self.operations.append(line)
        return answered

    def write(self, path: Path) -> None:
        """Write a line of JSON for each operation."""
        path.write_text("".join(f"{json.dumps(line)}\n" for line in self.operations))


class Client:
    """One caller with a connection of its own, to any of some servers."""

    def __init__(
        self,
        number: int,
        urls: list[str],
        credentials: tuple[str, str],
        history: History,
        chance: random.Random,
    ) -> None:
        self.number = number
        self.history = history
        self.chance = chance
        self._urls = urls
        self._credentials = credentials
        self._headers: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        self._connect()
        return self

    def _connect(self) -> None:
        limits = httpx.Limits(max_connections=1)
        self._http = httpx.AsyncClient(timeout=_ANSWER_SECONDS, limits=limits)
        self._left = _REQUESTS

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def call(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **how: Any
    ) -> httpx.Response:
        """Make a call of the management client.

        Raises:
            NotDone: it had no effect.
            Unanswered: it had one, or not.

        """
        if not self._headers:
            client_id, secret = self._credentials
            form = {"client_id": client_id, "client_secret": secret}
            answer = await self.ask(
                "POST", "/oauth/token", data={"grant_type": "client_credentials", **form}
            )
            token = answer.json()["access_token"]
            self._headers = {"authorization": f"Bearer {token}"}
        sent = self._headers | (headers or {})
        answer = await self.ask(method, path, headers=sent, **how)
        if answer.status_code == 401:
            self._headers = {}
            raise NotDone(answer.text)
        return answer

    async def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Make a request; for what it raises see `call`."""
        url = self.chance.choice(self._urls)
        if not self._left:
            await self._http.aclose()
            self._connect()
        self._left -= 1
        try:
            answer = await self._http.request(method, url + path, **how)
        except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
            await asyncio.sleep(0.05)
            raise NotDone(repr(problem)) from problem
        except httpx.TransportError as problem:
            await asyncio.sleep(0.1)
            raise Unanswered(repr(problem)) from problem
        if answer.status_code in {408, 429, 503}:
            await asyncio.sleep(0.05)
            raise NotDone(answer.text)
        if answer.status_code == 504:
            raise Unanswered(answer.text)
        if answer.status_code >= 500:
            self.history.surprises.append(f"{method} {path}: {answer.status_code} {answer.text}")
            raise Unanswered(answer.text)
        return answer
