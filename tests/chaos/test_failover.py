"""A cluster of three whose primary is killed, hangs or gives way: nothing acknowledged is lost.

Clients write over each wire meanwhile. The nodes are those of deploy/patroni.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from apis import Api, access_token
from checks import Findings, check
from harness import _SCHEDULE, _drain
from patroni_nodes import Patroni
from receiver import Receiver
from servers import LiveServer
from wires import WIRES, ApiError, over_https
from writers import Ledger

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db import copies
from tenantry.db.opening import open_database

_MOST_SECONDS = 30.0  # without an answer but 503
_WIRES = ("rest", "connect", "grpc")
_WRITERS = 2  # over each wire
_PAUSE_SECONDS = 0.05
# Of a change that was cut off: sent again with its key, it is made once.
_UNKNOWN = "OUTCOME_UNKNOWN"
_ANSWERS = {"OK", "BUSY", "DATABASE_UNAVAILABLE", "DATABASE_READ_ONLY", _UNKNOWN}


@dataclass
class Outage:
    """The answers since something was done to the primary."""

    began: float = field(default_factory=time.monotonic)
    answers: Counter[str] = field(default_factory=Counter)
    last_success: dict[str, float] = field(default_factory=dict)
    gaps: dict[str, float] = field(default_factory=dict)  # the longest between two successes
    slowest: float = 0.0

    def note(self, wire: str, seconds: float, code: str) -> None:
        now = time.monotonic()
        self.slowest = max(self.slowest, seconds)
        self.answers[code or "OK"] += 1
        if not code:
            before = self.last_success.get(wire, self.began)
            self.gaps[wire] = max(self.gaps.get(wire, 0.0), now - before)
            self.last_success[wire] = now

    def is_over(self) -> bool:
        """Whether each wire was answered well just now."""
        last = [self.last_success.get(wire, 0.0) for wire in _WIRES]
        return min(last) > time.monotonic() - 1


class Client:
    """One writer over one wire, with an organization at a time; each change has its own name."""

    def __init__(self, name, api, ledger, chance, cluster) -> None:
        self._name, self._api, self._ledger = name, api, ledger
        self._chance, self._cluster = chance, cluster
        self._numbers = itertools.count(1)
        self.stale = []

    async def run(self, stop):
        """Create, change, read back and delete, until told to stop."""
        while not stop.is_set():
            made = await self._change("create_organization")
            while made is not None and not stop.is_set() and self._chance.random() > 0.1:
                changed = await self._change("update_organization", id=made["id"])
                if changed is not None:
                    await self._read_back(changed)
            if made is not None and self._chance.random() < 0.5:
                await self._delete(made["id"])

    async def _change(self, method, **place: object):
        change = f"{self._name}-{next(self._numbers)}"
        code, answer = await self._until_known(
            method, change, organization={"display_name": change}, **place
        )
        if not code:
            self._ledger.acknowledged.add(change)
            return answer["organization"]
        self._ledger.refused.add(change)
        return None

    async def _delete(self, id_):
        code, _ = await self._until_known("delete_organization", f"gone-{id_}", id=id_)
        if not code:
            self._ledger.deleted.add(id_)

    async def _until_known(self, method, key, **request: object):
        """Make a change, and again with its key while nobody knows whether it was made."""
        api, was_unknown = self._api.sending(idempotency_key=key), False
        while True:
            code, answer = await self._ask(api, method, **request)
            was_unknown |= code == _UNKNOWN
            if not (code and was_unknown):
                return code, answer

    async def _read_back(self, written):
        code, answer = await self._ask(self._api, "get_organization", id=written["id"])
        if not code and answer["organization"]["display_name"] != written["display_name"]:
            self.stale.append((written, answer["organization"]))

    async def _ask(self, api, method, **request: object):
        began, answer = time.monotonic(), None
        try:
            answer = await getattr(api.organizations, method)(**request)
            code = ""
        except ApiError as problem:
            code = problem.error_code
            expected = {"UNAVAILABLE", "DEADLINE_EXCEEDED" if code == _UNKNOWN else ""}
            if problem.code not in expected:
                self._ledger.surprises.append(f"{self._name} {method}: {problem} {code}")
        wire = self._name.partition("-")[0]
        self._cluster.outage.note(wire, time.monotonic() - began, code)
        await asyncio.sleep(_PAUSE_SECONDS)
        return code, answer


class Events:
    """The things done to the cluster, one after the other, each with its outage."""

    def __init__(self, patroni) -> None:
        self.patroni = patroni
        self.outage = Outage()

    @asynccontextmanager
    async def happening(self, name, *, former=""):
        """Count the answers from here until each wire is answered well again.

        ``former`` is the node that must not be the primary any more.
        """
        self.outage = outage = Outage()
        yield
        until = outage.began + 2 * _MOST_SECONDS
        well_since = None
        while well_since is None or time.monotonic() < well_since + 3:
            assert time.monotonic() < until, (outage, self.patroni.logs())
            await asyncio.sleep(0.1)
            if not (outage.is_over() and await asyncio.to_thread(self._is_led, former)):
                well_since = None
            elif well_since is None:
                well_since = time.monotonic()
        print(
            f"{name}: {max(outage.gaps.values()):.1f} s, slowest answer {outage.slowest:.1f} s, "
            f"{dict(outage.answers)}"
        )
        assert max(outage.gaps.values()) < _MOST_SECONDS
        assert set(outage.answers) <= _ANSWERS

    def _is_led(self, former):
        """Whether there is a primary, on another node than before."""
        leaders = [one["name"] for one in self.patroni.members() if one["role"] == "leader"]
        return len(leaders) == 1 and leaders != [former]


@pytest.fixture
def patroni():
    cluster = Patroni()
    yield cluster
    cluster.close()


@pytest.mark.thorough
@pytest.mark.timeout(900)
async def test_a_primary_is_lost_in_each_way_and_nothing_that_was_acknowledged(
    patroni, postgresql, tmp_path
):
    chance, ledger, cluster = random.Random(7), Ledger(), Events(patroni)
    print(f"\nstarted after {await asyncio.to_thread(patroni.start):.1f} s")
    server = LiveServer(
        tmp_path,
        database_url=patroni.url,
        outgoing_allow="127.0.0.0/8",
        webhook_retries=",".join(map(str, _SCHEDULE)),
        webhook_timeout_seconds=1,
    )
    await asyncio.to_thread(server.start)
    try:
        async with Receiver(chance) as receiver:
            wires = {name: WIRES[name](server) for name in _WIRES}
            async with over_https(server) as http:
                token = await access_token(http, server.client_id, server.client_secret)
            apis = {
                name: Api(wire, (("authorization", f"Bearer {token}"),))
                for name, wire in wires.items()
            }
            made = await apis["rest"].webhooks.create_endpoint(
                endpoint={"url": f"http://127.0.0.1:{receiver.port}/any"}
            )
            receiver.open("any", made["secret"])
            clients = [
                Client(f"{name}-{number}", apis[name], ledger, chance, cluster)
                for name in _WIRES
                for number in range(_WRITERS)
            ]
            stop = asyncio.Event()
            writing = [asyncio.create_task(client.run(stop)) for client in clients]
            await asyncio.sleep(2)
            try:
                await go_through_all(cluster)
            finally:
                stop.set()
                await asyncio.gather(*writing)
            for wire in wires.values():
                await wire.aclose()
            known = settings.load(
                {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
            )
            async with open_database(known.database, master_key.load(known), pool_size=2) as db:
                await _drain(db)
                found = Findings()
                await check(db, ledger, receiver, set(), _SCHEDULE, found=found)
                assert await copies.held(db) is None
    finally:
        await asyncio.to_thread(server.stop)
    print("\n".join(f"{count:>8,} {name}" for name, count in found.counts.items()))
    assert found.problems == []
    assert [client.stale for client in clients if client.stale] == []


async def go_through_all(cluster):
    """Do to the primary, or to its node, each thing that has to be outlived."""
    patroni = cluster.patroni
    former = patroni.leader
    async with cluster.happening("killed", former=former.name):
        await asyncio.to_thread(former.signal, signal.SIGKILL)
    former.start()
    print(f"back after {await asyncio.to_thread(patroni.await_complete):.1f} s")

    async with cluster.happening("switched over", former=patroni.leader.name):
        await asyncio.to_thread(patroni.switch_over)
    print(f"back after {await asyncio.to_thread(patroni.await_complete):.1f} s")

    former = patroni.leader
    async with cluster.happening("hung", former=former.name):
        await asyncio.to_thread(former.signal, signal.SIGSTOP)
    async with cluster.happening("went on, as a former primary", former=former.name):
        await asyncio.to_thread(former.signal, signal.SIGCONT)
    print(f"back after {await asyncio.to_thread(patroni.await_complete):.1f} s")

    former = patroni.leader
    async with cluster.happening("left alone by its Patroni", former=former.name):
        await asyncio.to_thread(former.kill_patroni)
    former.start()
    print(f"back after {await asyncio.to_thread(patroni.await_complete):.1f} s")
