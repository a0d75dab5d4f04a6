"""The rules of connections: making, changing, enabling, deleting; in a transaction each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, update

from tenantry.core import errors, ids
from tenantry.core.times import now, rfc3339
from tenantry.db import crud
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import prefixed, revised
from tenantry.identity.connections import completeness, mapped_roles, operator_notices, reading
from tenantry.identity.connections.model import (
    OAUTH,
    OIDC,
    PASSWORD,
    PASSWORDLESS,
    PROVIDERS,
    SAML,
    WEBAUTHN,
    Connection,
    app_connections,
    connections,
)
from tenantry.tenants.domains.model import ORGANIZATION_DOMAIN, domains
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.model import PREVENT_DELETION
from tenantry.tenants.organizations.service import OrganizationIdentifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Row, Session
    from tenantry.settings import Settings

MOST = 50  # of one organization, and of the environment
MAX_CONTEXT = 16 * 1024  # bytes, as JSON
# By type: the name in the setting sign_in_methods.
_METHODS = {PASSWORDLESS: "email", PASSWORD: "password", WEBAUTHN: "passkey"}
_OF_ORGANIZATION = (OIDC, SAML)
_OF_ENVIRONMENT = (OAUTH,)
# The scope of a connection: an organization, or the environment.
_PREFIX = {True: "organization.sso_", False: "connection."}

_c = connections.c
_without = _c.organization_id.is_(None)
# By: is it of an organization.
_ONE: dict[bool, crud.By] = {True: ("id", "organization_id"), False: ("id", _without)}
_FIND = {of: crud.get(connections, by=by) for of, by in _ONE.items()}
_HOLD = {of: crud.hold(connections, by=by) for of, by in _ONE.items()}
_COUNT = {
    True: crud.count(connections, by=("organization_id",)),
    False: crud.count(connections, by=(_without,)),
}
# By: is it of an application.
_UPDATE = {
    False: crud.update(connections, fixed=("type",)),
    True: crud.update(app_connections, fixed=("type",)),
}
_INSERT = crud.insert(connections)
_DELETE = crud.delete(connections)
_d = domains.c
_of_organization = _d.organization_id == bindparam("p_organization_id")
_RELEASE = Statement(
    update(domains)
    .where(_of_organization, _d.connection_id == bindparam("p_id"))
    .values(connection_id=None)
    .returning(_d.id)
)
_ASSIGN = Statement(
    update(domains)
    .where(
        _of_organization,
        _d.domain_type == ORGANIZATION_DOMAIN,
        _d.id.in_(json_values(bindparam("p_domain_ids", type_=Text))),
    )
    .values(connection_id=bindparam("p_id"))
    .returning(_d.id)
)


async def create(
    call: Call,
    organization_id: str | None,
    *,
    type_: str,
    provider: str,
    provider_key: str,
    key_id: str | None = None,
    context: Mapping[str, Any] | None = None,
) -> Connection:
    """Make a connection of an organization; with None, of the environment.

    It has no settings yet and cannot be used, except for the simulated IdP, which needs none.
    """
    operator_notices.check_owner(call, organization_id)
    _check_type(type_, organization_id)
    if organization_id is not None:
        await organizations.get(call, OrganizationIdentifier(organization_id))
    provider, provider_key = named(provider, provider_key)
    at = now()
    made = Connection(
        id=call.db.new_id(ids.CONNECTION),
        organization_id=organization_id,
        type=type_,
        provider=provider,
        provider_key=provider_key,
        key_id=key_id,
        context=None if context is None else checked_context(context, "connection.context"),
        create_time=at,
        update_time=at,
    )
    made = replace(made, status=completeness.status(made))
    async with call.db.transaction() as db:
        await _check_limit(db, organization_id)
        await db.apply(_INSERT, event(call, "created", None, made), **prefixed(made.to_row()))
    return made


async def get(call: Call, organization_id: str | None, connection_id: str) -> Connection:
    _check_visible(call, organization_id)
    row = await call.db.fetch_one(
        _FIND[organization_id is not None], p_id=connection_id, **_scope(organization_id)
    )
    return _found(row)


async def get_any(call: Call, connection_id: str, organization_id: str = "") -> Connection:
    """Return a connection by its id alone; of the organization, if one is named."""
    found = await reading.find(call.db, connection_id)
    if found is None or (organization_id and found.organization_id != organization_id):
        raise errors.NotFound("connection")
    _check_visible(call, found.organization_id)
    return found


async def remove(call: Call, organization_id: str | None, connection_id: str) -> None:
    async with call.db.transaction() as db:
        before = await hold(call, db, organization_id, connection_id)
        if before.type not in completeness.CONFIG:
            raise errors.InvalidArgument(f"{before.type} cannot be deleted")
        await db.fetch_all(_RELEASE, p_id=before.id, **_scope(organization_id or ""))
        await db.apply(_DELETE, event(call, "deleted", before, None), p_id=before.id)


async def enable(call: Call, organization_id: str | None, connection_id: str) -> Connection:
    async with call.db.transaction() as db:
        before = await hold(call, db, organization_id, connection_id)
        _check_switch(before)
        check_complete(before)
        return await save(call, db, before, replace(before, enabled=True), "enabled")


async def disable(call: Call, organization_id: str | None, connection_id: str) -> Connection:
    async with call.db.transaction() as db:
        before = await hold(call, db, organization_id, connection_id)
        _check_switch(before)
        return await save(call, db, before, replace(before, enabled=False), "disabled")


async def assign_domains(
    call: Call, organization_id: str, connection_id: str, domain_ids: Sequence[str]
) -> Connection:
    """Let these domains lead to this connection, and no others to it alone."""
    asked = list(dict.fromkeys(domain_ids))
    async with call.db.transaction() as db:
        before = await hold(call, db, organization_id, connection_id)
        where = {"p_id": before.id, "p_organization_id": organization_id}
        await db.fetch_all(_RELEASE, **where)
        rows = await db.fetch_all(_ASSIGN, p_domain_ids=to_json(asked), **where)
        there = {row["id"] for row in rows}
        for index, domain_id in enumerate(domain_ids):
            if domain_id not in there:
                raise errors.InvalidArgument.field(
                    f"domain_ids[{index}]", "exists", "must be one of this organization's domains"
                )
        after = revised(before)
        await _update(call, db, before, after, "updated")
    return after


async def keep_context(
    call: Call, organization_id: str | None, connection_id: str, context: Mapping[str, Any]
) -> None:
    """Replace what a portal keeps with a connection."""
    kept = checked_context(context, "context")
    async with call.db.transaction() as db:
        before = await hold(call, db, organization_id, connection_id)
        await save(call, db, before, replace(before, context=kept), "updated")


async def hold(
    call: Call, db: Session, organization_id: str | None, connection_id: str
) -> Connection:
    """Return a connection as nobody else changes it until this transaction ends."""
    _check_visible(call, organization_id)
    if organization_id is not None:  # mail about the connection refers to it
        await db.fetch_one(PREVENT_DELETION, p_organization_id=organization_id)
    found = _found(
        await db.fetch_one(
            _HOLD[organization_id is not None], p_id=connection_id, **_scope(organization_id)
        )
    )
    call.expect(found.revision)
    return found


async def save(
    call: Call, db: Session, before: Connection, after: Connection, verb: str
) -> Connection:
    """Write a connection that is held, and record it; without a difference nothing is written."""
    if after == before:
        return before
    if verb != "disabled":
        operator_notices.check_owner(call, before.organization_id)
        await mapped_roles.check_source(call, db, before, after)
    after = revised(after)
    await _update(call, db, before, after, verb)
    return after


async def _update(
    call: Call, db: Session, before: Connection, after: Connection, verb: str
) -> None:
    change = event(call, verb, before, after)
    await db.apply(_UPDATE[after.is_app], change, **prefixed(after.to_row()))
    await operator_notices.queue(call, db, after)


def is_enabled(connection: Connection, settings: Settings) -> bool:
    """Whether a connection is on; of those that are always there, the deployment's settings say."""
    method = _METHODS.get(connection.type)
    return connection.enabled if method is None else method in settings.own_methods


def _check_switch(connection: Connection) -> None:
    if connection.type in _METHODS:
        raise errors.InvalidArgument(
            f"{connection.type} is enabled and disabled by TENANTRY_SIGN_IN_METHODS"
        )


async def write(db: Session, connection: Connection) -> None:
    """Write a connection that is held, and that is the same as before to its readers."""
    await db.fetch_all(_UPDATE[connection.is_app], **prefixed(connection.to_row()))


def check_complete(connection: Connection) -> None:
    """Refuse to enable a connection, or to leave it enabled, without all that a sign-in needs."""
    lacking = completeness.missing(connection)
    if lacking:
        config = completeness.CONFIG[connection.type]
        reason = connection.settings.get("fault", "")
        raise errors.InvalidArgument(
            f"connection is not complete: {config} has no {', '.join(lacking)}"
            + (f" ({reason})" if reason else ""),
            violations=tuple(
                errors.Violation(f"connection.{config}.{name}", "required", "is required")
                for name in lacking
            ),
        )


def named(provider: str, provider_key: str) -> tuple[str, str]:
    """Return a provider and its key, either of which may be "": each says the other."""
    if not provider:
        provider = provider_key if provider_key in PROVIDERS else "CUSTOM"
    return provider, provider_key or provider


def checked_context(context: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """Return what a portal keeps with a connection."""
    if len(to_json(context)) > MAX_CONTEXT:
        raise errors.InvalidArgument.field(
            field, "max_bytes", f"must be at most {MAX_CONTEXT // 1024} KiB"
        )
    return context


def to_event(connection: Connection) -> dict[str, Any]:
    """Return its content in events: the published members."""
    event: dict[str, Any] = {
        "id": connection.id,
        "connection_type": connection.type,
        "provider": connection.provider,
        "enabled": connection.enabled,
        "status": connection.status,
    }
    if connection.organization_id is not None:
        event["organization_id"] = connection.organization_id
    return event


def event(call: Call, verb: str, before: Connection | None, after: Connection | None) -> Any:
    """Return the event of a change, by its last word.

    An update of the provider's certificates lists those before and after it.
    """
    one = after or before
    assert one is not None
    members = [None if each is None else to_event(each) for each in (before, after)]
    if verb == "updated" and before is not None and after is not None:
        certificates = [_certificates(before), _certificates(after)]
        if certificates[0] != certificates[1]:
            members = [
                {**(each or {}), "idp_certificates": listed}
                for each, listed in zip(members, certificates, strict=True)
            ]
    return call.event(
        _PREFIX[one.organization_id is not None] + verb,
        organization_id=one.organization_id,
        before=members[0],
        after=members[1],
    )


def _certificates(connection: Connection) -> list[dict[str, str]]:
    return [
        {
            "id": one["id"],
            "issuer": one.get("issuer", ""),
            "expire_time": rfc3339(one.get("expiry_time", 0)),
        }
        for one in connection.settings.get("idp_certificates", ())
    ]


def _check_type(type_: str, organization_id: str | None) -> None:
    makes = _OF_ENVIRONMENT if organization_id is None else _OF_ORGANIZATION
    if type_ not in makes:
        whose = "the environment" if organization_id is None else "an organization"
        raise errors.InvalidArgument.field(
            "connection.type", "in", f"must be {' or '.join(makes)} for a connection of {whose}"
        )


def _check_visible(call: Call, organization_id: str | None) -> None:
    own = call.caller.organization_id
    if own is not None and own != organization_id:
        raise errors.NotFound("connection")


async def _check_limit(db: Session, organization_id: str | None) -> None:
    """Refuse one more than may be, also of two that are made at once."""
    await db.serialize(f"connections of {organization_id}")
    row = await db.fetch_one(_COUNT[organization_id is not None], **_scope(organization_id))
    if row is not None and row["n"] >= MOST:
        whose = "environment" if organization_id is None else "organization"
        raise errors.InvalidArgument(
            f"{whose} has reached its limit of {MOST} connections; delete one first"
        )


def _scope(organization_id: str | None) -> dict[str, str]:
    return {} if organization_id is None else {"p_organization_id": organization_id}


def _found(row: Row | None) -> Connection:
    if row is None:
        raise errors.NotFound("connection")
    return Connection.from_row(row)
