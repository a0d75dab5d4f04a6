"""Threads that hash are shared out by network, and those that wait for one are served in turn."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import Self

import pytest
from databases import call_from
from people_with_passwords import EMAIL, HOME, PASSWORD, imported

from tenantry.core import errors
from tenantry.identity.authenticators.passwords import pool as pool_module
from tenantry.identity.authenticators.passwords.pool import (
    HASH_BYTES,
    WAITING_FOR_EACH_THREAD,
    Pool,
    most_threads,
)

FLOOD = "198.51.100.7"


@pytest.mark.parametrize(
    ("cores", "memory_mib", "threads"),
    [(64, 512, 2), (64, 1024, 5), (64, 1 << 20, 63), (64, 100, 1), (2, 1 << 20, 1), (1, 100, 1)],
)
def test_hashes_take_a_quarter_of_the_memory_at_most(monkeypatch, cores, memory_mib, threads):
    """A container with little memory sees all cores of its machine."""
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert most_threads(memory_mib << 20) == threads
    assert threads == 1 or threads * HASH_BYTES <= (memory_mib << 20) / 4


class Held:
    """A pool of one thread, whose first work goes on until it is let go."""

    def __init__(self) -> None:
        self.pool = Pool(threads=1)
        self.order: list[str] = []
        self._started, self._go = threading.Event(), threading.Event()

    async def __aenter__(self) -> Self:
        self._first = asyncio.create_task(self.pool.run(self._work, network="first"))
        await asyncio.to_thread(self._started.wait, 30)
        return self

    async def __aexit__(self, *_problem: object) -> None:
        self.let_go()
        await self._first
        self.pool.close()

    def _work(self):
        self._started.set()
        assert self._go.wait(30)

    def ask(self, network, name=""):
        return asyncio.create_task(
            self.pool.run(self.order.append, name or network, network=network)
        )

    def let_go(self):
        self._go.set()


async def waiting(tasks):
    """Let new tasks get in line."""
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_who_waits_is_served_network_by_network():
    async with Held() as held:
        tasks = await waiting([held.ask("a", f"a{n}") for n in range(3)])
        tasks += await waiting([held.ask("b", f"b{n}") for n in range(2)])
        tasks += await waiting([held.ask("c", "c0")])
        held.let_go()
        await asyncio.gather(*tasks)
        assert held.order == ["a0", "b0", "c0", "a1", "b1", "a2"]


async def test_a_pile_is_refused_and_what_it_holds_makes_room_for_other_networks():
    async with Held() as held:
        pile = await waiting([held.ask("a", "a") for _ in range(WAITING_FOR_EACH_THREAD)])
        for _ in range(5):
            with pytest.raises(errors.Busy) as refusal:
                await held.ask("a")
            assert refusal.value.headers == {"retry-after": "2"}
        (other,) = await waiting([held.ask("b", "b")])
        with pytest.raises(errors.Busy):
            await pile[-1]
        held.let_go()
        await other
        assert held.order.index("b") <= 1
        assert await asyncio.gather(*pile[:-1]) == [None] * (WAITING_FOR_EACH_THREAD - 1)


async def test_who_goes_away_leaves_the_line():
    async with Held() as held:
        pile = await waiting([held.ask("a") for _ in range(WAITING_FOR_EACH_THREAD)])
        for task in pile[:3]:
            task.cancel()
        await asyncio.wait(pile[:3])
        late = await waiting([held.ask("a", "late") for _ in range(3)])
        held.let_go()
        await asyncio.gather(*pile[3:], *late)
        assert held.order[-3:] == ["late"] * 3
    assert held.pool._waiting == 0
    assert held.pool._lines == {}


async def test_a_turn_that_comes_when_its_person_has_gone_is_passed_on():
    async with Held() as held:
        gone, next_one = await waiting([held.ask("a", "gone"), held.ask("b", "next")])
        held.pool._pass_on()  # as if one more thread had become free, and in the same moment
        gone.cancel()
        await asyncio.wait([gone])
        held.let_go()
        await next_one
        assert held.order == ["next"]


async def test_what_waits_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(pool_module, "LONGEST_WAIT_SECONDS", 0.01)
    async with Held() as held:
        with pytest.raises(errors.Busy) as refusal:
            await held.ask("a")
        assert refusal.value.headers == {"retry-after": "2"}
        assert held.pool._waiting == 0


async def test_a_flood_of_passwords_from_one_address_keeps_nobody_else_from_signing_in(
    db, passwords
):
    user = await imported(db, await passwords.hash(PASSWORD))
    flood = [
        asyncio.create_task(
            passwords.sign_in(call_from(db, FLOOD), email=f"x{n}@example.com", password="guess")
        )
        for n in range(150)
    ]
    await asyncio.wait(flood, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    signed_in = await passwords.sign_in(call_from(db, HOME), email=EMAIL, password=PASSWORD)
    assert signed_in == user.id
    still_waiting = passwords._pool._waiting
    assert still_waiting > 0, "it was served before those that came before it"
    for task in flood:
        task.cancel()
    await asyncio.wait(flood)


async def test_pools_of_one_server_take_turns_on_the_same_cores(tmp_path):
    first, second = (Pool(threads=1, shared=tmp_path / "hashing") for _ in range(2))
    at_once, most, lock = 0, 0, threading.Lock()

    def work():
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        threading.Event().wait(0.01)
        with lock:
            at_once -= 1

    runs = [pool.run(work, network="a") for pool in (first, second) for _ in range(5)]
    await asyncio.gather(*runs)
    assert most == 1
    for pool in (first, second):
        pool.close()


_DIES_ON_IT = """
import os, pathlib, sys
from tenantry.identity.authenticators.passwords.cores import Cores
with Cores(1, pathlib.Path(sys.argv[1])).one():
    print("there", flush=True)
    sys.stdin.read()
"""


async def test_a_process_that_dies_lets_go_of_its_core(tmp_path):
    shared = tmp_path / "hashing"
    pool = Pool(threads=1, shared=shared)
    pipe = asyncio.subprocess.PIPE
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _DIES_ON_IT, shared), stdin=pipe, stdout=pipe
    )
    try:
        assert await other.stdout.readline() == b"there\n"
        waits = asyncio.create_task(pool.run(lambda: "done", network="a"))
        done, _ = await asyncio.wait([waits], timeout=0.2)
        assert not done
    finally:
        other.kill()
        await other.wait()
    assert await asyncio.wait_for(waits, 60) == "done"
    pool.close()


async def test_a_folder_that_is_not_there_keeps_nobody_from_hashing(tmp_path):
    pool = Pool(threads=1, shared=tmp_path / "missing" / "hashing")
    assert await pool.run(lambda: "done", network="a") == "done"
    pool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="a niceness of each thread is Linux's")
async def test_threads_of_calls_go_before_those_that_hash():
    def niceness():
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    pool = Pool(threads=1)
    assert await pool.run(niceness, network="a") > niceness()
    pool.close()
