"""The means of signing in, which all steps have at hand; a process has them once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry.events.interceptors.service import Interceptors
    from tenantry.identity.proofs.passkeys.relying_party import RelyingParty
    from tenantry.identity.proofs.passwords.service import Passwords
    from tenantry.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The settings of a deployment, and the parts of it that signing in makes use of."""

    settings: Settings
    passwords: Passwords
    interceptors: Interceptors
    relying_party: RelyingParty
