"""Measure the pages of the console, the portal and of members, each as its visitor opens it.

``python bench/pages.py`` fills a PostgreSQL of its own with 1,000,000 people in 100,000
organizations (bench/tenants.py) and prints for each page that the sites list: its size and that of
its gzip in KB, the median waiting time of one connection in milliseconds, the processor time of
server and database for one visit in milliseconds, and the statements of one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import MagicMock

from postgresql import PostgreSQL
from serving import Server, usage
from tenants import FIRST, ROLE, Tenants

from tenantry import settings
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.endpoints.account import web as account
from tenantry.endpoints.console import web as console
from tenantry.endpoints.organization import web as organization
from tenantry.identity.connections import environment as connections
from tenantry.identity.operators import service as operators
from tenantry.identity.operators.model import OWNER
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WARM = 5  # visits that do not count
_COUNTED = 3  # visits whose statements are counted
_IDLE_SECONDS = 15
_STATEMENT = re.compile(r"(?:execute [^:]*|statement): (.*)")
_GZIP = {"accept-encoding": "gzip"}
# Streams and files, a redirect, and a page that takes what another one gives.
_NO_PAGES = (
    *("/console/events/stream", "/console/events/export", "/console/jump"),
    *("/ui/organization/audit/export", "/ui/profile/confirm", "/qr.svg"),
    "/followed",  # of a directory that is not polled
)
# Of what a member has none of here.
_OF_NONE = re.compile(r"/(totp|passkeys|sessions)/{")
_QUERIES = {"/console/mail/templates/new": "?use_case=USER_LOGIN_OTP"}
# Searches beside the plain pages: for a rare text, for a text of many, and filters.
_SEARCHES = (
    "/console/roles/of/member",
    "/console/organizations?query=acme%2099",
    "/console/people?query=grace.1f41",
    "/console/people?query=nobody-has-this",
    "/console/connections?status=COMPLETED",
    "/console/directories?provider=OKTA",
    "/console/sign-ins?status=FAILED",
    "/console/sign-ins?query=nobody@example.com",
    "/console/events?type=organization.updated",
    "/console/events?actor_id=skc_99999999999",
    "/console/events?object_id=org_99999999999",
    "/console/events?request_id=req_99999999999",
    f"/console/events?organization_id=org_{FIRST + 7}",
    "/portal/scim/{directory}/users?search=nobody-has-this",
    "/portal/scim/{directory}/users?search=p77777@",
    "/ui/organization/users?query=ada",
)


@dataclass(frozen=True)
class Seen:
    """A page as it was measured; times in milliseconds, sizes in KB."""

    size: float
    sent: float
    p50: float
    server: float
    database: float
    statements: int


class Visitors:
    """Browsers of an operator, of the portal and of a member, and the pages that they open."""

    def __init__(self, server: Server, postgresql: PostgreSQL, tenants: Tenants) -> None:
        self._server = server
        self._postgresql = postgresql
        self._tenants = tenants
        self._cookies: dict[str, str] = {}
        self._of_worker: set[str] = set()  # statements that run without a visit

    def enter(self) -> None:
        """Let all of them in."""
        token, secret = asyncio.run(self._prepare())
        own = {"sec-fetch-site": "same-origin"}
        form = {"name": "Ada", "email": "ada@example.com"}
        http = self._server.http
        self._cookies["/console"] = _cookie(
            http.post(f"/console/enter/{token}", data=form, headers=own)
        )
        bearer = {"authorization": f"Bearer {self._server.token()}"}
        path = f"/api/v1/organizations/{self._tenants.organization_id}/portal_links"
        link = http.put(path, headers=bearer).raise_for_status().json()["link"]
        self._cookies["/portal"] = _cookie(http.get(link["location"].partition("localhost")[2][6:]))
        self._cookies["/ui"] = f"__Host-tenantry_session={secret}"
        http.cookies.clear()
        with self._postgresql.logged() as lines:
            time.sleep(_IDLE_SECONDS)
        self._of_worker = {found[1] for line in lines if (found := _STATEMENT.search(line))}

    async def _prepare(self) -> tuple[str, str]:
        """Return the token of an operator's link, and the secret of a member's session."""
        known = {k: v for k, v in self._server.environment.items() if k.startswith("TENANTRY_")}
        settled = settings.load(known)
        async with open_database(settled.database, master_key.load(settled), pool_size=1) as db:
            call = Call(SYSTEM, db, "bench")
            _, secret = await sessions.begin(
                call,
                user_id=f"usr_{FIRST}",
                organization_id=self._tenants.organization_id,
                client_id=None,
                amr=[(await connections.of_environment(db))["PASSWORDLESS"].id],
                bounds=Bounds(480, None),
                custom_claims={},
            )
            known = {"email": "ada@example.com", "name": "Ada", "role": OWNER}
            return await operators.link_for(call, **known), secret

    def addresses(self) -> Iterator[str]:
        """Yield the addresses of all pages, and of searches."""
        one = self._tenants
        for path in self._listed():
            if not path.endswith(_NO_PAGES) and not _OF_NONE.search(path):
                filled = re.sub(r"{(\w+)}", lambda at, path=path: self._named(path, at[1]), path)
                yield filled + _QUERIES.get(path, "")
        yield from (address.format(directory=one.directory_id) for address in _SEARCHES)

    @staticmethod
    def _listed() -> Iterator[str]:
        nobody = MagicMock()  # pages are only asked what they are
        for page in console.pages(nobody):
            if page.verb == "GET":
                yield f"/console{page.path}"
        for own in organization.pages(nobody):
            if own.verb == "GET":
                root = "/portal" if own.area.in_portal else "/ui/organization"
                yield f"{root}/{own.area.key}{own.path}"
        for route in account.routes(nobody):
            if route.verb == "GET" and route.template.startswith("/ui/profile/"):
                yield route.template

    def _named(self, path: str, name: str) -> str:
        """Return the value for a variable of a path."""
        before = path.partition(f"{{{name}}}")[0]
        subject = before.rstrip("/").rpartition("/")[2]
        if subject in _NAMES:
            return _NAMES[subject]
        if subject == "of":
            permission = self._postgresql.value("SELECT min(name) FROM permissions")
            return permission if "permissions" in path else "admin"
        if subject in {"organizations", "scim", "directories"}:
            one = self._tenants
            return one.organization_id if subject == "organizations" else one.directory_id
        table, condition = _ROWS[subject]
        return self._newest(table, condition.format(self._tenants.organization_id))

    def _newest(self, table: str, condition: str) -> str:
        return self._postgresql.value(f"SELECT max(id) FROM {table} WHERE {condition}")

    def open(self, address: str) -> bytes:
        """Open a page."""
        answer = self._server.http.get(address, headers=self._headers(address))
        if answer.is_error:
            raise SystemExit(
                f"bench: {address} answered {answer.status_code}: {answer.text[-500:]}"
            )
        return answer.content

    def is_page(self, address: str) -> bool:
        """Whether an address shows a page: that of a form leads to one."""
        return not self._server.http.get(address, headers=self._headers(address)).is_redirect

    def _headers(self, address: str) -> dict[str, str]:
        root = next(root for root in self._cookies if address.startswith(root))
        return {"cookie": self._cookies[root]} | _GZIP

    def measure(self, address: str, count: int) -> Seen:
        """Open a page so often; return what that took."""
        for _ in range(_WARM):
            size = len(self.open(address))
        statements = [self._statements(address) for _ in range(_COUNTED)]
        with self._server.http.stream("GET", address, headers=self._headers(address)) as answer:
            sent = sum(map(len, answer.iter_raw()))
        before, times = self._usage(), []
        for _ in range(count):
            began = time.perf_counter()
            self.open(address)
            times.append((time.perf_counter() - began) * 1000)
        used = [
            (now - then) * 1000 / count for now, then in zip(self._usage(), before, strict=True)
        ]
        p50 = statistics.median(times)
        return Seen(size / 1000, sent / 1000, p50, *used, min(statements))

    def _statements(self, address: str) -> int:
        with self._postgresql.logged() as lines:
            self.open(address)
        found = (found[1] for line in lines if (found := _STATEMENT.search(line)))
        return sum(one not in self._of_worker for one in found)

    def _usage(self) -> tuple[float, float]:
        return usage(self._server.pid).cpu, self._postgresql.usage().cpu


_NAMES = {"new": "okta", "roles": ROLE, "people": f"usr_{FIRST}", "users": f"usr_{FIRST}"}
_OF_THE_ONE = "organization_id = '{}'"
# The row that is shown where a path names one, by the segment before: the newest of these.
_ROWS = {
    "sso": ("connections", f"{_OF_THE_ONE} AND type = 'SAML'"),
    "connections": ("connections", _OF_THE_ONE),
    "applications": ("clients", "organization_id IS NULL"),
    "clients": ("clients", _OF_THE_ONE),
    "requests": ("directory_requests", _OF_THE_ONE),
    "api-keys": ("api_tokens", "true"),
    "sign-ins": ("auth_requests", "true"),
    "events": ("events", "true"),
    "webhooks": ("webhook_endpoints", "true"),
    "deliveries": ("webhook_deliveries", "true"),
    "interceptors": ("interceptors", "true"),
    "mail": ("mail", "true"),
    "servers": ("email_servers", "true"),
    "templates": ("email_templates", "true"),
    "operators": ("operators", "true"),
}


def _cookie(answer: object) -> str:
    return answer.headers["set-cookie"].partition(";")[0]  # type: ignore[attr-defined,no-any-return]


def main() -> None:
    """Fill, measure and print."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    p.add_argument("--organizations", type=int, default=100_000, help="of ten people each")
    p.add_argument("--visits", type=int, default=50, help="of each page (default: 50)")
    p.add_argument("--output", type=Path, help="JSON, such as docs/performance/pages.json")
    p.add_argument("--only", default="", metavar="TEXT", help="pages with this in their address")
    p.add_argument(
        "--folder", type=Path, help="where the database stays, filled once (default: nowhere)"
    )
    o = p.parse_args()
    with ExitStack() as stack:
        folder = o.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        postgresql = stack.enter_context(PostgreSQL(folder.resolve()))
        server = Server(folder.resolve(), postgresql.url, workers=1, tls=True)
        stack.callback(server.stop)
        server.start()
        tenants = filled(server, postgresql, o.organizations)
        seen = show(Visitors(server, postgresql, tenants), o.only, o.visits)
    if o.output:
        write(o.output, seen, tenants.organizations, o.visits)


def filled(server: Server, postgresql: PostgreSQL, organizations: int) -> Tenants:
    """Fill the database, unless it has been filled before."""
    tenants, kept = Tenants(server, postgresql), server.folder / "filled.json"
    if kept.exists():
        tenants.reopen(json.loads(kept.read_text()))
        return tenants
    seconds = tenants.fill(organizations, organizations * 10)
    print(f"{organizations:,} organizations in {seconds:.0f} s", flush=True)
    kept.write_text(json.dumps(tenants.kept()) + "\n")
    return tenants


def write(output: Path, seen: Mapping[str, Seen], organizations: int, visits: int) -> None:
    """Write the measures as JSON; an address has `{id}` in the place of an id."""
    found = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load": os.getloadavg()[1],
        },
        "organizations": organizations,
        "people": organizations * 10,
        "visits": visits,
        "pages": [
            {"page": re.sub(r"[a-z]+_\d{6,}", "{id}", page), **_rounded(one)}
            for page, one in seen.items()
        ],
    }
    output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _rounded(one: Seen) -> dict[str, float]:
    return {name: round(value, 1) for name, value in asdict(one).items()}


def show(visitors: Visitors, only: str, visits: int) -> dict[str, Seen]:
    """Measure pages, and print a line for each; return them by address."""
    measured = {}
    visitors.enter()
    print(f"{'KB':>6}{'sent':>6}{'p50 ms':>8}{'server':>8}{'database':>9}{'statements':>11}  page")
    for address in visitors.addresses():
        if only in address and visitors.is_page(address):
            seen = measured[address] = visitors.measure(address, visits)
            print(
                f"{seen.size:6.1f}{seen.sent:6.1f}{seen.p50:8.1f}{seen.server:8.1f}"
                f"{seen.database:9.1f}{seen.statements:11}  {address}",
                flush=True,
            )
    return measured


if __name__ == "__main__":
    main()
