"""Mail servers that are kept here: making, changing, choosing the one that mail goes by.

A server that TENANTRY_SMTP_URL sets goes before all of them: none can be enabled beside it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from sqlalchemy import true

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.sql.encrypted_columns import binding
from tenantry.db.writes.rows import prefixed, row_of
from tenantry.events.email.model import EmailServer, email_servers
from tenantry.events.email.rendering import one_line
from tenantry.net import domain_names, email_addresses

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.crypto.vault import Binding
    from tenantry.db.engine import Session

SETTING = "TENANTRY_SMTP_URL"
MOST = 20
_TLS_PORT = 465
_LOCK = "email servers"
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,252}[a-z0-9_])?")

_s = email_servers.c
_INSERT = crud.insert(email_servers)
_GET = crud.get(email_servers)
_LIST = crud.list_all(email_servers)
_IN_FORCE = crud.get(email_servers, by=(_s.enabled == true(),))
_UPDATE = crud.update(email_servers)
_DELETE = crud.delete(email_servers)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailServerInput:
    """The settings of a server as a request gives them; without ``password`` the earlier one."""

    provider: str
    host: str
    port: int
    username: str
    password: str
    from_email: str
    from_name: str


async def create(call: Call, given: EmailServerInput, *, place: str = "settings") -> EmailServer:
    """Keep a server, which is not enabled yet; ``place`` is where a request has its settings."""
    _check(given, place)
    if not given.password:
        raise errors.InvalidArgument.field(f"{place}.password", "required", "is required")
    at = now()
    new_id = call.db.new_id(ids.EMAIL_SERVER)
    made = _server(call.db, given, EmailServer(new_id, "", False, "", 0, "", "", "", "", at, at))
    async with call.db.transaction() as db:
        await db.serialize(_LOCK)
        if len(await list_all(db)) >= MOST:
            raise errors.InvalidArgument(
                f"environment has reached its limit of {MOST} mail servers; delete one first"
            )
        event = call.event("email_server.created", after=made.to_event())
        await db.apply(_INSERT, event, **prefixed(row_of(made, email_servers)))
    return made


async def change(
    call: Call, server_id: str, given: EmailServerInput, *, place: str = "settings"
) -> EmailServer:
    """Replace the settings of a server."""
    _check(given, place)
    async with call.db.transaction() as db:
        await db.serialize(_LOCK)
        before = await get(db, server_id)
        moved = (given.host, given.port) != (before.host, before.port)
        if moved and not given.password:
            raise errors.InvalidArgument.field(
                f"{place}.password", "required", "is required when the host or port changes"
            )
        after = replace(
            _server(call.db, given, before), update_time=max(now(), before.update_time + 1)
        )
        await _update(call, db, "email_server.updated", before, after)
    return after


async def enable(call: Call, server_id: str, *, fixed: bool) -> EmailServer | None:
    """Have mail go by a server; return the earlier one, None where there was no such.

    Raises:
        errors.SettingFixed: ``fixed``: the deployment's own setting says by which.

    """
    if fixed:
        raise errors.SettingFixed(SETTING)
    async with call.db.transaction() as db:
        await db.serialize(_LOCK)
        server, last = await get(db, server_id), await in_force(db)
        if last is not None and last.id == server.id:
            return last
        if last is not None:
            off = replace(last, enabled=False)
            await _update(call, db, "email_server.disabled", last, off)
        on = replace(server, enabled=True)
        await _update(call, db, "email_server.enabled", server, on)
    return last


async def disable(call: Call, server_id: str) -> None:
    """Have mail go by no server of these, if it went by this one."""
    async with call.db.transaction() as db:
        await db.serialize(_LOCK)
        server = await get(db, server_id)
        if server.enabled:
            off = replace(server, enabled=False)
            await _update(call, db, "email_server.disabled", server, off)


async def remove(call: Call, server_id: str) -> None:
    """Delete a server."""
    async with call.db.transaction() as db:
        await db.serialize(_LOCK)
        server = await get(db, server_id)
        event = call.event("email_server.deleted", before=server.to_event())
        await db.apply(_DELETE, event, p_id=server_id)


async def get(db: Session, server_id: str) -> EmailServer:
    """Return a server."""
    found = await find(db, server_id)
    if found is None:
        raise errors.NotFound("email server")
    return found


async def find(db: Session, server_id: str) -> EmailServer | None:
    """Return a server, None where there is no such."""
    row = await db.fetch_one(_GET, p_id=server_id)
    return EmailServer.from_row(row) if row else None


async def list_all(db: Session) -> list[EmailServer]:
    """Return all servers, the oldest first."""
    return [EmailServer.from_row(row) for row in await db.fetch_all(_LIST)]


async def in_force(db: Session) -> EmailServer | None:
    """Return the server that mail goes by, None where it goes by another one."""
    row = await db.fetch_one(_IN_FORCE)
    return EmailServer.from_row(row) if row else None


def url(db: Session, server: EmailServer) -> str:
    """Return how a server is reached, as the setting TENANTRY_SMTP_URL would say it."""
    scheme = "smtps" if server.port == _TLS_PORT else "smtp"
    password = db.vault.decrypt(server.password_sealed, _binding(server.id)).decode()
    signing_in = f"{quote(server.username, safe='')}:{quote(password, safe='')}"
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"{scheme}://{signing_in}@{host}:{server.port}"


def sender(server: EmailServer) -> str:
    """Return the mailbox that its mail comes from."""
    return f"{server.from_name} <{server.from_email}>"


def _check(given: EmailServerInput, place: str) -> None:
    if not _is_host(given.host):
        raise errors.InvalidArgument.field(f"{place}.host", "hostname", "must be a host name")
    if not 1 <= given.port <= 65535:
        raise errors.InvalidArgument.field(f"{place}.port", "range", "must be 1 to 65535")
    email_addresses.checked(given.from_email, f"{place}.from_email")
    for name in ("from_name", "username"):
        if one_line(getattr(given, name)) != getattr(given, name).strip():
            raise errors.InvalidArgument.field(f"{place}.{name}", "one_line", "must be one line")


def _is_host(text: str) -> bool:
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(text)
        return True
    try:
        return _HOST.fullmatch(domain_names.to_ascii(text)) is not None
    except ValueError:
        return False


def _server(db: Session, given: EmailServerInput, before: EmailServer) -> EmailServer:
    encrypted = before.password_sealed
    if given.password:
        encrypted = db.vault.encrypt(given.password.encode(), _binding(before.id))
    return replace(
        before,
        provider=given.provider,
        host=given.host.strip().lower(),
        port=given.port,
        username=given.username,
        password_sealed=encrypted,
        from_email=given.from_email,
        from_name=given.from_name.strip(),
    )


async def _update(
    call: Call, db: Session, type_: str, before: EmailServer, after: EmailServer
) -> None:
    event = call.event(type_, before=before.to_event(), after=after.to_event())
    await db.apply(_UPDATE, event, **prefixed(row_of(after, email_servers, but={"create_time"})))


def _binding(server_id: str) -> Binding:
    return binding(email_servers.c.password_sealed, {"id": server_id})
