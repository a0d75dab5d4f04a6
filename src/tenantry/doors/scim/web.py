"""The HTTP routes of this door: one for each verb below an address of a directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.doors.scim.answers import refused
from tenantry.doors.scim.bearers import Bearers
from tenantry.doors.scim.door import Door
from tenantry.web import MAX_BODY, Route

if TYPE_CHECKING:
    from tenantry.doors.parts import Parts

# The first is ours. The others are for providers that were set up with addresses of Scalekit,
# whose samples misspell one.
BASES = (
    "/directory/{directory_id}/scim/v2",
    "/api/v1/directories/{directory_id}/scim/v2",
    "/api/v1/directoies/{directory_id}/scim/v2",
)
_VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes(parts: Parts) -> list[Route]:
    """Return what this door serves."""
    door = Door(
        parts.db,
        parts.rates,
        bearers=Bearers(parts.db),
        uses=parts.directory_secret_uses,
        log=parts.directory_requests,
        public_url=parts.settings.public_url,
        is_modular=parts.settings.is_modular,
    )
    return [
        Route(verb, f"{base}/{{path*}}", door, body_limit=MAX_BODY, refused=refused)
        for base in BASES
        for verb in _VERBS
    ]
