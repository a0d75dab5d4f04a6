"""What clients may be granted a token for: one file for each grant_type.

`tenantry.oauth.token` does what is the same for all of them, and cannot be made to forget it; a
grant says what the token may hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.clients.model import Client


class Grant(Protocol):
    """One grant_type."""

    async def __call__(self, client: Client, form: Mapping[str, str]) -> Sequence[str]:
        """Return the scopes that an authenticated client, registered for this grant, gets.

        Raises:
            OAuthError: it gets no token.

        """
