"""The one thread beside the application in each worker: stops it gently, keeps TLS fresh.

Envoy ends at once when it gets SIGTERM, with requests in flight. So the server blocks the stop
signals (a mask survives exec), and this thread waits for them instead: it lets clients leave,
refuses new ones, waits for the requests in flight, then hands the signal on. A second signal stops
the waiting. Certificates are renewed, and those that changed are taken up, without a restart: each
minute, and at once on SIGHUP. A service manager is told how the server is, as far as it asks.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry import server
from tenantry.net import http as web
from tenantry.server import banner, certificates, draining, envoy, health, notices, resident
from tenantry.settings import SettingError

if TYPE_CHECKING:
    from tenantry.settings import Settings

CERTIFICATE_SECONDS = 60.0
_POLL_SECONDS = 0.05


def start(settings: Settings) -> None:
    """Start the thread; without effect if `server.serve` did not start this process."""
    if signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        threading.Thread(target=_keep, args=(settings,), name="housekeeping", daemon=True).start()


def _keep(settings: Settings) -> None:
    shown = _Shown(settings)  # before anybody can be told that it is ready, and change a file
    if _listens(settings):
        notices.ready()
        if os.environ.get("TENANTRY_LAUNCHER") == "1":
            print(banner.text(settings), flush=True)  # noqa: T201 - for the person at the terminal
        resident.trim_memory()
    while (stop := _next_signal(settings)) is None or stop.si_signo == server.RELOAD_SIGNAL:
        if stop is not None:
            notices.reloading()
        shown.refresh()
        if stop is not None:
            notices.ready()
    web.DRAINING.set()
    notices.stopping()
    if admin := os.environ.get(envoy.ADMIN_VARIABLE):
        # A person at Ctrl-C waits for it, and no balancer does.
        seconds = 0 if stop.si_signo == signal.SIGINT else settings.drain_seconds
        draining.drain(Path(admin), settings.port, seconds)
    web.STOPPING.set()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, server.STOP_SIGNALS)
    os.kill(os.getpid(), signal.SIGTERM)


def _next_signal(settings: Settings) -> signal.struct_siginfo | None:
    """Wait for a signal to stop or to reload; None when certificates are to be looked at.

    While it waits it says as often as it is asked to that the server answers, if it does.
    """
    signals = server.STOP_SIGNALS | {server.RELOAD_SIGNAL}
    until = time.monotonic() + CERTIFICATE_SECONDS
    watched = notices.watched_seconds()
    while (left := until - time.monotonic()) > 0:
        received = signal.sigtimedwait(signals, min(left, watched or left))
        if received is not None:
            return received
        if watched is not None and _answers(settings):
            notices.alive()
    return None


def _answers(settings: Settings) -> bool:
    try:
        return health.ask(settings, "/livez")[0] == HTTPStatus.OK
    except OSError:
        return False


def _listens(settings: Settings) -> bool:
    """Wait until this process can be reached; False if it is to stop before that."""
    while not (signal.sigpending() & server.STOP_SIGNALS):
        if draining.listens(settings.port):
            return True
        time.sleep(_POLL_SECONDS)
    return False


class _Shown:
    """The certificate that Envoy shows, and the state of the files that it was read from."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secret = (settings.data_dir / "run" / f"{settings.port}-certificate.json").absolute()
        self._files = certificates.files(settings)
        self._read = self._state()

    def refresh(self) -> None:
        """Renew files that are due; let Envoy read them again if they are others than before."""
        try:
            certificates.ensure(self._settings)
            state = self._state()
            if state != self._read:
                envoy.write_secret(self._secret, self._files)
                self._read = state
        except (SettingError, OSError):
            return  # half replaced, or not readable now: the next round tries again

    def _state(self) -> list[tuple[int, int]]:
        files = (self._files.chain.stat(), self._files.key.stat())
        return [(file.st_mtime_ns, file.st_ino) for file in files]
