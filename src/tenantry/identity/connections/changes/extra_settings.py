"""Settings of a connection that the Scalekit API lacks, by our names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.identity.connections import field_values, service
from tenantry.identity.connections.changes import changing
from tenantry.identity.connections.changes.changing import Changes
from tenantry.identity.connections.model import OAUTH, OIDC, SAML
from tenantry.identity.connections.settings import BASIC_AUTH, PRIVATE_KEY_JWT
from tenantry.tenants.memberships import grantable_roles, roles
from tenantry.tenants.memberships.model import NamedRole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.connections.providers.fetching import ConnectionContext

# The types that each is for.
_TYPES: dict[str, tuple[str, ...]] = {
    "group_roles": (OIDC, SAML),
    "attribute_mapping": (OIDC, SAML, OAUTH),
    "allow_idp_initiated_login": (SAML,),
    "accept_sha1": (SAML,),
    "end_session_uri": (OIDC,),
    "private_key_jwt": (OIDC,),
    "id_jag_enabled": (OIDC,),
    "login_uri": (OIDC, OAUTH),
    "fault": (),
}


def to_json(connection: Connection) -> dict[str, Any]:
    kind = changing.SETTINGS.get(connection.type)
    if kind is None:
        return {}
    settings = kind.stored(connection.settings)
    found: dict[str, Any] = {
        "fault": settings.fault,
        "attribute_mapping": connection.attribute_mapping,
    }
    if connection.type in _TYPES["group_roles"]:
        found["group_roles"] = settings.group_roles or {}
    for name in ("allow_idp_initiated_login", "accept_sha1", "end_session_uri", "login_uri"):
        if connection.type in _TYPES[name]:
            found[name] = getattr(settings, name)
    if connection.type == OIDC:
        by_key = connection.settings.get("token_auth_type") == PRIVATE_KEY_JWT
        found["private_key_jwt"] = by_key
        found["id_jag_enabled"] = connection.settings.get("id_jag_enabled", False)
    return found


async def change(
    call: Call, ground: ConnectionContext, connection_id: str, members: Mapping[str, Any]
) -> Connection:
    """Change the given settings, by their names in `shown`."""
    found = await service.get_any(call, connection_id)
    for name in members:
        if found.type not in _TYPES[name]:
            reason = "is set by the server" if name == "fault" else f"is not for {found.type}"
            raise errors.InvalidArgument.field(f"settings.{name}", "immutable", reason)
    async with call.db.transaction() as db:
        await _check_roles(db, found.organization_id or "", members.get("group_roles") or {})
        before = changing.normal(await service.hold(call, db, found.organization_id, connection_id))
        settings, mapping = dict(before.settings), before.attribute_mapping
        if "group_roles" in members:
            moved = (settings.get("group_roles") or {}).items() ^ members["group_roles"].items()
            await _check_grantable(call, db, found.organization_id or "", sorted(moved))
        for name, value in members.items():
            if name == "private_key_jwt":
                settings["token_auth_type"] = _auth_type(settings, by_key=value)
            elif name == "attribute_mapping":
                mapping = value
            elif name in {"end_session_uri", "login_uri"}:
                tls_only = not (before.debug_enabled and ground.development)
                settings[name] = field_values.url(value, f"settings.{name}", tls_only=tls_only)
            else:
                settings[name] = value or None if name == "group_roles" else value
        after = replace(before, settings=settings, attribute_mapping=mapping)
        after = changing.completed(db, after, Changes(), None)
        if before.enabled:
            service.check_complete(after)
        return await service.save(call, db, before, after, "updated")


async def _check_roles(db: Session, organization_id: str, group_roles: Mapping[str, str]) -> None:
    """Refuse a role that nobody could be given: neither the organization nor all have one."""
    there = {role.name for role in await roles.existing(db, organization_id, group_roles.values())}
    missing = [group for group, name in group_roles.items() if name not in there]
    if missing:
        raise errors.InvalidArgument(
            "there is no role " + ", ".join(sorted({group_roles[group] for group in missing})),
            violations=tuple(
                errors.Violation(
                    f'settings.group_roles.roles["{group}"]',
                    "exists",
                    f"{group_roles[group]} is not a role of the organization or the environment",
                )
                for group in missing
            ),
        )


async def _check_grantable(
    call: Call, db: Session, organization_id: str, moved: Sequence[tuple[str, str]]
) -> None:
    """Raise unless the caller may grant these roles, by the groups that get or lose them."""
    if moved and grantable_roles.is_limited(call):
        held = await roles.existing(db, organization_id, {name for _, name in moved})
        named = [
            NamedRole(f'settings.group_roles.roles["{group}"]', "", name) for group, name in moved
        ]
        await grantable_roles.check(call, db, organization_id, held, named)


def _auth_type(settings: Mapping[str, Any], *, by_key: bool) -> str:
    if by_key:
        return PRIVATE_KEY_JWT
    now: str = settings.get("token_auth_type", BASIC_AUTH)
    return BASIC_AUTH if now == PRIVATE_KEY_JWT else now
