"""The real PgBouncer in front of a PostgreSQL, in either mode."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from servers import free_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


class PgBouncer:
    """One process that stands in front of one database."""

    def __init__(
        self, url: str, folder: Path, mode: str, *, size: int = 5, round_robin: bool = True
    ) -> None:
        if PROGRAM is None:
            assert not os.environ.get("CI"), "pgbouncer is missing"
            pytest.skip("pgbouncer is not installed")
        at = urlsplit(url)
        self.database = at.path.lstrip("/")
        self.port = free_port()
        host = parse_qs(at.query)["host"][0]
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            "[databases]\n"
            f"{self.database} = host={host} user={at.username}\n"
            "[pgbouncer]\n"
            "listen_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\n"
            "unix_socket_dir =\n"
            "auth_type = any\n"
            f"pool_mode = {mode}\n"
            f"default_pool_size = {size}\n"
            f"server_round_robin = {round_robin:d}\n"
        )
        # As root it refuses to run: its user is one that may enter the folder of the server's
        # socket.
        owner = pwd.getpwuid(Path(host).stat().st_uid).pw_name
        user = ["-u", owner] if os.getuid() == 0 else []
        self._process = subprocess.Popen(
            [PROGRAM, "-q", *user, configuration], stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert time.monotonic() < until
                assert self._process.poll() is None
                time.sleep(0.02)
            else:
                break

    def url(self, mode: str = "") -> str:
        """Return the URL that leads through it, and says so or not."""
        said = f"?pgbouncer={mode}" if mode else ""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{self.database}{said}"

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
