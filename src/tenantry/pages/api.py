"""The API as a page calls it for its visitor: what the page shows and changes, it asks for here.

So a page stands behind the same rules and policies as every other client, and can show the calls
that do the same as it did.
"""

from __future__ import annotations

import json
import shlex
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tenantry.caller import Caller, Origin
    from tenantry.db.engine import Session

_ROOT = "/api/v1"


@dataclass(frozen=True, slots=True)
class Asked:
    """One call over REST; ``body`` are the members of its JSON, None for none."""

    verb: str
    path: str
    query: str = ""
    body: Any = None

    def curl(self, public_url: str) -> str:
        """Return the command that makes the same call."""
        url = f"{public_url}{self.path}{'?' if self.query else ''}{self.query}"
        parts = ["curl", *([] if self.verb == "GET" else ["-X", self.verb]), shlex.quote(url)]
        command = " ".join([*parts, '-H "Authorization: Bearer $TOKEN"'])
        if self.body is None:
            return command
        written = shlex.quote(json.dumps(self.body, ensure_ascii=False))
        return f"{command} \\\n  -H 'Content-Type: application/json' -d {written}"


class Answering(Protocol):
    """It answers the calls of pages."""

    async def __call__(
        self,
        asked: Asked,
        caller: Caller,
        request_id: str,
        origin: Origin,
        db: Session | None = None,
    ) -> Any:
        """Return the members of the answer, as REST writes them; ``db`` is an open transaction.

        Raises:
            errors.Error: see the rpc.

        """


class Api:
    """The API for one visit; ``asked`` are its calls so far.

    A path is given below `/api/v1` with `{}` for each of ``names``, which are escaped; further
    members are those of the query, where None is left out and a list is repeated.
    """

    def __init__(
        self,
        answering: Answering,
        caller: Caller,
        request_id: str,
        origin: Origin,
        db: Session | None = None,
    ) -> None:
        self.caller = caller
        self.asked: list[Asked] = []
        self._answering = answering
        self._request_id = request_id
        self._origin = origin
        self._db = db

    @asynccontextmanager
    async def together(self, db: Session) -> AsyncIterator[Api]:
        """Return the API for calls of one form, whose changes are kept all or none.

        They are made in one transaction, so none of them may wait for somebody else, such as an
        identity provider.
        """
        async with db.transaction() as session:
            api = Api(self._answering, self.caller, self._request_id, self._origin, session)
            api.asked = self.asked
            yield api

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
        asked = Asked(verb, f"{_ROOT}{filled}", urlencode(given, doseq=True), body)
        self.asked.append(asked)
        return await self._answering(asked, self.caller, self._request_id, self._origin, self._db)


def _spelled(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
