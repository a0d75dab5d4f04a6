"""Running interceptors: asking those of a trigger, one after the other, before it happens.

Nobody asks within a transaction: a receiver takes its time. No answer, or one that breaks a rule,
is a failure, and the interceptor's own policy says whether that stops the sign-in or other action.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import true

from tenantry.core import errors
from tenantry.db import crud
from tenantry.db.ttl_cache import FRESH_SECONDS, TtlCache
from tenantry.db.writes.last_uses import LastUses
from tenantry.events.interceptors import answers, exchange
from tenantry.events.interceptors.breakers import Breakers
from tenantry.events.interceptors.exchange import Exchange, Failed
from tenantry.events.interceptors.model import (
    FAIL_CLOSED,
    PRE_M2M_TOKEN_CREATION,
    Interceptor,
    interceptors,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.db.engine import Session
    from tenantry.events.interceptors.answers import InterceptorDecision
    from tenantry.events.interceptors.exchange import Reply
    from tenantry.settings import Settings

ALL_SECONDS = 15.0  # of all interceptors of one trigger together
SUCCEEDED, FAILED = "SUCCESS", "FAILURE"  # interceptor_status of an event

_i = interceptors.c
_ENABLED = crud.list_all(interceptors, by=(_i.enabled == true(),))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The interceptors' decision, with their additions.

    ``claims`` are those of all of them, the later before the earlier; ``membership`` is
    `{"organization_id" or "external_organization_id": ..., "roles": [names]}`, the last one given.
    """

    claims: dict[str, Any] = field(default_factory=dict)
    membership: dict[str, Any] | None = None


NOTHING = Verdict()


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of a test: the answer as it came, if any, and its fault."""

    content: dict[str, Any] | None = None
    invalid: answers.Invalid | None = None
    failed: Failed | None = None


class Interceptors:
    """Asks interceptors; its memory of them is 0.9 s old at most."""

    def __init__(self, db: Session, settings: Settings) -> None:
        self.allow = settings.webhook_allow
        self._db = db
        self._support_email = settings.support_email
        self._exchange = Exchange(db, self.allow)
        self._breakers = Breakers()
        self._uses = LastUses(db, interceptors, column="last_executed_time")
        # All that are enabled, by their trigger: one value, read by one statement.
        self._known: TtlCache[None, dict[str, list[Interceptor]]] = TtlCache(
            self._read, seconds=FRESH_SECONDS, most=1, name="interceptors"
        )

    async def runs(self, trigger: str) -> bool:
        """Whether there is anybody to ask."""
        return bool(await self._enabled(trigger))

    async def run(
        self,
        call: Call,
        trigger: str,
        *,
        context: Mapping[str, Any],
        data: Mapping[str, Any],
        organization_id: str | None = None,
    ) -> Verdict:
        """Ask all enabled interceptors of a trigger, the oldest first, until one denies.

        ``context`` is what `interceptor_context` has beyond environment, browser, address and
        time; its organization is the event's unless ``organization_id`` names one.

        Raises:
            errors.Intercepted: one denies, or has failed and fails closed.

        """
        chain = await self._enabled(trigger)
        if not chain:
            return NOTHING
        if call.db.remembered is None:
            raise RuntimeError("interceptors must not be called within a transaction")
        until = time.monotonic() + ALL_SECONDS
        claims: dict[str, Any] = {}
        membership = None
        for interceptor in chain:
            body = exchange.body(call, interceptor, context, data)
            about = _About(call, organization_id or context.get("organization_id"), context)
            left = min(interceptor.timeout_ms / 1000, exchange.MOST_SECONDS)
            left = min(left, max(until - time.monotonic(), 0.0))
            answer = await self._asked(interceptor, body, left, claims, about)
            if answer is not None:
                claims = merged(claims, answer.claims)
                membership = answer.membership or membership
        return Verdict(claims, membership)

    async def test(self, call: Call, interceptor: Interceptor, sample: Mapping[str, Any]) -> Trial:
        """Ask one interceptor with sample data, enabled or not; nothing is recorded of it.

        A sample that has `interceptor_context` or `data`, and nothing else, is taken for both.
        """
        context: Any = {}
        data: Any = sample
        if sample and not sample.keys() - {"interceptor_context", "data"}:
            context, data = sample.get("interceptor_context", {}), sample.get("data", {})
        if not isinstance(context, dict) or not isinstance(data, dict):
            raise errors.InvalidArgument.field(
                "data", "type", "interceptor_context and data must be objects"
            )
        body = exchange.body(call, interceptor, context, data)
        seconds = min(interceptor.timeout_ms / 1000, exchange.MOST_SECONDS)
        try:
            reply = await self._exchange.ask(interceptor, body, seconds=seconds)
        except Failed as problem:
            return Trial(invalid=problem.invalid, failed=problem)
        return Trial(reply.content, answers.problem_of_error(reply.content))

    def forget(self, interceptor_id: str) -> None:
        """Look interceptors up the next time, and be fair to this one: it has changed just now."""
        self._known.forget(None)
        self._breakers.forget(interceptor_id)

    async def close(self) -> None:
        """Write waiting events, and close all connections."""
        await self._uses.close()
        await self._exchange.close()

    async def _enabled(self, trigger: str) -> Sequence[Interceptor]:
        return (await self._known.get(None) or {}).get(trigger, ())

    async def _read(self, keys: Sequence[None]) -> dict[None, dict[str, list[Interceptor]]]:
        known: dict[str, list[Interceptor]] = {}
        for row in await self._db.fetch_all(_ENABLED):
            interceptor = Interceptor.from_row(row)
            known.setdefault(interceptor.trigger_point, []).append(interceptor)
        return dict.fromkeys(keys, known)

    async def _asked(
        self,
        interceptor: Interceptor,
        body: bytes,
        seconds: float,
        claims: Mapping[str, Any],
        about: _About,
    ) -> InterceptorDecision | None:
        """Ask one and record it; None if it failed, and that is to be passed over."""
        started = time.perf_counter()
        reply: Reply | None = None
        failed: Failed | None = None
        try:
            reply = await self._ask(interceptor, body, seconds)
            answers.check_size(merged(claims, reply.answer.claims))
        except answers.Invalid as problem:
            failed = Failed("INVALID_RESPONSE", str(problem), status=200, invalid=problem)
        except Failed as problem:
            failed = problem
        milliseconds = round((time.perf_counter() - started) * 1000)
        answer = reply.answer if reply is not None and failed is None else None
        await self._db.record(_executed(interceptor, answer, failed, milliseconds, about))
        if answer is None and interceptor.failure_policy == FAIL_CLOSED:
            raise errors.Intercepted(self._generic(interceptor.trigger_point))
        if answer is not None and answer.decision == answers.DENY:
            message = answer.message or self._generic(interceptor.trigger_point)
            raise errors.Intercepted(message, answer.code)
        return answer

    async def _ask(self, interceptor: Interceptor, body: bytes, seconds: float) -> Reply:
        if seconds <= 0:
            raise Failed("NOT_ASKED", "those before it took all the time that there is")
        if not self._breakers.enter(interceptor.id):
            raise Failed("NOT_ASKED", "it is paused after repeated failures")
        answered: bool | None = None
        self._uses.note(interceptor.id)
        try:
            reply = await self._exchange.ask(interceptor, body, seconds=seconds)
        except Failed:
            answered = False
            raise
        else:
            answered = True
            return reply
        finally:
            self._breakers.leave(interceptor.id, answered=answered)

    def _generic(self, trigger: str) -> str:
        """Return the words for where the interceptor says nothing."""
        if trigger == PRE_M2M_TOKEN_CREATION:
            text = "A policy of this application does not allow this token."
        else:
            text = "A policy of this application does not allow this."
        if self._support_email:
            text += f" Contact {self._support_email} for help."
        return text


@dataclass(frozen=True, slots=True)
class _About:
    """An event's members beside the interceptor: the caller and the organization."""

    call: Call
    organization_id: str | None
    context: Mapping[str, Any]


def _executed(
    interceptor: Interceptor,
    answer: InterceptorDecision | None,
    failed: Failed | None,
    milliseconds: int,
    about: _About,
) -> Event:
    """Return the event of one request; of a failure the decision is what its policy makes of it.

    Request and answer are not in it: they are about people, and events are kept for long.
    """
    status = FAILED if answer is None else SUCCEEDED
    if answer is not None:
        decision = answer.decision
    else:
        closed = interceptor.failure_policy == FAIL_CLOSED
        decision = answers.DENY if closed else answers.ALLOW
    after: dict[str, Any] = {
        "id": interceptor.id,
        "display_name": interceptor.display_name,
        "trigger_point": interceptor.trigger_point,
        "status": status,
        "decision": decision,
        "duration_ms": milliseconds,
    }
    for name in ("user_id", "client_id"):
        if about.context.get(name):
            after[name] = about.context[name]
    if answer is not None and answer.code:
        after["error_code"] = answer.code
    if failed is not None:
        after |= {"failure_policy": interceptor.failure_policy, "failure": failed.code}
        after["failure_message"] = str(failed)
        if failed.status is not None:
            after["http_status"] = failed.status
    event = about.call.event(
        "interceptor.executed", organization_id=about.organization_id, after=after
    )
    return replace(
        event,
        context={
            "interceptor_id": interceptor.id,
            "interceptor_status": status,
            "interceptor_decision": decision,
        },
    )


def merged(claims: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return claims with more of them, which go before; members of `custom_claims` one by one."""
    both = [part["custom_claims"] for part in (claims, more) if "custom_claims" in part]
    if len(both) == 2 and all(isinstance(one, dict) for one in both):
        more = {**more, "custom_claims": {**both[0], **both[1]}}
    return {**claims, **more}
