"""The rules of clients of an organization (M2M): its machines, each with its own secrets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.access.clients import changes, reading, values
from tenantry.access.clients.model import M2M, Client
from tenantry.access.clients.reading import ClientIdentifier
from tenantry.core import ids
from tenantry.core.times import now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call


async def create(
    call: Call,
    organization_id: str,
    *,
    name: str,
    description: str = "",
    scopes: Sequence[str] = (),
    audience: Sequence[str] = (),
    custom_claims: Sequence[tuple[str, str]] = (),
    expiry: int = 0,
) -> tuple[Client, str]:
    """Create a client and return it with its first secret, which is not shown again.

    ``expiry`` is the lifetime of its access tokens in seconds, 0 for an hour.
    """
    secret, plain = changes.new_secret(call)
    at = now()
    client = Client(
        id=call.db.new_id(ids.ORGANIZATION_CLIENT),
        client_type=M2M,
        organization_id=organization_id,
        name=values.name(name),
        description=description,
        scopes=values.scopes(scopes),
        audience=values.audience(audience),
        custom_claims=values.custom_claims(custom_claims),
        expiry=values.seconds(
            expiry or values.M2M_EXPIRY_DEFAULT, values.M2M_EXPIRY, "client.expiry"
        ),
        create_time=at,
        update_time=at,
        secrets=(secret,),
    )
    await changes.create(call, client)
    return client, plain


async def get(call: Call, organization_id: str, client_id: str) -> Client:
    """Return a client of an organization."""
    return await reading.get(call.db, ClientIdentifier(client_id, organization_id))


async def update(
    call: Call,
    organization_id: str,
    client_id: str,
    *,
    name: str = "",
    description: str = "",
    scopes: Sequence[str] = (),
    audience: Sequence[str] = (),
    custom_claims: Sequence[tuple[str, str]] = (),
    expiry: int = 0,
) -> Client:
    """Change the members that are not empty; a list that is given replaces the whole list."""
    changed: dict[str, Any] = {}
    if name:
        changed["name"] = values.name(name)
    if description:
        changed["description"] = description
    if scopes:
        changed["scopes"] = values.scopes(scopes)
    if audience:
        changed["audience"] = values.audience(audience)
    if custom_claims:
        changed["custom_claims"] = values.custom_claims(custom_claims)
    if expiry:
        changed["expiry"] = values.seconds(expiry, values.M2M_EXPIRY, "client.expiry")
    async with call.db.transaction() as db:
        before = await changes.hold(call, db, ClientIdentifier(client_id, organization_id))
        return await changes.save(call, db, before, replace(before, **changed))


async def remove(call: Call, organization_id: str, client_id: str) -> None:
    """Delete a client of an organization; it gets no access tokens any more."""
    async with call.db.transaction() as db:
        client = await changes.hold(call, db, ClientIdentifier(client_id, organization_id))
        await changes.remove(call, db, client)
