"""News of this process for its service manager, as sd_notify(3) has it.

Its socket is named by ``NOTIFY_SOCKET``; without one nothing happens. It believes the main process
alone: the only worker, which this program turns into, or else the supervisor of several.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress

SOCKET = "NOTIFY_SOCKET"


def ready() -> None:
    """The server can be reached, or has done what it was to do on a reload."""
    _tell("READY=1")


def reloading() -> None:
    """A reload begins; the clock is by the manager's, so that it knows which one."""
    _tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def stopping() -> None:
    """The server is to stop, and finishes the requests in flight."""
    _tell("STOPPING=1")


def alive() -> None:
    """The server answers: see `watched_seconds`."""
    _tell("WATCHDOG=1")


def watched_seconds() -> float | None:
    """How often `alive` is due, as sd_watchdog_enabled(3) has it; None where nobody asks.

    That is twice in the time after which the manager ends a process of which it heard nothing.
    """
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) / 2_000_000 if text.isdecimal() and int(text) else None


def _tell(text: str) -> None:
    if address := os.environ.get(SOCKET):
        # An `@` stands for the zero byte of an abstract address.
        name = f"\0{address[1:]}" if address.startswith("@") else address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(text.encode(), name)
