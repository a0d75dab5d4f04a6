"""Notes of requests that are written later, many at once: after a second by default.

A process that is killed loses the notes that it has not written. A note that the database refuses
is lost, and no other one.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tenantry.core import errors
from tenantry.db.engine import DuplicateKey, ForeignKey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_SECONDS = 1.0  # between the first note and its writing, and between two attempts
MOST = 20_000  # notes that wait
# These are about a row. After any other fault, of the database or a bug, the notes wait.
_REFUSED = (errors.InvalidArgument, DuplicateKey, ForeignKey)

_Key = TypeVar("_Key", bound="tuple[Any, ...] | str")
_Value = TypeVar("_Value")

_log = logging.getLogger(__name__)


class WriteBehindBuffer(Generic[_Key, _Value]):
    """Gives notes to `write`, ``at_once`` or fewer of them, in the order of their keys."""

    def __init__(
        self,
        write: Callable[[dict[_Key, _Value]], Awaitable[None]],
        *,
        name: str,
        at_once: int,
        seconds: float = _SECONDS,
        merge: Callable[[_Value, _Value], _Value] | None = None,
    ) -> None:
        """``merge`` combines the waiting note of a key with a later one.

        By default, the later one replaces it.
        """
        self._write = write
        self._name = name
        self._at_once = at_once
        self._seconds = seconds
        self._merge = merge
        self._noted: dict[_Key, _Value] = {}
        self._due: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many notes wait, `MOST` at the most."""
        return len(self._noted)

    def add(self, key: _Key, value: _Value) -> None:
        """Note this, in place of the note under the key or merged with it.

        No key is added to `MOST` that wait.
        """
        if key not in self._noted:
            if len(self._noted) >= MOST:
                return
        elif self._merge is not None:
            value = self._merge(self._noted[key], value)
        self._noted[key] = value
        if self._due is None and self._writing is None:
            self._wait()

    async def close(self) -> None:
        """Write waiting notes, if the database lets us; to be called before it is closed."""
        self._stop_waiting()
        if self._writing is not None:
            await self._writing
        await self._write_all()
        self._stop_waiting()

    def _wait(self) -> None:
        self._due = asyncio.get_running_loop().call_later(self._seconds, self._begin)

    def _stop_waiting(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _begin(self) -> None:
        self._due = None
        self._writing = asyncio.get_running_loop().create_task(self._write_all())

    async def _write_all(self) -> None:
        noted, self._noted = self._noted, {}
        keys = sorted(noted)
        try:
            for start in range(0, len(keys), self._at_once):
                some = {key: noted[key] for key in keys[start : start + self._at_once]}
                await self._write_these(some)
                for key in some:
                    del noted[key]
        except Exception as problem:  # noqa: BLE001 - the requests go on, and so does this
            self._put_back(noted)
            fields = {"error": type(problem).__name__}
            _log.warning("failed to write %s, retrying", self._name, extra={"fields": fields})
        finally:
            self._writing = None
            if self._noted:
                self._wait()

    def _put_back(self, noted: dict[_Key, _Value]) -> None:
        """Keep notes that were not written, each before the later one of its key."""
        later = self._noted
        if self._merge is not None:
            for key in noted.keys() & later.keys():
                later[key] = self._merge(noted[key], later[key])
        self._noted = dict(islice((noted | later).items(), MOST))

    async def _write_these(self, noted: dict[_Key, _Value]) -> None:
        """Write these; where the database refuses one of them, all others."""
        try:
            await self._write(noted)
        except _REFUSED as problem:
            if len(noted) == 1:
                # Without the traceback: the database may quote in it what it refuses.
                fields = {"error": type(problem).__name__}
                _log.error("lost a write of %s", self._name, extra={"fields": fields})
                return
            keys = list(noted)
            half = len(keys) // 2
            for some in (keys[:half], keys[half:]):
                await self._write_these({key: noted[key] for key in some})
