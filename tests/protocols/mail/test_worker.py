"""The work beside the calls: goes on whatever a job does, costs nothing idle, stops gently."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from mail_servers import KEY, configured, delivery, invite, state
from servers import TENANTRY, LiveServer

from tenantry import worker
from tenantry.db.engine import Unavailable
from tenantry.events.email import service
from tenantry.worker import Job


@pytest.fixture
def running(db):
    """Jobs that run while the test does."""
    started = []

    def run(*todo: Job):
        stop = asyncio.Event()
        started.append((stop, asyncio.create_task(worker.run(db, todo, stop))))
        return started[-1]

    yield run
    for stop, _ in started:
        stop.set()


async def test_a_job_that_fails_ends_neither_itself_nor_the_others(
    running, eventually, monkeypatch, caplog
):
    monkeypatch.setattr(worker, "_FIRST_PAUSE_SECONDS", 0.01)
    calls = {"bad": 0, "away": 0, "good": 0}

    async def bad(_db):
        calls["bad"] += 1
        raise ValueError("t0ken")

    async def away(_db):
        calls["away"] += 1
        raise Unavailable("gone")

    async def good(_db):
        calls["good"] += 1
        return 0.01

    stop, task = running(Job("bad", bad), Job("away", away), Job("good", good))

    async def all_went_on():
        return min(calls.values()) >= 3

    await eventually(all_went_on)
    stop.set()
    await task
    fields = [record.fields for record in caplog.records]
    assert {(one["job"], one.get("error", one.get("problem"))) for one in fields} == {
        ("bad", "ValueError"),
        ("away", "gone"),
    }
    pauses = [one["again_in"] for one in fields if one["job"] == "bad"]
    assert pauses[:3] == [0.01, 0.02, 0.04]


async def test_a_job_waits_as_long_as_it_says(running):
    calls = []

    async def seldom(_db):
        calls.append(time.monotonic())
        return 0.2

    stop, task = running(Job("seldom", seldom))
    async with asyncio.timeout(60):
        while len(calls) < 3:  # noqa: ASYNC110 - it is the job that is tested
            await asyncio.sleep(0.01)
    stop.set()
    await task
    assert all(later - earlier >= 0.19 for earlier, later in pairwise(calls))


async def test_a_stop_waits_for_what_is_under_way(running, monkeypatch):
    monkeypatch.setattr(worker, "_STOP_SECONDS", 60.0)
    done, begun, go = [], asyncio.Event(), asyncio.Event()

    async def slow(_db):
        begun.set()
        await go.wait()
        done.append("work")
        return 60.0

    async def close():
        done.append("close")

    stop, task = running(Job("slow", slow, close))
    await begun.wait()
    stop.set()
    await asyncio.sleep(0.1)
    assert not task.done()
    go.set()
    await task
    assert done == ["work", "close"]


async def test_a_stop_does_not_wait_for_ever(running, monkeypatch, caplog):
    monkeypatch.setattr(worker, "_STOP_SECONDS", 0.1)

    begun = asyncio.Event()

    async def endless(_db):
        begun.set()
        await asyncio.Event().wait()
        return 0.0

    stop, task = running(Job("endless", endless))
    await begun.wait()
    stop.set()
    await asyncio.wait_for(task, 60)
    assert [record.fields for record in caplog.records] == [{"job": "endless"}]


async def test_mail_goes_out_within_seconds(db, running, mail_server, eventually):
    sending = delivery(smtp_url=mail_server.url)
    assert await sending.run(db) <= 1  # until it looks again
    running(Job("mail", sending.run, sending.close))
    mail_id = await invite(db)

    async def sent():
        return (await state(db, mail_id)).state == "SENT"

    await eventually(sent)


async def test_one_in_a_process_is_enough(db, monkeypatch):
    started = []

    async def note(_db):
        started.append(1)
        return 60.0

    monkeypatch.setattr(worker, "jobs", lambda _settings: [Job("note", note)])
    for _ in range(2):  # and when that one has ended, another may
        async with worker.beside(db, configured()), worker.beside(db, configured()):
            await asyncio.sleep(0.05)
    assert len(started) == 2
    async with worker.beside(db, configured(background=False)):
        await asyncio.sleep(0.05)
    assert len(started) == 2


def test_a_start_does_not_pay_for_mail():
    heavy = "aiosmtplib", "jinja2", "dns"
    source = f"import sys, tenantry.worker; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


async def queue_poem(db):
    """A mail whose template nobody knows: looked at, it has a problem."""
    return await service.queue(db, template="poem", recipient="ann@example.com", variables={})


def has_been_looked_at(db, mail_id):
    async def looked_at():
        return (await state(db, mail_id)).problem == "there is no template poem"

    return looked_at


@pytest.mark.thorough
async def test_a_server_does_the_work_or_leaves_it_to_the_command(
    db, database_url, tmp_path, eventually
):
    mail_id = await queue_poem(db)
    common = {"database_url": database_url, "master_key": KEY}
    idle = LiveServer(tmp_path, background=False, **common)
    await asyncio.to_thread(idle.start)
    await asyncio.sleep(2)
    assert (await state(db, mail_id)).attempts == 0

    with (tmp_path / "worker.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            TENANTRY, "worker", env=idle.environment, cwd=tmp_path, stderr=log
        )
        try:
            await eventually(has_been_looked_at(db, mail_id))
            # Servers of the machine go first.
            assert os.getpriority(os.PRIO_PROCESS, process.pid) >= 5
        finally:
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 60) == 0
            assert await asyncio.to_thread(idle.stop) == 0
    lines = [json.loads(line) for line in (tmp_path / "worker.log").read_text().splitlines()]
    assert lines[0]["message"] == "worker started"
    assert "mail" in lines[0]["jobs"]
    assert lines[-1]["message"] == "worker stopped"

    other = await queue_poem(db)
    busy = LiveServer(tmp_path, **common)
    await asyncio.to_thread(busy.start)
    try:
        await eventually(has_been_looked_at(db, other))
    finally:
        assert await asyncio.to_thread(busy.stop) == 0
    assert "Traceback" not in busy.log.read_text()


def test_the_worker_needs_a_database(tmp_path):
    server = LiveServer(tmp_path, database_url="postgresql://x@127.0.0.1:1/x", master_key=KEY)
    done = server.run("worker")
    assert done.returncode == 1
    assert done.stderr.startswith("tenantry: the database cannot be reached")
    assert done.stderr.count("\n") == 1
