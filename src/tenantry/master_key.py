"""The master key: from the settings, else a file in the data folder, made at first start."""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING

from tenantry.settings import SettingError

if TYPE_CHECKING:
    from pathlib import Path

    from tenantry.settings import Settings

PURPOSE = "data-key"  # of what it encrypts, the key of all other secrets
_BYTES = 32


def file(settings: Settings) -> Path:
    """Return where the key lies when no setting has it."""
    return settings.data_dir / "master.key"


def find(settings: Settings) -> bytes | None:
    """Return the 32 bytes; None where neither a setting nor the file has them.

    Raises:
        SettingError: the file cannot be read, or holds something else.

    """
    if settings.master_key:
        return base64.b64decode(settings.master_key)
    path = file(settings)
    try:
        key = base64.b64decode(path.read_bytes().strip(), validate=True)
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise SettingError("data_dir", f"cannot be used: {problem}") from None
    except binascii.Error:
        key = b""
    if len(key) != _BYTES:
        raise SettingError("master_key", f"{path} does not hold {_BYTES} bytes in base64")
    return key


def load(settings: Settings) -> bytes:
    """Return the 32 bytes, first written to the file where there are none: for a new database.

    Raises:
        SettingError: the file cannot be read or written, or holds something else.

    """
    while (key := find(settings)) is None:
        try:
            settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create(file(settings))
        except OSError as problem:
            raise SettingError("data_dir", f"cannot be used: {problem}") from None
    return key


def _create(path: Path) -> None:
    """Write a new key whole, unless another process was faster."""
    import secrets  # it takes a library that each start would load

    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as new:
        new.write(base64.b64encode(secrets.token_bytes(_BYTES)) + b"\n")
        new.flush()
        os.fsync(descriptor)
    try:
        path.hardlink_to(temporary)  # unlike a move, it does not replace a file that is there
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
