"""The whole way: a call invites somebody, and the mail is in the inbox."""

from __future__ import annotations

import asyncio
import re
import socket
import time

import pytest
from apis import Api, access_token
from factories import Make
from mail_servers import MailServer
from servers import LiveServer
from wires import Rest


@pytest.fixture
async def serve(database_url, tmp_path):
    """Start a server with these settings, and return the API and a maker of things with it."""
    started = []

    async def start(**settings: object):
        server = LiveServer(tmp_path, database_url=database_url, **settings)
        await asyncio.to_thread(server.fork)
        wire = Rest(server)
        started.append((server, wire))
        token = await access_token(wire.http, server.client_id, server.client_secret)
        api = Api(wire, (("authorization", f"Bearer {token}"),))
        return server, api, Make(api)

    yield start
    for server, wire in started:
        await wire.aclose()
        await asyncio.to_thread(server.stop)


def link_in(message):
    text, html = (part.get_content() for part in message.iter_parts())
    (link,) = re.findall(r"https://\S+", text)
    assert set(re.findall(r'href="([^"]*)"', html)) == {link}
    return link


@pytest.mark.one_database
async def test_an_invitation_and_its_reminder_arrive(serve, mail_server, eventually):
    server, api, make = await serve(
        smtp_url=mail_server.url, mail_from="Tenants <no-reply@tenants.example>"
    )
    organization = await make.organization("Größe & Co")
    answer = await api.users.create_user_and_membership(
        organization_id=organization["id"],
        user={"email": "Ann@Example.com", "membership": {"inviter_email": "jane@acme.example"}},
    )

    def there_are(n):
        async def arrived():
            return len(mail_server.received) == n

        return arrived

    await eventually(there_are(1))
    (message,) = mail_server.received
    assert message["To"] == "Ann@Example.com"
    assert message["Subject"] == "You are invited to join Größe & Co"
    assert "jane@acme.example invited you" in next(message.iter_parts()).get_content()
    link = link_in(message)
    assert re.fullmatch(re.escape(f"{server.url}/invitations/") + r"[\w-]{43}", link)

    await api.users.resend_invite(organization_id=organization["id"], id=answer["user"]["id"])
    await eventually(there_are(2))
    reminder = mail_server.received[1]
    assert reminder["Subject"] == "Reminder: you are invited to join Größe & Co"
    assert link_in(reminder) == link
    assert link.rpartition("/")[2] not in server.log.read_text()


@pytest.mark.one_database
async def test_no_call_waits_for_a_mail_server(serve):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        _, api, make = await serve(smtp_url=f"smtp://127.0.0.1:{port}", mail_from="a@b.example")
        organization = await make.organization()
        for number in range(5):
            at = time.monotonic()
            await api.users.create_user_and_membership(
                organization_id=organization["id"], user={"email": f"p{number}@example.com"}
            )
            assert time.monotonic() - at < 20


@pytest.mark.thorough
@pytest.mark.one_database
async def test_who_is_not_invited_any_more_gets_no_mail(serve, eventually):
    with MailServer() as server:
        server.answers = ["451 4.3.0 try later"]
        running, api, make = await serve(smtp_url=server.url, mail_from="a@b.example")
        organization = await make.organization()
        answer = await api.users.create_user_and_membership(
            organization_id=organization["id"], user={"email": "ann@example.com"}
        )

        async def states():
            listed = await asyncio.to_thread(running.run, "mail", "list", "--json")
            return re.findall(r'"state": "(\w+)"', listed.stdout)

        async def was_tried():
            return server.answers == []

        await eventually(was_tried)
        assert await states() == ["QUEUED"]
        await api.users.delete_user(id=answer["user"]["id"])

        async def is_dropped():
            return await states() == ["DROPPED"]

        await eventually(is_dropped)
        assert server.received == []
