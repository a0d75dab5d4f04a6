"""Clients as the hot paths see them: remembered for less than a second, and read many at once.

Nothing here is older than 0.9 s, counted from before it was read, so a change in any process holds
in all of them within a second. Clients that several requests miss in one turn of the event loop are
read in one statement.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import Text, bindparam, select

from tenantry.access.clients import reading
from tenantry.access.clients.credentials import revocations
from tenantry.access.clients.model import clients
from tenantry.access.scopes.model import scopes
from tenantry.core import ids
from tenantry.db.sql.schema import from_json, json_rows, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.ttl_cache import FRESH_SECONDS, TtlCache
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.organizations.policy import OrganizationPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.access.clients.model import Client
    from tenantry.db.engine import Row, Session

_MOST = 20_000  # clients and tokens that are remembered
_AT_ONCE = 1000  # of a statement
_PREFIXES = (ids.ENVIRONMENT_CLIENT, ids.ORGANIZATION_CLIENT, ids.RESOURCE_CLIENT)
_Token: TypeAlias = tuple[str, str]  # the client's id, the jti

_off = (
    select(json_rows(scopes.c.name))
    .where(scopes.c.enabled.is_(False), scopes.c.name.in_(json_values(clients.c.scopes)))
    .correlate(clients)
    .scalar_subquery()
)
_policy = (
    select(organizations.c.policy)
    .where(organizations.c.id == clients.c.organization_id)
    .correlate(clients)
    .scalar_subquery()
)
# Hot path, written by hand: the verification of access tokens.
_FIND = Statement(
    reading.with_secrets()
    .add_columns(
        _off.label("off"),
        _policy.label("organization_policy"),
        revocations.among(bindparam("jtis", type_=Text)).label("revoked"),
    )
    .where(clients.c.id.in_(json_values(bindparam("ids", type_=Text))))
)


class ClientCache:
    """Finds clients, and whether their tokens are in force."""

    def __init__(self, db: Session) -> None:
        self._db = db
        # A client by its id; that of a token in force by client id and jti.
        self._clients: TtlCache[str | _Token, Client] = TtlCache(
            self._read,
            seconds=FRESH_SECONDS,
            most=_MOST,
            absent=_MOST,
            at_once=_AT_ONCE,
            name="clients",
        )

    async def find(self, client_id: str, *, since: float | None = None) -> Client | None:
        """Return a client with all its secrets, and of its scopes those that are switched on.

        ``since`` is a monotonic time: an earlier read is not good enough. A caller that is
        about to refuse gives the time at which the request came, so that memory refuses nobody.
        """
        if not _is_id(client_id):
            return None  # and never a part of what others wait for
        return await self._clients.get(client_id, since=since)

    async def in_force(self, client_id: str, jti: str) -> Client | None:
        """Return the client of a token; None if it is gone, or the token was revoked."""
        _, client = await self._clients.get_together(client_id, (client_id, jti))
        return client

    def forget_token(self, client_id: str, jti: str) -> None:
        """Look a token up the next time: it was revoked just now."""
        self._clients.forget((client_id, jti))

    async def _read(self, keys: Sequence[str | _Token]) -> dict[str | _Token, Client]:
        tokens = [key for key in keys if isinstance(key, tuple)]
        wanted = {key if isinstance(key, str) else key[0] for key in keys}
        rows = await self._db.fetch_all(
            _FIND, ids=to_json(sorted(wanted)), jtis=to_json(sorted({jti for _, jti in tokens}))
        )
        found: dict[str | _Token, Client] = {row["id"]: _client(row) for row in rows}
        revoked = set(from_json(rows[0]["revoked"] or "[]")) if rows else set()
        for client_id, jti in tokens:
            if client_id in found and jti not in revoked:
                found[client_id, jti] = found[client_id]
        return found


def _is_id(text: str) -> bool:
    return any(ids.well_formed(prefix, text) for prefix in _PREFIXES)


def _client(row: Row) -> Client:
    client, off = reading.from_row(row), row["off"]
    if row["organization_policy"] is not None:
        client = replace(client, policy=OrganizationPolicy.read(row["organization_policy"]))
    if off is None or off == "[]":
        return client
    names = set(from_json(off))
    return replace(client, scopes=tuple(s for s in client.scopes if s not in names))
