"""Clients of several processes of one deployment, behind a balancer that asks /readyz.

They note each call that was not answered as it should be. Nothing is tried a second time.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
from apis import Api, unique
from wires import Connect, Grpc, Rest, over_https

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from servers import LiveServer
    from signins import App

_LOOK_SECONDS = 0.1
_WIRES = {"rest": Rest, "connect": Connect, "grpc": Grpc}


class Side:
    """A process, and the connections to it."""

    def __init__(self, name: str, server: LiveServer) -> None:
        self.name = name
        self.server = server
        self.ready = False
        self.http = over_https(server)
        self.wires = {name: made(server) for name, made in _WIRES.items()}

    async def look(self) -> None:
        """Ask whether it is ready, as a balancer does."""
        if self.http.is_closed:  # removed since this look was due
            return
        try:
            self.ready = (await self.http.get("/readyz", timeout=2)).status_code == 200
        except httpx.TransportError:
            self.ready = False

    async def aclose(self) -> None:
        """Close all connections."""
        await self.http.aclose()
        for wire in self.wires.values():
            await wire.aclose()


class Load:
    """Calls of all kinds, each to the next of the sides that are ready."""

    def __init__(self, credentials: tuple[str, str]) -> None:
        self.credentials = credentials
        self.sides: list[Side] = []
        self.answered: Counter[tuple[str, str]] = Counter()  # by side and kind
        self.failed: list[str] = []
        self.slowest = 0.0
        self.organizations: set[str] = set()
        self._turn = itertools.count()
        self._tasks: list[asyncio.Task[None]] = []
        self._over = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Load]:
        """Let all clients ask meanwhile."""
        self._tasks = [asyncio.create_task(one) for one in (self._balance(), *self.clients())]
        try:
            yield self
        finally:
            self._over = True
            await asyncio.gather(*self._tasks)
            for side in self.sides:
                await side.aclose()

    def clients(self) -> list[Coroutine[Any, Any, None]]:
        """The clients that ask meanwhile, each until all is over."""
        return [self._machine(wire) for wire in (*_WIRES, "rest", "grpc")]

    async def add(self, name: str, server: LiveServer) -> Side:
        """Let the clients ask this process too."""
        side = Side(name, server)
        await side.look()
        assert side.ready
        self.sides.append(side)
        return side

    async def remove(self, side: Side) -> None:
        """Stop a process as an operator does, and forget it."""
        assert await asyncio.to_thread(side.server.stop) == 0
        self.sides.remove(side)
        await side.aclose()

    def sign_in(self, app: App, refresh_token: str) -> None:
        """Let the tokens of a person be refreshed, each by the next side."""
        self._tasks.append(asyncio.create_task(self._refreshing(app, refresh_token)))

    async def go_on(self, calls: int) -> None:
        """Wait for so many more answers from each side."""
        start = Counter(side for side, _ in self.answered.elements())
        while not all(self._of(side.name) - start[side.name] >= calls for side in self.sides):
            self.check()
            await asyncio.sleep(0.02)

    def check(self) -> None:
        """See that no call has failed."""
        assert not self.failed, self.failed[:3]

    def _of(self, name: str) -> int:
        return sum(n for (side, _), n in self.answered.items() if side == name)

    async def _balance(self) -> None:
        while not self._over:
            await asyncio.gather(*(side.look() for side in list(self.sides)))
            await asyncio.sleep(_LOOK_SECONDS)

    def _next(self) -> Side:
        ready = [side for side in self.sides if side.ready]
        return ready[next(self._turn) % len(ready)]

    async def _ask(self, kind: str, call: Callable[[Side], Awaitable[Any]]) -> Any:
        """Make a call and return its answer; None where it failed."""
        side, start = self._next(), time.monotonic()
        try:
            answer = await call(side)
        except Exception as problem:  # noqa: BLE001 - whatever it is, a client has seen it
            self.failed.append(f"{kind} at {side.name}: {problem!r}")
            return None
        self.slowest = max(self.slowest, time.monotonic() - start)
        self.answered[side.name, kind] += 1
        return answer

    async def _machine(self, wire: str) -> None:
        """A management client: what one side has made, the others know."""
        token = await self._ask("token", self._token)
        for number in itertools.count():
            if self._over or token is None:
                return
            if number % 10 == 9:
                token = await self._ask("token", self._token)
            await self._organization(wire, (("authorization", f"Bearer {token}"),))

    async def _organization(self, wire: str, headers: tuple[tuple[str, str], ...]) -> None:
        async def asked(name: str, **request: Any) -> Any:
            def call(side: Side) -> Any:
                return getattr(Api(side.wires[wire], headers).organizations, name)(**request)

            return await self._ask(f"{wire} {name}", call)

        name = unique("load")
        made = await asked("create_organization", organization={"display_name": name})
        if made is None:
            return
        id_ = made["organization"]["id"]
        self.organizations.add(id_)
        renamed = f"{name} renamed"
        await asked("update_organization", id=id_, organization={"display_name": renamed})
        found = await asked("get_organization", id=id_)
        listed = await asked("list_organization", page_size=5)
        if found is not None and found["organization"]["display_name"] != renamed:
            self.failed.append(f"{wire} get_organization: {found}")
        if listed is not None and not listed["organizations"]:
            self.failed.append(f"{wire} list_organization: {listed}")

    async def _token(self, side: Side) -> str:
        client_id, client_secret = self.credentials
        form = {"client_id": client_id, "client_secret": client_secret}
        return await _granted(side.http, grant_type="client_credentials", **form)

    async def _refreshing(self, app: App, refresh_token: str) -> None:
        """An application with a person: each token comes from the side after that of the last."""

        async def refreshed(side: Side) -> Any:
            form = {"grant_type": "refresh_token", "refresh_token": refresh_token, **app.form}
            answer = await side.http.post("/oauth/token", data=form)
            assert answer.status_code == 200, answer.text
            return answer.json()

        while not self._over:
            granted = await self._ask("refresh", refreshed)
            if granted is None:
                return
            refresh_token = granted["refresh_token"]
            headers = {"authorization": f"Bearer {granted['access_token']}"}

            async def asked(side: Side, headers: dict[str, str] = headers) -> Any:
                answer = await side.http.get("/userinfo", headers=headers)
                assert answer.status_code == 200, answer.text
                return answer

            await self._ask("userinfo", asked)


async def _granted(http: httpx.AsyncClient, **form: str) -> str:
    answer = await http.post("/oauth/token", data=form)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token
