"""Pages for development alone: asked for by the names of this machine, and by no stranger."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenantry.core import errors

if TYPE_CHECKING:
    from tenantry.net.http import Request
    from tenantry.settings import Settings

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
# Headers of a proxy in front (RFC 7239, and its predecessors).
_OF_A_PROXY = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host")


class Gate:
    """Lets requests in; a local server is for this machine alone."""

    def __init__(self, settings: Settings) -> None:
        self._local = settings.is_local
        self._hosts = {*_LOOPBACK, urlsplit(settings.public_url).hostname}

    def check(self, request: Request) -> None:
        """Refuse a name that is not ours: a page elsewhere can give its own our address.

        A proxy that somebody has put before a server on localhost brings strangers: it is refused
        where it says that it is one.
        """
        if self._local and any(name in request.headers for name in _OF_A_PROXY):
            raise errors.RouteNotFound
        try:
            host = urlsplit(f"//{request.headers.get('host', '')}").hostname
        except ValueError:
            host = None
        if host not in self._hosts:
            raise errors.RouteNotFound
