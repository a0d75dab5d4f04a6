"""Finding clients with all their secrets: one statement, narrowed to whose the client is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from tenantry.access.clients.model import Client, Secret, client_secrets, clients
from tenantry.core import errors
from tenantry.db.sql.schema import from_json, json_list, json_rows
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from sqlalchemy import Select

    from tenantry.db.engine import Row, Session

_c, _s = clients.c, client_secrets.c
_OF_ENVIRONMENT = _c.organization_id.is_(None) & _c.resource_id.is_(None)
_OF_ORGANIZATION = _c.organization_id == bindparam("p_organization_id")
_OF_RESOURCE = _c.resource_id == bindparam("p_resource_id")


@dataclass(frozen=True, slots=True)
class ClientIdentifier:
    """Which client is meant: one of the environment, or where it is named of that organization.

    Or one of the named resource, or with ``of_resource`` of any resource. With ``anywhere`` any
    client: only for callers that may see every organization.
    """

    client_id: str
    organization_id: str | None = None
    anywhere: bool = False
    resource_id: str | None = None
    of_resource: bool = False

    @property
    def place(self) -> str:
        """The statement that finds it."""
        if self.anywhere:
            return "anywhere"
        if self.organization_id is not None:
            return "organization"
        if self.resource_id is not None:
            return "resource"
        return "any resource" if self.of_resource else "environment"


def with_secrets() -> Select[Any]:
    """Return all clients, to be narrowed, each with the column `secrets`."""
    listed = (
        select(json_rows(json_list(*(_s[name] for name in Secret.__slots__))))
        .where(_s.client_id == _c.id)
        .scalar_subquery()
    )
    return select(clients, listed.label("secrets"))


def from_row(row: Row) -> Client:
    """Return the client of a row of `with_secrets`, its secrets the oldest first."""
    kept = (Secret(*values) for values in from_json(row["secrets"] or "[]"))
    return Client.from_row(row, tuple(sorted(kept, key=lambda secret: secret.id)))


def _found(*, lock: bool) -> dict[str, Statement]:
    one = select(clients) if lock else with_secrets()
    one = one.where(_c.id == bindparam("p_id"))
    if lock:
        # Not against what only refers to the row: spent assertions, and new secrets.
        one = one.with_for_update(key_share=True)
    return {
        "environment": Statement(one.where(_OF_ENVIRONMENT)),
        "organization": Statement(one.where(_OF_ORGANIZATION)),
        "resource": Statement(one.where(_OF_RESOURCE)),
        "any resource": Statement(one.where(_c.resource_id.is_not(None))),
        "anywhere": Statement(one),
    }


_FIND = _found(lock=False)
_HOLD = _found(lock=True)
# In their order, as all writers of several of them lock them.
_HOLD_SECRETS = Statement(
    select(*(_s[name] for name in Secret.__slots__))
    .where(_s.client_id == bindparam("p_id"))
    .order_by(_s.id)
    .with_for_update()
)


async def get(db: Session, identity: ClientIdentifier) -> Client:
    """Return a client."""
    return from_row(await _one(db, _FIND, identity))


async def hold(db: Session, identity: ClientIdentifier) -> Client:
    """Return a client as nobody else changes it, nor its secrets, until this transaction ends."""
    row = await _one(db, _HOLD, identity)
    secrets = await db.fetch_all(_HOLD_SECRETS, p_id=identity.client_id)
    return Client.from_row(
        row, tuple(Secret(*(secret[name] for name in Secret.__slots__)) for secret in secrets)
    )


async def _one(db: Session, statements: dict[str, Statement], identity: ClientIdentifier) -> Row:
    row = await db.fetch_one(
        statements[identity.place],
        p_id=identity.client_id,
        p_organization_id=identity.organization_id,
        p_resource_id=identity.resource_id,
    )
    if row is None:
        raise errors.NotFound("client")
    return row
