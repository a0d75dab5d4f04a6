"""The HTTP routes of this package: for each protocol, the redirect to the provider and the
callback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.sso import oauth, oidc, own_sign_ins, saml, tests
from tenantry.endpoints.sso.door import Door

if TYPE_CHECKING:
    from tenantry.app_context import AppContext
    from tenantry.net.http import Route


def routes(parts: AppContext) -> list[Route]:
    door = Door(parts)
    return [
        *(*oidc.routes(door), *oauth.routes(door), *saml.routes(door)),
        *(*own_sign_ins.routes(door), *tests.routes(door)),
    ]
