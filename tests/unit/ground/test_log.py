"""Lines on their way to standard error: whole, in order, and never in anybody's way."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
import time

import pytest

from tenantry.settings import SettingError, load
from tenantry.telemetry import log, request_log
from tenantry.telemetry.request_context import RequestContext


@pytest.fixture
def pipe():
    """A pipe that holds 4096 bytes: its ends."""
    reads, writes = os.pipe()
    fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, 4096)
    yield reads, writes
    os.close(reads)
    os.close(writes)


def read_all(descriptor, until):
    """The lines that come out of a pipe, up to one that ends so."""
    got = b""
    while not got.endswith(until):
        got += os.read(descriptor, 65536)
    return got.splitlines()


@pytest.mark.parametrize("add", ["add", "add_now"])
def test_nobody_who_logs_waits_for_a_pipe_that_nobody_reads(pipe, add):
    reads, writes = pipe
    lines = log.Lines(writes)
    lines.start()
    began = time.monotonic()
    for number in range(2000):
        getattr(lines, add)(b"%d %s\n" % (number, b"x" * 100))
    assert time.monotonic() - began < 20
    got = read_all(reads, b"1999 " + b"x" * 100 + b"\n")
    assert [int(line.split()[0]) for line in got] == list(range(2000))


def test_lines_beyond_what_may_wait_are_dropped_and_told_of(pipe, monkeypatch):
    monkeypatch.setattr(log, "_MOST_WAITING", 20_000)
    reads, writes = pipe
    lines = log.Lines(writes)
    lines.start()
    for _ in range(1000):
        lines.add(b"x" * 99 + b"\n")
    os.set_blocking(reads, False)
    got = b""
    while b'"times":' not in got:
        try:
            got += os.read(reads, 65536)
        except BlockingIOError:
            lines.add(b"x" * 99 + b"\n")
            lines.flush(0.1)
    (told,) = [json.loads(line) for line in got.splitlines() if line.startswith(b"{")]
    assert told["level"] == "warning"
    assert 700 <= told["times"] <= 900


def test_a_closed_descriptor_costs_nothing_but_the_lines():
    reads, writes = os.pipe()
    lines = log.Lines(writes)
    lines.start()
    os.close(reads)
    for _ in range(100):
        lines.add(b"a line\n")
        lines.add_now(b"another\n")
    lines.flush()
    os.close(writes)
    lines.add_now(b"a line\n")
    lines.flush()
    assert not lines._waiting


def test_lines_of_several_threads_stay_whole(pipe):
    reads, writes = pipe
    lines = log.Lines(writes)
    lines.start()

    def write(name):
        for _ in range(500):
            lines.add(name * 300 + b"\n")

    threads = [threading.Thread(target=write, args=(name,)) for name in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    got = [os.read(reads, 65536)]
    while sum(map(len, got)) < 3 * 500 * 301:
        got.append(os.read(reads, 65536))
    for thread in threads:
        thread.join()
    assert {len(set(line)) for line in b"".join(got).splitlines()} == {1}


def test_a_line_is_one_line_whatever_it_repeats():
    """Newlines, separators that other readers split at, and what a terminal would obey."""
    hostile = 'a\nb\r\x1b[2J\x9b2J\u2028\x85"}\n{"level":"error"}\ud800'
    record = logging.makeLogRecord({"msg": hostile, "fields": {"said": hostile, "other": {1}}})
    line = log._Json().format(record)
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["said"] == hostile


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/", "/"),
        ("/wp-admin/setup.php", "/wp-admin/setup.php"),
        ("/api/v1/organisations/", "/api/v1/organisations/"),
        ("/login/1575868957192097795/x", "/login/*/x"),
        ("/portal/zkA47fXuJDMXFSTUolFWum_cNbXktqXlyXDp49iD0Xc", "/portal/*"),
        ('/a%0a{}/b"\\/\x80é/ann@acme.com', "/*/*/*/*"),
        ("/" + "a" * 40, "/*"),
        ("/a" * 20_000, "/a" * 8 + "/*"),
        ("/" + "é" * 100_000, "/*"),
    ],
)
def test_a_path_without_a_route_is_shown_by_its_words(path, shown):
    assert request_log.words(path) == shown


def test_a_hundred_thousand_unknown_paths_hold_nobody(pipe, monkeypatch):
    lines = log.Lines(pipe[1])
    lines.start()
    monkeypatch.setattr(log, "lines", lines)
    logging.getLogger("tenantry.request_log").setLevel(logging.INFO)
    began, longest = time.thread_time(), 0.0
    for number in range(100_000):
        before = time.thread_time()
        request_log.write(RequestContext("BREW\n", f"/{number}/{'x' * 200}", "req_1"))
        longest = max(longest, time.thread_time() - before)
    assert time.thread_time() - began < 50
    assert longest < 0.5
    assert lines._bytes <= log._MOST_WAITING
    assert b"BREW" not in b"".join(lines._waiting)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("debug", "debug"),
        ("info,tenantry.events.webhooks=debug", "info,tenantry.events.webhooks=debug"),
        (
            "tenantry.request_log=warning, asyncpg=error",
            "info,tenantry.request_log=warning,asyncpg=error",
        ),
        ("warning,tenantry=info", "warning,tenantry=info"),
    ],
)
def test_levels_are_of_all_and_of_modules(text, normal):
    assert load({"TENANTRY_LOG_LEVEL": text}).log_level == normal


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("loud", "'loud' is not one of debug, info, warning, error"),
        ("INFO", "'INFO' is not one of debug, info, warning, error"),
        ("", "'' is not one of debug, info, warning, error"),
        ("info,debug", "'debug' is not a module with a level, such as tenantry.db=debug"),
        ("info,tenantry.db=loud", "'tenantry.db=loud' is not a module with a level, such as "),
        ("info,tenantry.webhook=debug", "module not found: 'tenantry.webhook'"),
        ("info,../x=debug", "module not found: '../x'"),
        ("info" + ",a=debug" * 51, "must have at most 50 modules"),
    ],
)
def test_a_wrong_level_is_named(text, problem):
    with pytest.raises(SettingError) as refused:
        load({"TENANTRY_LOG_LEVEL": text})
    assert str(refused.value).startswith(f"TENANTRY_LOG_LEVEL: {problem}")


def test_a_module_has_its_own_level(capfd):
    root, own = logging.getLogger(), logging.getLogger("tenantry.events.webhooks")
    before = root.level, root.handlers[:], own.level
    try:
        log.configure("warning,tenantry.events.webhooks=debug")
        for name in ("tenantry.events.webhooks.model", "tenantry.events"):
            logging.getLogger(name).debug(name)
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]
        own.setLevel(before[2])
    (line,) = capfd.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "tenantry.events.webhooks.model"
