"""Several workers on one port: started, restarted when one dies, stopped together."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tenantry import server
from tenantry.server import notices, resident
from tenantry.telemetry import log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.server.envoy import Command
    from tenantry.settings import Settings

_SIGNALS = server.STOP_SIGNALS | {server.RELOAD_SIGNAL, signal.SIGCHLD}
_READY_SECONDS = 1800.0  # a large database is migrated meanwhile
_POLL_SECONDS = 0.02
_STOP_SECONDS = server.FINISH_SECONDS + 8.0  # the rest is for the work beside the calls
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30.0
_HEALTHY_SECONDS = 60.0  # a worker that lived this long is restarted at once the next time
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

_log = logging.getLogger(__name__)


@dataclass
class _Worker:
    command: Command
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0  # when it is to be started next
    delay: float = field(default=_FIRST_DELAY_SECONDS)

    def start(self) -> None:
        libc = ctypes.CDLL(None)

        def die_with_parent() -> None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

        self.process = subprocess.Popen(  # noqa: S603 - our own command
            self.command.arguments,
            executable=self.command.program,
            env=self.command.environment,
            process_group=0,  # Ctrl-C reaches us, and we tell the workers
            preexec_fn=die_with_parent,  # noqa: PLW1509 - there are no threads here
        )
        self.started = time.monotonic()

    def schedule(self) -> None:
        """Set when to start again: later each time that it does not live long."""
        now = time.monotonic()
        ended, self.process = self.process, None
        if now - self.started > _HEALTHY_SECONDS:
            self.delay = _FIRST_DELAY_SECONDS
        self.due = now + self.delay
        if ended is not None:
            fields = {"pid": ended.pid, "code": ended.returncode, "again_in": self.delay}
            _log.error("server process exited, restarting", extra={"fields": fields})
        self.delay = min(2 * self.delay, _LONGEST_DELAY_SECONDS)


class Supervisor:
    """Runs the workers; holds no state but them."""

    def __init__(self, commands: Sequence[Command], settings: Settings) -> None:
        self._workers = [_Worker(command) for command in commands]
        for command in commands:
            command.environment.pop(notices.SOCKET, None)  # this process speaks for all
        self._address = (server.reachable(settings.host), settings.port)
        self._stop_seconds = settings.drain_seconds + _STOP_SECONDS
        log.configure(settings.log_level)

    def run(self) -> int:
        """Run until a stop signal, or until the first start fails; return the exit code."""
        # Blocked, not handled: workers inherit the mask, and no signal comes between two lines.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        first, *others = self._workers
        first.start()
        # The first one migrates and makes keys; the others find all that done.
        code = self._until_ready(first)
        if code is None:
            for worker in others:
                worker.start()
            resident.trim_memory()
            notices.ready()
            stop = self._look_after()
            notices.stopping()
            self._stop(stop)
            return 0
        self._stop(signal.SIGTERM)
        return code

    def _until_ready(self, worker: _Worker) -> int | None:
        """Wait until it listens: None. Return the exit code if it ended or we are to stop."""
        assert worker.process is not None
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until:
            if worker.process.poll() is not None:
                return worker.process.returncode or 1
            if signal.sigtimedwait(server.STOP_SIGNALS, _POLL_SECONDS) is not None:
                return 0
            try:
                socket.create_connection(self._address, timeout=1).close()
            except OSError:
                continue
            return None
        return 1

    def _look_after(self) -> signal.Signals:
        """Restart workers that end, until a stop signal comes; return it."""
        watched = notices.watched_seconds()
        longest = watched or 3600.0
        while True:
            if watched is not None:
                notices.alive()
            waits = [w.due - time.monotonic() for w in self._workers if w.process is None]
            received = signal.sigtimedwait(_SIGNALS, max(0.0, min([longest, *waits])))
            if received is not None and received.si_signo in server.STOP_SIGNALS:
                return signal.Signals(received.si_signo)
            if received is not None and received.si_signo == server.RELOAD_SIGNAL:
                self._reload()
            for worker in self._workers:
                if worker.process is not None and worker.process.poll() is not None:
                    worker.schedule()
                elif worker.process is None and worker.due <= time.monotonic():
                    # How to use the server was printed by the first start.
                    worker.command.environment["TENANTRY_LAUNCHER"] = ""
                    worker.start()
            self._bury()

    def _reload(self) -> None:
        """Hand the signal on to each worker, which takes up its certificate."""
        notices.reloading()
        for worker in self._workers:
            if worker.process is not None:
                worker.process.send_signal(server.RELOAD_SIGNAL)
        notices.ready()

    def _bury(self) -> None:
        """Wait for ended children that are no workers: to process 1 the system hands orphans."""
        ours = {worker.process.pid for worker in self._workers if worker.process is not None}
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        with suppress(ChildProcessError):  # no child is left
            while (ended := os.waitid(os.P_ALL, 0, look)) is not None and ended.si_pid not in ours:
                os.waitpid(ended.si_pid, 0)

    def _stop(self, number: signal.Signals) -> None:
        """Stop all workers together, and kill those that go on; hand on a further stop signal."""
        running = [w.process for w in self._workers if w.process is not None]
        until = time.monotonic() + self._stop_seconds
        for process in running:
            process.send_signal(number)
        while running := [process for process in running if process.poll() is None]:
            received = signal.sigtimedwait(_SIGNALS, max(0.0, until - time.monotonic()))
            if received is None:
                for process in running:
                    process.kill()
                    process.wait()
            elif received.si_signo in server.STOP_SIGNALS:
                for process in running:
                    # Not the first one again: one that still starts has not taken that yet.
                    process.send_signal(signal.SIGINT)
