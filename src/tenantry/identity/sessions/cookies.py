"""The session's cookie."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry.web import Cookie

if TYPE_CHECKING:
    from tenantry.settings import Settings

NAME = "tenantry_session"


def session_cookie(settings: Settings) -> Cookie:
    """Return the cookie that holds the secret of a session."""
    persistent = settings.session_cookie_persistent
    made = Cookie.of(
        settings.public_url,
        NAME,
        seconds=settings.session_absolute_minutes * 60 if persistent else None,
        same_site=settings.session_cookie_same_site,
    )
    # Browsers take SameSite=None over TLS alone.
    return made if made.secure else replace(made, same_site="lax")
