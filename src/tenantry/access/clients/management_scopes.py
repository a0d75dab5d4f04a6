"""Scopes of the management API: which calls a client may make, and which clients it may change.

A client without `management_scopes` holds all scopes. Each name is one that the contract declares
for its rpcs (the permissions of `auth_option`, or `scopes` of `tenantry.v1.rpc`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.access.clients.model import M2M, RESOURCE_CLIENT
from tenantry.core import errors
from tenantry.core.caller import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.access.clients.model import Client
    from tenantry.call import Call

ALL = "*"
# Holding it amounts to holding every scope: its holder can invite an owner.
OPERATORS_WRITE = "operators:write"

SCOPES = (
    *("organizations:read", "organizations:write", "organizations:delete"),
    "portal_links:manage",
    *("users:read", "users:write", "users:delete"),
    "authentication:write",
    *("sessions:read", "sessions:revoke"),
    *("app_authorization:read", "app_authorization:write"),
    *("sso:read", "sso:write"),
    *("scim:read", "scim:write"),
    "agent_connectors:read",
    "auth_logs:read",
    "events:read",
    *("api_credentials:read", "api_credentials:write", "api_credentials:rotate"),
    *("mcp_servers:read", "mcp_servers:write"),
    *("webhooks:read", "webhooks:write"),
    *("interceptors:read", "interceptors:write"),
    *("email:read", "email:write"),
    *("mail:read", "mail:write"),
    *("branding:read", "branding:write"),
    *("environment_settings:read", "environment_settings:write"),
    "environments:write",
    *("encryption_keys:read", "encryption_keys:write", "encryption_keys:destroy"),
    *("deployment:read", "deployment:write"),
    "operators:read",
)

# Scopes by which an application calls this API for a user, and what a client needs for the same.
_SCOPES_OF_USERS = {
    "organizations_read": "organizations:read",
    "organizations_write": "organizations:write",
    "organizations_users_read": "users:read",
    "organizations_users_invite": "users:write",
    "organizations_users_remove": "users:delete",
    "organizations_users_role_update": "users:write",
    "organizations_sessions_read": "organizations:read",
    "organizations_sessions_write": "organizations:write",
    "connections_read": "sso:read",
    "connections_write": "sso:write",
    "directories_read": "scim:read",
    "directories_write": "scim:write",
}


def parse(values: Sequence[str], field: str) -> tuple[str, ...] | None:
    """Return management scopes in the order of `SCOPES`, each once; None where `*` is given."""
    for index, value in enumerate(values):
        if value not in SCOPES and value != ALL:
            raise errors.InvalidArgument.field(f"{field}[{index}]", "in", _refusal(value))
    if ALL not in values:
        return tuple(scope for scope in SCOPES if scope in values)
    if len(set(values)) > 1:
        raise errors.InvalidArgument.field(
            field, "in", f"{ALL} includes all scopes and must be the only value"
        )
    return None


def _refusal(value: str) -> str:
    if value == OPERATORS_WRITE:
        return (
            f"{value} cannot be given by itself: a client that administers operators can get every "
            f"scope. A client with {ALL} has it"
        )
    return f"{value[:60]!r} is not a management scope; use {', '.join(SCOPES)}, or {ALL} for all"


def of(client: Client) -> list[str]:
    """Return the management scopes of a client as the API shows them."""
    if client.management_scopes is not None:
        return list(client.management_scopes)
    return [ALL] if client.may_call_api else []


def holds(client: Client, scope: str) -> bool:
    """Whether a client holds a management scope."""
    held = client.management_scopes
    return client.may_call_api and (held is None or scope in held)


def check_reach(call: Call, *states: Client) -> None:
    """Raise PermissionDenied unless the caller holds everything that a client can do.

    A caller who controls how a client authenticates, or where its codes and tokens go, can act as
    that client. ``states`` are the client before and after a change.
    """
    for client in states:
        if call.caller.kind is Kind.MANAGEMENT_CLIENT:
            _check_scopes(call, client)
        elif client.may_call_api and not (call.caller.kind is Kind.OPERATOR and call.caller.owns):
            raise errors.PermissionDenied(
                "only owners can create, change or delete a client that can call this API, except "
                "for its name and description"
            )


def _check_scopes(call: Call, client: Client) -> None:
    held = call.caller.permissions
    if held is None:
        return
    if client.may_call_api and client.management_scopes is None:
        raise errors.PermissionDenied(
            "this caller lacks management scopes that the client would have; limit the client "
            "with management_scopes, or set disallow_scalekit_api_access"
        )
    missing = sorted(_scopes_of(client) - held)
    if missing:
        raise errors.PermissionDenied(
            f"this caller lacks management scopes that the client has: {', '.join(missing)}"
        )


def _scopes_of(client: Client) -> set[str]:
    """Return the management scopes that a client amounts to, by itself or for its users."""
    scopes = set(client.management_scopes or ()) if client.may_call_api else set[str]()
    if client.client_type not in {M2M, RESOURCE_CLIENT}:  # whose scopes are for other APIs
        scopes |= {_SCOPES_OF_USERS[name] for name in client.scopes if name in _SCOPES_OF_USERS}
    return scopes
