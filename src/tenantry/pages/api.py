"""The API as a page calls it for its visitor: what the page shows and changes, it asks for here.

So a page stands behind the same rules and policies as every other client, and can show the calls
that do the same as it did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from tenantry.api.http_calls import HttpCall
from tenantry.api.in_process import InProcessClient

if TYPE_CHECKING:
    from tenantry.api.in_process import Rpcs
    from tenantry.caller import Caller, Origin
    from tenantry.db.engine import Session

_ROOT = "/api/v1"


class Answering(Protocol):
    """It answers the calls of pages."""

    async def __call__(
        self,
        asked: HttpCall,
        caller: Caller,
        request_id: str,
        origin: Origin,
        db: Session | None = None,
    ) -> Any:
        """Return the members of the answer, as REST writes them; ``db`` is an open transaction.

        Raises:
            errors.Error: see the rpc.

        """


class Api(InProcessClient):
    """The API for one visit, also by paths and members of JSON.

    A path is given below `/api/v1` with `{}` for each of ``names``, which are escaped; further
    members are those of the query, where None is left out and a list is repeated.
    """

    def __init__(  # noqa: PLR0917 - `answering` goes with the calls by path
        self,
        answering: Answering,
        rpcs: Rpcs,
        caller: Caller,
        request_id: str,
        origin: Origin,
        db: Session | None = None,
    ) -> None:
        super().__init__(rpcs, caller, request_id, origin, db)
        self._answering = answering

    def _within(self, session: Session) -> Api:
        return Api(
            self._answering, self._rpcs, self.caller, self._request_id, self._origin, session
        )

    async def get(self, path: str, *names: str, **query: Any) -> Any:
        """Read."""
        return await self.call("GET", path, names, query)

    async def post(self, path: str, *names: str, body: Any = None, **query: Any) -> Any:
        """Make."""
        return await self.call("POST", path, names, query, body)

    async def patch(self, path: str, *names: str, body: Any = None, **query: Any) -> Any:
        """Change."""
        return await self.call("PATCH", path, names, query, body)

    async def put(self, path: str, *names: str, body: Any = None, **query: Any) -> Any:
        """Replace."""
        return await self.call("PUT", path, names, query, body)

    async def delete(self, path: str, *names: str, **query: Any) -> Any:
        """Delete."""
        return await self.call("DELETE", path, names, query)

    async def call(
        self,
        verb: str,
        path: str,
        names: tuple[str, ...] = (),
        query: dict[str, Any] | None = None,
        body: Any = None,
    ) -> Any:
        """Make one call and return the members of its answer.

        Raises:
            errors.Error: see the rpc.

        """
        filled = path.format(*(quote(name, safe="") for name in names))
        given = {name: _spelled(value) for name, value in (query or {}).items()}
        given = {name: value for name, value in given.items() if value is not None}
        asked = HttpCall(verb, f"{_ROOT}{filled}", urlencode(given, doseq=True), body)
        self.sent.append(asked)
        return await self._answering(asked, self.caller, self._request_id, self._origin, self._db)


def _spelled(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
