"""Keys of all kinds change under two servers and their clients: no call fails, nothing is lost."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import sealed_rows
from apis import unique
from connections_of_tests import connection
from hosted import deployment
from mail_servers import MailServer, certificates
from openid_providers import ANN, CLIENT_SECRET, OpenIDProvider
from servers import LiveServer
from uses import Receiver, Uses

from tenantry import settings
from tenantry.access.data_keys import masters, service
from tenantry.crypto import master_key
from tenantry.crypto.vault import head_of
from tenantry.db.encryption.key_rows import ACTIVE, DESTROYED
from tenantry.db.opening import open_database
from tenantry.identity.connections import model

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(900)]

CALLS = 150  # of each server in each step
VALUES = 4000  # beside those that the clients make
ROTATIONS = 4
PASS_SECONDS = 180.0


def new_key(path):
    path.write_bytes(base64.b64encode(secrets.token_bytes(32)))
    path.chmod(0o600)
    return path


class Operator:
    """Runs commands and restarts servers, as one does by hand."""

    def __init__(self, load, servers, db) -> None:
        self.load, self.servers, self.db = load, servers, db
        self.settings: dict[str, str] = {}  # of the master key now

    async def run(self, *arguments: str):
        """Run a command with the settings of now; return what it prints."""
        ran = await asyncio.to_thread(self.servers[0].run, *arguments, **self.settings)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    async def restart(self, **changed: str):
        """Restart all servers one by one with other settings of the master key."""
        self.settings = {f"TENANTRY_{name.upper()}": value for name, value in changed.items()}
        for side in list(self.load.sides):
            await self.load.remove(side)
            side.server._settings.update({"master_key_command": "", **changed})
            await asyncio.to_thread(side.server.start)
            await self.load.add(side.name, side.server)
            await self.load.go_on(CALLS)

    async def rotate_data_key(self):
        """Take another data key, and wait until the workers have sealed all anew."""
        version = json.loads(await self.run("data-key", "rotate", "--json"))["version"]
        until = asyncio.get_running_loop().time() + PASS_SECONDS
        while True:
            self.load.check()
            found = await sealed_rows.opened(self.db)
            if found.keys() == {head_of(version)}:
                return found.total()
            assert asyncio.get_running_loop().time() < until, found
            await asyncio.sleep(2)


@asynccontextmanager
async def place(folder, receiver, provider, mailbox, **more: str):
    """Two servers of one deployment, of three processes, and their clients."""
    shared = {"drain_seconds": 2, "outgoing_allow": "127.0.0.0/8", "rate_limit_failures": ""}
    shared |= {"mail_from": "Tenantry <hello@example.com>"} | more
    first = LiveServer(folder, workers=2, **shared)
    second = LiveServer(folder, public_url=first.url, data_dir=first.data_dir, **shared)
    servers = [first, second]
    async with AsyncExitStack() as closing:
        for server in servers:
            await asyncio.to_thread(server.start)
            closing.push_async_callback(asyncio.to_thread, server.stop)
        await asyncio.to_thread(first.until_serving, 2)
        named = {k: v for k, v in first.environment.items() if k.startswith("TENANTRY_")}
        known = settings.load(named)
        key = master_key.load(known)
        db = await closing.enter_async_context(open_database(known.database, key, pool_size=4))
        await sealed_rows.add(db, VALUES)
        load = Uses((first.client_id, first.client_secret), receiver, provider, mailbox)
        async with deployment(first) as opened:
            named = {"authorize_uri": "authorize", "token_uri": "token", "jwks_uri": "keys"}
            paths = {name: f"{provider.issuer}/{path}" for name, path in named.items()}
            conn = await connection(
                opened,
                settings=provider.settings | paths,
                secret=CLIENT_SECRET,
                configuration_type=model.MANUAL,
                debug_enabled=True,  # without TLS on this machine
            )
            own = f"{unique('acme')}.example.com"
            await opened.make.domain(conn.organization_id, domain=own)
            provider.person = ANN | {"email": f"ann@{own}"}
            await load.prepare(opened, conn)
        for name, server in zip(("first", "second"), servers, strict=True):
            await load.add(name, server)
        async with load.running():
            yield Operator(load, servers, db)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_no_call_fails_while_all_keys_change(kind, request, tmp_path):
    more = {}
    if kind == "postgresql":
        more["database_url"] = request.getfixturevalue("postgresql_url")
    context, _ = certificates(tmp_path, "localhost")
    login = ("mailer", "pass-w0rd-of-mail")
    with MailServer(starttls=context, login=login) as mailbox:
        async with (
            Receiver() as receiver,
            OpenIDProvider() as provider,
            place(tmp_path, receiver, provider, mailbox, **more) as operator,
        ):
            load = operator.load
            await load.go_on(CALLS)
            for number in range(ROTATIONS):
                await operator.run("key", "rotate")
                values = await operator.rotate_data_key()
                if not number:
                    await master_keys(operator, tmp_path)
                await load.go_on(CALLS)
            await destroy_former(operator)
            await load.go_on(CALLS)
            await load.check_at_the_end()
        assert load.failed == []
        assert receiver.broken == []
        found = await check_after(load, operator.servers[0], operator.settings)
    answered = sum(load.answered.values())
    print(f"{kind}: 0 failed of {answered} calls, the slowest took {load.slowest:.2f} s")
    print(f"{dict(load.used)} uses, {len(load.kids)} signing keys, {found} values open ({values})")
    assert load.used.keys() >= {"webhook", "interceptor", "connection", "mail server"}
    assert len(load.kids) >= ROTATIONS


async def master_keys(operator, folder):
    """From the file to a command, and from that to another file, each time with restarts."""
    printed = new_key(folder / "printed.key")
    command = f"cat {printed}"
    await operator.run("master-key", "rotate", "--to-command", command)
    await operator.restart(master_key_command=command)
    await operator.run("master-key", "destroy", "1", "--yes")
    written = new_key(folder / "another.key")
    await operator.run("master-key", "rotate", "--to-file", str(written))
    written.replace(operator.servers[0].data_dir / "master.key")
    await operator.restart()
    await operator.run("master-key", "destroy", "2", "--yes")
    assert [one.state for one in await masters.list_all(operator.db)] == [
        *(DESTROYED, DESTROYED),
        ACTIVE,
    ]


async def destroy_former(operator):
    """Some days later the former data keys go, while their clients go on."""
    await sealed_rows.days_pass(operator.db, 3)
    said = await operator.run("data-key", "re-encrypt")
    assert re.fullmatch(r"\d+ values re-encrypted\n", said)
    for version in range(1, ROTATIONS + 1):
        await operator.run("data-key", "destroy", str(version), "--yes")
    states = [one.state for one in await service.list_all(operator.db)]
    assert states == [DESTROYED] * ROTATIONS + [ACTIVE]


async def check_after(load, server, given):
    """All values open for one that begins now; the log of events is whole, and no error was met."""
    named = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")} | given
    known = settings.load({k: v for k, v in named.items() if v})
    key = await asyncio.to_thread(master_key.load, known)
    async with open_database(known.database, key, pool_size=2) as db:
        found = await sealed_rows.opened(db)
    assert found.keys() == {head_of(ROTATIONS + 1)}
    verified = await asyncio.to_thread(server.run, "events", "verify", **given)
    assert verified.returncode == 0, verified.stderr
    for log in server.folder.glob("server-*.log"):
        text = log.read_text()
        assert '"level":"error"' not in text.replace(" ", "")
        assert "Traceback" not in text
    return found.total()
