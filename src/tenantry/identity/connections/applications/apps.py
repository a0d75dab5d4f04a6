"""Connections by which an application reaches other services; nobody signs in by one.

They are kept and listed, in their own table, so that no sign-in ever finds one. They are on
from the start, even with incomplete settings. An organization's callers see none of them.
"""

from __future__ import annotations

import functools
import json
import secrets
import string
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, func, or_, select

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.lists import pages
from tenantry.db.sql.like import ESCAPE, escaped
from tenantry.db.sql.schema import from_json, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import prefixed
from tenantry.i18n import guide_steps
from tenantry.identity.connections import completeness, field_values, operator_notices, service
from tenantry.identity.connections.changes import changing, client_secrets
from tenantry.identity.connections.completeness import APP_CONFIG
from tenantry.identity.connections.model import GOOGLE_DWD, OAUTH, Connection, app_connections

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.engine import Row, Session
    from tenantry.identity.connections.changes.changing import Changes

MOST = 1000
_MOST_LISTED = 30  # of the contract
_KEY_MAX = 300
_SERVICE_ACCOUNT_MAX = 16 * 1024
_SUFFIX = string.ascii_lowercase + string.digits

_a = app_connections.c
_FIND = crud.get(app_connections)
_HOLD = crud.hold(app_connections)
_COUNT = crud.count(app_connections)
_INSERT = crud.insert(app_connections)
_DELETE = crud.delete(app_connections)


async def create(
    call: Call, *, type_: str, provider: str, provider_key: str, key_id: str | None
) -> Connection:
    """Make a connection to a provider of the catalogue, with its endpoints."""
    operator_notices.check_owner(call, None)
    provider, provider_key = service.named(provider, provider_key.strip().upper())
    at = now()
    made = Connection(
        id=call.db.new_id(ids.CONNECTION),
        type=type_,
        provider=provider,
        provider_key=provider_key,
        key_id=_key_id(provider_key, key_id),
        enabled=True,
        settings=_start(type_, provider_key),
        is_app=True,
        create_time=at,
        update_time=at,
    )
    made = replace(made, status=completeness.status(made))
    async with call.db.transaction() as db:
        await db.serialize("connections of applications")
        row = await db.fetch_one(_COUNT)
        if row is not None and row["n"] >= MOST:
            raise errors.InvalidArgument(
                f"environment has reached its limit of {MOST} application connections; "
                "delete one first"
            )
        event = service.event(call, "created", None, made)
        await db.apply(_INSERT, event, **prefixed(made.to_row()))
    return made


async def find(call: Call, connection_id: str) -> Connection | None:
    """Return a connection of an application, if this is one that the caller may see."""
    if call.caller.organization_id is not None:
        return None
    row = await call.db.fetch_one(_FIND, p_id=connection_id)
    return None if row is None else _from_row(row)


def _from_row(row: Row) -> Connection:
    return Connection.from_row(row, is_app=True)


async def change(call: Call, connection_id: str, changes: Changes) -> Connection:
    """Change the members that are given, and no others."""
    async with call.db.transaction() as db:
        before = await _hold(call, db, connection_id)
        after = _changed(db, before, changes)
        after = replace(after, status=completeness.status(after))
        return await service.save(call, db, before, after, "updated")


async def switch(call: Call, connection_id: str, *, enabled: bool) -> Connection:
    async with call.db.transaction() as db:
        before = await _hold(call, db, connection_id)
        verb = "enabled" if enabled else "disabled"
        return await service.save(call, db, before, replace(before, enabled=enabled), verb)


async def remove(call: Call, connection_id: str) -> None:
    async with call.db.transaction() as db:
        before = await _hold(call, db, connection_id)
        await db.apply(_DELETE, service.event(call, "deleted", before, None), p_id=before.id)


async def page(
    call: Call, *, provider: str = "", query: str = "", page_size: int, page_token: str
) -> pages.Page[Connection]:
    """Return one page, the newest first; ``query`` is found in the key_id or the provider_key."""
    if call.caller.organization_id is not None:
        return pages.Page([], 0, "", "")
    asked = {"p_provider": provider.strip().upper(), "p_query": _pattern(query)}
    position = pages.position(
        call.db,
        "connections of applications" + json.dumps(list(asked.values())),
        page_size=page_size,
        page_token=page_token,
        most=_MOST_LISTED,
    )
    params = {name: value for name, value in asked.items() if value}
    narrow = tuple(params)
    rows = await call.db.fetch_all(_page(narrow, position.direction), **position.params, **params)
    total = await call.db.fetch_one(_count(narrow), **params)
    assert total is not None
    return position.page(rows, total["total"]).of(_from_row)


_FILTERS = {
    "p_provider": _a.provider_key == bindparam("p_provider", type_=Text),
    "p_query": or_(
        *(
            func.lower(column).like(bindparam("p_query", type_=Text), escape=ESCAPE)
            for column in (_a.key_id, _a.provider_key)
        )
    ),
}


@functools.cache
def _page(narrow: tuple[str, ...], direction: str) -> Statement:
    statement = select(app_connections).where(*(_FILTERS[name] for name in narrow))
    return crud.list_page(statement, _a.id, direction)


@functools.cache
def _count(narrow: tuple[str, ...]) -> Statement:
    return Statement(select(pages.counted(select(_a.id).where(*(_FILTERS[n] for n in narrow)))))


def _pattern(query: str) -> str:
    """Return a pattern of LIKE for any text with this part; "" for all."""
    part = query.strip().lower()
    return part and f"%{escaped(part)}%"


@functools.cache
def _catalogue() -> dict[str, dict[str, Any]]:
    """Return the settings of each provider that applications reach, by type and provider_key."""
    content = guide_steps.read("identity", "connections", "applications", "catalogue.toml")
    names = ("authorize_uri", "token_uri", "user_info_uri")
    return {
        OAUTH: {
            key: dict(zip(names, uris, strict=False)) for key, uris in content["oauth"].items()
        },
        GOOGLE_DWD: {key: {"token_uri": uri} for key, uri in content["delegated"].items()},
    }


def _start(type_: str, provider_key: str) -> dict[str, Any]:
    known = _catalogue().get(type_)
    if known is None:
        raise errors.InvalidArgument.field(
            "connection.type",
            "in",
            f"must be {' or '.join(APP_CONFIG)} for a connection of an application",
        )
    if provider_key not in known:
        raise errors.InvalidArgument.field(
            "connection.provider_key", "in", f"must be one of {', '.join(known)} for {type_}"
        )
    return dict(known[provider_key])


def _key_id(provider_key: str, key_id: str | None) -> str:
    name = field_values.text(key_id or "", "connection.key_id", most=_KEY_MAX)
    suffix = "".join(secrets.choice(_SUFFIX) for _ in range(8))
    return name or f"{provider_key.lower()}-{suffix}"


def _changed(db: Session, before: Connection, changes: Changes) -> Connection:
    for name, is_other in {
        "type": bool(changes.type) and changes.type != before.type,
        "provider_key": bool(changes.provider_key)
        and changes.provider_key.strip().upper() != before.provider_key,
    }.items():
        if is_other:
            raise errors.InvalidArgument.field(
                f"connection.{name}", "immutable", f"cannot change: it is {getattr(before, name)}"
            )
    after = before
    if changes.key_id is not None:
        key_id = field_values.text(changes.key_id, "connection.key_id", most=_KEY_MAX)
        after = replace(after, key_id=key_id or before.key_id)
    if not changes.config:
        return after
    if changes.config != APP_CONFIG[before.type]:
        raise errors.InvalidArgument.field(
            f"connection.{changes.config}", "oneof", f"the connection is {before.type}"
        )
    checked = field_values.settings(changes.settings, changes.config, tls_only=True)
    # Lists as JSON has them: settings that do not differ are not written again.
    settings = from_json(to_json({**before.settings, **checked}))
    new_secret = _new_key if before.type == GOOGLE_DWD else changing.new_secret
    secret = new_secret(db, before, changes).get("secret", before.secret)
    return replace(after, settings=settings, secret=secret)


def _new_key(db: Session, before: Connection, changes: Changes) -> dict[str, str | None]:
    """Return the column of a new key of a service account, encrypted; it is kept as it came."""
    if changes.secret is None:
        return {}
    if len(changes.secret) > _SERVICE_ACCOUNT_MAX:
        raise errors.InvalidArgument.field(
            "connection.google_dwd_config.service_account_json",
            "string.max_len",
            f"must have at most {_SERVICE_ACCOUNT_MAX} characters",
        )
    return client_secrets.encrypted(db, before, changes.secret)


async def _hold(call: Call, db: Session, connection_id: str) -> Connection:
    row = await db.fetch_one(_HOLD, p_id=connection_id)
    if row is None or call.caller.organization_id is not None:
        raise errors.NotFound("connection")
    found = _from_row(row)
    call.expect(found.revision)
    return found
