"""`make chaos`: the same as the tests, as often as asked for, on PostgreSQL and on SQLite."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

_CHAOS = Path(__file__).resolve().parent
_SUPPORT = _CHAOS.parent / "support"
_ROOT = _CHAOS.parents[1]
sys.path[:0] = [
    *(str(_CHAOS), str(_CHAOS / "linearizability"), str(_ROOT / "bench")),
    *(str(_SUPPORT), str(_SUPPORT / "deployments")),
]

from disks import Disk  # noqa: E402
from faults import run_faults  # noqa: E402
from harness import run  # noqa: E402
from servers import PostgreSQL  # noqa: E402

if TYPE_CHECKING:
    from checks import Findings

_FAULTS_AT_ONCE = 50  # between two checks


def main() -> None:
    """Let things go wrong, count and check; the exit code is 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10_000)
    parser.add_argument(
        "--faults", type=int, default=200, help="of processes, database, disk and network"
    )
    parser.add_argument("--only", default="", help="faults whose names have this text in it")
    parser.add_argument("--seconds", type=float, help="of each fault; by default 2, 4 or 20")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=1_000, help="kills between two checks")
    parser.add_argument(
        "--on", choices=["both", "postgresql", "sqlite"], default="both", help="both: 4 to 1"
    )
    parser.add_argument(
        "--output", type=Path, default=_ROOT / "build" / "reliability" / "chaos.json"
    )
    options = parser.parse_args()
    rounds: list[dict[str, Any]] = []
    try:
        for kind, total, at_once in (
            ("kills", options.kills, options.at_once),
            ("faults", options.faults, _FAULTS_AT_ONCE),
        ):
            done = 0
            while done < total:
                count, seed = min(at_once, total - done), options.seed + done
                on_sqlite = options.on == "sqlite" or (
                    options.on == "both" and done // at_once % 5 == 4
                )
                found = _round(kind, options, on_sqlite=on_sqlite, count=count, seed=seed)
                done += count
                rounds.append(
                    {
                        "kind": kind,
                        "database": "sqlite" if on_sqlite else "postgresql",
                        "seed": seed,
                        "counts": found.counts,
                        "recovery_seconds": found.recoveries,
                        "problems": found.problems,
                    }
                )
                _show(rounds[-1])
                if found.problems:
                    sys.exit(1)
    finally:
        summary = {
            "run": "chaos",
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {"cores": os.cpu_count()},
            "rounds": rounds,
        }
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(summary, indent=1) + "\n")


def _round(
    kind: str, options: argparse.Namespace, *, on_sqlite: bool, count: int, seed: int
) -> Findings:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)  # PostgreSQL runs as another user
        disk = stack.enter_context(Disk.mounted(folder / "disk")) if kind == "faults" else None
        place = disk.folder if disk else folder
        if on_sqlite:
            postgresql = None
        else:
            if disk:
                (place / "postgresql").mkdir(mode=0o755)
            postgresql = PostgreSQL(place / "postgresql" if disk else None)
            stack.callback(postgresql.close)
        at = place if on_sqlite else folder
        if kind == "faults":
            how: dict[str, Any] = {"full": disk, "only": options.only}
            if options.seconds:
                how["seconds"] = (options.seconds,)
            return asyncio.run(run_faults(at, postgresql, count=count, seed=seed, **how))
        url = postgresql.fresh() if postgresql else None
        return asyncio.run(run(at, url, kills=count, seed=seed))


def _show(shown: dict[str, Any]) -> None:
    print(f"{shown['kind']} on {shown['database']}, seed {shown['seed']}")
    print("\n".join(f"{count:>10,} {name}" for name, count in shown["counts"].items()))
    for fault, took in shown["recovery_seconds"].items():
        print(f"{max(took):>8.1f} s until all was as before, after {fault}")
    print("\n".join(shown["problems"][:20]), flush=True)


if __name__ == "__main__":
    main()
