"""Nothing acknowledged is lost, whichever process is killed: `make chaos` goes on for longer.

`make test` kills a tenth of them.
"""

from __future__ import annotations

import gc
import warnings

import pytest
from harness import run

SEED = 7


@pytest.fixture(autouse=True)
def _cut_connections():
    """Collect what the HTTP client drops of connections whose server was killed under it."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("database", "kills"), [("postgresql", 180), ("sqlite", 30)])
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
