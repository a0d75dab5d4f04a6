"""The rules of applications (WEB_APP, SPA, NTV), and of what the API changes of an ENV client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.access.clients import changes, reading, values
from tenantry.access.clients.model import APPLICATIONS, ENV, PUBLIC, Client
from tenantry.access.clients.reading import ClientIdentifier
from tenantry.core import errors, ids
from tenantry.core.times import now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call

Rule = Callable[[Any, str, bool], Any]


def _expiry(value: int, _type: str, _production: bool) -> int | None:
    field = "client.access_token_expiry"
    return values.seconds(value, values.APPLICATION_EXPIRY, field) if value else None


def _api_access(disallowed: bool, type_: str, _production: bool) -> bool:
    if disallowed and type_ == ENV:
        raise errors.InvalidArgument.field(
            "client.disallow_scalekit_api_access", "const", "cannot be set for a management client"
        )
    return not disallowed


def _initiate_login_uri(value: str, _type: str, production: bool) -> str | None:
    field = "client.initiate_login_uri"
    return values.initiate_login_uri(value, production=production, field=field) if value else None


# Of each member of the contract: the column that keeps it, and what its value becomes there.
_RULES: dict[str, tuple[str, Rule]] = {
    "name": ("name", lambda value, _type, _production: values.name(value)),
    "scopes": ("scopes", lambda value, _type, _production: values.scopes(value)),
    "custom_claims": (
        "custom_claims",
        lambda value, _type, _production: values.custom_claims(value),
    ),
    "grant_types": (
        "grant_types",
        lambda value, type_, _production: values.grant_types(value, type_),
    ),
    "access_token_expiry": ("expiry", _expiry),
    "disallow_scalekit_api_access": ("api_access", _api_access),
    # Public clients use PKCE in any case (RFC 9700 section 2.1.1).
    "enforce_pkce": (
        "enforce_pkce",
        lambda value, type_, _production: bool(value) or type_ in PUBLIC,
    ),
    "post_login_uris": ("post_login_uris", values.post_login_uris),
    "post_logout_redirect_uris": (
        "post_logout_redirect_uris",
        values.post_logout_redirect_uris,
    ),
    "back_channel_logout_uris": ("back_channel_logout_uris", values.back_channel_logout_uris),
    "initiate_login_uri": ("initiate_login_uri", _initiate_login_uri),
    "ip_allowlist": (
        "ip_allowlist",
        lambda value, _type, _production: values.ip_allowlist(**value) if value else None,
    ),
}
MEMBERS = tuple(_RULES)


async def create(
    call: Call, *, client_type: str, members: Mapping[str, Any], production: bool
) -> Client:
    """Create an application from members by their names in `MEMBERS`; it has no secret yet."""
    if client_type not in APPLICATIONS:
        raise errors.InvalidArgument.field(
            "client.client_type",
            "in",
            f"must be {', '.join(APPLICATIONS)}; create management clients with "
            "`tenantry client create`",
        )
    at = now()
    client = Client(
        id=call.db.new_id(ids.ENVIRONMENT_CLIENT),
        client_type=client_type,
        name="",
        create_time=at,
        update_time=at,
    )
    client = replace(client, **_columns(client, members, production=production))
    await changes.create(call, client)
    return client


async def get(call: Call, client_id: str) -> Client:
    """Return a client of the environment."""
    return await reading.get(call.db, ClientIdentifier(client_id))


async def update(
    call: Call, client_id: str, members: Mapping[str, Any], *, production: bool
) -> Client:
    """Change the given members, by their names in `MEMBERS`; an empty value clears one."""
    async with call.db.transaction() as db:
        before = await changes.hold(call, db, ClientIdentifier(client_id))
        after = replace(before, **_columns(before, members, production=production))
        return await changes.save(call, db, before, after)


async def remove(call: Call, client_id: str) -> None:
    """Delete an application."""
    async with call.db.transaction() as db:
        client = await changes.hold(call, db, ClientIdentifier(client_id))
        if client.client_type == ENV:
            raise errors.InvalidArgument(
                "management clients can only be deleted with `tenantry client delete`"
            )
        await changes.remove(call, db, client)


def _columns(client: Client, members: Mapping[str, Any], *, production: bool) -> dict[str, Any]:
    """Return the columns that these members of the contract change, each checked."""
    columns = {}
    for name, value in members.items():
        column, rule = _RULES[name]
        columns[column] = rule(value, client.client_type, production)
    return columns
