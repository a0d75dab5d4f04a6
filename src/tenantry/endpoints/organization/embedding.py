"""The admin portal in a frame: the pages that may hold it, and what it tells them.

A page of the portal carries what it has to tell in attributes, and `static/portal.js` posts it: to
the origin around it alone, and only where that is among those that may hold the portal.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from tenantry.api import descriptors
from tenantry.core.times import MINUTE, now
from tenantry.crypto.vault import Binding, WrongKey
from tenantry.web.assets import Asset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.crypto.vault import Vault
    from tenantry.gen.scalekit.v1.connections.connections_pb import Connection
    from tenantry.gen.scalekit.v1.directories.directories_pb import Directory
    from tenantry.net.http import Response

SCRIPT = Asset.of_files("/ui/portal.js", "endpoints/organization/static/portal.js")
# `error_code` of PORTAL_LOAD_FAILURE.
SESSION_EXPIRED = "SESSION_EXPIRED"
LINK_EXPIRED = "LINK_EXPIRED"

_NOBODY = "frame-ancestors 'none'"
_TOLD_FOR = 2 * MINUTE  # after the change; the page follows its form at once
_MOST_SEALED = 4000  # characters, looked at before it is opened
_PURPOSE = "event of a page in a frame"


@dataclass(frozen=True, slots=True)
class Event:
    """A message of a page to the one around it, with its members."""

    event_type: str
    object: str
    organization_id: str
    message: str
    data: Mapping[str, Any]

    @classmethod
    def of_connection(cls, connection: Connection) -> Self:
        """Return that a connection, as the API shows it, was enabled or disabled."""
        data = {
            "connection_type": "SSO",
            "id": connection.id,
            "type": descriptors.enum_name(connection.type),
            "provider": descriptors.enum_name(connection.provider),
            "enabled": connection.enabled,
        }
        return cls(
            f"ORGANIZATION_SSO_{_done(connection.enabled).upper()}",
            "connection",
            connection.organization_id,
            f"Single sign-on was {_done(connection.enabled)}",
            data,
        )

    @classmethod
    def of_directory(cls, directory: Directory) -> Self:
        """Return that a directory, as the API shows it, was enabled or disabled."""
        data = {
            "directory_type": descriptors.enum_name(directory.directory_type),
            "id": directory.id,
            "provider": descriptors.enum_name(directory.directory_provider),
            "enabled": directory.enabled,
        }
        return cls(
            f"ORGANIZATION_DIRECTORY_{_done(directory.enabled).upper()}",
            "directory",
            directory.organization_id,
            f"The directory was {_done(directory.enabled)}",
            data,
        )


def encode(event: Event, vault: Vault) -> str:
    """Return an event for the address of the page that tells it."""
    plain = json.dumps([now() + _TOLD_FOR, asdict(event)], separators=(",", ":")).encode()
    return vault.encrypt_for_url(plain, _binding(event.organization_id))


def decode(encrypted: str, vault: Vault, organization_id: str) -> str:
    """Return the JSON of an event of this organization; "" for anything else, and after a while."""
    if not encrypted or len(encrypted) > _MOST_SEALED:
        return ""
    try:
        until, event = json.loads(vault.decrypt_from_url(encrypted, _binding(organization_id)))
    except (WrongKey, ValueError):
        return ""
    if now() > until or event["organization_id"] != organization_id:
        return ""
    return json.dumps(event)


def _binding(organization_id: str) -> Binding:
    return Binding(_PURPOSE, organization_id=organization_id)


def framed(response: Response, origins: Sequence[str]) -> Response:
    """Let pages of these origins, and our own, hold a page in a frame.

    X-Frame-Options goes, which knows no list of origins (CSP Level 3, section 6.4.2.1: a browser
    that reads frame-ancestors takes no notice of it).
    """
    response.headers.pop("x-frame-options", None)
    policy = response.headers.get("content-security-policy", f"default-src 'none'; {_NOBODY}")
    ancestors = " ".join(("frame-ancestors", "'self'", *origins))
    response.headers["content-security-policy"] = policy.replace(_NOBODY, ancestors)
    return response


def _done(enabled: bool) -> str:
    return "enabled" if enabled else "disabled"
