"""Measure the first sync of a directory by SCIM: people, groups, and members in batches.

``python bench/first_sync.py 10000`` starts a server on a PostgreSQL of its own. A provider creates
so many people, a group for each ten, and five memberships for each, by PATCH of up to 100 ids. Then
it does the same with a second directory by bulk (RFC 7644 section 3.7), up to 1,000 operations in
each request. Meanwhile a client lists organizations ten times a second: the slowdown of others.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from directories import Directories, patch, person
from postgresql import PostgreSQL
from serving import Server, usage

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

_CONNECTIONS = 16
_BATCH = 100  # members of a PATCH
_BULK = 1000  # operations of a request
_BULK_REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


async def _all(work: Iterable[Coroutine[Any, Any, Any]], at_once: int) -> list[Any]:
    gate = asyncio.Semaphore(at_once)

    async def one(step: Coroutine[Any, Any, Any]) -> Any:
        async with gate:
            return await step

    return await asyncio.gather(*(one(step) for step in work))


class Sync:
    """A provider with one empty directory."""

    def __init__(
        self, http: httpx.AsyncClient, made: Directories, people: int, domain: str
    ) -> None:
        self._http = http
        self._base = made.base
        self._headers = {"authorization": f"Bearer {made.token}"}
        self._count = people
        self._domain = domain
        self._ids: list[str] = []
        self._groups: list[str] = []

    async def send(self, verb: str, path: str, body: dict[str, Any]) -> Any:
        answer = await self._http.request(verb, self._base + path, json=body, headers=self._headers)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def people(self, *, bulk: bool) -> int:
        bodies = [person(f"p{n}@{self._domain}") for n in range(self._count)]
        self._ids = await self._made("/Users", bodies, bulk=bulk)
        return self._count

    async def groups(self, *, bulk: bool) -> int:
        bodies = [{"displayName": f"Group {n}"} for n in range(self._count // 10)]
        self._groups = await self._made("/Groups", bodies, bulk=bulk)
        return len(self._groups)

    async def members(self, *, bulk: bool) -> int:
        size = 5 * self._count // len(self._groups)
        steps = []
        for number, group in enumerate(self._groups):
            first = number * size
            for start in range(first, first + size, _BATCH):
                ids = [
                    {"value": self._ids[n % len(self._ids)]}
                    for n in range(start, min(start + _BATCH, first + size))
                ]
                operation = {"op": "add", "path": "members", "value": ids}
                steps.append((f"/Groups/{group}", patch(operation)))
        if bulk:
            await _all(
                (self._bulk("PATCH", steps[n : n + 100]) for n in range(0, len(steps), 100)), 4
            )
        else:
            await _all((self.send("PATCH", *step) for step in steps), _CONNECTIONS)
        return size * len(self._groups)

    async def _made(self, path: str, bodies: list[dict[str, Any]], *, bulk: bool) -> list[str]:
        if not bulk:
            made = await _all((self.send("POST", path, one) for one in bodies), _CONNECTIONS)
            return [one["id"] for one in made]
        steps = [(path, body) for body in bodies]
        parts = (self._bulk("POST", steps[n : n + _BULK]) for n in range(0, len(steps), _BULK))
        return [one["location"].rpartition("/")[2] for part in await _all(parts, 4) for one in part]

    async def _bulk(self, verb: str, steps: list[tuple[str, dict[str, Any]]]) -> list[Any]:
        operations = [
            {"method": verb, "path": path, "data": body, "bulkId": str(n)}
            for n, (path, body) in enumerate(steps)
        ]
        body = {"schemas": [_BULK_REQUEST], "Operations": operations}
        done: list[Any] = (await self.send("POST", "/Bulk", body))["Operations"]
        assert all(int(one["status"]) < 300 for one in done), done[0]
        return done


async def _others(http: httpx.AsyncClient, token: str, times: list[float]) -> None:
    headers = {"authorization": f"Bearer {token}"}
    while True:
        began = time.perf_counter()
        answer = await http.get("/api/v1/organizations?page_size=10", headers=headers)
        answer.raise_for_status()
        times.append(time.perf_counter() - began)
        await asyncio.sleep(0.1)


async def _measure(server: Server, postgresql: PostgreSQL, people: int) -> None:
    token, times = server.token(), []
    async with httpx.AsyncClient(
        base_url=server.http.base_url, timeout=120, limits=httpx.Limits(max_connections=64)
    ) as http:
        other = asyncio.create_task(_others(http, token, times))
        await asyncio.sleep(5)
        _line("alone", 0, 5, times)
        for bulk in (False, True):
            domain = "bulk.example.com" if bulk else "each.example.com"
            made = Directories(server, postgresql, 0, 1, domain=domain)
            sync = Sync(http, made, people, domain)
            for name in ("people", "groups", "members"):
                times.clear()
                before = usage(server.pid).cpu, postgresql.usage().cpu
                began = time.perf_counter()
                n = await getattr(sync, name)(bulk=bulk)
                seconds = time.perf_counter() - began
                after = usage(server.pid).cpu, postgresql.usage().cpu
                spent = [(b - a) / n * 1e6 for a, b in zip(before, after, strict=True)]
                _line(f"{'bulk' if bulk else 'each'} {name}", n, seconds, times, spent)
        other.cancel()


def _line(
    name: str, n: int, seconds: float, times: list[float], spent: Iterable[float] = ()
) -> None:
    p50 = sorted(times)[len(times) // 2] * 1000 if times else 0
    cpu = ", ".join(f"{one:.0f}" for one in spent)
    print(
        f"{name:14} {n:7} in {seconds:6.1f} s: {n / seconds:7.0f}/s; "
        f"us of server, database: {cpu or '-'}; others p50 {p50:.1f} ms",
        flush=True,
    )


def main() -> None:
    """Start both, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", type=int, nargs="?", default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, PostgreSQL(Path(folder)) as postgresql:
        server = Server(Path(folder), postgresql.url, workers=o.workers, tls=False)
        server.start()
        try:
            asyncio.run(_measure(server, postgresql, o.people))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
