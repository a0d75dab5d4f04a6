"""Upgrade a database of commit 342a199 with many rows: killed on the way, timed, each row compared.

python tests/chaos/upgrade/long_run.py --organizations 1000000 --events 3000000
python tests/chaos/upgrade/long_run.py --on sqlite --organizations 200000 --events 600000
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

_SUPPORT = Path(__file__).resolve().parents[2] / "support"
sys.path[:0] = [str(Path(__file__).parent), str(_SUPPORT), str(_SUPPORT / "deployments")]

from former import columns, fill, hashed  # noqa: E402
from repository import ROOT  # noqa: E402
from servers import TENANTRY, PostgreSQL, without_settings  # noqa: E402

COMMIT = "342a199"


class Run:
    """One database, and the commands on it."""

    def __init__(self, folder: Path, postgresql: PostgreSQL | None) -> None:
        self.folder = folder
        self.postgresql = postgresql
        self.url = self._new("tenantry")
        self.began = time.monotonic()

    def _new(self, name: str) -> str:
        if self.postgresql is None:
            return f"sqlite:///{self.folder / name}.db"
        return self.postgresql.fresh()

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start `tenantry migrate`."""
        settings = {
            "TENANTRY_DATA_DIR": str(self.folder / "data"),
            "TENANTRY_DATABASE_URL": self.url,
        }
        return subprocess.Popen(
            [TENANTRY, "migrate"],
            env=without_settings() | settings | environment,
            cwd=self.folder,
            start_new_session=True,
        )

    def say(self, text: str) -> None:
        """Print a line with the time."""
        print(f"{time.monotonic() - self.began:7.1f} s  {text}", flush=True)

    def columns_of_both(self) -> dict[str, set[str]]:
        """Return the columns that the former schema and this one have."""
        kept = self.url
        self.url = self._new("empty")
        assert self.start().wait() == 0
        mine, self.url = columns(self.url), kept
        return {
            table: both
            for table, theirs in columns(self.url).items()
            if (both := theirs & mine.get(table, set()))
        }

    def kill_within(self, seconds: float) -> None:
        """Start it and kill it, after so many seconds if it has not ended."""
        process = self.start()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()


def main() -> None:
    """Fill, kill, upgrade, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--commit", default=COMMIT)
    parser.add_argument("--organizations", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--kills", type=int, default=5, help="of tenantry migrate")
    parser.add_argument("--crashes", type=int, default=1, help="of PostgreSQL")
    parser.add_argument("--seconds", type=float, help="it takes so long: kills are within")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with ExitStack() as closing:
        folder = Path(tempfile.mkdtemp(prefix="tenantry-upgrade-"))
        closing.callback(shutil.rmtree, folder, ignore_errors=True)
        postgresql = None
        if options.on == "postgresql":
            postgresql = PostgreSQL()
            closing.callback(postgresql.close)
            for setting in ("fsync = on", "max_wal_size = '4GB'"):
                postgresql.run(f"ALTER SYSTEM SET {setting}")
            postgresql.run("SELECT pg_reload_conf()")
        _upgrade(Run(folder, postgresql), options)


def _upgrade(run: Run, options: argparse.Namespace) -> None:
    chance = random.Random(options.seed)
    assert run.start(PYTHONPATH=str(_source(options.commit))).wait() == 0
    fill(run.url, organizations=options.organizations, events=options.events)
    run.say(f"{options.organizations:,} organizations, {options.events:,} events are written")
    of = run.columns_of_both()
    before = hashed(run.url, of)
    run.say(f"{sum(map(len, of.values()))} columns of {len(of)} tables are hashed")
    seconds = options.seconds or options.organizations / 10_000 + 1
    for number in range(options.kills):
        at = chance.uniform(0.3, seconds)
        run.kill_within(at)
        run.say(f"kill {number + 1}, after {at:.1f} s")
    for number in range(options.crashes if run.postgresql else 0):
        assert run.postgresql is not None
        process, at = run.start(), chance.uniform(0.3, seconds)
        time.sleep(at)
        run.postgresql.kill()
        run.postgresql.start()
        run.say(f"crash {number + 1} of PostgreSQL, after {at:.1f} s: exit code {process.wait()}")
    if hashed(run.url, of) != before:
        sys.exit("the hash is another one after the kills")
    began = time.monotonic()
    if code := run.start().wait():
        sys.exit(f"tenantry migrate: {code}")
    run.say(f"upgraded in {time.monotonic() - began:.1f} s")
    after = hashed(run.url, of)
    if after != before:
        sys.exit(f"before {before}\nafter {after}")
    rows = sum(many for many, _ in after.values())
    run.say(f"the same hash over {rows:,} rows")


def _source(commit: str) -> Path:
    """Return the modules of a commit, in a git worktree that is kept for the next run.

    They run in our own environment: to make a schema, former versions need no other packages.
    """
    tree = ROOT / "build" / "against" / commit
    if not tree.exists():
        add = ["git", "worktree", "add", "--quiet", "--detach", tree, commit]
        subprocess.run(add, cwd=ROOT, check=True)
    return tree / "src"


if __name__ == "__main__":
    main()
