"""The one thread beside the application in each worker: stops it gently, keeps TLS fresh.

Envoy ends at once when it gets SIGTERM, with requests in flight. So the launcher blocks the stop
signals (a mask survives exec), and this thread waits for them instead: it lets Envoy refuse new
connections, waits for the requests in flight, then hands the signal on. A second signal stops the
waiting. Certificates are renewed, and those that changed are taken up, without a restart.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry import certificates, launcher, web
from tenantry.launcher import banner, envoy
from tenantry.settings import SettingError

if TYPE_CHECKING:
    from tenantry.settings import Settings

DRAIN_SECONDS = 8.0  # less than the 10 that container runtimes wait before they kill
CERTIFICATE_SECONDS = 60.0
_POLL_SECONDS = 0.05
_ACTIVE = "http.ingress_http.downstream_rq_active"


def start(settings: Settings) -> None:
    """Start the thread; without effect where the launcher did not start this process."""
    if signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        threading.Thread(target=_keep, args=(settings,), name="housekeeping", daemon=True).start()


def _keep(settings: Settings) -> None:
    if os.environ.get("TENANTRY_LAUNCHER") == "1" and _listens(settings):
        print(banner.text(settings), flush=True)  # noqa: T201 - for the person at the terminal
    shown = _Shown(settings)
    while signal.sigtimedwait(launcher.STOP_SIGNALS, CERTIFICATE_SECONDS) is None:
        shown.refresh()
    web.STOPPING.set()
    if admin := os.environ.get(envoy.ADMIN_VARIABLE):
        _drain(Path(admin))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, launcher.STOP_SIGNALS)
    os.kill(os.getpid(), signal.SIGTERM)


def _listens(settings: Settings) -> bool:
    """Wait until the server can be reached; False if it is to stop before that."""
    while not (signal.sigpending() & launcher.STOP_SIGNALS):
        try:
            socket.create_connection((launcher.reachable(settings.host), settings.port), 1).close()
        except OSError:
            time.sleep(_POLL_SECONDS)
        else:
            return True
    return False


def _drain(admin: Path) -> None:
    """Refuse new connections and wait until no request is in flight."""
    until = time.monotonic() + DRAIN_SECONDS
    try:
        _ask(admin, "POST", "/healthcheck/fail")  # from now on each answer closes its connection
        _ask(admin, "POST", "/drain_listeners")
        while f"{_ACTIVE}: 0\n" not in _ask(admin, "GET", f"/stats?filter=^{_ACTIVE}$"):
            if time.monotonic() > until:
                break
            if signal.sigtimedwait(launcher.STOP_SIGNALS, _POLL_SECONDS) is not None:
                break
    except (OSError, http.client.HTTPException):
        pass  # Envoy is not up yet, or not any more: nothing is in flight


def _ask(admin: Path, verb: str, path: str) -> str:
    connection = http.client.HTTPConnection("envoy")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(DRAIN_SECONDS)
    try:
        connection.sock.connect(str(admin))
        connection.request(verb, path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


class _Shown:
    """The certificate that Envoy shows, and the state of the files that it was read from."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secret = (settings.data_dir / "run" / f"{settings.port}-certificate.json").absolute()
        self._files = certificates.files(settings)
        self._read = self._state()

    def refresh(self) -> None:
        """Renew what is due; let Envoy read the files again if they are others than before."""
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
