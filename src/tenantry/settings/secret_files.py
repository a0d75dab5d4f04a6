"""Secrets from files, as provided by Docker, Kubernetes and systemd."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 64 << 10


def read(path: Path) -> str:
    """Return the single line of a file, without its newline.

    Raises:
        ValueError: it is not a readable file of up to `MOST_BYTES` with one line of text. The
            message names the file and does not show its content.

    """
    try:
        # Opening a pipe without a writer would block: it is opened without waiting, then rejected.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError(f"{path} is not a file")
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ValueError(f"file not found: {path}") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a directory: name a file in it") from None
    except OSError as problem:
        raise ValueError(f"{path} cannot be read: {problem.strerror}") from None
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path} is over {MOST_BYTES >> 10} KiB, the limit for secrets")
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    if not text:
        raise ValueError(f"{path} is empty")
    if not text.isprintable():
        raise ValueError(f"{path} must contain one line of text")
    return text
