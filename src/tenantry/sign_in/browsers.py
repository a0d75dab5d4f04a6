"""The cookie that binds auth requests to the browser that made them, and whose pages may use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry import errors
from tenantry.web import cookie

if TYPE_CHECKING:
    from tenantry.caller import Origin

NAME = "tenantry_login"


@dataclass(frozen=True, slots=True)
class BrowserCookie:
    """How a browser's secret is kept: for as long as it runs, and sent by links from mail."""

    name: str
    secure: bool

    @classmethod
    def of(cls, public_url: str) -> BrowserCookie:
        """Return the cookie of a deployment."""
        secure = public_url.startswith("https:")
        return cls(f"__Host-{NAME}" if secure else NAME, secure)

    def read(self, cookies: str) -> str:
        """Return the secret that a Cookie header holds, "" without one."""
        return cookie(cookies, self.name)

    def issue(self, secret: str) -> str:
        """Return the value of Set-Cookie."""
        secure = "; Secure" if self.secure else ""
        return f"{self.name}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}"


class ForeignPage(errors.PermissionDenied):
    """A page of somebody else has a browser send what only ours may."""

    sentence = "only pages of this origin may make this call"


def check_page(origin: Origin, public_url: str) -> None:
    """Refuse what a page of another origin has a browser send, with the cookies that it has.

    Browsers say so in Sec-Fetch-Site, older ones in Origin alone; other programs in neither, and
    have no cookies but their own.

    Raises:
        ForeignPage: it is such a page.

    """
    if origin.site:
        if origin.site != "same-origin":
            raise ForeignPage
    elif origin.page not in {"", public_url}:
        raise ForeignPage
