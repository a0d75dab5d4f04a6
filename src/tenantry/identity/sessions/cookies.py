"""The session's cookie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tenantry.net.http import Cookie, cookie

if TYPE_CHECKING:
    from tenantry.tenants.environment.effective import Effective

NAME = "tenantry_session"


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """The cookie that holds the secret of a session, as the settings have it now."""

    name: str
    effective: Effective

    @classmethod
    def of(cls, effective: Effective) -> SessionCookie:
        """Return that of a deployment."""
        return cls(Cookie.of(effective.given.public_url, NAME).name, effective)

    def read(self, header: str) -> str:
        """Return the secret that a Cookie header holds, "" without one."""
        return cookie(header, self.name)

    def issue(self, secret: str) -> str:
        """Return the value of Set-Cookie that sets it."""
        return self._now().issue(secret)

    def clear(self) -> str:
        """Return the value of Set-Cookie that ends it."""
        return self._now().clear()

    def _now(self) -> Cookie:
        settings = self.effective.settings
        persistent = settings.session_cookie_persistent
        made = Cookie.of(
            settings.public_url,
            NAME,
            seconds=settings.session_absolute_minutes * 60 if persistent else None,
            same_site=settings.session_cookie_same_site,
        )
        # Browsers take SameSite=None over TLS alone.
        return made if made.secure else replace(made, same_site="lax")
