"""The command `tenantry`: starts the server and looks after it, on the same settings.

Exit codes: 0 done, 1 failed, 2 wrong usage or a wrong setting, 130 interrupted. Answers go to
standard output (as JSON with ``--json``, and so does a failure then), remarks and problems go to
standard error. A command imports what it needs when it runs, `tenantry serve` and `tenantry health`
not even the other commands: a start waits for the one, and the other runs every few seconds. Nor
does this module, so that an interrupt finds `main` soon.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn


class Failed(Exception):
    """The command ends, with an exit code; the text is a line for its caller.

    ``error`` is a word for programs: an error_code of the API, where that has one.
    """

    def __init__(self, line: str, *, error: str = "FAILED", code: int = 1) -> None:
        super().__init__(line)
        self.error = error
        self.code = code


def main() -> None:
    """Run the command line."""
    try:
        _open_streams()
        code = _run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except Failed as problem:
        _end(problem.code, str(problem), problem.error)
    except OSError as problem:
        if problem.errno == errno.EPIPE:
            _leave_quietly()
        # A file that a command was given, or a Tenantry folder.
        where = f"{problem.filename}: " if problem.filename else ""
        _end(1, f"{where}{problem.strerror or problem}", "FAILED")
    except Exception as problem:  # noqa: BLE001 - the last one there is
        _end(1, f"internal error, please report it: {_described(problem)}", "FAULT")
    sys.exit(code)


def _run() -> int:
    """Run the command of the arguments, and return its exit code.

    Raises:
        Failed: it cannot be done, or is not to be called so.

    """
    from tenantry.settings import SettingError

    try:
        if sys.argv[1:] == ["serve"]:
            from tenantry.cli.deployment import serving

            return serving.serve()
        if sys.argv[1:] in (["health"], ["health", "--ready"]):
            from tenantry.cli.deployment import health

            return health.look(ready="--ready" in sys.argv)
        _check_arguments()
        # Imports make next to no garbage, and each collection looks at all that they have made.
        gc.disable()
        from tenantry.cli import commands

        gc.enable()
        return commands.run()
    except SettingError as problem:
        raise Failed(str(problem), error="SETTING", code=2) from problem


def _open_streams() -> None:
    """Put something in the place of standard streams that are closed.

    A file that is opened later would be in their place else. Nothing is read, remarks are lost;
    but an answer that cannot be given is a failure.
    """
    modes = (os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)
    for number, (name, mode) in enumerate(zip(("stdin", "stdout", "stderr"), modes, strict=True)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest number that is free
            setattr(sys, name, open(number, "w" if number else "r"))  # noqa: SIM115, PTH123


def _check_arguments() -> None:
    """Refuse bytes that are no text, and let a terminal of few characters show others escaped."""
    for argument in sys.argv[1:]:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise Failed(f"an argument is not UTF-8: {argument!r}", error="USAGE", code=2) from None
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _leave_quietly() -> NoReturn:
    """End as a program does whose reader has had enough."""
    _forget_output()
    sys.exit(1)


def _forget_output() -> None:
    """Let the rest of the output not fail once more at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _described(problem: Exception) -> str:
    """Return one line on a problem: its kind, its text, and where in our code it is."""
    import traceback

    frames = traceback.extract_tb(problem.__traceback__)
    ours = [frame for frame in frames if "tenantry" in frame.filename] or list(frames)
    place = f"{ours[-1].filename}:{ours[-1].lineno}" if ours else "unknown"
    return f"{type(problem).__name__}: {problem} ({place})"


def _end(code: int, line: str, error: str) -> NoReturn:
    """End with one line about a problem, and with JSON of it where that was asked for."""
    from tenantry.cli.output import printing

    line = " ".join(line.split())
    printing.remark(f"tenantry: {line}")
    try:
        if "--json" in sys.argv:
            printing.say(printing.as_json({"error": error, "error_description": line}))
        sys.stdout.flush()
    except OSError:
        _forget_output()
    sys.exit(code)
