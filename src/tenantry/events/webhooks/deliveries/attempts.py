"""One attempt of a delivery: signed, sent, and its answer as it is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from tenantry import __version__
from tenantry.core.times import now
from tenantry.net.outgoing import NoResponse

if TYPE_CHECKING:
    from tenantry.events.signing import Signer
    from tenantry.events.webhooks.records import Endpoint
    from tenantry.net.outgoing import Outgoing

RESPONSE_CHARACTERS = 1000
_RESPONSE_BYTES = 64 * 1024  # read, so that the connection can be used again
_SHORTEST = 8  # characters of a query that are worth hiding
_HEADERS = {"content-type": "application/json", "user-agent": f"Tenantry/{__version__}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery that this process has claimed, for its attempt of this number.

    ``body`` is None when the event is gone, ``signer`` when the secret cannot be read.
    """

    id: str
    number: int
    event_id: str
    create_time: int  # of the delivery, in microseconds since 1970
    is_test: bool
    endpoint: Endpoint
    body: str | None
    signer: Signer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of an attempt; times in microseconds."""

    claimed: Claimed
    attempt_time: int
    duration: int
    status_code: int | None = None
    problem: str | None = None
    response: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the receiver has it."""
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def was_sent(self) -> bool:
        """Whether it was up to the receiver at all."""
        return self.claimed.body is not None and self.claimed.signer is not None

    @property
    def unwanted(self) -> bool:
        """Whether the receiver says that it wants nothing any more."""
        return self.status_code == HTTPStatus.GONE


async def attempt(client: Outgoing, claimed: Claimed, *, seconds: float) -> Result:
    """Make one attempt within a number of seconds; a failure is in the result."""
    at, started = now(), time.perf_counter()
    status, problem, response = None, None, None
    if claimed.body is None:
        problem = "the event is no longer stored"
    elif claimed.signer is None:
        problem = "the signing secret cannot be decrypted"
    else:
        headers = claimed.signer.headers(claimed.event_id, claimed.body, at)
        try:
            answer = await client.send(
                "POST",
                claimed.endpoint.url,
                headers={**_HEADERS, **headers},
                body=claimed.body.encode(),
                seconds=seconds,
                most_bytes=_RESPONSE_BYTES,
            )
        except NoResponse as refusal:
            problem = str(refusal)
        else:
            status = answer.status
            response = _kept(answer.body, claimed)
            if not 200 <= status < 300:
                problem = f"the answer was {status}"
    return Result(
        claimed=claimed,
        attempt_time=at,
        duration=int((time.perf_counter() - started) * 1_000_000),
        status_code=status,
        problem=problem,
        response=response,
    )


def _kept(body: bytes, claimed: Claimed) -> str | None:
    """Return the start of an answer, without the secret or the query of the URL in it."""
    if not body:
        return None
    # Cut after secrets are hidden: half of a secret would not be found.
    text = body.decode(errors="replace").replace("\0", "\ufffd")
    if claimed.signer is not None:
        text = claimed.signer.without_secrets(text)
    query = urlsplit(claimed.endpoint.url).query
    values = [value for _, value in parse_qsl(query)]
    for part in (query, unquote_plus(query), *values):
        if len(part) >= _SHORTEST:
            text = text.replace(part, "…")
    return text[:RESPONSE_CHARACTERS]
