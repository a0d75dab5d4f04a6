"""Several workers on one port: started, restarted when one dies, stopped together."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tenantry import launcher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.launcher.envoy import Command

_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD})
_READY_SECONDS = 60.0
_POLL_SECONDS = 0.02
_STOP_SECONDS = 15.0
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30.0
_HEALTHY_SECONDS = 60.0  # a worker that lived this long is restarted at once the next time
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


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
        self.process = None
        if now - self.started > _HEALTHY_SECONDS:
            self.delay = _FIRST_DELAY_SECONDS
        self.due = now + self.delay
        self.delay = min(2 * self.delay, _LONGEST_DELAY_SECONDS)


class Supervisor:
    """Runs the workers; holds no state but them."""

    def __init__(self, commands: Sequence[Command], host: str, port: int) -> None:
        self._workers = [_Worker(command) for command in commands]
        self._address = (launcher.reachable(host), port)

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
            self._look_after()
            code = 0
        self._stop()
        return code

    def _until_ready(self, worker: _Worker) -> int | None:
        """Wait until it listens: None. Return the exit code if it ended or we are to stop."""
        assert worker.process is not None
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until:
            if worker.process.poll() is not None:
                return worker.process.returncode or 1
            if signal.sigtimedwait(_SIGNALS - {signal.SIGCHLD}, _POLL_SECONDS) is not None:
                return 0
            try:
                socket.create_connection(self._address, timeout=1).close()
            except OSError:
                continue
            return None
        return 1

    def _look_after(self) -> None:
        """Restart workers that end, until a stop signal comes."""
        while True:
            waits = [w.due - time.monotonic() for w in self._workers if w.process is None]
            received = signal.sigtimedwait(_SIGNALS, max(0.0, min(waits, default=3600.0)))
            if received is not None and received.si_signo in {signal.SIGTERM, signal.SIGINT}:
                return
            for worker in self._workers:
                if worker.process is not None and worker.process.poll() is not None:
                    worker.schedule()
                elif worker.process is None and worker.due <= time.monotonic():
                    # How to use the server was printed by the first start.
                    worker.command.environment["TENANTRY_LAUNCHER"] = ""
                    worker.start()

    def _stop(self) -> None:
        """Stop all workers together, and kill what does not end."""
        running = [w.process for w in self._workers if w.process is not None]
        for process in running:
            process.terminate()
        until = time.monotonic() + _STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
