"""The checks of `tenantry doctor`, run by the server: in their own process.

They import much, wait for addresses and open the database anew: none of that stays in the process
that answers calls.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from tenantry.core import errors

_SECONDS = 30.0
_MOST = 100_000  # characters of its answer


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check; ``advice`` is the remedy where it is not well."""

    check: str
    ok: bool
    text: str
    advice: str


async def run() -> list[Finding]:
    """Run all checks."""
    return await asyncio.to_thread(_run)


def _run() -> list[Finding]:
    command = Path(sysconfig.get_path("scripts")) / "tenantry"
    # These variables are for the embedded Python alone.
    environment = {k: v for k, v in os.environ.items() if k not in {"LD_PRELOAD", "PYTHONHOME"}}
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            [command, "doctor", "--json"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            text=True,
        )
        checks = json.loads(done.stdout[:_MOST])["checks"]
    except (OSError, ValueError, subprocess.TimeoutExpired) as problem:
        raise errors.Busy("the checks could not be run; try `tenantry doctor`") from problem
    return [Finding(**one) for one in checks]
