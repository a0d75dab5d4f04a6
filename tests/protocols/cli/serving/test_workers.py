"""Several workers: one port, looked after, stopped together."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from servers import LiveServer

from tenantry.server import supervisor
from tenantry.server.supervisor import _FIRST_DELAY_SECONDS, Supervisor, _Worker
from tenantry.settings import load

SLOW_APP = Path(__file__).parent / "slow_app.py"


@pytest.fixture
def pair(tmp_path):
    server = LiveServer(tmp_path, workers=2).start(sys.executable, SLOW_APP)
    wait_for(lambda: len(answered_by(server)) == 2)
    yield server
    server.stop()


def workers_of(pid):
    """The processes that this one started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in children}


def doing_the_work(pid):
    """Those of its workers that were told to do the work beside the calls."""
    return [worker for worker in workers_of(pid) if told(worker, "TENANTRY_BACKGROUND") == "true"]


def told(pid, name):
    """A variable of a process's environment; none of one that is not the server yet."""
    variables = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(v.partition("=")[::2] for v in variables).get(name)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def answered_by(server, requests=40):
    """The processes that answer: the kernel spreads connections over them."""
    found = set()
    for _ in range(requests):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", "/")
        found.add(int(connection.getresponse().read().split()[0]))
        connection.close()
    return found


@pytest.mark.thorough
def test_they_share_the_port(pair):
    assert answered_by(pair) == workers_of(pair.process.pid)


def test_one_that_is_killed_is_started_again(pair):
    victim, other = workers_of(pair.process.pid)
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: victim not in workers_of(pair.process.pid))
    assert other in answered_by(pair)  # and nothing failed in between
    wait_for(lambda: len(workers_of(pair.process.pid)) == 2)
    wait_for(lambda: answered_by(pair) == workers_of(pair.process.pid))
    assert other in workers_of(pair.process.pid)


@pytest.mark.thorough
def test_one_of_them_does_the_work_beside_the_calls_and_so_does_its_successor(pair):
    (first,) = doing_the_work(pair.process.pid)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: first not in workers_of(pair.process.pid))
    wait_for(lambda: len(doing_the_work(pair.process.pid)) == 1)
    wait_for(lambda: len(answered_by(pair)) == 2)
    assert len(doing_the_work(pair.process.pid)) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_stops_all(pair, stop):
    workers = workers_of(pair.process.pid)
    pair.process.send_signal(stop)
    assert pair.process.wait(60) == 0
    assert not any(map(is_alive, workers))


@pytest.mark.thorough
def test_they_do_not_outlive_who_looks_after_them(pair):
    workers = workers_of(pair.process.pid)
    pair.process.kill()
    pair.process.wait()
    wait_for(lambda: not any(map(is_alive, workers)))


@pytest.mark.thorough
def test_a_first_start_that_fails_ends_all(tmp_path):
    url = "postgresql://nobody@127.0.0.1:1/none"
    done = LiveServer(tmp_path, workers=3, database_url=url).run("serve")
    assert done.returncode == 2
    assert done.stderr.startswith("tenantry: the database cannot be reached")
    assert done.stderr.count("\n") == 1


def test_the_application_is_migrated_once_and_says_so_once(tmp_path):
    server = LiveServer(tmp_path, workers=3).start()
    try:
        wait_for(lambda: len(workers_of(server.process.pid)) == 3)
        wait_for(lambda: "Run next" in server.log.read_text())
        events = server.run("events", "tail").stdout.splitlines()
        assert ["client.created" in event for event in events] == [True]
    finally:
        assert server.stop() == 0
    assert server.log.read_text().count("Tenantry is ready") == 1


def test_one_that_dies_often_is_started_later_each_time(monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(supervisor, "time", SimpleNamespace(monotonic=lambda: now))
    worker = _Worker(command=None)
    delays = []
    for _ in range(9):
        worker.started = now
        worker.schedule()
        delays.append(worker.due - now)
    assert delays == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30])
    worker.started = now - 3600
    worker.schedule()
    assert worker.delay == 2 * _FIRST_DELAY_SECONDS


def test_a_stop_during_the_start_is_heeded(tmp_path):
    server = LiveServer(tmp_path, workers=2)
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(1000)"], env=server.environment
    )
    settings = load({"TENANTRY_LISTEN": f"127.0.0.1:{server.port}"})
    looking_after = Supervisor([], settings)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        # To this thread: another one, a gRPC client of other tests, would let it end the process.
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        assert looking_after._until_ready(_Worker(command=None, process=process)) == 0
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        process.kill()
        process.wait()
