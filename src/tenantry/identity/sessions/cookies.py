"""The session's cookie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.web import cookie

if TYPE_CHECKING:
    from tenantry.settings import Settings

NAME = "tenantry_session"


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """How the secret of a session is kept by a browser."""

    name: str
    secure: bool
    persistent: bool
    same_site: str
    seconds: int  # that a session lives at most

    @classmethod
    def of(cls, settings: Settings) -> SessionCookie:
        """Return the cookie of a deployment.

        Browsers take a `__Host-` cookie only over TLS and never from a sibling domain
        (RFC 6265bis section 4.1.3.2).
        """
        secure = settings.public_url.startswith("https:")
        return cls(
            name=f"__Host-{NAME}" if secure else NAME,
            secure=secure,
            persistent=settings.session_cookie_persistent,
            same_site=settings.session_cookie_same_site if secure else "lax",
            seconds=settings.session_absolute_minutes * 60,
        )

    def read(self, cookies: str) -> str:
        """Return the secret that a Cookie header holds, "" without one."""
        return cookie(cookies, self.name)

    def issue(self, secret: str) -> str:
        """Return the value of Set-Cookie for a session of this secret."""
        age = f"; Max-Age={self.seconds}" if self.persistent else ""
        return f"{self.name}={secret}{age}{self._attributes}"

    def clear(self) -> str:
        """Return the value of Set-Cookie that ends it."""
        return f"{self.name}=; Max-Age=0{self._attributes}"

    @property
    def _attributes(self) -> str:
        secure = "; Secure" if self.secure else ""
        return f"; Path=/; HttpOnly; SameSite={self.same_site.capitalize()}{secure}"
