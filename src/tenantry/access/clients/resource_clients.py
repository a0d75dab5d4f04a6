"""The rules of clients of a resource: third parties, which users grant scopes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, literal_column, select

from tenantry.access.clients import changes, reading, values
from tenantry.access.clients.model import DCR, RESOURCE_CLIENT, STATIC, Client, clients
from tenantry.access.clients.reading import ClientIdentifier
from tenantry.access.resources import service as resources
from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db.lists import pages
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.access.resources.model import Resource
    from tenantry.call import Call
    from tenantry.db.engine import Session

LISTED_MAX = 500
_WITHOUT_URIS = ("client_credentials",)
_WITH_URIS = ("authorization_code", "refresh_token")

_c = clients.c
_OF_RESOURCE = _c.resource_id == bindparam("p_resource_id", type_=Text)
_LIST = Statement(
    reading.with_secrets()
    .where(_OF_RESOURCE)
    .order_by(_c.id.desc())
    .limit(literal_column(str(LISTED_MAX)))
)
_TOTAL = Statement(
    select(
        pages.counted(
            select(_c.id).where(
                _OF_RESOURCE, _c.registration == bindparam("p_registration", type_=Text)
            )
        ).c.total
    )
)


async def create(
    call: Call,
    resource_id: str,
    *,
    production: bool,
    name: str,
    description: str = "",
    scopes: Sequence[str] = (),
    custom_claims: Sequence[tuple[str, str]] = (),
    expiry: int = 0,
    redirect_uris: Sequence[str] = (),
) -> tuple[Client, Resource, str]:
    """Create a client and return it with its first secret, which is not shown again."""
    resource = await resources.get(call.db, resource_id)
    secret, plain = changes.new_secret(call)
    at = now()
    uris = values.resource_client_uris(redirect_uris, production)
    client = Client(
        id=call.db.new_id(ids.RESOURCE_CLIENT),
        client_type=RESOURCE_CLIENT,
        resource_id=resource.id,
        name=values.name(name),
        description=description,
        scopes=_scopes(resource, scopes),
        custom_claims=values.custom_claims(custom_claims),
        expiry=_expiry(expiry),
        post_login_uris=uris,
        grant_types=_grant_types(uris),
        enforce_pkce=True,
        api_access=False,
        create_time=at,
        update_time=at,
        secrets=(secret,),
    )
    await changes.create(call, client)
    return client, resource, plain


async def get(db: Session, resource_id: str, client_id: str) -> tuple[Client, Resource]:
    """Return a client, and its resource."""
    resource = await resources.get(db, resource_id)
    return await reading.get(db, ClientIdentifier(client_id, resource_id=resource_id)), resource


async def newest(db: Session, resource_id: str) -> tuple[list[Client], Resource]:
    """Return the newest clients of a resource, `LISTED_MAX` at the most, and the resource."""
    resource = await resources.get(db, resource_id)
    rows = await db.fetch_all(_LIST, p_resource_id=resource_id)
    return [reading.from_row(row) for row in rows], resource


async def totals(db: Session, resource_id: str) -> dict[str, int]:
    """Return the numbers of clients of a resource by registration: `DCR` and `STATIC`."""
    found = {}
    for registration in (DCR, STATIC):
        row = await db.fetch_one(_TOTAL, p_resource_id=resource_id, p_registration=registration)
        found[registration] = row["total"] if row else 0
    return found


async def update(
    call: Call,
    resource_id: str,
    client_id: str,
    *,
    production: bool,
    name: str = "",
    description: str = "",
    scopes: Sequence[str] | None = None,
    custom_claims: Sequence[tuple[str, str]] | None = None,
    expiry: int = 0,
    redirect_uris: Sequence[str] | None = None,
) -> tuple[Client, Resource]:
    """Change the members that are not empty, and the lists that are not None."""
    resource = await resources.get(call.db, resource_id)
    changed: dict[str, Any] = {}
    if name:
        changed["name"] = values.name(name)
    if description:
        changed["description"] = description
    if scopes is not None:
        changed["scopes"] = _scopes(resource, scopes)
    if custom_claims is not None:
        changed["custom_claims"] = values.custom_claims(custom_claims)
    if expiry:
        changed["expiry"] = _expiry(expiry)
    if redirect_uris is not None:
        uris = values.resource_client_uris(redirect_uris, production)
        changed |= {"post_login_uris": uris, "grant_types": _grant_types(uris)}
    identity = ClientIdentifier(client_id, resource_id=resource_id)
    async with call.db.transaction() as db:
        before = await changes.hold(call, db, identity)
        if before.registration != STATIC and "post_login_uris" in changed:
            raise errors.InvalidArgument.field(
                "client.redirect_uris",
                "const",
                "cannot be changed: the client has registered them itself",
            )
        return await changes.save(call, db, before, replace(before, **changed)), resource


async def remove(call: Call, resource_id: str, client_id: str) -> None:
    """Delete a client of a resource, with its grants and the consents of users."""
    identity = ClientIdentifier(client_id, resource_id=resource_id)
    async with call.db.transaction() as db:
        await changes.remove(call, db, await changes.hold(call, db, identity))


def _scopes(resource: Resource, names: Sequence[str]) -> tuple[str, ...]:
    scopes = values.scopes(names)
    for index, name in enumerate(scopes):
        if name not in resource.scopes:
            raise errors.InvalidArgument.field(
                f"client.scopes[{index}]", "in", f"{name[:60]!r} is not a scope of the resource"
            )
    return scopes


def _expiry(value: int) -> int | None:
    if not value:
        return None
    return values.seconds(value, values.APPLICATION_EXPIRY, "client.expiry")


def _grant_types(uris: Sequence[str]) -> tuple[str, ...]:
    return _WITH_URIS if uris else _WITHOUT_URIS
