"""Management clients (ENV): what the command line does, and where the first one signs people in.

They are made and deleted by the command line alone, so that no caller of the API leaves the
operator without one. The command line's calls on a client of any type, by its id alone, are here
too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from tenantry.access.clients import changes, management_scopes, reading, values
from tenantry.access.clients.credentials import secrets
from tenantry.access.clients.model import ENV, Client, clients
from tenantry.access.clients.reading import ClientIdentifier
from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session

OVERLAP_SECONDS = 24 * 3600

_c = clients.c
_is_management = _c.client_type == ENV
_IDS = Statement(select(_c.id).where(_is_management))
_LOCK = Statement(select(_c.id).where(_is_management).order_by(_c.id).with_for_update())
_FIRST = Statement(select(_c.id).where(_is_management).order_by(_c.id).limit(bindparam("most")))


async def create(
    call: Call, *, name: str, scopes: Sequence[str] = (management_scopes.ALL,)
) -> tuple[Client, str]:
    """Create a client with these management scopes, and return it with its first secret.

    The secret is not shown again.
    """
    secret, plain = changes.new_secret(call)
    at = now()
    client = Client(
        id=call.db.new_id(ids.ENVIRONMENT_CLIENT),
        client_type=ENV,
        name=values.name(name, "name"),
        management_scopes=management_scopes.parse(scopes, "scope"),
        create_time=at,
        update_time=at,
        secrets=(secret,),
    )
    await changes.create(call, client)
    return client, plain


async def get(db: Session, client_id: str) -> Client:
    """Return a client of any type with its live secrets."""
    return live(await reading.get(db, ClientIdentifier(client_id, anywhere=True)))


async def live_ids(db: Session) -> frozenset[str]:
    """Return the ids of all management clients."""
    return frozenset(row["id"] for row in await db.fetch_all(_IDS))


async def rotate(call: Call, client_id: str, *, overlap_seconds: int = OVERLAP_SECONDS) -> str:
    """Add a secret, let the others expire after the overlap, and return the new one.

    Raises:
        errors.InvalidArgument: the client is public, or has as many secrets as it may.

    """
    _secret, plain = await secrets.add(
        call,
        ClientIdentifier(client_id, anywhere=True),
        overlap_seconds=overlap_seconds,
        type_="client.secret_rotated",
    )
    return plain


async def remove(call: Call, client_id: str) -> None:
    """Delete a client of any type; its access tokens are refused within seconds.

    Raises:
        errors.InvalidArgument: it is the last management client.

    """
    async with call.db.transaction() as db:
        # Locked, so that two deletions cannot each leave the other's client as the last.
        management = {row["id"] for row in await db.fetch_all(_LOCK)}
        client = await changes.hold(call, db, ClientIdentifier(client_id, anywhere=True))
        if management == {client.id}:
            raise errors.InvalidArgument(secrets.LAST_CLIENT)
        await changes.remove(call, db, client)


async def add_redirect_uri(call: Call, uri: str, *, production: bool) -> Client:
    """Add a redirect URI to the oldest management client, unless it has it; return the client."""
    uri = values.redirect_uri(uri, ENV, production, field="redirect_uri")
    async with call.db.transaction() as db:
        before = await _hold_first(call, db)
        if uri in before.post_login_uris:
            return before
        uris = values.post_login_uris(
            [*before.post_login_uris, uri], ENV, production, field="redirect_uri"
        )
        return await changes.save(call, db, before, replace(before, post_login_uris=uris))


async def remove_redirect_uri(call: Call, uri: str) -> Client:
    """Take a redirect URI from the oldest management client; return the client."""
    async with call.db.transaction() as db:
        before = await _hold_first(call, db)
        if uri not in before.post_login_uris:
            raise errors.NotFound("redirect_uri")
        uris = tuple(one for one in before.post_login_uris if one != uri)
        return await changes.save(call, db, before, replace(before, post_login_uris=uris))


async def set_initiate_login_uri(call: Call, uri: str, *, production: bool) -> Client:
    """Set where the oldest management client starts a login; return the client."""
    uri = values.initiate_login_uri(uri, production=production, field="initiate_login_uri")
    async with call.db.transaction() as db:
        before = await _hold_first(call, db)
        return await changes.save(call, db, before, replace(before, initiate_login_uri=uri))


async def _hold_first(call: Call, db: Session) -> Client:
    row = await db.fetch_one(_FIRST, most=1)
    return await changes.hold(call, db, ClientIdentifier(row["id"] if row else ""))


def live(client: Client) -> Client:
    at = now()
    return replace(client, secrets=tuple(s for s in client.secrets if s.in_force(at)))
