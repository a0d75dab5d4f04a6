"""A stream into a file: one JSON object a line, on the disk before it counts as sent."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.events.log_streams.sinks import BlockingSink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.events.log_streams.lines import Line
    from tenantry.events.log_streams.targets import Target

_MODE = 0o640  # what people did is not for everybody; a group may collect it
_NEWLINE = b"\n"


class FileSink(BlockingSink):
    """Appends to a file; one that was renamed or removed is left for a new one of its name."""

    def __init__(self, target: Target) -> None:
        super().__init__("log-stream-file")
        self._path = Path(target.path)
        self._file = -1

    def write(self, lines: Sequence[Line]) -> None:
        self._open()
        data = b"".join(line.text().encode() + _NEWLINE for line in lines)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != _NEWLINE:
            # The last writer was killed within a line: the next one must not hang on it.
            data = _NEWLINE + data
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError:
            with suppress(OSError):  # it is sent again: half of it is of no use
                os.ftruncate(self._file, size)
            raise

    def abort(self) -> None:
        """See `BlockingSink.abort`: nothing ends a disk's waiting."""

    def drop(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self) -> None:
        if self._file >= 0:
            try:
                same = os.path.samestat(self._path.stat(), os.fstat(self._file))
            except FileNotFoundError:
                same = False
            if same:
                return
            self.drop()
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
        self._file = os.open(self._path, flags, _MODE)
