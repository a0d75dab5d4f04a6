"""`make chaos`: the same as the test, as often as asked for, on PostgreSQL and on SQLite."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from harness import run  # noqa: E402
from servers import PostgreSQL  # noqa: E402


def main() -> None:
    """Kill, count and check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=1_000, help="kills between two checks")
    parser.add_argument(
        "--on", choices=["both", "postgresql", "sqlite"], default="both", help="both: 4 to 1"
    )
    options = parser.parse_args()
    postgresql = PostgreSQL()
    try:
        done = 0
        while done < options.kills:
            kills = min(options.at_once, options.kills - done)
            on_sqlite = options.on == "sqlite" or (
                options.on == "both" and done // options.at_once % 5 == 4
            )
            with tempfile.TemporaryDirectory() as folder:
                url = None if on_sqlite else postgresql.fresh()
                found = asyncio.run(run(Path(folder), url, kills=kills, seed=options.seed + done))
            done += kills
            print(f"{'SQLite' if on_sqlite else 'PostgreSQL'}, seed {options.seed + done - kills}")
            print("\n".join(f"{count:>10,} {name}" for name, count in found.counts.items()))
            if found.problems:
                print("\n".join(found.problems[:20]))
                sys.exit(1)
    finally:
        postgresql.close()


if __name__ == "__main__":
    main()
