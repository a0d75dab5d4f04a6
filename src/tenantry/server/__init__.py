"""Starting the server: makes what a start needs, then becomes Envoy, or looks after several.

Envoy terminates TLS, speaks HTTP/1.1 and HTTP/2, and runs the application in an embedded Python
(pyvoy). With one worker this process turns into Envoy, so that nothing stays resident beside it;
with several, it starts them on one shared port and restarts one that dies. No module here, but
`worker`, imports the application: it would cost more time than all the rest of the start.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.crypto import master_key
from tenantry.server import certificates, envoy, server_registry
from tenantry.settings import SettingError, data_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantry.settings import Settings

# All are blocked before Envoy starts, which would drop requests in flight: see `housekeeping`.
STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
RELOAD_SIGNAL = signal.SIGHUP
FINISH_SECONDS = 7.0  # for requests in flight; containers are killed after 10 s, unless told


def serve(settings: Settings, app: str = envoy.APP) -> int:
    """Serve until told to stop; return the exit code. With one worker this does not return.

    Raises:
        SettingError: a setting cannot be used on this machine.
        envoy.StartError: this Python cannot be embedded, or the system lacks what Envoy needs.

    """
    check_address(settings)
    files = prepare(settings)
    check_watches(settings.workers)
    check_metrics_address(settings)
    environment = envoy.environment(settings)
    raise_file_limit()
    configurations = envoy.write(settings, files, app)
    server_registry.leave(settings)
    commands = [
        envoy.Command.of(configuration, environment, first=number == 0)
        for number, configuration in enumerate(configurations)
    ]
    # Relative paths of the settings are absolute by now. Envoy's Python looks for modules in its
    # working directory first: a `types.py` where the server was started must not get in.
    os.chdir(configurations[0].parent)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS | {RELOAD_SIGNAL})
    ignore_other_signals()
    if len(commands) == 1:
        if os.getpid() == 1:
            # In a container: the system ends children for which nobody waits, as Envoy would not.
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        commands[0].become()
    from tenantry.server.supervisor import Supervisor

    return Supervisor(commands, settings).run()


def program() -> Path:
    """Return where our command is: beside this Python, or where pip puts those of a user."""
    beside = Path(sys.prefix, "bin", "tenantry")
    if beside.exists():
        return beside
    import sysconfig

    schemes = (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))
    found = (Path(sysconfig.get_path("scripts", scheme), "tenantry") for scheme in schemes)
    return next((path for path in found if path.exists()), beside)


def ignore_other_signals() -> None:
    """Ignore what other servers rotate logs by: here it would end the process.

    An ignored signal stays so over exec.
    """
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def prepare(settings: Settings) -> certificates.Files:
    """Make the data folder and the certificates where they are missing.

    Raises:
        SettingError: the folder cannot be written, or is not ours alone; the master key or a
            certificate cannot be used.

    """
    data_folder.make(settings)
    master_key.find(settings)
    if settings.workers > 1:
        _in_a_child(lambda: certificates.ensure(settings))
    return certificates.ensure(settings)


def _in_a_child(work: Callable[[], object]) -> None:
    """Do this first in a process that ends, whose imports would stay in the supervisor."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):  # the parent does it again, and raises it
            work()
        os._exit(0)
    os.waitpid(child, 0)


def check_address(settings: Settings) -> None:
    """Check that the address can be listened on.

    Raises:
        SettingError: it is taken, not ours, or not allowed.

    """
    try:
        _check_free("listen", settings.listen)
    except SettingError:
        if (there := server_registry.at_port(settings)) is None:
            raise
        raise SettingError(
            "listen",
            f"{settings.listen} is where the server of {settings.data_dir.absolute()} runs "
            f"already, as process {there.pid}: stop that one to start it anew",
        ) from None


def check_metrics_address(settings: Settings) -> None:
    """Check that the address of `/metrics` can be listened on, if there is one.

    Processes on this data folder share it.

    Raises:
        SettingError: it is taken by others, not ours, or not allowed.

    """
    if not settings.metrics_listen:
        return
    from tenantry.telemetry.metrics import files

    if not files.is_used(files.folder_of(settings)):
        _check_free("metrics_listen", settings.metrics_listen)


def _check_free(name: str, address: str) -> None:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As it will be bound, but without SO_REUSEPORT: that would share it with a second server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as problem:
            reason = _ADDRESS_PROBLEMS.get(problem.errno or 0, os.strerror(problem.errno or 0))
            raise SettingError(name, f"{address} {reason}") from None


def check_watches(workers: int) -> None:
    """Check that this number of workers can watch files: each would abort with no word about the
    cause.

    Raises:
        envoy.StartError: this user watches too many already (inotify(7)).

    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    opened: list[int] = []
    try:
        for _ in range(_WATCHES * workers):
            descriptor = libc.inotify_init1(os.O_CLOEXEC)
            if descriptor < 0:
                reason = os.strerror(ctypes.get_errno())
                raise envoy.StartError(
                    f"a server needs {_WATCHES} inotify instances for each worker, and this user "
                    f"has {len(opened)} left ({reason}): raise fs.inotify.max_user_instances, as "
                    "by `sysctl fs.inotify.max_user_instances=1024`"
                )
            opened.append(descriptor)
    finally:
        for descriptor in opened:
            os.close(descriptor)


_WATCHES = 2  # of an Envoy: for the certificate, and for itself

_ADDRESS_PROBLEMS = {
    errno.EADDRINUSE: "is in use by another program; stop it, or choose another port, which is "
    "that of TENANTRY_PUBLIC_URL as well",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
    errno.EACCES: "needs a privilege: choose a port from 1024 on, or give CAP_NET_BIND_SERVICE",
}


def reachable(host: str) -> str:
    """Return an address at which a server listening on this one can be reached."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - it is the key


def raise_file_limit() -> None:
    """Allow as many connections as the system lets us: the default of 1024 files is soon gone."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
