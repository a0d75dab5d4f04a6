"""The command `tenantry`: starts the server and looks after it, on the same settings.

Exit codes: 0 done, 1 failed, 2 wrong usage or a wrong setting. Answers go to standard
output (as JSON with ``--json``), remarks and problems go to standard error. A command imports what
it needs when it runs, `tenantry serve` and `tenantry health` not even the other commands: a start
waits for the one, and the other runs every few seconds.
"""

from __future__ import annotations

import sys

from tenantry.settings import SettingError


def main() -> None:
    """Run the command line."""
    try:
        if sys.argv[1:] == ["serve"]:
            from tenantry.cli import serving

            sys.exit(serving.serve())
        if sys.argv[1:] in (["health"], ["health", "--ready"]):
            from tenantry.cli import health

            sys.exit(health.look(ready="--ready" in sys.argv))
        from tenantry.cli import commands

        commands.app()
    except SettingError as problem:
        _end(2, str(problem))
    except OSError as problem:  # a file that a command was given, or a folder of ours
        where = f"{problem.filename}: " if problem.filename else ""
        _end(1, f"{where}{problem.strerror or problem}")


def _end(code: int, line: str) -> None:
    print(f"tenantry: {line}", file=sys.stderr)  # noqa: T201 - this is the command line
    sys.exit(code)
