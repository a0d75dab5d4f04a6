"""A server that is forked behaves as the program does (tests/support/deployments/zygote.py)."""

from __future__ import annotations

import os
import signal
import ssl
import time
from pathlib import Path

import httpx
import psutil
import pytest
import zygote
from servers import LiveServer


@pytest.fixture(autouse=True)
def _compiled():
    if zygote._address() is None:
        pytest.skip("there is no C compiler")


@pytest.fixture
def own(tmp_path):
    server = LiveServer(tmp_path, background="false")
    yield server
    server.stop()


def seen(server):
    """The process as others see it."""
    process = psutil.Process(server.process.pid)
    status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    signals = [line for line in status if line.startswith(("SigBlk", "SigIgn", "SigCgt"))]
    return process.cwd(), os.getsid(process.pid) == process.pid, signals


def test_it_is_as_if_it_was_started(own):
    forked = seen(own.fork())
    assert own.stop() == 0
    assert seen(own.start()) == forked


def test_its_settings_are_those_that_were_given_and_no_former_ones(tmp_path):
    for development, mode in (("true", "development"), ("false", "production")):
        (tmp_path / mode).mkdir()
        server = LiveServer(tmp_path / mode, development=development, background="false").fork()
        until = time.monotonic() + 60
        while f"Mode          {mode}" not in server.log.read_text():  # told once it is ready
            assert time.monotonic() < until
            time.sleep(0.02)
        assert server.stop() == 0


def test_what_it_draws_is_its_own(tmp_path):
    drawn = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        server = LiveServer(tmp_path / name, background="false").fork()
        trust = ssl.create_default_context(cafile=server.ca)
        with httpx.Client(base_url=server.url, verify=trust) as http:
            drawn |= {http.get("/api/v1/organizations").headers["x-request-id"] for _ in range(3)}
        server.stop()
    assert len(drawn) == 6


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_its_end_is_told(own, number):
    own.fork()
    assert own.process.poll() is None
    own.process.send_signal(number)
    code = own.process.wait(60)
    assert code == (0 if number == signal.SIGTERM else -number)
    assert own.process.poll() == code


def test_a_start_that_fails_says_why(tmp_path):
    said = []
    for how in (LiveServer.start, LiveServer.fork):
        server = LiveServer(tmp_path, port=47311, log_level="nonsense")
        with pytest.raises(AssertionError, match=r"did not start \(2\)") as failed:
            how(server)
        said.append(str(failed.value).splitlines()[-1])
    assert said[0] == said[1]
