"""The revisions of the schema that this program knows; a test holds them against the files.

Alembic is only imported where the database has another one.
"""

from __future__ import annotations

from pathlib import Path

# The newest under migrations/versions: this program needs all up to it.
HEAD = max(
    file.name.partition("_")[0]
    for file in Path(__file__).with_name("migrations").joinpath("versions").glob("[0-9]*_*.py")
)
# The oldest: databases of earlier ones cannot be upgraded.
BASELINE = "0034"
# The newest beside which no process may run that does not know it (``older_may_run = False``). This
# one is part of the baseline.
FENCE = "0030"
# The newest that the last release knows (docs/releasing.md).
RELEASED = "0034"
# Its contract lets data keys bind values to their rows, which earlier processes cannot read.
BOUND_VALUES = "0036"
