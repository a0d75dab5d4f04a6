"""`tenantry health`: the probe of a container, without what the other commands import."""

from __future__ import annotations

import sys

from tenantry.launcher import health
from tenantry.settings import load

PATHS = {False: "/livez", True: "/readyz"}


def look(*, ready: bool) -> int:
    """Ask the server of these settings whether it answers, or takes requests; print what it says.

    Return 0 where it does, else 1.

    Raises:
        SettingError: a setting cannot be used.

    """
    settings = load()
    path = PATHS[ready]
    try:
        status, body = health.ask(settings, path)
    except OSError as problem:
        reason = problem.strerror or problem
        print(f"tenantry: {settings.listen}{path}: {reason}", file=sys.stderr)  # noqa: T201
        return 1
    print(body, file=sys.stdout if status == 200 else sys.stderr)
    return 0 if status == 200 else 1
