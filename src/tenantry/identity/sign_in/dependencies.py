"""The means of signing in, which all steps have at hand; a process has them once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry.events.interceptors.service import Interceptors
    from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty
    from tenantry.identity.authenticators.passwords.service import Passwords
    from tenantry.settings import Settings
    from tenantry.tenants.environment.effective import Effective


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInDependencies:
    """The settings in effect, and the parts of a deployment that signing in makes use of."""

    effective: Effective
    passwords: Passwords
    interceptors: Interceptors
    relying_party: RelyingParty

    @property
    def settings(self) -> Settings:
        return self.effective.settings
