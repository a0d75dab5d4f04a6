"""The worker's job for one stream: send new events, remember how far it has come."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenantry.events.log_streams import service, targets
from tenantry.events.log_streams.files import FileSink
from tenantry.events.log_streams.otlp import OtlpSink
from tenantry.events.log_streams.sinks import SendError, Sink
from tenantry.events.log_streams.syslog import SyslogSink

if TYPE_CHECKING:
    from tenantry.db.engine import Session
    from tenantry.events.log_streams.service import StreamLease
    from tenantry.settings import Settings

IDLE_SECONDS = 0.5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0  # after a failure
_JITTER = 0.2

_log = logging.getLogger(__name__)


class Stream:
    """One stream; `run` and `close` are what a job of the worker needs."""

    def __init__(self, target: targets.Target, *, hostname: str) -> None:
        self.name = target.name
        self._target = target
        self._hostname = hostname
        self._sink: Sink | None = None
        self._failures = 0  # one after the other

    async def run(self, db: Session) -> float:
        """Send one batch, if there is one; return the seconds until the next look."""
        if not await service.has_more(db, self.name):
            return IDLE_SECONDS
        held = await service.claim(db, self.name)
        if held is None:
            return IDLE_SECONDS
        lines = await service.page(db, held.position)
        if not lines:
            await service.release(db, held, held.position, problem=held.problem)
            return IDLE_SECONDS
        if self._sink is None:
            self._sink = self._opened(db)
        try:
            remark = await self._sink.send(lines)
        except SendError as problem:
            return await self._failed(db, held, str(problem))
        if remark:
            fields = {"stream": self.name, "problem": remark}
            _log.warning("log stream receiver rejected events", extra={"fields": fields})
        if held.problem and self._failures:
            _log.info("log stream resumed", extra={"fields": {"stream": self.name}})
        self._failures = 0
        await service.release(db, held, lines[-1].position, problem=remark)
        return 0.0

    async def close(self) -> None:
        """Close files and connections."""
        if self._sink is not None:
            await self._sink.close()

    async def _failed(self, db: Session, held: StreamLease, problem: str) -> float:
        pause = min(FIRST_PAUSE_SECONDS * 2**self._failures, LONGEST_PAUSE_SECONDS)
        pause *= random.uniform(1, 1 + _JITTER)  # noqa: S311 - spreads retries, guards nothing
        self._failures = min(self._failures + 1, 10)
        fields = {"stream": self.name, "problem": problem, "again_in": round(pause, 1)}
        _log.warning("failed to send to log stream, retrying", extra={"fields": fields})
        await service.release(db, held, held.position, problem=problem, seconds=pause)
        return IDLE_SECONDS

    def _opened(self, db: Session) -> Sink:
        target = self._target
        if target.scheme == targets.FILE:
            return FileSink(target)
        if target.scheme in targets.SYSLOG:
            return SyslogSink(target, self._hostname)
        return OtlpSink(target, db.environment_id)


def streams(settings: Settings) -> list[Stream]:
    """Return the streams that are set.

    Raises:
        SettingError: a URL cannot be used.

    """
    hostname = urlsplit(settings.public_url).hostname or ""
    return [Stream(target, hostname=hostname) for target in targets.of(settings)]
