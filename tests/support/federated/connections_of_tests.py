"""Connections as tests need them, and sign-ins that are on their way to one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from apis import unique
from sqlalchemy import bindparam, insert, update

from tenantry.core import ids
from tenantry.core.times import now
from tenantry.db.sql.encrypted_columns import binding
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed
from tenantry.identity.connections import model
from tenantry.identity.connections.model import Connection

if TYPE_CHECKING:
    from hosted import Application, Deployment, Visitor

_c = model.connections.c
_INSERT = Statement(insert(model.connections).values(bound(model.connections)).returning(_c.id))
_SET = Statement(
    update(model.connections)
    .where(_c.id == bindparam("p_id"))
    .values(enabled=bindparam("p_enabled"))
    .returning(_c.id)
)


async def connection(
    place: Deployment,
    type_: str = model.OIDC,
    *,
    secret: str | None = None,
    settings: dict[str, Any] | None = None,
    organization: bool = True,
    **members: Any,
) -> Connection:
    """A connection that serves, of a new organization or of the environment."""
    organization_id = None
    if organization and "organization_id" not in members:
        organization_id = (await place.make.organization())["id"]
    at, sealed = now(), None
    its = {"id": place.database.new_id(ids.CONNECTION), "organization_id": organization_id}
    its |= {name: members[name] for name in its if name in members}
    if secret is not None:
        bound_to = binding(model.connections.c.secret, its)
        sealed = place.database.vault.encrypt(secret.encode(), bound_to)
    made = Connection(
        **{
            **its,
            "type": type_,
            "provider": "CUSTOM",
            "provider_key": "",
            "key_id": unique("key"),
            "status": model.COMPLETED,
            "enabled": True,
            "debug_enabled": False,
            "ui_button_title": "",
            "configuration_type": model.MANUAL,
            "attribute_mapping": {},
            "settings": settings or {},
            "secret": sealed,
            "context": None,
            "check_time": None,
            "revision": 1,
            "create_time": at,
            "update_time": at,
        }
        | members
    )
    assert await place.database.fetch_one(_INSERT, **prefixed(made.to_row()))
    return made


async def switch(place: Deployment, connection: Connection, *, enabled: bool) -> None:
    """Enable or disable a connection."""
    assert await place.database.fetch_one(_SET, p_id=connection.id, p_enabled=enabled)


def path(connection: Connection, name: str) -> str:
    """An address of a connection, below its protocol's."""
    return f"/sso/v1/{connection.type.lower()}/{connection.id}/{name}"


async def organization_of(place: Deployment, *members: str) -> tuple[str, str]:
    """A new organization that owns a domain, and its people of these local parts."""
    organization_id = (await place.make.organization())["id"]
    made = await place.make.domain(organization_id, domain_type="ORGANIZATION_DOMAIN")
    for local in members:
        await place.api.users.create_user_and_membership(
            organization_id=organization_id,
            user={"email": f"{local}@{made['domain']}", "membership": {}},
        )
    return organization_id, made["domain"]


async def start(
    visitor: Visitor, application: Application, connection: Connection, **members: Any
) -> Any:
    """Begin a sign-in and take it to a connection; return the answer."""
    await visitor.begin(application, **members)
    login = visitor.path.removeprefix("/login/")
    return await visitor.get(path(connection, f"start?login={login}"))


async def go(visitor: Visitor, application: Application, **members: Any) -> Any:
    """Come from an application that names the connection; return the answer of its start."""
    sent = await visitor.get(application.path(**members))
    to = sent.headers["location"]
    found = re.fullmatch(r"/sso/v1/\w+/conn_\d+/start\?login=(areq_\d+)", to)
    assert found, to
    visitor.path = f"/login/{found[1]}"
    return await visitor.get(to)


async def arrive(place: Deployment, visitor: Visitor, came: Any) -> Any:
    """Follow the redirects after a provider's answer, on our own pages; return the last one."""
    while (to := came.headers.get("location", "")).startswith(("/", place.server.url)):
        came = await visitor.get(to.removeprefix(place.server.url))
    return came
