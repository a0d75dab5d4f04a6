"""The cookies that bind auth requests to the browser that made them, and whose pages may use them.

Each request has its own cookie, so sign-ins in several tabs go on side by side. Its secret is
new then and again at each proof: a cookie that somebody planted in a browser, or copied from it
before, opens nothing of worth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core import errors, ids
from tenantry.net.http import Cookie, cookies_of

if TYPE_CHECKING:
    from tenantry.core.caller import Origin
    from tenantry.identity.sign_in.model import AuthRequest

NAME = "tenantry_login_"
MOST = 8  # that one browser keeps: the oldest ones go
SECONDS = 3600  # longer than any request goes on
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")  # as `vault.new_secret` makes them
_NUMBER = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class BrowserCookies:
    """How a browser keeps the secrets of its requests: they are sent by links from mail, too.

    Over TLS none is taken from another host, not even a subdomain (RFC 6265bis section 4.1.3.2).
    """

    prefix: str
    secure: bool

    @classmethod
    def of(cls, public_url: str) -> BrowserCookies:
        secure = public_url.startswith("https:")
        return cls(f"__Host-{NAME}" if secure else NAME, secure)

    def read(self, header: str, request_id: str) -> str:
        """Return the secret of a request that a Cookie header holds, "" without one."""
        return dict(self._held(header)).get(request_id.removeprefix(ids.AUTH_REQUEST), "")

    def secrets(self, header: str) -> list[str]:
        """Return the secrets of the newest requests in a Cookie header, the newest first."""
        return [secret for _, secret in self._held(header)[:MOST]]

    def issue(self, request: AuthRequest) -> list[str]:
        """Return the values of Set-Cookie for the new secret that a request has, if it has one."""
        if request.secret is None:
            return []
        number = request.id.removeprefix(ids.AUTH_REQUEST)
        return [self._of(number).issue(request.secret)]

    def make_room(self, header: str) -> list[str]:
        """Return the values of Set-Cookie that end the oldest, so that one more has room."""
        return [self._of(number).clear() for number, _ in self._held(header)[MOST - 1 :]]

    def _held(self, header: str) -> list[tuple[str, str]]:
        held = (
            (name.removeprefix(self.prefix), value)
            for name, value in cookies_of(header)
            if name.startswith(self.prefix)
        )
        good = [
            (number, secret)
            for number, secret in held
            if _NUMBER.fullmatch(number) and _SECRET.fullmatch(secret)
        ]
        return sorted(good, key=lambda one: int(one[0]), reverse=True)

    def _of(self, number: str) -> Cookie:
        return Cookie(f"{self.prefix}{number}", self.secure, SECONDS)


class ForeignPage(errors.PermissionDenied):
    """A page of somebody else has a browser make a call that is for our pages alone."""

    sentence = "only pages of this origin may make this call"


def check_page(origin: Origin, public_url: str) -> None:
    """Refuse a call that a page of another origin has a browser make, with the browser's
    cookies.
    """
    if not origin.is_of(public_url, no_browser=True):
        raise ForeignPage
