"""The cookie of the portal's sessions."""

from __future__ import annotations

from tenantry.net.http import Cookie
from tenantry.tenants.portal_links.service import SESSION_SECONDS


def portal_cookie(public_url: str) -> Cookie:
    """Return the cookie of the portal's sessions.

    Over TLS it works in a frame of another site, and each such site has its own. No cookie keeps
    requests of other sites out then: `Origin.is_of` does.
    """
    return Cookie.of(
        public_url,
        "tenantry_portal",
        seconds=SESSION_SECONDS,
        **({"same_site": "none", "partitioned": True} if public_url.startswith("https:") else {}),
    )
