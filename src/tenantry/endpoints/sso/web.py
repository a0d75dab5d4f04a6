"""The HTTP routes of this package: for each protocol, the redirect to the provider and the
callback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.sso import connection_tests, oauth, oidc, own_sign_ins, saml
from tenantry.endpoints.sso.site import SSOSite

if TYPE_CHECKING:
    from tenantry.app_context import AppContext
    from tenantry.net.http import Route


def routes(context: AppContext) -> list[Route]:
    site = SSOSite(context)
    return [
        *(*oidc.routes(site), *oauth.routes(site), *saml.routes(site)),
        *(*own_sign_ins.routes(site), *connection_tests.routes(site)),
    ]
