"""Measure pages of the console: each as an operator opens it, one at a time.

``python bench/pages.py`` loads 1,000,000 users over 100,000 organizations into a PostgreSQL of its
own by the bulk import, with a connection and a directory in some of them, and prints for each page
the median and the 99th percentile of its waiting time in milliseconds, and its size. The same pages
come 200 times, each time for other organizations and people; the first ten times do not count.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from people import People, _address
from postgresql import PostgreSQL
from serving import Server

from tenantry import master_key, settings
from tenantry.call import Call
from tenantry.caller import SYSTEM
from tenantry.db.opening import open_database
from tenantry.identity.operators import service as operators
from tenantry.identity.operators.model import OPERATOR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WARM = 10


class Console:
    """A server with many organizations and people, and an operator at its console."""

    def __init__(self, server: Server, users: int) -> None:
        self._server = server
        self._users = users
        self._headers = {"authorization": f"Bearer {server.token()}"}
        self._cookie = ""
        self._organizations: list[str] = []
        self._people: list[str] = []
        self._connections: list[str] = []
        self._directories: list[str] = []

    def prepare(self, count: int) -> None:
        """Find what pages are about, make connections and directories, and let an operator in."""
        chance = random.Random(1)
        for number in (chance.randrange(self._users) for _ in range(count)):
            user = self._get(f"/api/v1/users:external/crm-{number}")["user"]
            self._people.append(user["id"])
            self._organizations.append(user["memberships"][0]["organization_id"])
        for organization_id in dict.fromkeys(self._organizations):
            base = f"/api/v1/organizations/{organization_id}"
            made = self._post(f"{base}/connections", {"provider": "OKTA", "type": "SAML"})
            self._connections.append(made["connection"]["id"])
            kind = {"directory_type": "SCIM", "directory_provider": "OKTA"}
            made = self._post(f"{base}/directories", kind)
            self._directories.append(made["directory"]["id"])
        token = asyncio.run(self._link())
        form = {"name": "Ada", "email": "ada@example.com"}
        own = {"sec-fetch-site": "same-origin"}
        opened = self._server.http.post(f"/console/enter/{token}", data=form, headers=own)
        cookie = opened.headers["set-cookie"].partition(";")[0]
        self._server.http.cookies.clear()
        self._cookie = cookie

    async def _link(self) -> str:
        known = {k: v for k, v in self._server.environment.items() if k.startswith("TENANTRY_")}
        settled = settings.load(known)
        async with open_database(settled.database, master_key.load(settled), pool_size=1) as db:
            return await operators.make_link(Call(SYSTEM, db, "bench"), role=OPERATOR)

    def pages(self) -> Iterator[tuple[str, Callable[[int], str]]]:
        """Yield the pages: a name, and the address of each of its visits."""

        def of(ids: list[str], kind: str, tab: str = "") -> Callable[[int], str]:
            return lambda n: f"/console/{kind}/{ids[n % len(ids)]}{tab}"

        def always(path: str) -> Callable[[int], str]:
            return lambda _: path

        yield "overview", always("/console")
        yield "organizations", always("/console/organizations")
        yield "organizations, search", lambda n: f"/console/organizations?query=acme {n * 7}"
        yield "one organization", of(self._organizations, "organizations")
        for tab in (
            *("members", "connections", "directories", "domains", "session-policy", "programs"),
            *("portal-links", "events", "roles"),
        ):
            yield f"its {tab}", of(self._organizations, "organizations", f"/{tab}")
        yield "people", always("/console/people")
        yield "people, search", lambda n: f"/console/people?query={_address(n * 31)}"
        yield "one person", of(self._people, "people")
        yield "their security", of(self._people, "people", "/security")
        yield "their sign-ins", of(self._people, "people", "/sign-ins")
        yield "connections", always("/console/connections")
        yield "connections, filter", always("/console/connections?status=COMPLETED")
        yield "one connection", of(self._connections, "connections")
        yield "directories", always("/console/directories")
        yield "directories, filter", always("/console/directories?status=COMPLETED")
        yield "one directory", of(self._directories, "directories")
        yield "its requests", of(self._directories, "directories", "/requests")
        yield "its groups", of(self._directories, "directories", "/groups")
        yield "roles", always("/console/roles")
        yield "one role", always("/console/roles/of/admin")
        yield "permissions", always("/console/roles/permissions")

    def measure(self, address: Callable[[int], str], count: int) -> tuple[list[float], int]:
        """Return the waiting times of a page in milliseconds, and the size of the largest."""
        times, size = [], 0
        for number in range(count):
            began = time.perf_counter()
            answer = self._server.http.get(address(number), headers={"cookie": self._cookie})
            waited = (time.perf_counter() - began) * 1000
            if not answer.is_success:
                raise SystemExit(f"bench: {address(number)} answered {answer.status_code}")
            size = max(size, len(answer.content))
            if number >= _WARM:
                times.append(waited)
        return times, size

    def _get(self, path: str) -> Any:
        return self._server.http.get(path, headers=self._headers).raise_for_status().json()

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._server.http.post(path, json=body, headers=self._headers)
        return answer.raise_for_status().json()


def main() -> None:
    """Load, measure and print."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    p.add_argument("--people", type=int, default=1_000_000, metavar="USERS")
    p.add_argument("--visits", type=int, default=200, help="of each page (default: 200)")
    p.add_argument("--folder", type=Path, help="where the database lies (default: a temporary one)")
    o = p.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=o.folder) as name,
        PostgreSQL(Path(name)) as postgresql,
    ):
        server = Server(Path(name), postgresql.url, workers=1, tls=True)
        server.start()
        try:
            loaded = People(server, o.people).load()
            print(f"{loaded.rows:,} rows in {loaded.seconds:.0f} s", flush=True)
            postgresql.settle()
            console = Console(server, o.people)
            console.prepare(o.visits)
            print(f"{'page':24}{'p50 ms':>9}{'p99 ms':>9}{'KB':>7}", flush=True)
            for page, address in console.pages():
                times, size = console.measure(address, o.visits + _WARM)
                p50 = statistics.median(times)
                p99 = sorted(times)[int(len(times) * 0.99)]
                print(f"{page:24}{p50:9.1f}{p99:9.1f}{size / 1000:7.1f}", flush=True)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
