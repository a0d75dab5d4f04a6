"""The folders of this repository, and the path that finds the modules of tests/support."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = ROOT / "tests" / "support"
VECTORS = SUPPORT / "vectors"
# PYTHONPATH of a process that imports modules of tests/support; pytest has it from pyproject.toml.
PYTHONPATH = os.pathsep.join(
    [str(SUPPORT), *(str(folder) for folder in sorted(SUPPORT.iterdir()) if folder.is_dir())]
)
