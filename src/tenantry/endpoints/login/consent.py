"""The page that asks a user for consent: the client, the organization and the scopes.

A third-party client chooses its name and its links. Only the host of its metadata document and the
destination of its codes are verified: the page shows both, and marks other clients as unverified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.access.client_metadata import documents, names, redirect_uris
from tenantry.access.clients.model import CIMD, STATIC
from tenantry.identity.sign_in import consenting

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.sign_in.model import AuthRequest

_SCOPES = {
    "openid": "consent.scope_openid",
    "profile": "consent.scope_profile",
    "email": "consent.scope_email",
    "phone": "consent.scope_phone",
    "offline_access": "consent.scope_offline_access",
}
_SHOWN = 60  # characters of a name, which the page contains several times


async def values(call: Call, found: AuthRequest) -> dict[str, Any]:
    """Return the values of the template for a sign-in that waits for consent."""
    prompt = await consenting.prompt(call, found)
    client = prompt.client
    choices = [(choice.id, choice.name) for choice in prompt.choices]
    return {
        "client": client,
        "client_name": names.clean(client.name, most=_SHOWN),
        "resource_name": prompt.resource.name,
        "host": documents.check_url(client.metadata_uri) if client.registration == CIMD else "",
        "is_static": client.registration == STATIC,
        "is_confusable": client.registration != STATIC and names.is_confusable(client.name),
        "choices": choices,
        "organization_id": found.organization_id or "",
        # Permissions in the words of the operator, scopes of OpenID Connect in ours.
        "scopes": [(name, text) for name, text in prompt.scopes if name not in _SCOPES],
        "selectable": prompt.selectable,
        "declined": prompt.declined,
        "standard_scopes": [_SCOPES[name] for name, _ in prompt.scopes if name in _SCOPES],
        **_destination(found.params.redirect_uri),
    }


def _destination(redirect_uri: str) -> dict[str, Any]:
    """Return where the code goes: a host, or a program on the user's device."""
    is_web = redirect_uri.startswith(("https://", "http://"))
    return {
        "is_local": redirect_uris.is_loopback(redirect_uri) or not is_web,
        "redirect_host": redirect_uris.shown_host(redirect_uri),
    }
