"""The ways to sign in that a deployment offers, as pages of others' making draw them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.identity.connections import environment as connections
from tenantry.identity.connections.model import PASSWORD as PASSWORD_CONNECTION
from tenantry.identity.connections.model import PASSWORDLESS, WEBAUTHN
from tenantry.identity.sign_in.model import SIGN_UP

if TYPE_CHECKING:
    from tenantry.db.engine import Session
    from tenantry.settings import Settings

# Of the setting sign_in_methods.
EMAIL, PASSKEY, PASSWORD = "email", "passkey", "password"
_TYPES = {EMAIL: PASSWORDLESS, PASSWORD: PASSWORD_CONNECTION, PASSKEY: WEBAUTHN}


@dataclass(frozen=True, slots=True)
class Method:
    """One way to sign in: the connection that stands for it."""

    name: str  # of the setting sign_in_methods
    connection_id: str
    connection_type: str
    provider: str


async def offered(db: Session, settings: Settings, intent: str = "") -> list[Method]:
    """Return the ways to sign in, or those to sign up, which a passkey is not."""
    known = await connections.of_environment(db)
    return [
        Method(name, known[type_].id, type_, known[type_].provider)
        for name, type_ in _TYPES.items()
        if name in settings.own_methods and not (name == PASSKEY and intent == SIGN_UP)
    ]
