"""The data folder, which only its owner may access."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.settings import SettingError

if TYPE_CHECKING:
    from tenantry.settings import Settings

_OURS = ("tenantry.db*", "master.key", "*.json", "tls/*", "tls/.lock", "run/*")


def make(settings: Settings) -> None:
    """Create the folder if it is missing, and make its files private.

    Raises:
        SettingError: it cannot be created, or other users may write to it.

    """
    folder = settings.data_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        check(settings)
        for pattern in _OURS:
            for path in folder.glob(pattern):
                _keep_from_others(path)
    except OSError as problem:
        place = Path(problem.filename or folder).absolute()
        raise SettingError("data_dir", f"{place} cannot be used: {problem.strerror}") from None


def check(settings: Settings) -> None:
    """Check that other users may not write to the folder, if it exists.

    Raises:
        SettingError: they may.

    """
    folder = settings.data_dir
    with suppress(FileNotFoundError):
        if folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise SettingError(
                "data_dir",
                f"other users may write to {folder}: run chmod go-w {folder}, or set "
                "TENANTRY_DATA_DIR to a folder in it, which is created",
            )


def _keep_from_others(path: Path) -> None:
    with suppress(FileNotFoundError):  # another process made it anew
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
            path.chmod(0o600)
