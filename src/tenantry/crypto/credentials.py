"""The first management client's id and secret, kept beside the database for `tenantry env`.

And the link of the first operator, which is in no file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tenantry.core import atomic

if TYPE_CHECKING:
    from pathlib import Path

_NAME = "credentials.json"
# The address by which the first operator enters the console, for this process's banner: in
# development, while there is no operator.
FIRST_OPERATOR: list[str] = []


@dataclass(frozen=True, slots=True)
class Credentials:
    """A client with its secret in plain text."""

    client_id: str
    client_secret: str


def read(data_dir: Path) -> Credentials | None:
    """Return the kept credentials; None where nothing is."""
    try:
        content = json.loads((data_dir / _NAME).read_bytes())
        return Credentials(content["client_id"], content["client_secret"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(data_dir: Path, credentials: Credentials) -> None:
    """Keep these, readable by their owner alone."""
    content = json.dumps(asdict(credentials)).encode() + b"\n"
    atomic.write(data_dir / _NAME, content, mode=0o600)


def forget(data_dir: Path) -> None:
    """Keep none."""
    (data_dir / _NAME).unlink(missing_ok=True)
