"""Scopes by which a person's access token is for our own API, too.

An application gets one that it is registered for (`scopes` of the client) and asks for. The token
then has the issuer in its aud, and makes the calls that the scope names, as far as the person may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Scopes of a person by the permissions of their roles: those that the contract's rpcs ask for, of
# the organization that they are signed in to.
OF_PERMISSION = {
    "sk_org_settings_read": "organizations_read",
    "sk_org_settings_manage": "organizations_write",
    "sk_org_users_read": "organizations_users_read",
    "sk_org_users_invite": "organizations_users_invite",
    "sk_org_users_delete": "organizations_users_remove",
    "sk_org_users_role_change": "organizations_users_role_update",
    "sk_org_sso_read": "connections_read",
    "sk_org_sso_manage": "connections_write",
    "sk_org_scim_read": "directories_read",
    "sk_org_scim_manage": "directories_write",
    "sk_org_session_policy_read": "organizations_sessions_read",
    "sk_org_session_policy_manage": "organizations_sessions_write",
}
NAMES = tuple(OF_PERMISSION.values())
# A scope to change something comes with the one to see it.
_SEEN_BY = {
    "organizations_write": "organizations_read",
    "organizations_users_invite": "organizations_users_read",
    "organizations_users_remove": "organizations_users_read",
    "organizations_users_role_update": "organizations_users_read",
    "connections_write": "connections_read",
    "directories_write": "directories_read",
    "organizations_sessions_write": "organizations_sessions_read",
}


def of(permissions: Iterable[str]) -> frozenset[str]:
    """Return the scopes of a person with these permissions."""
    held = {OF_PERMISSION[name] for name in permissions if name in OF_PERMISSION}
    return frozenset(held | {_SEEN_BY[name] for name in held if name in _SEEN_BY})


def permissions_of(scopes: Iterable[str]) -> frozenset[str]:
    """Return the permissions that a person uses by these scopes."""
    held = frozenset(scopes)
    return frozenset(name for name, scope in OF_PERMISSION.items() if scope in held)
