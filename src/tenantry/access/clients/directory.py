"""Clients as the hot paths see them: remembered for less than a second, and read many at once.

Nothing here is older than 0.9 s, counted from before it was read, so what changes in any process
holds in all of them within a second. What several requests miss in one turn of the event loop is
read in one statement.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry import ids
from tenantry.access.clients import reading, revocations
from tenantry.access.clients.model import clients, scopes
from tenantry.db.schema import from_json, json_rows, json_values, to_json
from tenantry.db.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.access.clients.model import Client
    from tenantry.db.engine import Row, Session

FRESH_SECONDS = 0.9
_MOST = 20_000  # clients, and as many tokens, that are remembered
_AT_ONCE = 1000  # of a statement
_PREFIXES = (ids.ENVIRONMENT_CLIENT, ids.ORGANIZATION_CLIENT)

_off = (
    select(json_rows(scopes.c.name))
    .where(scopes.c.enabled.is_(False), scopes.c.name.in_(json_values(clients.c.scopes)))
    .correlate(clients)
    .scalar_subquery()
)
_FIND = Statement(
    reading.with_secrets()
    .add_columns(
        _off.label("off"),
        revocations.among(bindparam("jtis", type_=Text)).label("revoked"),
    )
    .where(clients.c.id.in_(json_values(bindparam("ids", type_=Text))))
)


@dataclass(frozen=True, slots=True)
class _Seen:
    at: float  # monotonic time from before the read
    client: Client | None


@dataclass(slots=True, eq=False)
class _Batch:
    """What is read together; whoever waits for a part of it waits for `done`."""

    done: asyncio.Future[None]
    at: float = float("inf")  # monotonic time from before the read, once it begins
    ids: set[str] = field(default_factory=set)
    jtis: set[str] = field(default_factory=set)
    task: asyncio.Task[None] | None = None


class Directory:
    """Finds clients, and whether their tokens are in force."""

    def __init__(self, db: Session) -> None:
        self._db = db
        # Both in the order in which they were read: the oldest is the first to go.
        self._clients: dict[str, _Seen] = {}
        self._tokens: dict[str, tuple[float, bool]] = {}  # jti: when it was read, in force
        self._next: _Batch | None = None
        self._under_way: dict[str, _Batch] = {}  # by client id or jti, the latest

    async def find(self, client_id: str, *, since: float | None = None) -> Client | None:
        """Return a client with all its secrets, and of its scopes those that are switched on.

        ``since`` is a monotonic time: what was read before is not good enough. Who is about to
        refuse gives the time at which the request came, so that nobody is refused by memory.
        """
        if not _is_id(client_id):
            return None  # and never a part of what others wait for
        oldest = time.monotonic() - FRESH_SECONDS if since is None else since
        while (seen := self._clients.get(client_id)) is None or seen.at < oldest:
            await self._read(oldest, client_id)
        return seen.client

    async def in_force(self, client_id: str, jti: str) -> Client | None:
        """Return the client of a token; None if it is gone, or the token was revoked."""
        oldest = time.monotonic() - FRESH_SECONDS
        while (
            (token := self._tokens.get(jti)) is None
            or token[0] < oldest
            or (seen := self._clients.get(client_id)) is None
            or seen.at < oldest
        ):
            await self._read(oldest, client_id, jti)
        return seen.client if token[1] else None

    def forget_token(self, jti: str) -> None:
        """Look a token up the next time: it was revoked just now."""
        self._tokens.pop(jti, None)
        self._under_way.pop(jti, None)

    async def _read(self, oldest: float, client_id: str, jti: str | None = None) -> None:
        batch = self._under_way.get(jti or client_id)
        if batch is None or batch.at < oldest:
            batch = self._next
            if batch is None or len(batch.ids) >= _AT_ONCE:
                loop = asyncio.get_running_loop()
                batch = self._next = _Batch(loop.create_future())
                # It begins when this turn of the loop is over.
                batch.task = loop.create_task(self._run(batch))
            batch.ids.add(client_id)
            self._under_way[client_id] = batch
            if jti is not None:
                batch.jtis.add(jti)
                self._under_way[jti] = batch
        # One who goes away does not end it for the others.
        await asyncio.shield(batch.done)

    async def _run(self, batch: _Batch) -> None:
        if self._next is batch:
            self._next = None
        batch.at = time.monotonic()
        try:
            rows = await self._db.fetch_all(
                _FIND, ids=to_json(sorted(batch.ids)), jtis=to_json(sorted(batch.jtis))
            )
            self._remember(batch, rows)
        except Exception as problem:  # noqa: BLE001 - raised where it is waited for
            batch.done.set_exception(problem)
            batch.done.exception()  # or nobody may wait any more
        else:
            batch.done.set_result(None)
        finally:
            batch.done.cancel()  # if we are
            for key in batch.ids | batch.jtis:
                if self._under_way.get(key) is batch:
                    del self._under_way[key]

    def _remember(self, batch: _Batch, rows: Sequence[Row]) -> None:
        found = {row["id"]: _client(row) for row in rows}
        revoked = set(from_json(rows[0]["revoked"] or "[]")) if rows else set()
        for client_id in batch.ids:
            self._clients.pop(client_id, None)
            self._clients[client_id] = _Seen(batch.at, found.get(client_id))
        for jti in batch.jtis:
            if self._under_way.get(jti) is not batch:
                continue  # forgotten meanwhile: what was read may be of before
            self._tokens.pop(jti, None)
            # Where none of the clients is left, no token is in force.
            self._tokens[jti] = (batch.at, jti not in revoked and bool(rows))
        oldest = batch.at - FRESH_SECONDS
        while len(self._clients) > _MOST or next(iter(self._clients.values())).at < oldest:
            del self._clients[next(iter(self._clients))]
        while self._tokens:
            jti = next(iter(self._tokens))
            if len(self._tokens) <= _MOST and self._tokens[jti][0] >= oldest:
                break
            del self._tokens[jti]


def _is_id(text: str) -> bool:
    return any(ids.well_formed(prefix, text) for prefix in _PREFIXES)


def _client(row: Row) -> Client:
    client, off = reading.from_row(row), row["off"]
    if off is None or off == "[]":
        return client
    names = set(from_json(off))
    return replace(client, scopes=tuple(s for s in client.scopes if s not in names))
