"""How a member joins: the rules, and the terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tenantry.tenants.users.model import DIRECT_PROVISION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.settings import Settings


@dataclass(frozen=True, slots=True)
class Rules:
    """Which addresses may join, and how long an invitation holds: settings of the deployment."""

    invitation_days: int
    block_disposable_emails: bool
    block_public_emails: bool

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """Return what the settings say."""
        return cls(
            settings.invitation_days,
            settings.block_disposable_emails,
            settings.block_public_emails,
        )


@dataclass(frozen=True, slots=True)
class NamedRole:
    """A role as a request names it: by id, by name, or by both; the field is for errors."""

    field: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Terms:
    """How a member joins: roles, metadata, inviter, and whether by an invitation."""

    roles: Sequence[NamedRole] = ()  # (): the default
    metadata: Mapping[str, str] = field(default_factory=dict)
    inviter_email: str | None = None
    invite: bool = False  # by mail; else it is a member at once
    client_id: str | None = None  # of the application that the invitation leads to
    provisioning_method: str = DIRECT_PROVISION  # of one that is a member at once
