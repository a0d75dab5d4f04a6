"""Shared by all kinds of streams: sending a batch within a time limit, or not."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tenantry.events.log_streams.lines import Line

SEND_SECONDS = 10.0  # for one batch, connecting included


class SendError(Exception):
    """A batch was not taken, or not known to be; the text is one line without a secret."""


class Sink(ABC):
    """Where the lines of one stream go."""

    @abstractmethod
    async def send(self, lines: Sequence[Line]) -> str | None:
        """Send a batch, in order; return what the receiver had to say against it, if anything.

        Raises:
            SendError: it was not taken as a whole, and is to be sent again.

        """

    @abstractmethod
    async def close(self) -> None:
        """Close files and connections; the next batch opens them again."""


class BlockingSink(Sink):
    """A sink that writes in its own thread: one that hangs keeps no other waiting."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, name)

    async def send(self, lines: Sequence[Line]) -> str | None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._run(lambda: self.write(lines))
        except TimeoutError:
            self._give_up()
            raise SendError("it took too long") from None
        except OSError as problem:
            self._give_up()
            raise SendError(one_line(problem)) from None
        except BaseException:
            self._give_up()
            raise
        return None

    async def close(self) -> None:
        self.abort()
        await self._run(self.drop)

    @abstractmethod
    def write(self, lines: Sequence[Line]) -> None:
        """Write a batch, in the thread; an OSError says that it was not taken."""

    @abstractmethod
    def abort(self) -> None:
        """End what the thread is waiting for, from outside of it."""

    @abstractmethod
    def drop(self) -> None:
        """Close the connection or file, in the thread."""

    def _give_up(self) -> None:
        """Have everything closed as soon as the thread comes back."""
        self.abort()
        self._thread.submit(self.drop)

    async def _run(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work)


def one_line(problem: object) -> str:
    """Return what an error or a receiver says, on one line of bounded length."""
    text = " ".join(str(problem).split()) or type(problem).__name__
    return "".join(c if c.isprintable() else "?" for c in text)[:300]
