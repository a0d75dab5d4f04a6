"""Nothing acknowledged is lost, whichever process is killed: `make chaos` goes on for longer.

`make test` kills a tenth of them.
"""

from __future__ import annotations

import gc
import sys
import warnings

import pytest
from harness import run
from repository import ROOT

sys.path[:0] = [str(ROOT / "tests" / "chaos" / "linearizability"), str(ROOT / "bench")]

from disks import Disk  # noqa: E402
from faults import run_faults  # noqa: E402

SEED = 7
FAULTS = 5


@pytest.fixture(autouse=True)
def _cut_connections():
    """Collect what the HTTP client drops of connections whose server was killed under it."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("database", "kills"),
    [pytest.param("postgresql", 180, marks=pytest.mark.thorough), ("sqlite", 30)],
)
async def test_nothing_is_lost_or_out_of_order_whichever_process_is_killed(
    request, tmp_path, database, kills
):
    if not request.config.getoption("thorough"):
        kills //= 30
    url = request.getfixturevalue("postgresql_url") if database == "postgresql" else None
    found = await run(tmp_path, url, kills=kills, seed=SEED)
    print("\n".join(f"{count:>8,} {name}" for name, count in found.counts.items()))
    assert found.problems == []
    assert found.counts["kills"] == kills
    # How many there are says how fast the machine is, and how busy; it must not be idle.
    assert found.counts["acknowledged changes"] > kills // 4
    assert found.counts["requests"] >= found.counts["deliveries"] > kills // 4


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize("database", ["postgresql", "sqlite"])
async def test_after_a_fault_all_is_as_before(request, tmp_path, database):
    postgresql = None
    if database == "postgresql":
        postgresql = request.getfixturevalue("unsteady_postgresql")
    found = await run_faults(tmp_path, postgresql, count=FAULTS, seed=SEED, seconds=[4.0])
    print(found.counts, found.recoveries)
    assert found.problems == []
    assert sum(map(len, found.recoveries.values())) == FAULTS
    assert found.counts["acknowledged changes"] > FAULTS
    assert found.counts["operations of histories"] > FAULTS


@pytest.mark.timeout(300)
@pytest.mark.thorough
async def test_a_full_disk_of_sqlite_loses_nothing_acknowledged(tmp_path):
    with Disk.mounted(tmp_path / "disk") as disk:
        if disk is None:
            pytest.skip("this user may not mount a file system")
        found = await run_faults(
            disk.folder, None, count=1, seed=SEED, full=disk, only="disk", seconds=[4.0]
        )
    assert found.problems == []
    assert found.recoveries.keys() == {"the disk is full"}
    assert found.counts["refused changes"] > 0
