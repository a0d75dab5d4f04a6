"""Settings of a client of any type: its keys, management scopes, and how its tokens are signed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.access.clients import changes, reading
from tenantry.access.clients import management_scopes as scopes
from tenantry.access.clients.credentials import key_sets
from tenantry.access.clients.model import CALLS_API, M2M, PUBLIC, Client
from tenantry.access.clients.reading import ClientIdentifier
from tenantry.access.keys import service as keys
from tenantry.core import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call

_SCOPES_FIELD = "settings.management_scopes"
_AUDIENCES_FIELD = "settings.token_exchange.audiences"
_TARGETS_FIELD = "settings.token_exchange.identity_assertions"
_EXCHANGES_TOKENS = (*CALLS_API, M2M)


async def get(call: Call, client_id: str) -> Client:
    """Return a client of the environment or of any organization."""
    return await reading.get(call.db, ClientIdentifier(client_id, anywhere=True))


async def update(
    call: Call,
    client_id: str,
    *,
    jwks: dict[str, Any] | None = None,
    token_endpoint_auth_method: str | None = None,
    access_token_signing_alg: str | None = None,
    management_scopes: Sequence[str] = (),
    token_exchange_audiences: Sequence[str] | None = None,
    identity_assertion_targets: Sequence[dict[str, Any]] | None = None,
) -> Client:
    """Change the members that are given; a key set without keys removes the client's.

    Without audiences and targets, the client cannot exchange tokens.

    The first client that asks for another signing algorithm has its keys made.
    """
    changed: dict[str, Any] = {}
    if jwks is not None:
        _check_key_set(jwks)
        changed["jwks"] = jwks if jwks["keys"] else None
    if token_endpoint_auth_method is not None:
        changed["token_endpoint_auth_method"] = token_endpoint_auth_method
    if access_token_signing_alg is not None:
        changed["access_token_signing_alg"] = access_token_signing_alg
    if management_scopes:
        changed["management_scopes"] = scopes.parse(management_scopes, _SCOPES_FIELD)
    if token_exchange_audiences is not None:
        changed["token_exchange_audiences"] = tuple(dict.fromkeys(token_exchange_audiences)) or None
    if identity_assertion_targets is not None:
        changed["identity_assertion_targets"] = tuple(identity_assertion_targets) or None
    async with call.db.transaction() as db:
        if access_token_signing_alg is not None:
            await keys.ensure_algorithm(db, access_token_signing_alg)
        before = await changes.hold(call, db, ClientIdentifier(client_id, anywhere=True))
        after = replace(before, **changed)
        _check_credentials(after, changed)
        if "management_scopes" in changed and after.client_type not in CALLS_API:
            raise errors.InvalidArgument.field(
                _SCOPES_FIELD,
                "const",
                f"a client of the type {after.client_type} cannot call the management API",
            )
        _check_token_exchange(after)
        return await changes.save(call, db, before, after)


def _check_token_exchange(client: Client) -> None:
    """Refuse token exchange that clients of this type cannot use."""
    if client.token_exchange_audiences and client.client_type not in _EXCHANGES_TOKENS:
        raise errors.InvalidArgument.field(
            _AUDIENCES_FIELD,
            "const",
            f"a client of the type {client.client_type} cannot exchange tokens",
        )
    targets = client.identity_assertion_targets or ()
    if targets and client.client_type not in CALLS_API:
        raise errors.InvalidArgument.field(
            _TARGETS_FIELD,
            "const",
            f"a client of the type {client.client_type} cannot request identity assertions",
        )
    seen: set[str] = set()
    for index, target in enumerate(targets):
        if target["issuer"] in seen:
            raise errors.InvalidArgument.field(
                f"{_TARGETS_FIELD}[{index}].issuer", "unique", "is given more than once"
            )
        seen.add(target["issuer"])


def _check_key_set(jwks: dict[str, Any]) -> None:
    try:
        key_sets.check(jwks)
    except key_sets.InvalidKeySet as problem:
        field = f"settings.jwks.{problem.where}".removesuffix(".")
        raise errors.InvalidArgument.field(field, "jwks", problem.text) from None


def _check_credentials(client: Client, changed: dict[str, Any]) -> None:
    """Refuse a way to authenticate that the client does not have."""
    method = client.token_endpoint_auth_method
    if client.client_type in PUBLIC and (client.jwks or method):
        raise errors.InvalidArgument.field(
            "settings.jwks" if client.jwks else "settings.token_endpoint_auth_method",
            "const",
            f"a client of the type {client.client_type} is public and does not authenticate",
        )
    if method == "private_key_jwt" and not client.jwks:
        field = "jwks" if "jwks" in changed else "token_endpoint_auth_method"
        raise errors.InvalidArgument.field(
            f"settings.{field}", "required", "private_key_jwt requires a key in jwks"
        )
