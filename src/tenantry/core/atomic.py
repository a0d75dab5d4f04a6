"""Files that are replaced whole: a reader sees the old content or the new one, never half."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def write(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file with these rights in the place of the one that was there, if any."""
    with writing(path, mode=mode) as file:
        file.write(content)


def link(path: Path, target: Path) -> None:
    """Have a symbolic link lead there, in the place of another one, if any."""
    if path.is_symlink() and path.readlink() == target:
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)


@contextmanager
def writing(path: Path, *, mode: int) -> Iterator[BinaryIO]:
    """Open a file that takes its place at the end; where that is not reached, nothing changes."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as problem:
        problem.filename = str(path)  # the other name says nothing to the caller
        raise
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
