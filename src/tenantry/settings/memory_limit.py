"""Memory that a server may use: its setting, or most of what its container or machine has."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry.settings import Settings

MIB = 1 << 20
# Of the memory of this container or machine, where the setting does not say.
_SHARE = 0.9
_CGROUPS = (
    Path("/sys/fs/cgroup/memory.max"),  # version 2, as seen in a container
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),  # version 1
)


def of_server(settings: Settings) -> int:
    """Return the limit of all processes of this server together, in bytes."""
    return settings.memory_mb * MIB or int(_available() * _SHARE)


def _available() -> int:
    """Return the memory limit of this container in bytes, or the memory of the machine."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in _CGROUPS:
        with suppress(OSError, ValueError):  # no such file, or "max"
            found.append(int(path.read_text()))
    return min(found)
