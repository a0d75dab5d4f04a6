"""Where the servers of a data folder are: `tenantry env` in another shell knows no more than that.

Each start leaves a file in `run/` of the folder, named after its port.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tenantry import __version__
from tenantry.core import atomic
from tenantry.server import certificates

if TYPE_CHECKING:
    from pathlib import Path

    from tenantry.settings import Settings


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """A server: its process, its URL, and the files by which others trust it, if it made any."""

    pid: int
    public_url: str
    ca: str = ""
    bundle: str = ""
    version: str = ""  # of the program; those before did not say

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True  # of another user
        return True


def of(settings: Settings) -> ServerRecord:
    """Return what settings say of a server in this process."""
    files = certificates.files(settings)
    made = files.ca is not None and files.bundle is not None and files.ca.is_file()
    ca, bundle = (files.ca, files.bundle) if made else ("", "")
    url = settings.public_url
    return ServerRecord(os.getpid(), url, str(ca), str(bundle), __version__)


def leave(settings: Settings) -> None:
    """Register this process, which is or becomes a server."""
    content = json.dumps(asdict(of(settings))).encode() + b"\n"
    atomic.write(_file(settings), content, mode=0o600)


def find(settings: Settings) -> ServerRecord | None:
    """Return a running server of the data folder: that of the port, else the one started last."""
    if there := at_port(settings):
        return there
    read = map(_read, _folder(settings).glob("*-server.json"))
    return max((one for one in read if one), key=lambda one: one[0], default=(0, None))[1]


def at_port(settings: Settings) -> ServerRecord | None:
    """Return the running server of the data folder at the port of the settings."""
    read = _read(_file(settings))
    return read[1] if read else None


def _read(path: Path) -> tuple[int, ServerRecord] | None:
    """Return a running server, and when it registered."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        server = ServerRecord(**content)
        return (path.stat().st_mtime_ns, server) if server.is_running else None
    except (OSError, ValueError, TypeError):
        return None  # just replaced, or not ours


def _file(settings: Settings) -> Path:
    return _folder(settings) / f"{settings.port}-server.json"


def _folder(settings: Settings) -> Path:
    return (settings.data_dir / "run").absolute()
