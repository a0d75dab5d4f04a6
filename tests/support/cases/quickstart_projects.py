"""Projects that `tenantry init` writes, started as their README says."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from people_at_apps import answers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servers import LiveServer

_WITH_ENV = 'set -eu; set -a; . ./.env; set +a; exec "$@"'


def init(
    tenantry: LiveServer, framework: str, folder: Path, url: str, *more: str
) -> dict[str, Any]:
    """Write a project; return what the command prints."""
    command = ("init", framework, str(folder), "--url", url, "--json", *more)
    done = tenantry.run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@contextmanager
def running(tenantry: LiveServer, project: Path, command: list[str], url: str) -> Iterator[None]:
    """Start a project with the variables of its `.env`, until it answers."""
    log = project.parent / f"{project.name}.log"
    ours = ("SCALEKIT_", "APP_URL", "PORT", "SESSION_SECRET")
    inherited = {k: v for k, v in tenantry.environment.items() if not k.startswith(ours)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", _WITH_ENV, "sh", *command],
            cwd=project,
            env=inherited,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + 60
        while not answers(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait(60)
