"""The command `tenantry`: starts the server and looks after it, on the same settings.

Exit codes: 0 done, 1 failed, 2 wrong usage or a wrong setting. Answers go to standard
output (as JSON with ``--json``), remarks and problems go to standard error. A command imports what
it needs when it runs, `tenantry serve` and `tenantry health` not even the other commands: a start
waits for the one, and the other runs every few seconds.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

from tenantry.settings import SettingError

if TYPE_CHECKING:
    from typing import NoReturn


def main() -> None:
    """Run the command line."""
    try:
        if sys.argv[1:] == ["serve"]:
            from tenantry.cli import serving

            sys.exit(serving.serve())
        if sys.argv[1:] in (["health"], ["health", "--ready"]):
            from tenantry.cli import health

            sys.exit(health.look(ready="--ready" in sys.argv))
        _check_arguments()
        from tenantry.cli import commands

        commands.app()
    except SettingError as problem:
        _end(2, str(problem))
    except OSError as problem:
        if problem.errno == errno.EPIPE:
            _leave_quietly()
        # A file that a command was given, or a folder of ours.
        where = f"{problem.filename}: " if problem.filename else ""
        _end(1, f"{where}{problem.strerror or problem}")
    except Exception as problem:  # noqa: BLE001 - the last one there is
        _end(1, f"this is a fault of Tenantry, please report it: {_described(problem)}")


def _check_arguments() -> None:
    """Refuse bytes that are no text, and let a terminal of few characters show others escaped."""
    for argument in sys.argv[1:]:
        try:
            argument.encode()
        except UnicodeEncodeError:
            _end(2, f"an argument is not UTF-8: {argument!r}")
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _leave_quietly() -> NoReturn:
    """End as a program does whose reader has had enough."""
    # The rest of the output is not to fail once more at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


def _described(problem: Exception) -> str:
    """Return one line on a problem: its kind, its text, and where in our code it is."""
    import traceback

    text = " ".join(str(problem).split())
    frames = traceback.extract_tb(problem.__traceback__)
    ours = [frame for frame in frames if "tenantry" in frame.filename] or list(frames)
    place = f"{ours[-1].filename}:{ours[-1].lineno}" if ours else "unknown"
    return f"{type(problem).__name__}: {text} ({place})"


def _end(code: int, line: str) -> NoReturn:
    print(f"tenantry: {line}", file=sys.stderr)  # noqa: T201 - this is the command line
    sys.exit(code)
