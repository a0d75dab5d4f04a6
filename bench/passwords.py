"""Measure sign-ins by password, and what other calls notice of them.

``python bench/run.py --passwords PEOPLE`` makes so many people with a password on a PostgreSQL of
its own. They sign in as a browser does: the authorization request, the form, the page that
completes it. Eight at once do so without a pause, while calls of a management client come at a
steady rate. The bound is what the same hashes take by themselves, on as many threads, before the
server is started; a sign-in cannot be faster.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
from applications import PASSWORD, Application
from sqlalchemy import update

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.sql.statements import Statement
from tenantry.identity.authenticators.passwords import hashes
from tenantry.identity.authenticators.passwords.service import Passwords
from tenantry.tenants.users.model import users

if TYPE_CHECKING:
    from serving import Server

AT_ONCE = 8  # people who sign in
CALLS_A_SECOND = 50


@dataclass(frozen=True)
class Result:
    """Measures: rates a second, times in milliseconds."""

    threads: int
    bound: float
    sign_ins: float
    of_bound: float
    sign_in_p50: float
    calls_p50_alone: float
    calls_p99_alone: float
    calls_p50: float
    calls_p99: float


async def bound(seconds: float) -> tuple[str, float]:
    """Return a hash of the password, and how many of its kind are verified a second."""
    threads = max(1, (os.cpu_count() or 1) - 1)
    passwords = Passwords(breached=None)
    known = await passwords.hash(PASSWORD)
    await passwords.verify(PASSWORD, known)
    counts = [0] * threads
    until = time.perf_counter() + seconds

    def work(number: int) -> None:
        while time.perf_counter() < until:
            hashes.verify(PASSWORD.encode(), known)
            counts[number] += 1

    began = time.perf_counter()
    await asyncio.gather(*(asyncio.to_thread(work, n) for n in range(threads)))
    await passwords.close()
    return known, sum(counts) / (time.perf_counter() - began)


class SignIns:
    """A server with so many people of the same password, and the application they use."""

    def __init__(self, server: Server, count: int, known: str) -> None:
        self._server = server
        self._headers = {"authorization": f"Bearer {server.token()}"}
        self._application = Application(server, "openid profile email")
        new = self._application.post("/api/v1/organizations", {"display_name": "Acme"})
        self._organization = new["organization"]["id"]
        path = f"/api/v1/organizations/{self._organization}/users?send_invitation_email=false"
        self._emails = [f"user{n}@example.com" for n in range(count)]
        for email in self._emails:
            self._application.post(path, {"email": email})
        asyncio.run(self._set(known))

    async def measure(self, seconds: float, highest: float) -> Result:
        """Measure calls alone, then sign-ins with calls beside them."""
        async with httpx.AsyncClient(base_url=self._server.url, timeout=30) as http:
            alone = await self._calls(http, seconds / 2)
            emails = itertools.cycle(self._emails)
            until = time.perf_counter() + seconds
            times: list[float] = []
            people = [self._people(http, emails, until, times) for _ in range(AT_ONCE)]
            began = time.perf_counter()
            beside, *_ = await asyncio.gather(self._calls(http, seconds), *people)
            rate = len(times) / (time.perf_counter() - began)
        return Result(
            threads=max(1, (os.cpu_count() or 1) - 1),
            bound=highest,
            sign_ins=rate,
            of_bound=rate / highest,
            sign_in_p50=_percentile(times, 0.5),
            calls_p50_alone=_percentile(alone, 0.5),
            calls_p99_alone=_percentile(alone, 0.99),
            calls_p50=_percentile(beside, 0.5),
            calls_p99=_percentile(beside, 0.99),
        )

    async def _people(
        self,
        http: httpx.AsyncClient,
        emails: itertools.cycle[str],
        until: float,
        times: list[float],
    ) -> None:
        while time.perf_counter() < until:
            began = time.perf_counter()
            await self._application.sign_in(http, next(emails))
            times.append((time.perf_counter() - began) * 1000)

    async def _calls(self, http: httpx.AsyncClient, seconds: float) -> list[float]:
        """Make calls at a steady rate, each counted from when it was due."""
        path = f"/api/v1/organizations/{self._organization}"
        times: list[float] = []

        async def call(due: float) -> None:
            answer = await http.get(path, headers=self._headers)
            times.append((time.perf_counter() - due) * 1000)
            answer.raise_for_status()

        began, under_way = time.perf_counter(), []
        for n in range(int(seconds * CALLS_A_SECOND)):
            due = began + n / CALLS_A_SECOND
            await asyncio.sleep(max(0, due - time.perf_counter()))
            under_way.append(asyncio.create_task(call(due)))
        await asyncio.gather(*under_way)
        return times

    async def _set(self, known: str) -> None:
        """Give everybody the hash, as an import would."""
        opened = {k: v for k, v in self._server.environment.items() if k.startswith("TENANTRY_")}
        of_server = settings.load(opened)
        async with open_database(of_server.database, master_key.load(of_server)) as db:
            await db.fetch_all(Statement(update(users).values(password_hash=known)))


def _percentile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
