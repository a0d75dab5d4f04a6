"""`tenantry serve`, without what the other commands import."""

from __future__ import annotations

import sys

from tenantry import launcher
from tenantry.launcher.envoy import StartError
from tenantry.settings import load


def serve() -> int:
    """Serve until stopped and return the exit code.

    Raises:
        SettingError: a setting cannot be used.

    """
    settings = load()
    if settings.log_streams:
        from tenantry.events.log_streams import targets

        targets.of(settings)
    try:
        return launcher.serve(settings)
    except StartError as problem:
        print(f"tenantry: {problem}", file=sys.stderr)  # noqa: T201 - this is the command line
        return 1
