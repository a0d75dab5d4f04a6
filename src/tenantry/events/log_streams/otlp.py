"""A stream to an OTLP endpoint: log records over HTTP, in OTLP's JSON encoding.

https://opentelemetry.io/docs/specs/otlp/#otlphttp: 64-bit integers are texts, bytes would be hex.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from tenantry.core import strict_json
from tenantry.events.log_streams.sinks import SEND_SECONDS, SendError, Sink, one_line
from tenantry.events.log_streams.targets import OTLP_HTTPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aiohttp

    from tenantry.events.log_streams.lines import Line
    from tenantry.events.log_streams.targets import Target

_INFO, _WARN = (9, "INFO"), (13, "WARN")
_ANSWER_BYTES = 64 * 1024
_REQUEST_BYTES = 1 << 20  # of one request, unless one event alone is longer


class OtlpSink(Sink):
    """Posts to one endpoint, on a connection that is kept."""

    def __init__(self, target: Target, environment_id: str) -> None:
        scheme = "https" if target.scheme == OTLP_HTTPS else "http"
        place = target.name.partition("://")[2]
        self._url = f"{scheme}://{place}"
        self._target = target
        self._resource = [
            _attribute("service.name", "tenantry"),
            _attribute("service.instance.id", environment_id),
        ]
        self._session: aiohttp.ClientSession | None = None

    async def send(self, lines: Sequence[Line]) -> str | None:
        """See `Sink.send`; what the endpoint rejects of a batch it took is not sent again."""
        import aiohttp

        remark = None
        try:
            async with asyncio.timeout(SEND_SECONDS):
                for records in await asyncio.to_thread(_portions, lines):
                    remark = await self._post(records) or remark
        except TimeoutError:
            raise SendError("it took too long") from None
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            # A header's value is in none of these texts; an address may be.
            raise SendError(one_line(problem)) from None
        return remark

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, records: Sequence[str]) -> str | None:
        import aiohttp
        import yarl

        if self._session is None:
            tls = self._target.tls.context() if self._target.scheme == OTLP_HTTPS else True
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1, ssl=tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={
                    "user-agent": "tenantry",
                    **self._target.headers,
                    "content-type": "application/json",
                },
                auto_decompress=False,
                skip_auto_headers=["accept-encoding"],
            )
        answer = await self._session.post(
            yarl.URL(self._url, encoded=True),
            data=self._request(records).encode(),
            allow_redirects=False,
        )
        try:
            body = await _start_of(answer.content)
        finally:
            # One that goes on is not read to its end; else the connection is kept already.
            answer.close()
        if answer.status != 200:
            raise SendError(f"the endpoint answered {answer.status}")
        return _rejected(body)

    def _request(self, records: Sequence[str]) -> str:
        head = json.dumps({"attributes": self._resource}, separators=(",", ":"))
        return (
            f'{{"resourceLogs":[{{"resource":{head},"scopeLogs":'
            f'[{{"scope":{{"name":"tenantry.events"}},"logRecords":[{",".join(records)}]}}]}}]}}'
        )


def record(line: Line) -> dict[str, Any]:
    """Return the log record of one event."""
    number, word = _WARN if line.is_warning else _INFO
    attributes = {
        "event.id": line.id,
        "event.type": line.type,
        "organization.id": line.organization_id,
        "actor.type": line.actor.get("type"),
        "actor.id": line.actor.get("id"),
        "request.id": line.request_id,
    }
    return {
        "timeUnixNano": str(line.occurred_at * 1000),
        "observedTimeUnixNano": str(line.occurred_at * 1000),
        "severityNumber": number,
        "severityText": word,
        "eventName": line.type,
        "body": {"stringValue": line.text()},
        "attributes": [
            *(_attribute(name, value) for name, value in attributes.items() if value),
            {"key": "event.position", "value": {"intValue": str(line.position)}},
        ],
    }


def _portions(lines: Sequence[Line]) -> list[list[str]]:
    """Return the records of some lines, cut where a request would grow too long."""
    portions: list[list[str]] = []
    size = 0
    for line in lines:
        text = json.dumps(record(line), separators=(",", ":"))
        if not portions or size + len(text) > _REQUEST_BYTES:
            portions.append([])
            size = 0
        portions[-1].append(text)
        size += len(text) + 1
    return portions


async def _start_of(content: aiohttp.StreamReader) -> bytes:
    """Return an answer's body, up to a length that no honest one has."""
    start = b""
    while len(start) < _ANSWER_BYTES:
        chunk = await content.read(_ANSWER_BYTES - len(start))
        if not chunk:
            break
        start += chunk
    return start


def _rejected(body: bytes) -> str | None:
    """Return what a partial success says (it is not to be sent again), if the answer is one."""
    try:
        partial = strict_json.loads(body or b"{}").get("partialSuccess") or {}
        count = int(partial.get("rejectedLogRecords") or 0)
    except (ValueError, AttributeError, TypeError, OverflowError):
        return None
    words = one_line(partial.get("errorMessage") or "without a reason")
    return f"the endpoint has rejected {count} events: {words}" if count else None


def _attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}
