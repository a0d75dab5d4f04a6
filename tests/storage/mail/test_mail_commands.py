"""`tenantry mail` and /dev/mail as an operator sees them."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from mail_servers import KEY, LINK, deliver, delivery, invite
from servers import LiveServer

pytestmark = pytest.mark.one_database


@pytest.fixture
def operator(database_url, tmp_path):
    """The settings of this test's database; nothing is served."""
    return LiveServer(tmp_path, database_url=database_url, master_key=KEY)


@pytest.fixture
async def kept(db):
    """A mail that is kept and a newer one that waits."""
    mail_id = await invite(db, organization_name="[red]Größe[/red]")
    await deliver(delivery(), db)
    return mail_id, await invite(db, "bob@example.com")


async def test_mail_is_listed(operator, kept):
    done = await asyncio.to_thread(operator.run, "mail", "list", "--json")
    assert done.returncode == 0, done.stderr
    waiting, first = json.loads(done.stdout)
    assert (waiting["id"], waiting["state"]) == (kept[1], "QUEUED")
    assert (first["id"], first["state"], first["problem"]) == (kept[0], "KEPT", None)
    assert (first["recipient"], first["template"]) == ("ann@example.com", "invitation")
    assert "t0ken" not in done.stdout

    lines = (await asyncio.to_thread(operator.run, "mail", "list")).stdout.splitlines()
    assert lines[0].split() == ["Email", "State", "Age", "Template", "To", "Problem"]
    assert lines[2].startswith(f"{kept[1]}  QUEUED  ")
    assert lines[2].endswith(" s  invitation  bob@example.com")
    assert lines[3].startswith(f"{kept[0]}  KEPT    ")
    done = await asyncio.to_thread(operator.run, "mail", "list", "--json", "-n", "1")
    assert [one["id"] for one in json.loads(done.stdout)] == [kept[1]]


async def test_one_mail_is_shown(operator, kept):
    done = await asyncio.to_thread(operator.run, "mail", "show", kept[0])
    assert done.returncode == 0, done.stderr
    assert "To:         ann@example.com\n" in done.stdout
    assert "Subject:    You are invited to join [red]Größe[/red]\n" in done.stdout
    assert LINK in done.stdout

    html = (await asyncio.to_thread(operator.run, "mail", "show", kept[0], "--html")).stdout
    assert html.startswith("<!doctype html>")
    assert LINK in html
    done = await asyncio.to_thread(operator.run, "mail", "show", kept[0], "--json")
    shown = json.loads(done.stdout)
    assert shown["content"]["html"] == html
    assert shown["variables"]["organization_name"] == "[red]Größe[/red]"


async def test_what_is_not_kept_is_not_shown(operator, kept):
    done = await asyncio.to_thread(operator.run, "mail", "show", kept[1], "--json")
    assert json.loads(done.stdout)["content"] is None
    done = await asyncio.to_thread(operator.run, "mail", "show", kept[1])
    assert "State:      QUEUED\n" in done.stdout
    done = await asyncio.to_thread(operator.run, "mail", "show", kept[1], "--html")
    assert done.returncode == 1
    assert done.stderr == f"tenantry: the content of {kept[1]} is not stored: it is QUEUED\n"
    done = await asyncio.to_thread(operator.run, "mail", "show", "mail_0")
    assert (done.returncode, done.stderr) == (1, "tenantry: mail not found: mail_0\n")


@pytest.mark.thorough
async def test_a_server_shows_mail_for_development_alone(database_url, kept, tmp_path):
    common = {"database_url": database_url, "master_key": KEY, "background": False}
    for development in (True, False):
        server = LiveServer(tmp_path, development=development, **common)
        await asyncio.to_thread(server.start)
        try:
            async with httpx.AsyncClient(base_url=server.url, verify=server.trust) as client:
                pages = [await client.get("/dev/mail"), await client.get(f"/dev/mail/{kept[0]}")]
                style = await client.get("/dev/mail/dev.css")
                unknown = await client.get("/dev/mail/mail_0")
        finally:
            await asyncio.to_thread(server.stop)
        statuses = {answer.status_code for answer in (*pages, style)}
        assert statuses == {200 if development else 404}
        assert unknown.status_code == 404
        if development:
            assert kept[0] in pages[0].text
            assert LINK in pages[1].text
            assert pages[1].headers["content-security-policy"].startswith("default-src 'none'")
            assert pages[1].headers["cache-control"] == "no-store"
