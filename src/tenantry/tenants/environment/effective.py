"""The settings in effect: those that are given at start, then those that are stored.

A process holds them as one record, and reads the stored ones anew when it is asked for something
and has not read them for `FRESH_SECONDS`: so a request costs no query, and a change by one process
holds in all of them within seconds. A setting that may be stored is read from `Effective.settings`
at the time of use.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from tenantry.db.engine import Failure
from tenantry.db.sql.statements import Statement
from tenantry.db.ttl_cache import FRESH_SECONDS
from tenantry.settings.reading import SettingError, check_sessions
from tenantry.settings.table import declared
from tenantry.tenants.environment.model import SETTING, stored_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tenantry.db.engine import Session
    from tenantry.settings import Settings

# A process that was idle for longer waits for what it reads; else it reads beside its answer.
WAIT_SECONDS = 5.0

# They belong together: an access token ends before its session does.
OF_SESSIONS = ("access_token_minutes", "session_absolute_minutes", "session_idle_minutes")
STORABLE = {f.name: f for f in declared() if f.metadata["stored"]}
_s = stored_values.c
_ALL = Statement(select(_s.name, _s.value).where(_s.kind == bindparam("p_kind")))
_log = logging.getLogger(__name__)


class Effective:
    """The settings in effect in this process; ``given`` are those that it was started with."""

    def __init__(self, given: Settings) -> None:
        self.given = given
        self.settings = given
        self._stored: dict[str, str] = {}
        self._read = float("-inf")  # monotonic time from before the last read
        self._reading: asyncio.Task[None] | None = None
        self._clock: Callable[[], float] = time.monotonic

    @property
    def stored(self) -> Mapping[str, str]:
        """The texts of the settings that are stored and count."""
        return self._stored

    async def refresh(self, db: Session) -> None:
        """Read the stored ones, if that was a while ago; without the database all stays."""
        age = self._clock() - self._read
        if age <= FRESH_SECONDS:
            return
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._try(db))
        if age > WAIT_SECONDS:
            await asyncio.shield(self._reading)

    async def read(self, db: Session) -> None:
        """Read the stored ones."""
        at = self._clock()
        rows = await db.fetch_all(_ALL, p_kind=SETTING)
        self.take({row["name"]: row["value"] for row in rows})
        self._read = max(at, self._read)

    def take(self, stored: Mapping[str, str]) -> None:
        """Make these the stored texts."""
        counting = {
            name: text
            for name, text in stored.items()
            if name in STORABLE and name not in self.given.given
        }
        if counting != self._stored:
            self._stored = counting
            self.settings = combined(self.given, counting)

    async def _try(self, db: Session) -> None:
        try:
            await self.read(db)
        except Failure:
            # The earlier ones go on: a sign-in fails by itself if the database is unavailable.
            self._read = self._clock() - FRESH_SECONDS


def combined(given: Settings, stored: Mapping[str, str]) -> Settings:
    """Return the settings with those that are stored; one that no longer fits is left out."""
    values: dict[str, Any] = {}
    for name, text in stored.items():
        try:
            values[name] = STORABLE[name].metadata["parse"](text)
        except ValueError as problem:
            _log.warning(
                "stored setting ignored",
                extra={"fields": {"setting": name, "problem": str(problem)}},
            )
    try:
        settings = replace(given, **values)
        check_sessions(settings)
    except SettingError as problem:
        # A file that came later fixes one of two that belong together.
        _log.warning("stored session settings ignored", extra={"fields": {"problem": str(problem)}})
        others = {name: value for name, value in values.items() if name not in OF_SESSIONS}
        settings = replace(given, **others)
    return settings
