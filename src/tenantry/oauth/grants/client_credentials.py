"""`client_credentials`: a client asks for itself (RFC 6749 section 4.4)."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from tenantry.oauth.errors import OAuthError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.clients.directory import Directory
    from tenantry.clients.model import Client

GRANT_TYPE = "client_credentials"
_SCOPES = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")  # section 3.3


class ClientCredentials:
    """See `Grant`."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def __call__(self, client: Client, form: Mapping[str, str]) -> Sequence[str]:
        """Return the scopes asked for, or all that the client has; never more than it has."""
        asked = form.get("scope", "")
        if not asked:
            return client.scopes
        if not _SCOPES.fullmatch(asked):
            raise OAuthError("invalid_scope", "scope must be names with one space between them")
        names = tuple(dict.fromkeys(asked.split(" ")))
        if not set(names) <= set(client.scopes):
            # Nobody is refused by memory: it may have got the scope a moment ago.
            found = await self._directory.find(client.id, since=time.monotonic())
            foreign = [name for name in names if found is None or name not in found.scopes]
            if foreign:
                raise OAuthError(
                    "invalid_scope", f"this client may not ask for {' '.join(foreign)[:200]}"
                )
        return names
