"""Where the processor time of one request goes.

``python bench/run.py --profile`` sends PATCH requests to a server on PostgreSQL three times: to
count the cost of one, under `perf`, which says in which program or library the time goes, and under
`py-spy`, which says which Python code holds the interpreter. A sample of Python belongs to the
innermost function that a stage of STAGES names: the standard library counts for its caller.

Needs perf, and py-spy where `make` puts it: build/profile.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from measures import prepared
from rows import say, send
from serving import OURS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from rows import Subject

PY_SPY = OURS.tree / "build" / "profile" / "bin" / "py-spy"
OP = "patch"
_RATE = 397  # samples a second; a prime, so that nothing periodic goes in step with it
# Programs and libraries, by the beginning of their names; Python is all that is left.
PROGRAMS = {"Linux": ("[kernel", "[vdso"), "Envoy": ("envoy", "libssl")}
# Stages of a request, in its order, with parts of the files that do it.
STAGES = {
    "Hand-over, event loop": (),  # no file of any other stage
    "Door: route, body, answer": (
        "tenantry/endpoints/grpc_rest/",
        "tenantry/app.py",
        "tenantry/web",
    ),
    "Caller, and what it may": (
        *("tenantry/endpoints/oauth/", "tenantry/identity/tokens/", "tenantry/api/policy"),
        "tenantry/access/",
        *("tenantry/identity/", "tenantry/rate_limits/", "tenantry/read_through"),
    ),
    "Message: JSON, its rules": (
        *("tenantry/api/messages", "tenantry/api/message_limits", "tenantry/api/validation"),
        *("tenantry/gen/", "/protovalidate/", "/protobuf/", "/google/"),
    ),
    "Organization, its event": ("tenantry/tenants/", "tenantry/events/", "tenantry/core/event.py"),
    "Transaction, statements": ("tenantry/db/", "/sqlalchemy/"),
    "Driver: asyncpg": ("/asyncpg/",),
    "Done later: the log": ("tenantry/worker.py",),
}
LATER = "Done later: the log"


def measure_profile(o: argparse.Namespace) -> dict[str, Any]:
    """Measure; return the cost of a request in µs, and the samples of programs and stages."""
    if not (shutil.which("perf") and PY_SPY.exists()):
        sys.exit("bench: needs perf, and py-spy: make build/profile/bin/py-spy")
    with prepared(o, workers=1) as subject:
        subject.server.start()
        subject.ids.write_text("\n".join(subject.server.seed(o.organizations)))
        say("profile: what one costs")
        row = send(OP, subject, o)
        say("profile: programs")
        programs = _programs(subject, o)
        say("profile: Python")
        stages = _stages(subject, o)
    return {
        "op": OP,
        "rps": row.load["rps"],
        "server_us": row.server_cpu_us,
        "database_us": row.database_cpu_us,
        "programs": programs,
        "stages": stages,
        "errors": row.load["errors"],
    }


def _programs(subject: Subject, o: argparse.Namespace) -> dict[str, int]:
    found = subject.server.folder / "perf.data"
    record = [
        "perf",
        "record",
        "--quiet",
        "--event=cpu-clock",
        f"--freq={_RATE}",
        f"--output={found}",
    ]
    pid = subject.server.pid
    with _beside([*record, f"--pid={pid}", "--", "sleep", str(o.seconds)]):
        send(OP, subject, o)
    report = ["perf", "report", f"--input={found}", "--stdio", "--quiet", "--field-separator=,"]
    said = subprocess.check_output(
        [*report, "--sort=dso", "--fields=sample,dso"], text=True, stderr=subprocess.DEVNULL
    )
    lines = (line.split(",", 1) for line in said.splitlines() if "," in line)
    return programs_of((name.strip(), int(count)) for count, name in lines)


def programs_of(samples: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Add up the samples of libraries by program."""
    found = Counter(dict.fromkeys((*PROGRAMS, "Python"), 0))
    for library, count in samples:
        named = (name for name, starts in PROGRAMS.items() if library.startswith(starts))
        found[next(named, "Python")] += count
    return dict(found)


def _stages(subject: Subject, o: argparse.Namespace) -> dict[str, int]:
    found = subject.server.folder / "stacks"
    command = [
        *(str(PY_SPY), "record", "--gil", "--format=raw", "--full-filenames", "--nolineno"),
        *(f"--rate={_RATE}", f"--duration={o.seconds}"),
        *(f"--output={found}", f"--pid={subject.server.pid}"),
    ]
    with _beside(command):
        send(OP, subject, o)
    lines = (line.rpartition(" ") for line in found.read_text().splitlines())
    return stages_of((stack, int(count)) for stack, _, count in lines)


def stages_of(samples: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Add up the samples of stacks, outermost function first and ";" between, by stage."""
    found = Counter(dict.fromkeys(STAGES, 0))
    for stack, count in samples:
        found[_stage(stack)] += count
    return dict(found)


def _stage(stack: str) -> str:
    if any(part in stack for part in STAGES[LATER]):
        return LATER
    for function in reversed(stack.split(";")):
        # The longest part decides: a folder may hold a file of another stage.
        fits = [
            (len(part), stage)
            for stage, parts in STAGES.items()
            for part in parts
            if part in function
        ]
        if fits:
            return max(fits)[1]
    return next(iter(STAGES))


@contextmanager
def _beside(command: list[str]) -> Iterator[None]:
    """Run a profiler meanwhile; wait for its end."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as profiler:
        yield
        _, said = profiler.communicate()
    if profiler.returncode:
        sys.exit(f"bench: {command[0]} failed\n{said}")
