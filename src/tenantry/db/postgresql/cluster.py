"""The servers of one PostgreSQL, as its URL names them: which of them takes changes.

libpq and asyncpg ask one server after the other, so that the first one which hangs holds up all
that connect. Here the server of last time is asked first, for half a second, and then all at once.
The one on the newest timeline is taken: PostgreSQL begins a timeline with each promotion, so a
former primary that was not told of it gives itself away.
See docs/decisions/0032-several-servers.md.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import asyncpg

from tenantry.db.postgresql import pgbouncer
from tenantry.settings import servers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.settings.servers import Server

_FIRST_SECONDS = 0.5  # for the server of last time, before all are asked
_EACH_SECONDS = 2.0  # for one of several: after which there is time left to report it
_LATER_SECONDS = 0.3  # for one on a newer timeline, once another says that it takes changes
_ANSWER_SECONDS = 1.0  # of an open connection, when it is looked at

# A peer whose machine is gone says nothing: data that it does not confirm, or its silence on a
# connection that nobody uses, ends the connection after so long (tcp(7)).
_SILENT_SECONDS, _EVERY_SECONDS, _TIMES = 5, 2, 3

_STANDING = (
    "SELECT pg_is_in_recovery() AS standby, "
    "current_setting('default_transaction_read_only')::bool AS read_only, "
    "CASE WHEN pg_is_in_recovery() THEN '' "
    "ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END AS timeline"
)
_NOT_REACHED = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


class NoPrimary(OSError):
    """Of several servers not one takes changes now; the text says of each why."""


class _NotPrimary(OSError):
    """A server answers, and takes no changes."""


class Cluster:
    """The servers of one URL, and where changes were taken last."""

    def __init__(self, url: str, *, replica: bool = False) -> None:
        url, self.mode = pgbouncer.split(url)
        read = servers.read(url, replica=replica)
        self._rest, self._wanted = read.rest, read.wanted
        self._servers = read.servers
        self._current: Server | None = None
        self._timeline = ""  # the newest that was seen; all have eight digits
        self._observers: dict[Server, Any] = {}

    @property
    def has_several(self) -> bool:
        """Whether changes may have to be sent to another server one day."""
        return len(self._servers) > 1 and self._wanted in {servers.READ_WRITE, "primary"}

    async def connect(self, session: Mapping[str, str], *, timeout: float, **how: Any) -> Any:  # noqa: ASYNC109
        """Connect to the server that takes changes, within ``timeout`` seconds.

        The connection says where it leads: ``server``, if its class lets it.
        """
        if self._wanted == servers.ANY and len(self._servers) < 2:
            one = self._servers[0] if self._servers else None
            return await self._open(one, session, timeout=timeout, **how)
        how["timeout"] = min(timeout, _EACH_SECONDS)
        async with asyncio.timeout(timeout):
            if self._current is not None:
                with suppress(*_NOT_REACHED):
                    async with asyncio.timeout(_FIRST_SECONDS):
                        return (await self._ask(self._current, session, **how))[1]
            return await self._best(session, **how)

    async def has_moved(self, session: Mapping[str, str]) -> Server | None:
        """Return the server that has become the primary, if it is another than before.

        One connection to each of the others is kept for that question.
        """
        others = [one for one in self._servers if one != self._current]
        for server in self._observers.keys() - set(others):
            self._observers.pop(server).terminate()
        found = await asyncio.gather(*(self._timeline_of(one, session) for one in others))
        newest, server = max(zip(found, others, strict=True))
        if newest <= self._timeline:
            return None
        self._current, self._timeline = server, newest
        return server

    def close(self) -> None:
        """End the connections that are kept for looking."""
        for connection in self._observers.values():
            connection.terminate()
        self._observers.clear()

    async def _timeline_of(self, server: Server, session: Mapping[str, str]) -> str:
        """Return the timeline of a server that takes changes; "" for any other."""
        connection = self._observers.get(server)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                if connection is None:
                    connection = await self._open(server, session, timeout=_ANSWER_SECONDS)
                    self._observers[server] = connection
                return self._checked(await connection.fetchrow(_STANDING))
        except _NotPrimary:
            return ""
        except (*_NOT_REACHED, asyncpg.InternalClientError):
            if connection is not None:
                connection.terminate()
                self._observers.pop(server, None)
            return ""

    async def _best(self, session: Mapping[str, str], **how: Any) -> Any:
        """Ask all servers at once, and return a connection to the one on the newest timeline."""
        asked = {asyncio.create_task(self._ask(one, session, **how)): one for one in self._servers}
        waiting, best = set(asked), None
        try:
            while waiting:
                limit = None if best is None else _LATER_SECONDS
                done, waiting = await asyncio.wait(
                    waiting, timeout=limit, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    break
                for task in done:
                    if task.exception() is None and (
                        best is None or task.result()[0] > best.result()[0]
                    ):
                        best = task
        finally:
            for task in asked:
                if task is not best:
                    task.add_done_callback(_let_go)
                    task.cancel()
        if best is None:
            raise _in_vain({one: task.exception() for task, one in asked.items()})
        self._current = asked[best]
        self._timeline, connection = best.result()
        return connection

    async def _ask(self, server: Server, session: Mapping[str, str], **how: Any) -> tuple[str, Any]:
        """Connect to a server that takes changes; return its timeline, and the connection.

        Raises:
            _Unsuited: it takes none, or is on a timeline that others have left.
            what asyncpg raises, and TimeoutError.

        """
        connection = await self._open(server, session, **how)
        try:
            async with asyncio.timeout(how["timeout"]):
                return self._checked(await connection.fetchrow(_STANDING)), connection
        except BaseException:
            connection.terminate()
            raise

    def _checked(self, row: Any) -> str:
        if self._wanted == servers.ANY:
            return ""
        if self._wanted == servers.STANDBY:
            if not row["standby"]:
                raise _NotPrimary("it is no standby")
            return ""
        if row["standby"]:
            raise _NotPrimary("it is a standby")
        if row["read_only"] and self._wanted == servers.READ_WRITE:
            raise _NotPrimary("its default_transaction_read_only is on")
        timeline: str = row["timeline"]
        if timeline < self._timeline:
            raise _NotPrimary("it is a former primary")
        return timeline

    async def _open(self, server: Server | None, session: Mapping[str, str], **how: Any) -> Any:
        if server is not None:
            how["host"], how["port"] = server
        connection = await pgbouncer.connect(
            self._rest, self.mode, session, target_session_attrs=servers.ANY, **how
        )
        _notice_silence(connection)
        with suppress(AttributeError):  # asyncpg's own class has no room for it
            connection.server = server
        return connection


def _in_vain(problems: Mapping[Server, BaseException | None]) -> BaseException:
    """Return the error for servers of which none accepts changes."""
    for problem in problems.values():
        # Such as a wrong password, or too many connections: that is what the operator has to know.
        passing = (OSError, asyncpg.CannotConnectNowError)
        if problem is not None and not isinstance(problem, passing):
            return problem
    return NoPrimary(
        "; ".join(
            f"{servers.to_text(one)}: {str(problem) or type(problem).__name__}"
            for one, problem in problems.items()
        )
    )


def _let_go(task: asyncio.Task[tuple[str, Any]]) -> None:
    """End a connection that came too late."""
    if not task.cancelled() and task.exception() is None:
        task.result()[1].terminate()


def _notice_silence(connection: Any) -> None:
    """Let the kernel end a connection whose other end is gone without a word."""
    its = connection._transport.get_extra_info("socket")  # noqa: SLF001 - it is pinned
    if its.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    its.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _SILENT_SECONDS),
        ("TCP_KEEPINTVL", _EVERY_SECONDS),
        ("TCP_KEEPCNT", _TIMES),
        ("TCP_USER_TIMEOUT", _SILENT_SECONDS * 1000),
    ):
        if hasattr(socket, name):  # not on every system
            its.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
