"""Telling applications that a session has ended (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tenantry.core import ids
from tenantry.core.times import now
from tenantry.db.engine import Failure
from tenantry.identity.sessions.termination import notices
from tenantry.net.outgoing import NoResponse, Outgoing
from tenantry.telemetry.log import warn_rate_limited

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenantry.db.engine import Session
    from tenantry.identity.sessions.termination.notices import Notice
    from tenantry.settings import Settings

    # Signs these claims as a token of this type (RFC 7515 section 4.1.9).
    Sign = Callable[[Session, dict[str, Any], str], Awaitable[str]]

EVENT = "http://schemas.openid.net/event/backchannel-logout"
TYPE = "logout+jwt"  # section 2.4
TOKEN_SECONDS = 120
IDLE_SECONDS = 0.5
TIMEOUT_SECONDS = 10.0
# From the first, second... attempt to the next; after the last one it has failed.
RETRY_SECONDS = (5, 30, 300)
_AT_ONCE = 100  # requests of a process
_AT_AN_ADDRESS = notices.AT_AN_ADDRESS  # the most that are sent at the same time
_CLOSE_SECONDS = 3.0
_ANSWER_BYTES = 1024

_log = logging.getLogger(__name__)


class BackChannel:
    """Sends the notices that are due; `run` and `close` are for a job of the worker."""

    def __init__(self, settings: Settings, sign: Sign) -> None:
        self._issuer = settings.public_url
        self._sign = sign
        self._client = Outgoing(settings.outgoing_allow)
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: Counter[str] = Counter()  # by address
        self._ended = asyncio.Event()

    async def run(self, db: Session) -> float:
        """Begin to send due notices, as far as there is room; return the seconds to wait."""
        self._ended.clear()
        room = _AT_ONCE - len(self._tasks)
        full = [uri for uri, n in self._busy.items() if n >= _AT_AN_ADDRESS]
        claimed = await notices.claim(db, most=room, full=full) if room > 0 else []
        for notice in claimed:
            self._busy[notice.uri] += 1
            task = asyncio.create_task(self._attempt(db, notice))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if not self._tasks:
            return IDLE_SECONDS
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self._ended.wait()
        except TimeoutError:
            pass
        return 0.0

    async def close(self) -> None:
        """Wait a little for notices under way; the others are due again by themselves."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()

    async def _attempt(self, db: Session, notice: Notice) -> None:
        try:
            problem = await self._send(db, notice)
            if problem is None:
                await notices.done(db, notice)
            elif notice.attempts <= len(RETRY_SECONDS):
                await notices.again(db, notice, seconds=RETRY_SECONDS[notice.attempts - 1])
            else:
                self._warn("logout notification failed after the last attempt", notice, problem)
                await notices.done(db, notice)
        except Failure as failure:  # it is due again when its claim is over
            fields = {"notice": notice.id, "problem": str(failure)}
            warn_rate_limited(
                _log, "failed to record the results of logout notifications", "", fields
            )
        except Exception:  # noqa: BLE001 - of one notice, and no concern of the others
            # It is due again when its claim is over.
            fields = {"notice": notice.id, "client": notice.client_id}
            _log.exception("failed to send logout notification", extra={"fields": fields})
        finally:
            self._busy[notice.uri] -= 1
            if not self._busy[notice.uri]:
                del self._busy[notice.uri]
            self._ended.set()

    async def _send(self, db: Session, notice: Notice) -> str | None:
        """Send a notice; return the problem, None if there is no more to do about it."""
        token = await self._sign(db, self._claims(db, notice), TYPE)
        try:
            answer = await self._client.send(
                "POST",
                notice.uri,
                headers={"content-type": "application/x-www-form-urlencoded"},
                body=urlencode({"logout_token": token}).encode(),
                seconds=TIMEOUT_SECONDS,
                most_bytes=_ANSWER_BYTES,
            )
        except NoResponse as problem:
            return str(problem)
        if 200 <= answer.status < 300:
            return None
        if answer.status == 400:  # section 2.8: it has understood, and will not
            self._warn("logout notification rejected", notice, "status 400")
            return None
        return f"status {answer.status}"

    def _claims(self, db: Session, notice: Notice) -> dict[str, Any]:
        """Return the claims of a logout token (section 2.4): a short-lived one of each attempt."""
        at = now() // 1_000_000
        return {
            "iss": self._issuer,
            "sub": notice.sub or notice.user_id,
            "aud": notice.client_id,
            "iat": at,
            "exp": at + TOKEN_SECONDS,
            "jti": db.new_id(ids.TOKEN),
            "sid": notice.session_id,
            "events": {EVENT: {}},
        }

    @staticmethod
    def _warn(text: str, notice: Notice, problem: str) -> None:
        fields = {
            "notice": notice.id,
            "client": notice.client_id,
            "session": notice.session_id,
            "problem": problem,
        }
        _log.warning(text, extra={"fields": fields})
