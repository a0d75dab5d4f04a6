"""Marks of identity providers: the icon in Simple Icons, or the first letter of the name."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from tenantry.web import branding

if TYPE_CHECKING:
    from markupsafe import Markup

# Slugs of Simple Icons by the ID of the guide. Other providers have a letter.
_SLUGS = {
    "google-workspace": "google",
    "keycloak": "keycloak",
    "oidc": "openid",
    "okta": "okta",
}
_PATH = re.compile(r'<path d="([^"]+)"')
_SHAPE = (
    '<span class="mark" aria-hidden="true">'
    '<svg viewBox="0 0 24 24" fill="currentColor" focusable="false"><path d="{}"/></svg></span>'
)
_LETTER = '<span class="mark" aria-hidden="true">{}</span>'


def provider_mark(guide_id: str, name: str) -> Markup:
    """Return the mark of a guide's provider; a tenant may have chosen the name."""
    from markupsafe import Markup

    path = _path(_SLUGS[guide_id]) if guide_id in _SLUGS else ""
    if path:
        return Markup(_SHAPE).format(path)  # noqa: S704 - a constant
    return Markup(_LETTER).format(branding.initial(name))  # noqa: S704 - a constant


@functools.cache
def _path(slug: str) -> str:
    # The package takes 13 MB of memory: only processes that show such an icon import it.
    from simple_icons_pack import get_icon

    icon = get_icon(slug)
    found = _PATH.search(icon.svg) if icon is not None else None
    return "" if found is None else found[1]
