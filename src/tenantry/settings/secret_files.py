"""Secrets from files, as Docker, Kubernetes and systemd lay them down for a process."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 64 << 10


def read(path: Path) -> str:
    """Return the line that a file holds, without the newline at its end.

    Raises:
        ValueError: it is not a file, cannot be read, is over `MOST_BYTES`, or holds anything but
            one line of text. The message names the file, and shows nothing of it.

    """
    try:
        # Somebody may never write to a pipe: it is opened without waiting, and then refused.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError(f"{path} is not a file")
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ValueError(f"no file at {path}") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder: name the file in it") from None
    except OSError as problem:
        raise ValueError(f"{path} cannot be read: {problem.strerror}") from None
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path} is over {MOST_BYTES >> 10} KiB: no secret is so long")
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text in UTF-8") from None
    if not text:
        raise ValueError(f"{path} is empty")
    if not text.isprintable():
        raise ValueError(f"{path} must hold one line of text")
    return text
