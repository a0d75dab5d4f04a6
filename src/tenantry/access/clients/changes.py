"""Every change of a client: one transaction, in which its row is held, with its event.

A change of a client calls `hold`, decides by its result, and calls `save` or `remove`. Changes of
its secrets are changes of the client: they raise its revision as well. `create`, `save` and
`remove` refuse what exceeds the caller's own rights, so that no caller of theirs can forget to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, literal_column, select

from tenantry.access.clients import management_scopes, reading
from tenantry.access.clients.model import (
    ACTIVE,
    APPLICATIONS,
    Client,
    Secret,
    client_secrets,
    clients,
)
from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.crypto import vault
from tenantry.db import crud
from tenantry.db.lists import pages
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed, revised

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from tenantry.access.clients.reading import ClientIdentifier
    from tenantry.call import Call
    from tenantry.db.engine import Session

APPLICATIONS_MAX = 1000  # of the environment
ORGANIZATION_MAX = pages.MOST_COUNTED  # clients of one organization
RESOURCE_MAX = pages.MOST_COUNTED  # clients of one resource that operators have created
_SUFFIX = 4  # characters of a secret that are shown

_c = clients.c
INSERT = insert(clients).values(bound(clients))
INSERT_SECRET = insert(client_secrets).values(bound(client_secrets, "secret_"))
_applications: list[ColumnElement[str]] = [
    literal_column(f"'{client_type}'") for client_type in APPLICATIONS
]
_of_applications = select(_c.id).where(_c.client_type.in_(_applications))
_of_organization = select(_c.id).where(_c.organization_id == bindparam("p_organization_id"))
_COUNT_APPLICATIONS = Statement(select(pages.counted(_of_applications).c.total))
# Not those that registered themselves: strangers must not use up the limit of the operator.
_of_resource = select(_c.id).where(
    _c.resource_id == bindparam("p_resource_id"), _c.registration == literal_column("''")
)
_COUNT = Statement(select(pages.counted(_of_organization).c.total))
_COUNT_OF_RESOURCE = Statement(select(pages.counted(_of_resource).c.total))
_CREATE = Statement(INSERT.returning(_c.id))
_CREATE_WITH_SECRET = Statement(INSERT.returning(_c.id), INSERT_SECRET)
UPDATE = crud.update(clients, fixed=("client_type", "resource_id", "registration"))
DELETE = crud.delete(clients)


def new_secret(call: Call, *, expire_time: int | None = None) -> tuple[Secret, str]:
    """Return a new secret to be inserted, and the secret itself, which is not kept."""
    plain, at = vault.new_secret(), now()
    secret = Secret(
        id=call.db.new_id(ids.CLIENT_SECRET),
        digest=vault.digest(plain),
        suffix=plain[-_SUFFIX:],
        status=ACTIVE,
        created_by=call.caller.id,
        create_time=at,
        update_time=at,
        expire_time=expire_time,
        last_used_time=None,
    )
    return secret, plain


async def create(call: Call, client: Client) -> None:
    """Insert a client with its first secret, if it has one."""
    management_scopes.check_reach(call, client)
    await _check_limit(call.db, client)
    event = call.event(
        "client.created",
        organization_id=client.organization_id,
        after=client.to_event(),
    )
    statement, params = _CREATE, prefixed(client.to_row())
    for secret in client.secrets:
        statement = _CREATE_WITH_SECRET
        params |= secret_row(client.id, secret)
    await call.db.apply(statement, event, **params)


async def _check_limit(db: Session, client: Client) -> None:
    """Refuse one more than may be. Those that are made at once may be a few more."""
    if client.organization_id is not None:
        most, whose, statement = ORGANIZATION_MAX, "organization", _COUNT
    elif client.resource_id is not None:
        most, whose, statement = RESOURCE_MAX, "resource", _COUNT_OF_RESOURCE
    elif client.client_type in APPLICATIONS:
        most, whose, statement = APPLICATIONS_MAX, "environment", _COUNT_APPLICATIONS
    else:
        return  # made by the command line
    row = await db.fetch_one(
        statement, p_organization_id=client.organization_id, p_resource_id=client.resource_id
    )
    if row is not None and row["total"] >= most:
        raise errors.InvalidArgument(
            f"{whose} has reached its limit of {most} clients; delete one first"
        )


async def hold(call: Call, db: Session, identity: ClientIdentifier) -> Client:
    """Return a client as nobody else changes it until this transaction ends."""
    client = await reading.hold(db, identity)
    call.expect(client.revision)
    return client


async def save(
    call: Call, db: Session, before: Client, after: Client, type_: str = "client.updated"
) -> Client:
    """Write a client that is held, and the event of this type; return it as it is now.

    Nothing is done where nothing has changed.
    """
    if after == before:
        return before
    if _without_labels(after) != _without_labels(before):
        management_scopes.check_reach(call, before, after)
    after = revised(after)
    event = call.event(
        type_,
        organization_id=before.organization_id,
        before=before.to_event(),
        after=after.to_event(),
    )
    await db.fetch_all(UPDATE, **prefixed(after.to_row()))
    await db.record(event)
    return after


async def remove(call: Call, db: Session, client: Client) -> None:
    """Delete a client that is held, with its secrets."""
    management_scopes.check_reach(call, client)
    await db.fetch_all(DELETE, p_id=client.id)
    await db.record(
        call.event(
            "client.deleted",
            organization_id=client.organization_id,
            before=client.to_event(),
        )
    )


def _without_labels(client: Client) -> Client:
    """Return a client without what only people read: neither a credential nor a right."""
    return replace(client, name="", description="")


def secret_row(client_id: str, secret: Secret) -> dict[str, Any]:
    """Return the parameters of `INSERT_SECRET`."""
    row = {f"secret_{name}": getattr(secret, name) for name in Secret.__slots__}
    return {**row, "secret_client_id": client_id}
