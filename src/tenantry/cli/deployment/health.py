"""`tenantry health`: the probe of a container, without what the other commands import."""

from __future__ import annotations

from tenantry.cli import Failed
from tenantry.cli.output import printing
from tenantry.server import health
from tenantry.settings import load

PATHS = {False: "/livez", True: "/readyz"}


def look(*, ready: bool) -> int:
    """Ask the server of these settings whether it answers, or takes requests; print what it says.

    Return 0 where it does, else 1.

    Raises:
        SettingError: a setting cannot be used.
        Failed: it does not answer.

    """
    settings = load()
    path = PATHS[ready]
    try:
        status, body = health.ask(settings, path)
    except OSError as problem:
        reason = problem.strerror or problem
        raise Failed(f"{settings.listen}{path}: {reason}") from problem
    if status != 200:
        printing.remark(body)
        return 1
    printing.say(body)
    return 0
