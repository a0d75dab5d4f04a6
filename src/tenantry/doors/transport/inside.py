"""The REST API as pages of ours call it: the same routes, rules and policies, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tenantry.api import policy
from tenantry.api.pipeline import Admission
from tenantry.doors.transport.rest import Transcoder, members_of
from tenantry.web import Request

if TYPE_CHECKING:
    from tenantry.api.http_calls import HttpCall
    from tenantry.caller import Caller, Origin
    from tenantry.db.engine import Session
    from tenantry.doors.transport.router import Router


class Inside:
    """Answers what a page asks for its visitor, whom the page has found."""

    def __init__(self, router: Router) -> None:
        self._router = router

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
            errors.Error: see the rpc; the caller may not make the call; there is no such route.

        """
        target, params = self._router.match(asked.verb, asked.path)
        assert isinstance(target, Transcoder)
        policy.check(target.method, caller)
        headers, body = {"content-type": "application/json"}, b""
        if asked.body is not None:
            body = orjson.dumps(asked.body)
        request = Request(
            asked.verb, asked.path, asked.query, headers, body, request_id, params=params
        )
        admission = Admission(caller, request_id, None, None, {}, origin, db)
        response, _ = await target.answer(request, admission)
        return members_of(response, target.method.flatten)
