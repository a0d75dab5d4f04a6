"""`tenantry serve`, without what the other commands import."""

from __future__ import annotations

from tenantry import server
from tenantry.cli import Failed
from tenantry.server.envoy import StartError
from tenantry.settings import load, tracing


def serve() -> int:
    """Serve until stopped and return the exit code.

    Raises:
        SettingError: a setting, or a variable of OpenTelemetry, cannot be used.
        Failed: it does not start.

    """
    settings = load()
    tracing.check(settings)
    if settings.log_streams:
        from tenantry.events.log_streams import targets

        targets.of(settings)
    try:
        return server.serve(settings)
    except StartError as problem:
        raise Failed(str(problem)) from problem
