"""The relying party that passkeys are made for: this deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from tenantry.settings import Settings


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Its id (a domain), the name that people see, and the origins whose pages may use it."""

    id: str
    name: str
    origins: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> RelyingParty:
        """Return that of a deployment: its host, and pages of it."""
        host = urlsplit(settings.public_url).hostname or ""
        return cls(
            id=host,
            name=settings.app_name or host,
            origins=(settings.public_url, *settings.passkey_origins),
        )
