"""Log streams end to end: in order, none skipped, and nothing that hangs holds up anything else."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Self

import pytest
from log_of_events import drain, happen, hasten, numbers, row
from log_receivers import OtlpServer, SyslogServer
from repository import PYTHONPATH
from servers import free_port

from tenantry.events.log_streams import otlp, service, sinks, streaming, syslog

LINES = 1200  # more than two pages


class File:
    """A file, with the same face as the servers."""

    def __init__(self, folder) -> None:
        self.path = folder / "events.ndjson"
        self.url = f"file://{self.path}"
        self.problems = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    @property
    def events(self):
        return [json.loads(text) for text in self.path.read_text().splitlines()]


@pytest.fixture(params=["file", "udp", "tcp", "tls", "http", "https"])
def receiver(request, tmp_path, tls):
    """A receiver of each kind, and the URL that reaches it."""
    context, pem = tls
    made, options = {
        "file": lambda: (File(tmp_path), ""),
        "udp": lambda: (SyslogServer("udp"), ""),
        "tcp": lambda: (SyslogServer("tcp"), ""),
        "tls": lambda: (SyslogServer("tls", tls=context), f"?ca={pem}"),
        "http": lambda: (OtlpServer(), ""),
        "https": lambda: (OtlpServer(tls=context), f"?ca={pem}"),
    }[request.param]()
    with made:
        made.full_url = made.url + options
        yield made


async def test_every_event_arrives_once_and_in_order(db, stream, receiver, eventually):
    await happen(db, LINES)
    sending = stream(receiver.full_url)
    await drain(db, sending)
    await eventually(lambda: len(receiver.events) == LINES)
    assert receiver.problems == []
    assert numbers(receiver.events) == list(range(LINES))
    assert [event["position"] for event in receiver.events] == list(range(1, LINES + 1))
    assert await row(db, sending) | {"due_time": 0} == {
        "name": sending.name,
        "position": LINES,
        "problem": None,
        "due_time": 0,
    }


async def test_what_comes_later_is_sent_later_also_by_another_process(
    db, other, stream, receiver, eventually
):
    await happen(db, 3)
    await drain(db, stream(receiver.full_url))
    await happen(db, 2)
    await drain(other, stream(receiver.full_url))
    await eventually(lambda: len(receiver.events) == 5)
    assert numbers(receiver.events) == [0, 1, 2, 0, 1]


async def test_two_processes_take_turns(db, other, stream, eventually):
    await happen(db, LINES)
    with SyslogServer("tcp") as server:
        one, two = stream(server.url), stream(server.url)

        async def until_all_is_sent(database, sending):
            while len(server.messages) < LINES:
                await sending.run(database)

        async with asyncio.timeout(60):
            await asyncio.gather(until_all_is_sent(db, one), until_all_is_sent(other, two))
        assert numbers(server.events) == list(range(LINES))


async def test_an_event_says_who_did_what_and_where_it_stands(db, stream):
    await happen(db, name="Mädchen\r\n\u2028")
    with OtlpServer() as server:
        await drain(db, stream(server.url))
        (record,) = server.records
        resource = server.requests[0].resource_logs[0].resource
    (event,) = [json.loads(record.body.string_value)]
    assert event["actor"] == {"type": "management_client", "id": "skc_1"}
    assert event["request_id"] == "req_0"
    assert event["before"]["display_name"] == "Mädchen\r\n\u2028 before"
    assert event["after"] == event["data"]
    assert event["object"] == "Organization"
    assert event["environment_id"] == db.environment_id
    assert len(event["hash"]) >= 40
    shown = {a.key: a.value.string_value or a.value.int_value for a in record.attributes}
    assert shown == {
        "event.id": event["id"],
        "event.type": "organization.updated",
        "organization.id": "org_1",
        "actor.type": "management_client",
        "actor.id": "skc_1",
        "request.id": "req_0",
        "event.position": 1,
    }
    assert (record.severity_number, record.severity_text) == (9, "INFO")
    assert record.event_name == "organization.updated"
    assert abs(record.time_unix_nano / 1e9 - time.time()) < 60
    assert [(a.key, a.value.string_value) for a in resource.attributes] == [
        ("service.name", "tenantry"),
        ("service.instance.id", db.environment_id),
    ]


async def test_a_server_that_hangs_up_gets_all_that_its_system_had_not_taken(
    db, stream, eventually
):
    await happen(db, LINES)
    with SyslogServer("tcp") as server:
        server.limit = 700
        sending = stream(server.url)
        before = time.monotonic()
        await drain(db, sending)
        assert time.monotonic() - before < 50
        held = await row(db, sending)
        # Syslog answers nothing: what the other machine's system has taken, counts as sent.
        assert held["position"] in {0, 500, 1000}
        assert held["problem"]
        server.limit = None
        await hasten(db)
        await drain(db, sending)
        await eventually(lambda: numbers(server.events)[-1] == LINES - 1)
        got = numbers(server.events)
        assert (await row(db, sending))["problem"] is None
    missed = range(700, held["position"])
    assert list(dict.fromkeys(got)) == [n for n in range(LINES) if n not in missed]
    assert len(got) <= LINES + 500


async def test_a_server_that_is_away_is_tried_again_and_misses_nothing(
    db, stream, eventually, caplog
):
    await happen(db, 3)
    port = free_port()
    sending = stream(f"syslog+tcp://127.0.0.1:{port}")
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            await drain(db, sending)
            await hasten(db)
        assert (await row(db, sending))["position"] == 0
        assert "refused" in (await row(db, sending))["problem"]
        with SyslogServer("tcp", port=port) as server:
            await drain(db, sending)
            await eventually(lambda: numbers(server.events) == [0, 1, 2])
    assert [record.getMessage() for record in caplog.records] == [
        *["failed to send to log stream, retrying"] * 3,
        "log stream resumed",
    ]
    first, *_ = caplog.records
    assert first.fields["stream"] == sending.name
    pauses = [record.fields["again_in"] for record in caplog.records[:3]]
    assert [round(pause / 1.1) for pause in pauses] == [1, 2, 4]


async def test_after_a_failure_no_process_tries_before_its_time(db, other, stream):
    await happen(db)
    with OtlpServer() as server:
        server.answers = [(503, b"")]
        await drain(db, stream(server.url))
        await drain(db, stream(server.url))
        await drain(other, stream(server.url))
        assert len(server.sizes) == 1


def give_up_after(seconds, monkeypatch):
    for module in (sinks, syslog, otlp):
        monkeypatch.setattr(module, "SEND_SECONDS", seconds)


@pytest.mark.thorough
@pytest.mark.one_database
@pytest.mark.parametrize(
    ("kind", "limit"), [("deaf syslog", 4.0), ("silent TLS", 1.0), ("silent OTLP", 1.0)]
)
async def test_a_server_that_never_answers_delays_no_other_stream(  # noqa: PLR0917
    db, stream, kind, limit, tls, eventually, monkeypatch
):
    give_up_after(600.0, monkeypatch)
    # More than the systems on both sides keep for a reader that does not read.
    await happen(db, 500, name="x" * 20_000 if kind == "deaf syslog" else "Acme")
    with SyslogServer("tcp") as deaf, OtlpServer() as silent, SyslogServer("tcp") as server:
        deaf.deaf = True
        silent.answers = [None] * 3
        hanging = stream(
            {
                "deaf syslog": deaf.url,
                "silent TLS": f"{deaf.url.replace('tcp', 'tls')}?ca={tls[1]}",
                "silent OTLP": silent.url,
            }[kind]
        )
        waiting = asyncio.create_task(drain(db, hanging))
        await drain(db, stream(server.url))
        await eventually(lambda: len(server.messages) == 500)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await hasten(db)
        give_up_after(limit, monkeypatch)
        before = time.monotonic()
        await drain(db, hanging)
        assert time.monotonic() - before > 0.9 * limit
    held = await row(db, hanging)
    assert (held["position"], held["problem"]) == (0, "it took too long")


async def test_a_stop_does_not_wait_for_a_server_that_hangs(db, stream, monkeypatch):
    give_up_after(600.0, monkeypatch)
    await happen(db)
    with OtlpServer() as silent, SyslogServer("tcp") as deaf:
        deaf.deaf = True
        silent.answers = [None]
        for url in (silent.url, deaf.url.replace("tcp", "tls")):
            hanging = stream(url)
            task = asyncio.create_task(drain(db, hanging))
            await asyncio.sleep(0.3)
            async with asyncio.timeout(60):
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await hanging.close()


async def test_who_held_a_stream_for_too_long_does_not_set_it_back(db, other, stream):
    await happen(db, 3)
    name = stream("syslog+udp://127.0.0.1:9").name
    assert await service.has_more(db, name)
    slow = await service.claim(db, name)
    assert await service.claim(other, name) is None
    assert not await service.has_more(other, name)
    await hasten(db)
    quick = await service.claim(other, name)
    assert await service.release(other, quick, 3, problem=None)
    assert not await service.release(db, slow, 1, problem="late")
    assert not await service.has_more(db, name)


@pytest.mark.thorough
async def test_a_killed_process_is_taken_over_where_it_was(
    db, database_url, stream, tmp_path, eventually
):
    await happen(db, LINES)
    path = tmp_path / "events.ndjson"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        Path(__file__).with_name("slow_stream.py"),
        database_url,
        f"file://{path}",
        env=os.environ | {"PYTHONPATH": PYTHONPATH},
    )
    await eventually(lambda: path.exists() and path.read_text().count("\n") > 600)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    with path.open("a") as file:
        file.write('{"half": ')  # what a kill within a write leaves
    sending = stream(f"file://{path}")
    await drain(db, sending)
    assert (await row(db, sending))["position"] == 500  # the dead one is thought alive
    await hasten(db)
    await drain(db, sending)
    whole, broken = [], []
    for text in path.read_text().splitlines():
        try:
            whole.append(json.loads(text))
        except ValueError:
            broken.append(text)
    assert broken == ['{"half": ']
    assert list(dict.fromkeys(numbers(whole))) == list(range(LINES))
    assert len(whole) <= LINES + 500


async def test_a_file_that_is_rotated_away_is_left_for_a_new_one(db, stream, tmp_path):
    path = tmp_path / "events.ndjson"
    sending = stream(f"file://{path}")
    for number, rotate in enumerate([lambda: path.rename(f"{path}.1"), path.unlink, None]):
        await happen(db, 1, name=str(number))
        await drain(db, sending)
        (event,) = [json.loads(text) for text in path.read_text().splitlines()]
        assert event["after"]["display_name"] == str(number)
        assert path.stat().st_mode & 0o777 == 0o640
        if rotate:
            rotate()


async def test_a_full_disk_and_a_missing_folder_are_problems_that_pass(db, stream, tmp_path):
    await happen(db, 1)
    full = stream("file:///dev/full")
    await drain(db, full)
    assert "No space left" in (await row(db, full))["problem"]
    folder = tmp_path / "later"
    missing = stream(f"file://{folder}/events.ndjson")
    await drain(db, missing)
    assert "No such file" in (await row(db, missing))["problem"]
    folder.mkdir()
    await hasten(db)
    await drain(db, missing)
    assert (await row(db, missing))["position"] == 1


async def test_a_certificate_of_somebody_else_is_refused(db, stream, tls):
    await happen(db)
    with SyslogServer("tls", tls=tls[0]) as server, OtlpServer(tls=tls[0]) as endpoint:
        for url in (server.url, endpoint.url, f"{server.url.replace('127.0.0.1', 'localhost')}"):
            sending = stream(url if "localhost" not in url else f"{url}?ca={tls[1]}")
            await drain(db, sending)
            held = await row(db, sending)
            assert held["position"] == 0
            assert "CERTIFICATE_VERIFY_FAILED" in held["problem"]
        assert server.messages == []
        assert endpoint.sizes == []


async def test_an_event_longer_than_a_datagram_goes_without_its_content(db, stream, eventually):
    await happen(db, 1, name="x" * 70_000)
    await happen(db, 1, name="short")
    with SyslogServer("udp") as server:
        await drain(db, stream(server.url))
        await eventually(lambda: len(server.messages) == 2)
        long, short = server.events
    assert long["truncated"] is True
    assert long["id"] == server.messages[0].data["tenantry@32473"]["id"]
    assert "after" not in long
    assert short["after"]["display_name"] == "short"


async def test_long_events_go_in_several_requests(db, stream):
    await happen(db, 200, name="x" * 20_000)
    with OtlpServer() as server:
        await drain(db, stream(server.url))
        assert numbers(server.events) == list(range(200))
        assert len(server.sizes) > 5
        assert max(server.sizes) < (1 << 20) + 2000


async def test_headers_go_with_every_request_and_stand_nowhere_else(db, stream, caplog):
    await happen(db)
    with OtlpServer() as server, caplog.at_level(logging.DEBUG):
        server.answers = [(401, b"t0ken")]
        sending = stream(f"{server.url}/otlp/logs?header.authorization=Bearer%20t0ken+1")
        await drain(db, sending)
        held = await row(db, sending)
        assert held["problem"] == "the endpoint answered 401"
        await hasten(db)
        await drain(db, sending)
    assert [h["authorization"] for h in server.headers] == ["Bearer t0ken+1"] * 2
    assert {h["content-type"] for h in server.headers} == {"application/json"}
    assert server.paths == ["/otlp/logs"] * 2
    assert len(server.events) == 1
    said = [str(record.__dict__) for record in caplog.records if record.name.startswith("tenantry")]
    assert said
    assert not [text for text in [*said, str(held)] if "t0ken" in text]


@pytest.mark.parametrize("status", [302, 400, 404, 413, 429, 500, 503])
async def test_what_an_endpoint_does_not_take_is_sent_again_to_the_same_address(db, stream, status):
    await happen(db)
    with OtlpServer() as server:
        server.answers = [(status, b"{}")]
        sending = stream(server.url)
        await drain(db, sending)
        assert (await row(db, sending))["position"] == 0
        await hasten(db)
        await drain(db, sending)
        assert server.paths == ["/v1/logs"] * 2
        assert len(server.events) == 1


async def test_what_an_endpoint_rejects_of_what_it_took_is_a_warning(db, stream, caplog):
    await happen(db)
    partial = {"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "too\r\nold"}}
    with OtlpServer() as server:
        server.answers = [(200, json.dumps(partial).encode()), (200, b"\xff[" * 100_000)]
        sending = stream(server.url)
        await drain(db, sending)
        held = await row(db, sending)
        assert held["position"] == 1
        assert held["problem"] == "the endpoint has rejected 1 events: too old"
        assert [r.fields["problem"] for r in caplog.records] == [held["problem"]]
        await happen(db)
        await drain(db, sending)  # an answer that is no JSON, and too long, is one of success
        assert await row(db, sending) | {"due_time": 0} == {
            "name": sending.name,
            "position": 2,
            "problem": None,
            "due_time": 0,
        }


async def test_a_stream_with_nothing_to_send_writes_nothing(db, stream):
    await happen(db)
    with SyslogServer("udp") as server:
        sending = stream(server.url)
        await drain(db, sending)
        held = await row(db, sending)
        assert await sending.run(db) == streaming.IDLE_SECONDS
        assert await row(db, sending) == held
