"""The program that looks for an order of a history's operations: `checker`, written in Go."""

from __future__ import annotations

import functools
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_SOURCE = Path(__file__).parent / "checker"


@dataclass(frozen=True)
class Verdict:
    """How much was looked at, by model, and each object whose answers no order explains."""

    objects: dict[str, int]
    operations: dict[str, int]
    open: dict[str, int]
    faults: list[dict[str, Any]]

    @property
    def problems(self) -> list[str]:
        """The faults in words, each with its history."""
        return [_told(fault) for fault in self.faults]


@functools.cache
def _program() -> Path:
    """Build it, once in this process; Go keeps what it has compiled."""
    program = Path(tempfile.gettempdir()) / f"history-checker-{_SOURCE.stat().st_ino}"
    done = subprocess.run(
        ["go", "build", "-o", program, "."],
        cwd=_SOURCE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return program


def judge(operations: Iterable[dict[str, Any]], *, limit: str = "30s") -> Verdict:
    """Look for an order of the operations on each object; ``limit`` is for each."""
    done = subprocess.run(
        [_program(), "-limit", limit],
        input="".join(f"{json.dumps(line)}\n" for line in operations),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    return Verdict(**json.loads(done.stdout))


def _told(fault: dict[str, Any]) -> str:
    began = fault["history"][0]["call"]
    lines = [f"{fault['model']}, {fault['key']}: {fault['problem']}"]
    for one in fault["history"]:
        call = (one["call"] - began) / 1e6
        answered = one["output"] is not None
        back = f"{(one['return'] - began) / 1e6:9.1f}" if answered else " no answer"
        lines.append(
            f"  {call:9.1f} to {back} ms, client {one['client']}: "
            f"{json.dumps(one['input'])} -> {json.dumps(one['output'])}"
        )
    return "\n".join(lines)
