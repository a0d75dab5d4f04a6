"""The pipeline of every call: the caller, its rights, the request's rules, the rpc, the kept reply.

Every wire goes through `Pipeline.admit` and `Pipeline.run`. The answer is encoded only after
everything is committed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.api import field_visibility, messages, policy, validation
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.answer import message_of
from tenantry.core.caller import Kind
from tenantry.db.engine import Failure
from tenantry.db.writes import replies
from tenantry.db.writes.retries import retried

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from protobuf import Message

    from tenantry.api.methods import Method
    from tenantry.core.answer import Answer
    from tenantry.core.caller import Caller, Origin
    from tenantry.db.engine import Database, Session
    from tenantry.net.http import Request
    from tenantry.rate_limits.rates import Rates

    Authenticate = Callable[[Mapping[str, str], str], Awaitable[Caller]]

_ETAG = r'(?:W/)?"[^"\x00-\x20\x7f]*"'
_ETAGS = re.compile(rf"[ \t,]*(?:{_ETAG}[ \t]*(?:,[ \t,]*|$))+")
_REVISION = re.compile(r'"(\d{1,18})"')
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(slots=True)  # not frozen: that doubles the time to make one
class Admission:
    """A caller that may make this call, and the rest of its headers."""

    caller: Caller
    request_id: str
    if_match: frozenset[int] | None
    idempotency_key: str | None
    extra: dict[str, list[str]]
    origin: Origin
    db: Session | None = None  # a transaction that is open; None for none


class Runner:
    """Runs rpcs on one database, for known callers.

    ``visible_metadata`` are the metadata keys that other callers than management clients can read.
    """

    def __init__(self, database: Database, *, visible_metadata: Collection[str] = ()) -> None:
        self._database = database
        self._visible_metadata = visible_metadata

    async def run(
        self,
        method: Method,
        admission: Admission,
        message: Message[Any],
        *,
        spelled: bytes | None = None,
        extra: dict[str, list[str]] | None = None,
    ) -> tuple[Message[Any] | Answer, dict[str, str]]:
        """Check the request, run the rpc, and return its response and headers.

        ``spelled`` is the body as it came; ``extra`` are query members beyond the message, which
        go before those that came as headers.
        """
        try:
            if admission.db is not None:  # its opener runs all of it once more
                return await self._run(method, admission, message, spelled=spelled, extra=extra)
            return await retried(
                self._run, method, admission, message, spelled=spelled, extra=extra
            )
        except errors.Duplicate as problem:
            # The caller continues an open transaction: send no further query in it.
            if (
                problem.find
                and admission.db is None
                and field_visibility.sees_all(admission.caller)
            ):
                with contextlib.suppress(Failure):
                    problem.tell(await problem.find(self._database))
            raise

    async def _run(
        self,
        method: Method,
        admission: Admission,
        message: Message[Any],
        *,
        spelled: bytes | None,
        extra: dict[str, list[str]] | None,
    ) -> tuple[Message[Any] | Answer, dict[str, str]]:
        beyond = {**admission.extra, **extra} if extra else admission.extra
        policy.check_fields(method, admission.caller, message, beyond)
        validation.check(message, spelled=spelled)
        call = Call(
            admission.caller,
            self._database if admission.db is None else admission.db,
            admission.request_id,
            if_match=admission.if_match,
            extra=beyond,
            origin=admission.origin,
        )
        if method.before is not None:
            await method.before(message, call)
        response: Message[Any] | Answer
        if admission.idempotency_key is None:
            if method.lists and call.db is self._database:
                response = await self._list(method, call, message)
            else:
                response = await method.function(message, call)
            headers = call.headers
        else:
            response, headers = await self._run_once(
                method, call, message, admission.idempotency_key
            )
        if not field_visibility.sees_all(admission.caller):
            response = message_of(response)
            field_visibility.hide(response, admission.caller, self._visible_metadata)
        return response, headers

    async def _list(
        self, method: Method, call: Call, message: Message[Any]
    ) -> Message[Any] | Answer:
        """Run an rpc that lists: on a standby, where there is one that has caught up."""
        if self._database.replica is not None:
            try:
                async with self._database.replica.reading() as session:
                    if session is not None:
                        call.db = session
                        return await method.function(message, call)
            except Failure:  # such as a row that the standby had to take from under it
                call.db = self._database
                call.headers.clear()
        return await method.function(message, call)

    async def _run_once(
        self, method: Method, call: Call, message: Message[Any], key: str
    ) -> tuple[Message[Any], dict[str, str]]:
        # By JSON with its members in order: a map has none, and each wire writes it as it likes.
        try:
            members = json.dumps(json.loads(message.to_json()), sort_keys=True)
        except messages.UNREADABLE as problem:  # what the binary form alone can spell, as NaN
            raise errors.InvalidArgument(f"the message cannot be read: {problem}") from None
        beside = f"\n{json.dumps(call.extra, sort_keys=True)}" if call.extra else ""
        request = hashlib.sha256(f"{method.path}\n{members}{beside}".encode()).hexdigest()
        async with self._database.transaction() as session:
            kept = await replies.claim(session, caller_id=call.caller.id, key=key, request=request)
            if kept is not None:
                return method.output.from_binary(kept[0]), kept[1] | {"idempotent-replayed": "true"}
            call.db = session
            response = message_of(await method.function(message, call))
            await replies.keep(
                session,
                caller_id=call.caller.id,
                key=key,
                response=response.to_binary(),
                headers=call.headers,
            )
        return response, call.headers


class Pipeline(Runner):
    """Runs rpcs for callers that `authenticate` finds by headers and address."""

    def __init__(
        self,
        database: Database,
        authenticate: Authenticate,
        rates: Rates,
        *,
        visible_metadata: Collection[str] = (),
    ) -> None:
        super().__init__(database, visible_metadata=visible_metadata)
        self._authenticate = authenticate
        self._rates = rates

    async def admit(self, method: Method, request: Request) -> Admission:
        """Find the caller and whether it may call; before the body is even parsed."""
        headers = request.headers
        caller = await self._authenticate(headers, request.address)
        request.context.caller = caller
        if self._rates.of_clients and caller.is_client:
            request.tell(await self._rates.take_client(caller.id))
        policy.check(method, caller)
        # Nothing is kept for anonymous callers: all of them would share their keys.
        keeps = method.keeps_replies and caller.kind is not Kind.ANONYMOUS
        key = headers.get("idempotency-key") if keeps else None
        if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
            raise errors.InvalidArgument.field(
                "idempotency-key", "pattern", "must be 1 to 255 visible ASCII characters"
            )
        if_match = revisions(headers.get("if-match")) if method.if_match else None
        return Admission(
            caller,
            request.request_id,
            if_match,
            key,
            _extra(method, headers) if method.extra_headers else {},
            request.origin,
        )


def _extra(method: Method, headers: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what the call takes beyond its message: `force` from `x-force`, as from a query."""
    return {name: [headers[header]] for name, header in method.extra_headers if header in headers}


def revisions(if_match: str | None) -> frozenset[int] | None:
    """Return the revisions that If-Match allows; None for any.

    Unknown and weak ETags match nothing (RFC 9110 section 13.1.1).
    """
    if if_match is None or if_match.strip() == "*":
        return None
    if not _ETAGS.fullmatch(if_match):
        raise errors.InvalidArgument.field(
            "if-match",
            "pattern",
            'must be the ETag of a response, with its quotes, such as "3", or *',
        )
    tags = (_REVISION.fullmatch(tag) for tag in re.findall(_ETAG, if_match))
    return frozenset(int(tag[1]) for tag in tags if tag)
