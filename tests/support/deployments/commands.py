"""Commands of ours without the half second that their imports take.

A process that has imported them forks for each: the child runs `tenantry` with arguments, in a
folder, an environment and a process of its own.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

TIMEOUT_SECONDS = 60
_START_SECONDS = 300  # on a machine that is busy with others
_GROUPS = (
    *("tenants.organizations", "tenants.users", "integrations.clients", "integrations.webhooks"),
    *("records.events", "records.email", "deployment.bulk", "deployment.backups"),
)
_IMPORTED = (
    *(
        "tenantry.cli.commands",
        *(f"tenantry.cli.{name}" for name in _GROUPS),
        "tenantry.api.in_process",
        "tenantry.app_context",
        "tenantry.services",
        "tenantry.tenants.organizations.rpc",
        "tenantry.tenants.users.rpc",
        "tenantry.doctor",
        "tenantry.worker",
        "tenantry.transfer.bulk.archives.restore",
    ),
    *(
        "tenantry.db.postgresql.database",
        "tenantry.db.sqlite.database",
        "rich.table",
        "typer.rich_utils",
    ),
)


def run(
    *arguments: str, cwd: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command and return what it printed; safe from several threads."""
    asked = {"arguments": arguments, "cwd": str(cwd), "environment": environment}
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        socket.socket(socket.AF_UNIX) as connection,
    ):
        connection.settimeout(TIMEOUT_SECONDS)
        connection.connect(str(_address()))
        socket.send_fds(connection, [b"!"], [out.fileno(), err.fileno()])
        connection.sendall(json.dumps(asked).encode())
        connection.shutdown(socket.SHUT_WR)
        code = int(connection.recv(16) or b"-1")
        texts = [os.pread(file.fileno(), 1 << 30, 0).decode() for file in (out, err)]
    return subprocess.CompletedProcess(arguments, code, *texts)


@cache
def _address() -> Path:
    """Where the process that forks listens; it is started when the first command is run."""
    folder = tempfile.TemporaryDirectory(prefix="tenantry-commands-")
    path = Path(folder.name) / "socket"
    until_it_listens([sys.executable, __file__, path], folder, path)
    return path


def until_it_listens(
    program: list[str | Path], folder: tempfile.TemporaryDirectory[str], path: Path
) -> None:
    """Start a program that listens at a path of a folder; both go when this process ends."""
    process = subprocess.Popen(program, stdin=subprocess.PIPE)

    def end() -> None:
        process.communicate()
        folder.cleanup()

    atexit.register(end)
    until = time.monotonic() + _START_SECONDS
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)


def _serve(path: str) -> None:
    """Fork for each command until the test run has ended, however it has."""
    for name in _IMPORTED:
        importlib.import_module(name)

    os.setsid()  # Ctrl-C of a test run ends the run, which ends this
    gc.freeze()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{path}.new")
    listening.listen()
    Path(f"{path}.new").rename(path)
    while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
        connection, _ = listening.accept()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork() == 0:
            listening.close()
            _attend(connection)
        connection.close()


def _attend(connection: socket.socket) -> NoReturn:
    """Run one command in a child, and tell its exit code."""
    _, files, _, _ = socket.recv_fds(connection, 1, 2)
    with connection.makefile("rb") as stream:
        asked = json.load(stream)
    child = os.fork()
    if child == 0:
        connection.close()
        _become(asked, *files)
    _, status = os.waitpid(child, 0)
    connection.sendall(b"%d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(asked: dict[str, Any], out: int, err: int) -> NoReturn:
    """Be the command."""
    from tenantry import cli

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["tenantry", *asked["arguments"]]
    code = 0
    try:
        cli.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else bool(end.code)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
