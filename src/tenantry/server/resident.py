"""Releases memory pages of executables and libraries that only the start needed."""

from __future__ import annotations

import ctypes
import mmap
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# proc(5): addresses, permissions, offset, device, inode, path.
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+)")


def trim_memory() -> None:
    """Unmap what this process has read of files; a page that is needed again comes from the cache.

    Half of what Envoy maps while it starts, and most of our libraries, is never looked at again.
    """
    if sys.platform != "linux":
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    with suppress(OSError):  # a sandbox without /proc
        for address, size in list(_clean()):
            madvise(address, size, mmap.MADV_DONTNEED)


def _clean() -> Iterator[tuple[int, int]]:
    """Give address and size of each mapping of a file that cannot be written, and never was.

    Others must stay: MADV_DONTNEED would forget changes, as those of the dynamic linker.
    """
    mapping: tuple[int, int] | None = None
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if found := _MAPPING.match(line):
            start, end = int(found[1], 16), int(found[2], 16)
            clean = found[3].startswith("r-") and found[3].endswith("p") and found[4] != "0"
            mapping = (start, end - start) if clean else None
        elif line.startswith("Anonymous:") and mapping is not None and line.split()[1] == "0":
            yield mapping
