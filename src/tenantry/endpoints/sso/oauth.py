"""Social sign-in: providers of OAuth 2.0 that everybody can have an account at."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tenantry.endpoints.sso.code_flow import CodeFlow
from tenantry.identity.connections.model import OAUTH
from tenantry.identity.federation import social

if TYPE_CHECKING:
    from tenantry.endpoints.sso.door import Door
    from tenantry.net.http import Route


def routes(door: Door) -> list[Route]:
    """Return the routes of OAuth 2.0."""
    party = door.parts.openid
    start = functools.partial(social.start, party)
    receive = functools.partial(social.receive, party)
    return CodeFlow(door, OAUTH, start, receive).routes()
