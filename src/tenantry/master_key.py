"""The master key: from the settings, else a file in the data folder, made at first start."""

from __future__ import annotations

import base64
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry.settings import Settings


def load(settings: Settings) -> bytes:
    """Return the 32 bytes; without a setting they are read from, or first written to, a file."""
    if settings.master_key:
        return base64.b64decode(settings.master_key)
    path = settings.data_dir / "master.key"
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return base64.b64decode(path.read_text(encoding="ascii"))
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        key = secrets.token_bytes(32)
        file.write(base64.b64encode(key).decode() + "\n")
    return key
