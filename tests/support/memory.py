"""Where tests keep their files: in memory, where there is enough of it.

Databases wait for the disk with each commit, and nobody cuts the power of a test.
"""

from __future__ import annotations

import os
import shutil
import tempfile

MEMORY = "/dev/shm"
ROOM = 6 << 30  # bytes


def use() -> None:
    """Have this process and those that it starts keep temporary files in memory.

    Where TMPDIR names a place, or memory is short or lets no program run, nothing changes.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    if os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        return
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if min(shutil.disk_usage(MEMORY).free, available) < ROOM:
        return
    os.environ["TMPDIR"] = tempfile.tempdir = MEMORY
