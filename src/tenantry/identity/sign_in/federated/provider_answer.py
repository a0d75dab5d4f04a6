"""The answer of an identity provider to a sign-in, and the checks of its identity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.db.sql.encrypted_columns import binding
from tenantry.identity.connections.federated_identities import FederatedIdentity, FederationError
from tenantry.identity.connections.settings import Settings
from tenantry.identity.sign_in.auth_requests import states
from tenantry.identity.sign_in.model import RESET_PASSWORD, SIGN_IN, auth_requests
from tenantry.net import email_addresses

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.crypto.vault import Binding
    from tenantry.db.engine import Session
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.model import AuthRequest, Facts
SUBJECT_MAX = 1000  # bytes, of a key that an index holds
SUB_MAX = 256  # the longest NameID that applications must store: SAML 2.0 Core 8.3.7


def expire_time(db: Session, request: AuthRequest) -> int | None:
    """Return until when the provider lets a session of its person last, if it says so."""
    if not request.facts.identity:
        return None
    return identity_of(db, request).session_expire_time


def identity_of(db: Session, request: AuthRequest) -> FederatedIdentity:
    """Return the identity that a provider has vouched for in a sign-in."""
    return FederatedIdentity.decrypted(db, request.facts.identity, _binding(request))


def _binding(request: AuthRequest) -> Binding:
    return binding(auth_requests.c.facts, {"id": request.id})


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    dependencies: SignInDependencies
    call: Call
    request: AuthRequest
    connection: Connection
    identity: FederatedIdentity
    browser: bool = True  # that of the person calls, and is to have a new secret

    @property
    def settings(self) -> Settings:
        return Settings.stored(self.connection.settings)

    def check(self) -> None:
        """Refuse an answer without an address, or of another provider than is asked for."""
        request, organization_id = self.request, self.connection.organization_id
        if organization_id is not None and request.named not in {None, organization_id}:
            raise FederationError(
                "invalid_organization_id",
                "this connection does not belong to the requested organization",
            )
        asked = request.params.connection_id
        if request.state == states.SSO_PENDING and asked not in {None, self.connection.id}:
            raise FederationError(
                "invalid_connection_id", "the request requires another connection"
            )
        subject, modular = self.identity.subject, self.dependencies.settings.is_modular
        if not _is_key(subject) or (modular and len(subject) > SUB_MAX):
            raise FederationError(
                "invalid_request", "the provider's user ID is missing or too long"
            )
        try:
            email_addresses.checked(self.identity.email)
        except errors.InvalidArgument:
            raise FederationError(
                "mandatory_attribute_missing", "the provider sent no valid email address"
            ) from None

    def facts(self) -> Facts:
        """Return the findings of the sign-in with this answer."""
        before = self.request.facts
        return replace(
            before,
            intent=SIGN_IN if before.intent == RESET_PASSWORD else before.intent,
            proofs=(self.connection.id,),
            sso="",
            passwordless="",
            identity=replace(self.identity, evidence={}).encrypted(
                self.call.db, _binding(self.request)
            ),
            evidence=self.identity.evidence or before.evidence,
        )


def _is_key(subject: str) -> bool:
    return 0 < len(subject.encode(errors="replace")) <= SUBJECT_MAX and "\0" not in subject
