"""How the deployment is: why nothing is sent, which certificates end, how full the disk is."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenantry.core.times import DAY, SECOND, now
from tenantry.db import copies
from tenantry.identity.connections.certificates import key_pairs

if TYPE_CHECKING:
    from pathlib import Path

    from tenantry.db.engine import Session
    from tenantry.settings import Settings

_LARGEST_CHAIN = 1 << 20  # bytes of a file of certificates


@dataclass(frozen=True, slots=True)
class Certificate:
    """A Tenantry certificate; ``use`` is "tls" or "saml". Its end in microseconds since 1970."""

    use: str
    name: str
    expire_time: int

    @property
    def days_left(self) -> int:
        """Whole days until it ends, 0 when it is over."""
        return max(0, (self.expire_time - now()) // DAY)


@dataclass(frozen=True, slots=True)
class Health:
    """How the deployment is; sizes in bytes."""

    held: str  # why nothing is sent, "" where it is
    disk_free: int
    disk_total: int
    certificates: tuple[Certificate, ...]


async def look(db: Session, settings: Settings) -> Health:
    """Return how it is now."""
    disk = await asyncio.to_thread(shutil.disk_usage, settings.data_dir)
    tls = await asyncio.to_thread(end_of_tls, settings)
    pairs = await key_pairs.look(db)
    host = urlsplit(settings.public_url).hostname or ""
    certificates = [Certificate("tls", host, tls)] if tls is not None else []
    if pairs is not None:
        certificates += [
            Certificate("saml", one.id, one.expire_time)
            for one in (pairs.current, pairs.following)
            if one is not None
        ]
    return Health(
        held=await copies.held(db) or "",
        disk_free=disk.free,
        disk_total=disk.total,
        certificates=tuple(certificates),
    )


def end_of_tls(settings: Settings) -> int | None:
    """Return when the server's certificate ends; None where it cannot be read, or is elsewhere."""
    # Where the server creates it.
    return _end_of(settings.tls_cert or settings.data_dir / "tls" / "server.pem")


def _end_of(chain: Path) -> int | None:
    """Return when the first certificate of a file ends, None where it cannot be read."""
    from cryptography import x509

    try:
        with chain.open("rb") as file:
            leaf = x509.load_pem_x509_certificates(file.read(_LARGEST_CHAIN))[0]
    except (OSError, ValueError):
        return None
    return int(leaf.not_valid_after_utc.timestamp()) * SECOND
