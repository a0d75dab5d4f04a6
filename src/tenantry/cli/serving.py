"""`tenantry serve`, without what the other commands import."""

from __future__ import annotations

from tenantry import launcher, spans
from tenantry.cli import Failed
from tenantry.launcher.envoy import StartError
from tenantry.settings import load


def serve() -> int:
    """Serve until stopped and return the exit code.

    Raises:
        SettingError: a setting, or a variable of OpenTelemetry, cannot be used.
        Failed: it does not start.

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
    except StartError as problem:
        raise Failed(str(problem)) from problem
