"""One request to an interceptor and its answer: signed, bounded, never repeated or redirected."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from tenantry import __version__
from tenantry.core import ids
from tenantry.core.times import now
from tenantry.crypto.vault import WrongKey
from tenantry.events.interceptors import answers
from tenantry.events.interceptors.authorization import Authorization, Unauthorized
from tenantry.events.interceptors.model import PRE_M2M_TOKEN_CREATION, interceptors
from tenantry.events.signing import Signer
from tenantry.net.outgoing import AddressRefused, NoResponse, Outgoing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.events.interceptors.answers import InterceptorDecision, Invalid
    from tenantry.events.interceptors.model import Interceptor

MOST_SECONDS = 10.0  # of one request, even when its interceptor allows more
ANSWER_BYTES = 64 * 1024
PREFIXES = ("interceptor", "webhook")  # of signatures: SDKs look for one or the other
_HEADERS = {
    "accept": "application/json",
    "content-type": "application/json",
    "user-agent": f"Tenantry/{__version__}",
}


class Failed(Exception):
    """There is no answer that can be used; the text says why and holds no secret and no URL.

    ``code`` is one of NOT_ASKED, ADDRESS_REFUSED, NO_ANSWER, NO_ACCESS_TOKEN, HTTP_STATUS,
    TOO_LARGE, INVALID_RESPONSE and KEY_LOST.
    """

    def __init__(
        self, code: str, message: str, *, status: int | None = None, invalid: Invalid | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.invalid = invalid


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of an interceptor: as it came, and as it is understood."""

    content: dict[str, Any]
    answer: InterceptorDecision


class Exchange:
    """Asks interceptors, through one client that has to be closed."""

    def __init__(self, db: Session, allow: tuple[str, ...]) -> None:
        self._db = db
        self._client = Outgoing(allow, tells_trace=True)
        self._authorization = Authorization(self._client, db.vault)

    async def ask(self, interceptor: Interceptor, body: bytes, *, seconds: float) -> Reply:
        """Send a body and return the answer, within a number of seconds in all.

        Raises:
            Failed: there is none that can be used.

        """
        until = time.monotonic() + seconds
        try:
            headers = await self._authorization.headers(interceptor, seconds=seconds)
            message_id = self._db.new_id(ids.INTERCEPTOR_CALL)
            signer = Signer(self._db.vault, interceptors, interceptor, now())
            headers |= signer.headers(message_id, body.decode(), now(), PREFIXES)
            answer = await self._client.send(
                "POST",
                interceptor.api_url,
                headers={**_HEADERS, **headers},
                body=body,
                seconds=max(until - time.monotonic(), 0.0),
                most_bytes=ANSWER_BYTES,
            )
        except AddressRefused as problem:
            raise Failed("ADDRESS_REFUSED", str(problem)) from None
        except NoResponse as problem:
            raise Failed("NO_ANSWER", str(problem)) from None
        except Unauthorized as problem:
            raise Failed("NO_ACCESS_TOKEN", str(problem)) from None
        except WrongKey:
            raise Failed("KEY_LOST", "its secrets cannot be decrypted") from None
        if answer.status != 200:
            if answer.status == 401:
                self._authorization.refused(interceptor)
            raise Failed(
                "HTTP_STATUS", f"the answer was {answer.status}, not 200", status=answer.status
            )
        if answer.cut:
            raise Failed("TOO_LARGE", f"the answer has more than {ANSWER_BYTES} bytes", status=200)
        try:
            return Reply(*answers.read(answer.body, interceptor.trigger_point))
        except answers.Invalid as problem:
            raise Failed("INVALID_RESPONSE", str(problem), status=200, invalid=problem) from None

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def body(
    call: Call, interceptor: Interceptor, context: Mapping[str, Any], data: Mapping[str, Any]
) -> bytes:
    """Return the bytes to send; given members of the context go before those known here."""
    origin, at = call.origin, datetime.fromtimestamp(now() / 1_000_000, UTC)
    known: dict[str, Any] = {
        "environment_id": call.db.environment_id,
        "user_agent": origin.user_agent,
        "device_type": device_type(origin.user_agent),
        "triggered_at": at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z",
    }
    if interceptor.trigger_point != PRE_M2M_TOKEN_CREATION:
        # Where an address is, is not looked up: the members are there, and empty.
        known |= {"ip_address": origin.address, "region": "", "city": ""}
    return orjson.dumps(
        {
            "display_name": interceptor.display_name,
            "trigger_point": interceptor.trigger_point,
            "interceptor_context": {**known, **context},
            "data": data,
        }
    )


def device_type(user_agent: str) -> str:
    """Return Desktop, Mobile, Tablet or Unknown, as far as a browser tells."""
    if "iPad" in user_agent or "Tablet" in user_agent:
        return "Tablet"
    if "Android" in user_agent:
        return "Mobile" if "Mobile" in user_agent else "Tablet"
    if "Mobi" in user_agent or "iPhone" in user_agent:
        return "Mobile"
    if any(word in user_agent for word in ("Windows NT", "Macintosh", "X11", "CrOS")):
        return "Desktop"
    return "Unknown"
