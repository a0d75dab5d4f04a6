"""The owners of API tokens, as one process has read them less than a second ago.

This is what the API of a customer waits for with each of its requests. An answer is given for 0.9
seconds from before it was read, so a token that is ended anywhere is refused everywhere within one
second. Tokens that are looked for in the same turn of the event loop are read by one statement.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tenantry.access.api_tokens import reading
from tenantry.core.times import now
from tenantry.db.ttl_cache import FRESH_SECONDS, TtlCache

if TYPE_CHECKING:
    from tenantry.access.api_tokens.model import ApiToken
    from tenantry.db.engine import Session

_MOST = 10_000  # tokens in force, and as many that are not
_AT_ONCE = 1000  # of a statement


class ApiTokenCache:
    """Tokens by their keys, in force or not."""

    def __init__(self, db: Session) -> None:
        self._tokens: TtlCache[str, ApiToken] = TtlCache(
            partial(reading.read, db),
            seconds=FRESH_SECONDS,
            most=_MOST,
            absent=_MOST,
            at_once=_AT_ONCE,
            name="API tokens",
        )

    async def find(self, text: str) -> ApiToken | None:
        """Return a token in force, given as it was shown or by its id; None if it is dead."""
        key = reading.key_of(text)
        token = None if key is None else await self._tokens.get(key)
        if token is None or (token.expire_time is not None and token.expire_time <= now()):
            return None
        return token

    def forget(self, token: ApiToken) -> None:
        """Read it anew the next time: this process has just changed or ended it."""
        self._tokens.forget(token.id)
        self._tokens.forget(token.digest)
