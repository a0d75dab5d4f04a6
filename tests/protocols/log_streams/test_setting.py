"""TENANTRY_LOG_STREAMS: a server sends events to all named streams, or names the fault."""

from __future__ import annotations

import asyncio
import json
import subprocess

import pytest
from log_receivers import OtlpServer, SyslogServer
from servers import TENANTRY, LiveServer

from tenantry import settings, worker


def configured(value):
    """Settings as an operator writes them."""
    return settings.load({"TENANTRY_LOG_STREAMS": value, "TENANTRY_CONFIG": "/dev/null"})


async def test_a_server_sends_its_events_to_every_stream(tmp_path, eventually):
    path = tmp_path / "events.ndjson"
    with SyslogServer("tcp") as syslog, OtlpServer() as otlp:
        streams = f"file://{path} {syslog.url} syslog+udp://127.0.0.1:9 {otlp.url}?header.a=b"
        server = LiveServer(tmp_path, log_streams=streams)
        await asyncio.to_thread(server.start)
        try:
            made = await asyncio.to_thread(server.run, "client", "create", "Reports")
            assert made.returncode == 0, made.stderr
            await eventually(lambda: path.exists() and "Reports" in path.read_text())
            lines = path.read_text().count("\n")
            await eventually(lambda: len(syslog.messages) == len(otlp.records) == lines)
        finally:
            assert await asyncio.to_thread(server.stop) == 0
        written = [json.loads(line) for line in path.read_text().splitlines()]
        assert written == syslog.events == otlp.events
        assert written[-1]["type"] == "client.created"
    assert "a=b" not in server.log.read_text()


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_url_that_cannot_be_used_ends_the_start(tmp_path, command):
    server = LiveServer(tmp_path, log_streams="syslog+tcp://h otlp+http://me:s3cret@h")
    done = subprocess.run(
        [TENANTRY, command],
        cwd=tmp_path,
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "tenantry: TENANTRY_LOG_STREAMS: URL 2 must have no user: "
        "give a header, ?header.Authorization=Bearer%20...\n"
    )


def test_each_stream_is_a_job_of_its_own_named_without_its_secrets():
    both = configured("syslog+udp://h,otlp+http://h?header.a=s3cret")
    names = [job.name for job in worker.jobs(both)]
    assert "log stream syslog+udp://h:514" in names
    assert "log stream otlp+http://h:4318/v1/logs" in names
    assert not [name for name in names if "s3cret" in name]
    assert not [job for job in worker.jobs(configured("")) if "stream" in job.name]
    assert "s3cret" not in str(both.table())
