"""The roles that a connection gives by groups bound changes of the source of these groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.tenants.memberships import grantable_roles, roles

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.identity.connections.model import Connection

_GROUP_ROLES = "group_roles"
# Settings that change neither the provider nor the checks of its answers.
_OTHERS = {
    *(_GROUP_ROLES, "fault", "sync_user_profile_on_login", "end_session_uri"),
    *("idp_logout_required", "idp_slo_required", "idp_slo_url", "idp_slo_request_binding"),
}


async def check_source(call: Call, db: Session, before: Connection, after: Connection) -> None:
    """Raise if the source of the groups changes and the caller may not grant every role by them.

    A caller that decides which provider vouches for people, or which attribute lists their groups,
    can put anybody into any group.
    """
    names = (before.settings.get(_GROUP_ROLES) or {}).values()
    if not names or not grantable_roles.is_limited(call) or _source(before) == _source(after):
        return
    organization_id = before.organization_id or ""
    held = await roles.existing(db, organization_id, set(names))
    await grantable_roles.check(call, db, organization_id, held)


def _source(connection: Connection) -> tuple[Any, ...]:
    """Return everything that decides the people of a connection and their groups."""
    settings = {name: one for name, one in connection.settings.items() if name not in _OTHERS}
    return connection.enabled, settings, connection.attribute_mapping
