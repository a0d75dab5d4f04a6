"""Social sign-in: providers of OAuth 2.0 that everybody can have an account at."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tenantry.endpoints.sso.code_flow import CodeFlow
from tenantry.identity.connections.model import OAUTH
from tenantry.identity.federation import social

if TYPE_CHECKING:
    from tenantry.endpoints.sso.site import SSOSite
    from tenantry.net.http import Route


def routes(site: SSOSite) -> list[Route]:
    """Return the routes of OAuth 2.0."""
    party = site.context.openid
    start = functools.partial(social.start, party)
    receive = functools.partial(social.receive, party)
    return CodeFlow(site, OAUTH, start, receive).routes()
