"""Grants that clients get tokens for: one file for each grant_type.

`oauth.token` does the part that is the same for all of them, so that no grant can forget it; a
grant says what it gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.access.clients.model import Client
    from tenantry.access.resources.model import Resource
    from tenantry.call import Call
    from tenantry.identity.tokens.access_tokens import Issued


@dataclass(frozen=True, slots=True)
class Granted:
    """The answer that a client gets."""

    access_token: Issued
    scopes: Sequence[str]
    id_token: str | None = None
    refresh_token: str | None = None
    issued_token_type: str | None = None  # RFC 8693 section 2.2.1
    token_type: str = "Bearer"  # noqa: S105 - a name, no secret; "N_A" of no access token


class Grant(Protocol):
    """One grant_type."""

    async def __call__(
        self, call: Call, client: Client, form: Mapping[str, str], resource: Resource | None, /
    ) -> Granted:
        """Return what an authenticated client, registered for this grant, gets.

        A client of a resource gets tokens for that resource alone.
        """
