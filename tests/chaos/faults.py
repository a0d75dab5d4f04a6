"""Faults of processes, the database, its disk and the network, and the recovery from each.

Each fault lasts for some seconds. When it is over, the time is measured until every server makes
changes as fast as before; then half-closed sockets and open files have to be as before, too, and
other sockets no more than pools hold. Meanwhile clients write, and others record histories of
objects that they share.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import statistics
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import gauges
import history_checker
import psutil
import psycopg
from harness import Scene, under_load
from histories import Client, History, NotDone, Unanswered
from rounds import at_work
from servers import PostgreSQL, serving

from tenantry.db.opening import open_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from checks import Findings
    from deployment import Victim
    from disks import Disk
    from network import Wire

# Of a fault; the long ones last longer than a call waits for the database.
SECONDS = (2.0, 2.0, 4.0, 4.0, 20.0)
WORKERS = 2  # of each server
RECOVERY_SECONDS = 10.0  # until all is as fast as before
# A connection that one end has forgotten is known to be dead when an answer has not come.
FORGOTTEN_SECONDS = 25.0
SETTLE_SECONDS = 15.0  # until connections, files and sockets are as before
POOL_SIZE = 8
# Than before the first fault, of all processes together, some of which were started anew. Sockets
# are those to the database, to receivers and of clients: their pools fill under load.
MORE_FILES, MORE_SOCKETS = 40, 150
CLOSE_WAIT = 3
_PROBES = 3  # fast ones in a row


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong for as long as its context is open."""

    name: str
    during: Callable[[], AbstractAsyncContextManager[None]]
    within: float = RECOVERY_SECONDS


async def run_faults(
    folder: Path,
    postgresql: PostgreSQL | None,
    *,
    count: int,
    seed: int,
    full: Disk | None = None,
    only: str = "",
    seconds: Sequence[float] = SECONDS,
) -> Findings:
    """Let so many things go wrong, one after the other in random order, and check everything.

    With ``only``, those whose names have this text in it. Each lasts one of these ``seconds``.
    """
    chance = random.Random(seed)
    url = postgresql.fresh() if postgresql else None

    def catalogue_of(scene: Scene) -> list[Fault]:
        return [one for one in _faults(scene, postgresql, chance, full) if only in one.name]

    async def disturb(scene: Scene) -> None:
        chosen = catalogue_of(scene)
        lengths = [chance.choice(seconds) for _ in range(count)]
        await _disturb(scene, chosen, lengths, chance, postgresql)

    socket = postgresql.socket if postgresql else "no database"
    return await under_load(
        folder, url, disturb, chance, database_socket=socket, workers=WORKERS, pool_size=POOL_SIZE
    )


async def _disturb(
    scene: Scene,
    catalogue: list[Fault],
    lengths: list[float],
    chance: random.Random,
    postgresql: PostgreSQL | None,
) -> None:
    for victim in scene.deployment.victims:
        victim.start()
    for victim in scene.deployment.victims:
        await victim.ready()
    rounds = -(-len(lengths) // len(catalogue))
    order = [one for _ in range(rounds) for one in _shuffled(catalogue, chance)]
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            open_database(scene.database_url, scene.master_key, pool_size=2)
        )
        history = await stack.enter_async_context(
            at_work(scene.urls, scene.credentials, database, seed=chance.randrange(1 << 30), each=2)
        )
        scene.others = "shared-"
        probes = [
            await stack.enter_async_context(Probe.of(scene, url, number))
            for number, url in enumerate(scene.urls)
        ]
        usual = statistics.median([await one.ask() for one in probes for _ in range(5)])
        before = _open(_held(scene))
        for number, (fault, seconds) in enumerate(zip(order, lengths, strict=False)):
            print(f"{number + 1:4} {fault.name} for {seconds:.0f} s", end=": ", flush=True)
            async with fault.during():
                await asyncio.sleep(seconds)
            took = await _recovered(probes, usual, fault.within)
            print(f"as before in {took:.1f} s" if took else "not as before", flush=True)
            scene.found.recovery(fault.name, took, fault.within)
            await _settled(scene, fault, before, postgresql)
    await _judge(scene, history)


def _shuffled(faults: list[Fault], chance: random.Random) -> list[Fault]:
    return chance.sample(faults, len(faults))


async def _judge(scene: Scene, history: History) -> None:
    scene.found.problems += history.surprises
    scene.found.counts |= {
        "operations of histories": len(history.operations),
        "of these without an answer": sum(one["output"] is None for one in history.operations),
    }
    if shutil.which("go"):
        verdict = await asyncio.to_thread(history_checker.judge, history.operations)
        scene.found.problems += verdict.problems
        scene.found.counts["objects of histories"] = sum(verdict.objects.values())


class Probe:
    """A caller that changes an organization of its own by one server, and takes the time."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._number = 0
        self._path = ""

    @classmethod
    @asynccontextmanager
    async def of(cls, scene: Scene, url: str, number: int) -> AsyncIterator[Probe]:
        """Make its organization."""
        client = Client(-number, [url], scene.credentials, History(), random.Random(number))
        async with client:
            probe = cls(client)
            made = await client.call(
                "POST", "/api/v1/organizations", json={"display_name": f"shared-probe-{number}"}
            )
            probe._path = f"/api/v1/organizations/{made.json()['id']}"
            yield probe

    async def ask(self) -> float:
        """Make a change; return the seconds that it took, infinity if it was not made."""
        self._number += 1
        body = {"display_name": f"shared-probe {self._number}"}
        began = time.monotonic()
        try:
            async with asyncio.timeout(5):
                answer = await self._client.call("PATCH", self._path, json=body)
        except (NotDone, Unanswered, TimeoutError):
            return float("inf")
        return time.monotonic() - began if answer.status_code == 200 else float("inf")


async def _recovered(probes: list[Probe], usual: float, within: float) -> float | None:
    """Wait until each probe is as fast as usual, three times in a row; return when that began."""
    enough = max(0.5, 8 * usual)
    began = time.monotonic()

    async def until_fast(probe: Probe) -> float | None:
        fast, since = 0, began
        while time.monotonic() - began < within + 20:
            at = time.monotonic()
            if await probe.ask() > enough:
                fast = 0
                await asyncio.sleep(0.05)
                continue
            since = at if not fast else since
            fast += 1
            if fast == _PROBES:
                return since - began
        return None

    took = await asyncio.gather(*(until_fast(one) for one in probes))
    return None if None in took else max(one for one in took if one is not None)


def _held(scene: Scene) -> list[gauges.Held]:
    return [gauges.held(pid) for pid in _pids(scene)]


def _open(held: list[gauges.Held]) -> tuple[int, int]:
    """Count open files without sockets of TCP, and those."""
    sockets = sum(one.sockets.total() for one in held)
    return sum(one.files for one in held) - sockets, sockets


def _pids(scene: Scene) -> list[int]:
    victims = scene.deployment.victims
    return [victim.process.pid for victim in victims if victim.process is not None]


async def _settled(
    scene: Scene, fault: Fault, before: tuple[int, int], postgresql: PostgreSQL | None
) -> None:
    """Wait until connections, files and sockets are as before, or say how many more there are."""
    until = time.monotonic() + SETTLE_SECONDS
    processes = len(scene.deployment.urls) * WORKERS + len(scene.deployment.victims)
    most = POOL_SIZE * processes + 3
    while True:
        held = _held(scene)
        problems = []
        for found, former, more, noun in zip(
            _open(held), before, (MORE_FILES, MORE_SOCKETS), ("files", "sockets"), strict=True
        ):
            if found > former + more:
                problems.append(f"{found} {noun} are open, {found - former - more} too many")
        half_closed = sum(one.sockets["CLOSE_WAIT"] for one in held)
        if half_closed > CLOSE_WAIT:
            problems.append(
                f"{half_closed} sockets in CLOSE_WAIT, {half_closed - CLOSE_WAIT} too many"
            )
        if postgresql:
            connections = await asyncio.to_thread(_connections, scene.database_url)
            if connections > most:
                problems.append(f"{connections} connections, {connections - most} too many")
        if not problems:
            return
        if time.monotonic() > until:
            scene.found.problems += [f"after {fault.name}: {problem}" for problem in problems]
            return
        await asyncio.sleep(0.5)


def _connections(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])


def _faults(
    scene: Scene, postgresql: PostgreSQL | None, chance: random.Random, full: Disk | None
) -> Iterator[Fault]:
    yield from _of_processes(scene, chance)
    wires = scene.wires
    assert wires is not None
    yield from _of_wires("clients and a server", lambda: chance.choice(wires.clients))
    yield from _of_wires("servers and the receiver", lambda: wires.receiver)
    if wires.database is not None:
        database = wires.database
        yield from _of_wires("servers and the database", lambda: database)
    if full is not None:
        yield Fault("the disk is full", lambda: full.during(postgresql))
    if postgresql is not None:
        yield Fault("the database is killed", lambda: _ended(postgresql, postgresql.kill))
        yield Fault("the database restarts", lambda: _ended(postgresql, postgresql.stop))
        yield Fault("the database hangs", lambda: _hangs(postgresql))


def _of_processes(scene: Scene, chance: random.Random) -> Iterator[Fault]:
    servers = [victim for victim in scene.deployment.victims if victim.port]
    workers = [victim for victim in scene.deployment.victims if not victim.port]

    def of_a_server() -> psutil.Process:
        victim = chance.choice(servers)
        assert victim.process is not None
        return chance.choice(serving(victim.process.pid))

    def a_worker() -> psutil.Process:
        victim = chance.choice(workers)
        assert victim.process is not None
        return psutil.Process(victim.process.pid)

    @asynccontextmanager
    async def process_killed() -> AsyncIterator[None]:
        of_a_server().kill()  # its server starts another one
        yield

    @asynccontextmanager
    async def hangs(process: psutil.Process) -> AsyncIterator[None]:
        process.suspend()
        yield
        process.resume()

    @asynccontextmanager
    async def killed(victim: Victim) -> AsyncIterator[None]:
        victim.kill()
        yield
        victim.start()
        await victim.ready()

    yield Fault("a process of a server is killed", process_killed)
    yield Fault("a process of a server hangs", lambda: hangs(of_a_server()))
    yield Fault("a server is killed", lambda: killed(chance.choice(servers)))
    if workers:
        yield Fault("a worker is killed", lambda: killed(chance.choice(workers)))
        yield Fault("a worker hangs", lambda: hangs(a_worker()))


def _of_wires(between: str, wire: Callable[[], Wire]) -> Iterator[Fault]:
    @asynccontextmanager
    async def reset() -> AsyncIterator[None]:
        for _ in range(4):
            wire().reset()
            await asyncio.sleep(0.2)
        yield

    @asynccontextmanager
    async def forgotten() -> AsyncIterator[None]:
        wire().forget()
        yield

    yield Fault(f"cut between {between}", lambda: wire().cut())
    yield Fault(f"resets between {between}", reset)
    yield Fault(f"0.3 s more between {between}", lambda: wire().slow(0.3))
    yield Fault(f"silence between {between}", lambda: wire().silent())
    yield Fault(f"a half-open connection between {between}", forgotten, FORGOTTEN_SECONDS)


@asynccontextmanager
async def _ended(postgresql: PostgreSQL, end: Callable[[], None]) -> AsyncIterator[None]:
    await asyncio.to_thread(end)
    yield
    await asyncio.to_thread(postgresql.start)


@asynccontextmanager
async def _hangs(postgresql: PostgreSQL) -> AsyncIterator[None]:
    with postgresql.paused():
        yield
