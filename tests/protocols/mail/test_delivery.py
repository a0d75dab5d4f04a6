"""Delivery to a real mail server: once, later, or never, with any fault in between."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from mail_servers import (
    LINK,
    MailServer,
    certificates,
    configured,
    deliver,
    delivery,
    hasten,
    invite,
    state,
)
from repository import PYTHONPATH
from servers import free_port, without_settings

from tenantry import settings
from tenantry.core.times import now
from tenantry.events.email import delivery as delivering
from tenantry.events.email import service
from tenantry.events.email.delivery import RETRY_SECONDS

WORKER = Path(__file__).with_name("mail_worker.py")


async def test_it_is_sent_as_text_and_html(db, mail_server):
    mail_id = await invite(db)
    await deliver(delivery(smtp_url=mail_server.url), db)
    (message,) = mail_server.received
    assert mail_server.recipients == ["ann@example.com"]
    assert mail_server.envelopes[0].mail_from == "no-reply@tenants.example"
    assert message["From"] == "Tenants <no-reply@tenants.example>"
    assert message["To"] == "ann@example.com"
    assert message["Subject"] == "You are invited to join Acme Corp"
    assert message["Message-ID"] == f"<{mail_id}@tenants.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert abs(message["Date"].datetime.timestamp() - now() / 1_000_000) < 60
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    for part in (text, html):
        content = part.get_content()
        assert LINK in content
        assert "Acme Corp" in content
        assert "jane@acme.example" in content
        assert "5 November 2026, 14:05 UTC" in content
    found = await state(db, mail_id)
    assert (found.state, found.attempts, found.problem) == ("SENT", 1, None)
    assert found.sent_time is not None


async def test_what_was_sent_is_not_kept(db, mail_server):
    mail_id = await invite(db)
    await deliver(delivery(smtp_url=mail_server.url), db)
    found, content = await service.find(db, mail_id)
    assert content is None
    assert "t0ken" not in json.dumps(found.variables)


async def test_one_connection_takes_all_that_is_due(db, mail_server):
    for number in range(5):
        await invite(db, f"person{number}@example.com")
    await deliver(delivery(smtp_url=mail_server.url), db)
    assert mail_server.recipients == [f"person{number}@example.com" for number in range(5)]
    assert len(mail_server.connections) == 1


async def test_nothing_is_due_costs_no_connection(db, mail_server):
    worker = delivery(smtp_url=mail_server.url)
    assert await worker.run(db) == delivering.IDLE_SECONDS
    assert not mail_server.connections


async def test_it_is_tried_again_when_the_server_could_not(db, mail_server):
    mail_id = await invite(db)
    mail_server.answers = ["451 4.3.0 try later", "452 4.2.2 mailbox full", "250 OK"]
    worker = delivery(smtp_url=mail_server.url)
    for attempt, seconds in enumerate(RETRY_SECONDS[:2], 1):
        await deliver(worker, db)
        found = await state(db, mail_id)
        assert (found.state, found.attempts) == ("QUEUED", attempt)
        assert found.problem.startswith("45")
        waits = (found.due_time - now()) / 1_000_000
        assert seconds - 2 < waits < seconds * 1.2 + 1
        await hasten(db)
    await deliver(worker, db)
    found = await state(db, mail_id)
    assert (found.state, found.attempts, found.problem) == ("SENT", 3, None)
    assert len(mail_server.received) == 1


async def test_after_the_last_attempt_it_has_failed(db, mail_server):
    mail_id = await invite(db)
    mail_server.answers = ["451 4.3.0 try later"] * 100
    worker = delivery(smtp_url=mail_server.url)
    for _ in range(len(RETRY_SECONDS) + 1):
        assert (await state(db, mail_id)).state == "QUEUED"
        await hasten(db)
        await deliver(worker, db)
    found = await state(db, mail_id)
    assert (found.state, found.attempts) == ("FAILED", len(RETRY_SECONDS) + 1)
    assert found.problem == "451 4.3.0 try later"


@pytest.mark.parametrize("where", ["recipient", "content"])
async def test_what_is_refused_for_good_has_failed(db, mail_server, where):
    if where == "recipient":
        mail_server.refused["ann@example.com"] = "550 5.1.1 no such user"
    else:
        mail_server.answers = ["554 5.7.1 not here"]
    refused = await invite(db)
    other = await invite(db, "bob@example.com")
    await deliver(delivery(smtp_url=mail_server.url), db)
    found = await state(db, refused)
    assert (found.state, found.attempts) == ("FAILED", 1)
    assert found.problem in {"550 5.1.1 no such user", "554 5.7.1 not here"}
    assert (await state(db, other)).state == "SENT"
    assert mail_server.recipients == ["bob@example.com"]


async def test_a_problem_repeats_no_link(db, mail_server, caplog):
    mail_id = await invite(db)
    mail_server.answers = [f"554 5.7.1 {LINK} is listed, ask support"]
    await deliver(delivery(smtp_url=mail_server.url), db)
    assert (await state(db, mail_id)).problem == "554 5.7.1 … is listed, ask support"
    assert "t0ken" not in caplog.text
    assert "t0ken" not in str([record.__dict__ for record in caplog.records])


async def test_a_server_that_is_away_is_asked_again_and_the_others_wait(db, caplog):
    first, second = await invite(db), await invite(db)
    worker = delivery(smtp_url=f"smtp://user:hidden@127.0.0.1:{free_port()}")
    assert await worker.run(db) >= RETRY_SECONDS[0]
    found = await state(db, first)
    assert (found.state, found.attempts) == ("QUEUED", 1)
    assert "Error connecting to 127.0.0.1" in found.problem
    assert (await state(db, second)).attempts == 0
    assert "hidden" not in str([record.__dict__ for record in caplog.records])


async def test_a_server_that_says_nothing_is_given_up(db, monkeypatch):
    monkeypatch.setattr(delivering, "TIMEOUT_SECONDS", 0.3)
    mail_id = await invite(db)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert await delivery(smtp_url=f"smtp://127.0.0.1:{port}").run(db) >= RETRY_SECONDS[0]
    found = await state(db, mail_id)
    assert found.state == "QUEUED"
    assert "imed out" in found.problem


async def test_a_connection_that_breaks_is_made_anew(db, mail_server):
    worker = delivery(smtp_url=mail_server.url)
    await invite(db, "before@example.com")
    await worker.run(db)
    mail_server.answers = ["421 4.7.0 too many messages"]
    cut = await invite(db, "cut@example.com")
    assert await worker.run(db) >= RETRY_SECONDS[0]
    assert (await state(db, cut)).state == "QUEUED"
    await hasten(db)
    await deliver(worker, db)
    assert mail_server.recipients == ["before@example.com", "cut@example.com"]
    assert len(mail_server.connections) == 2


@pytest.mark.parametrize(
    ("public_url", "greeting"),
    [
        ("https://tenants.example:8443", "tenants.example"),
        ("https://bücher.example", "xn--bcher-kva.example"),
        ("http://192.0.2.1", "[192.0.2.1]"),
        ("http://[2001:db8::1]:80", "[IPv6:2001:db8::1]"),
    ],
)
async def test_it_introduces_itself_by_the_public_url(db, mail_server, public_url, greeting):
    await invite(db)
    await deliver(delivery(smtp_url=mail_server.url, public_url=public_url), db)
    assert mail_server.sessions[0].host_name == greeting


async def test_starttls_is_used_where_it_is_offered(db, tmp_path):
    context, _ = certificates(tmp_path, "localhost")
    mail_id = await invite(db)
    with MailServer(starttls=context) as server:
        await deliver(delivery(smtp_url=server.url), db)
    assert (await state(db, mail_id)).state == "SENT"
    assert server.sessions[0].ssl is not None


# 0.0.0.0 leads to this machine, but is no loopback address: as a server elsewhere.
async def test_elsewhere_starttls_is_a_must(db):
    mail_id = await invite(db)
    with MailServer(host="0.0.0.0") as server:
        await deliver(delivery(smtp_url=server.url), db)
        found = await state(db, mail_id)
        assert found.state == "QUEUED"
        assert "STARTTLS" in found.problem
        assert server.received == []
        await hasten(db)
        await deliver(delivery(smtp_url=f"{server.url}?starttls=no"), db)
    assert (await state(db, mail_id)).state == "SENT"


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_elsewhere_the_certificate_must_be_trusted(db, tmp_path, monkeypatch, scheme):
    context, trust = certificates(tmp_path, "0.0.0.0")
    mail_id = await invite(db)
    kind = {"smtp": "starttls", "smtps": "tls"}[scheme]
    with MailServer(host="0.0.0.0", **{kind: context}) as server:
        url = server.url.replace("smtp:", f"{scheme}:")
        await deliver(delivery(smtp_url=url), db)
        found = await state(db, mail_id)
        assert found.state == "QUEUED"
        assert "CERTIFICATE_VERIFY_FAILED" in found.problem
        assert server.received == []

        monkeypatch.setenv("SSL_CERT_FILE", trust)
        await hasten(db)
        await deliver(delivery(smtp_url=url), db)
    assert (await state(db, mail_id)).state == "SENT"
    assert len(server.received) == 1


async def test_it_logs_in(db, tmp_path):
    context, _ = certificates(tmp_path, "localhost")
    with MailServer(starttls=context, login=("us:er", "p@ss/word")) as server:
        address = server.url.removeprefix("smtp://")
        mail_id = await invite(db)
        await deliver(delivery(smtp_url=f"smtp://us%3Aer:wrong@{address}"), db)
        found = await state(db, mail_id)
        assert found.state == "QUEUED"  # the operator can put that right
        assert found.problem.startswith("535")
        assert "wrong" not in found.problem

        await hasten(db)
        await deliver(delivery(smtp_url=server.url), db)
        found = await state(db, mail_id)
        assert found.state == "QUEUED"
        assert found.problem.startswith("530")

        await hasten(db)
        await deliver(delivery(smtp_url=f"smtp://us%3Aer:p%40ss%2Fword@{address}"), db)
    assert (await state(db, mail_id)).state == "SENT"
    assert len(server.received) == 1


async def test_what_has_become_pointless_is_dropped(db, mail_server):
    async def gone(_db, _mail):
        return None

    mail_id = await invite(db)
    await deliver(delivery(gone, smtp_url=mail_server.url), db)
    assert (await state(db, mail_id)).state == "DROPPED"
    assert mail_server.received == []


async def test_a_mail_that_cannot_be_made_does_not_hold_up_the_others(db, mail_server, caplog):
    async def prepare(_db, queued):
        if queued.recipient.startswith("bad"):
            raise ZeroDivisionError
        return {**queued.variables, "link": LINK}

    bad = await invite(db, "bad@example.com")
    unknown = await service.queue(db, template="poem", recipient="a@example.com", variables={})
    good = await invite(db)
    await deliver(delivery(prepare, smtp_url=mail_server.url), db)
    assert (await state(db, good)).state == "SENT"
    found = await state(db, bad)
    assert (found.state, found.problem) == ("QUEUED", "ZeroDivisionError")
    found = await state(db, unknown)
    assert (found.state, found.problem) == ("QUEUED", "there is no template poem")


@pytest.mark.parametrize(
    "recipient",
    [
        "ann@example.com\r\nBcc: eve@example.com",
        "ann@example.com>\r\nRCPT TO:<eve@example.com",
        "ann@example.com, eve@example.com",
        "<ann@example.com>",
        '"ann" <ann@example.com>',
        "ann@ex ample.com",
        "@example.com",
        "ann@",
        "ann",
        "",
        "ann\x01@example.org",
        "ann@" + "e" * 300 + ".com",
    ],
)
async def test_a_recipient_that_is_no_address_has_failed(db, mail_server, recipient):
    mail_id = await invite(db, recipient)
    await deliver(delivery(smtp_url=mail_server.url), db)
    found = await state(db, mail_id)
    assert (found.state, found.problem) == ("FAILED", "the recipient is not an address")
    assert mail_server.received == []


async def test_addresses_of_the_whole_world(db):
    with MailServer() as server:
        for address in ("jürgen@example.com", "ann@bücher.example", "o'brien+x@example.com"):
            await invite(db, address)
        await deliver(delivery(smtp_url=server.url), db)
        assert server.recipients == [
            "jürgen@example.com",
            "ann@xn--bcher-kva.example",
            "o'brien+x@example.com",
        ]
    with MailServer(smtputf8=False) as server:
        refused = await invite(db, "jürgen@example.com")
        await invite(db, "ann@bücher.example")
        await deliver(delivery(smtp_url=server.url), db)
        assert server.recipients == ["ann@xn--bcher-kva.example"]
    found = await state(db, refused)
    assert (found.state, found.problem) == (
        "FAILED",
        "the mail server takes addresses in ASCII only",
    )


async def test_whoever_lost_its_claim_does_not_undo_what_another_did(db):
    await invite(db)
    first = await service.claim(db)
    assert await service.claim(db) is None
    await hasten(db)  # its lease is over
    second = await service.claim(db)
    assert (first.id, first.attempts, second.attempts) == (second.id, 1, 2)
    await service.retry(db, first, "late", seconds=0)
    found = await state(db, first.id)
    assert (found.problem, found.due_time) == (None, second.due_time)
    await service.sent(db, second)
    await service.failed(db, first, "late")
    assert (await state(db, first.id)).state == "SENT"


async def test_a_mail_that_kills_its_worker_is_not_tried_for_ever(db, mail_server):
    mail_id = await invite(db)
    for _ in range(len(RETRY_SECONDS) + 1):
        assert await service.claim(db)  # and the worker dies
        await hasten(db)
    await deliver(delivery(smtp_url=mail_server.url), db)
    assert (await state(db, mail_id)).state == "FAILED"
    assert mail_server.received == []


def start_worker(database_url, mail_server, name):
    environment = without_settings() | {
        "TENANTRY_DATABASE_URL": database_url,
        "TENANTRY_SMTP_URL": mail_server.url,
        "TENANTRY_MAIL_FROM": "no-reply@tenants.example",
        "TENANTRY_PUBLIC_URL": f"https://{name}.example",
        "PYTHONPATH": PYTHONPATH,
    }
    return subprocess.Popen([sys.executable, WORKER], env=environment, cwd=WORKER.parent)


@pytest.mark.one_database
async def test_killed_between_sending_and_noting_it_loses_nothing(
    db, database_url, mail_server, eventually
):
    mail_id = await invite(db)
    killed = start_worker(database_url, mail_server, "one")
    mail_server.on_message = lambda: os.kill(killed.pid, signal.SIGKILL)
    assert await asyncio.to_thread(killed.wait, 30) == -signal.SIGKILL

    async def arrived():
        return len(mail_server.received) == 1

    await eventually(arrived)
    found = await state(db, mail_id)
    assert (found.state, found.attempts) == ("QUEUED", 1)
    assert found.due_time > now()

    mail_server.on_message = lambda: None
    await hasten(db)
    successor = start_worker(database_url, mail_server, "two")
    try:

        async def noted():
            return (await state(db, mail_id)).state == "SENT"

        await eventually(noted)
    finally:
        successor.terminate()
        assert await asyncio.to_thread(successor.wait, 10) == 0
    first, second = mail_server.received
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.thorough
async def test_two_workers_share_the_work(db, database_url, mail_server, eventually):
    invited = []

    async def invite_one():
        invited.append(f"person{len(invited)}@example.com")
        await invite(db, invited[-1])

    async def both_have_sent():
        await invite_one()
        return len({session.host_name for session in mail_server.sessions}) == 2

    async def all_sent():
        found = await service.newest(db, limit=len(invited))
        return {one.state for one in found} == {"SENT"}

    workers = [start_worker(database_url, mail_server, name) for name in ("one", "two")]
    try:
        await eventually(both_have_sent)
        for _ in range(60):
            await invite_one()
        await eventually(all_sent)
    finally:
        for worker in workers:
            worker.terminate()
            assert await asyncio.to_thread(worker.wait, 10) == 0
    assert sorted(mail_server.recipients) == sorted(invited)
    assert {session.host_name for session in mail_server.sessions} == {"one.example", "two.example"}


@pytest.mark.parametrize(
    "url",
    [
        *("http://mail.example", "smtp://", "smtp://mail.example:0", "smtp://mail.example:x"),
        *("smtp://user@mail.example", "smtp://mail.example/path", "smtp://mail.example?x=1"),
        *("smtp://u:secret@mail.example?starttls=no", "smtps://mail.example?starttls=no"),
        *("smtp://u:secret@mail .example", "smtp://u:secret@mail.example:70000", "smtp://[::1"),
    ],
)
def test_a_wrong_url_is_refused_without_repeating_it(url):
    with pytest.raises(settings.SettingError) as refused:
        configured(smtp_url=url)
    assert str(refused.value).startswith("TENANTRY_SMTP_URL: ")
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "sender",
    ["nobody", "a@b@c", "Ann <ann@example.com", "ann@example.com\nBcc: eve@example.com", "a b@c.d"],
)
def test_a_wrong_sender_is_refused(sender):
    with pytest.raises(settings.SettingError, match=r"^TENANTRY_MAIL_FROM: "):
        configured(mail_from=sender)


def test_a_mail_server_needs_a_sender():
    with pytest.raises(settings.SettingError, match=r"^TENANTRY_MAIL_FROM: is required"):
        configured(smtp_url="smtp://mail.example", mail_from="")


def test_a_folder_of_templates_must_be_there(tmp_path):
    with pytest.raises(
        settings.SettingError, match=r"^TENANTRY_MAIL_TEMPLATES: directory not found"
    ):
        configured(mail_templates=tmp_path / "none")


async def test_the_name_of_the_sender_can_be_any(db, mail_server):
    name = "Größe & Söhne, Inc."
    await invite(db)
    sender = f"{name} <no-reply@tenants.example>"
    await deliver(delivery(smtp_url=mail_server.url, mail_from=sender), db)
    (shown,) = mail_server.received[0]["From"].addresses
    assert (shown.display_name, shown.addr_spec) == (name, "no-reply@tenants.example")
