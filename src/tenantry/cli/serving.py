"""`tenantry serve`, without what the other commands import."""

from __future__ import annotations

import sys

from tenantry import launcher, spans
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
        if spans.are_wanted(settings.traces_endpoint):
            from tenantry import traces

            traces.check(settings)
        return launcher.serve(settings)
    except (StartError, spans.WrongVariable) as problem:
        print(f"tenantry: {problem}", file=sys.stderr)  # noqa: T201 - this is the command line
        return 1
