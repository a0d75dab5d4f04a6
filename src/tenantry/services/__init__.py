"""The services of the API: one function for each, which imports the implementation when called.

A server calls all of them at startup, a command only those whose rpcs it uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.api import methods
from tenantry.services import access, events, identity, tenants, transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tenantry.api.methods import Method
    from tenantry.app_context import AppContext
    from tenantry.services.service import Service

# By the names of the services.
_SERVICES: dict[str, Callable[[], Service]] = {
    "scalekit.v1.organizations.OrganizationService": tenants.organizations,
    "scalekit.v1.domains.DomainService": tenants.domains,
    "scalekit.v1.roles.RolesService": tenants.roles,
    "scalekit.v1.users.UserService": tenants.users,
    "scalekit.v1.clients.ClientService": access.clients,
    "tenantry.v1.ClientSettingsService": access.client_settings,
    "scalekit.v1.tokens.ApiTokenService": access.tokens,
    "tenantry.v1.ApiTokenRecordService": access.api_token_records,
    "tenantry.v1.SigningKeyService": access.signing_keys,
    "scalekit.v1.keys.KeyManagementService": access.keys,
    "scalekit.v1.events.EventsService": events.events,
    "tenantry.v1.EventRecordService": events.event_records,
    "tenantry.v1.MailService": events.mail,
    "tenantry.v1.WebhookService": events.webhooks,
    "scalekit.v1.sessions.SessionService": identity.sessions,
    "scalekit.v1.auth.passwordless.PasswordlessService": identity.passwordless,
    "scalekit.v1.auth.webauthn.WebAuthnService": identity.webauthn,
    "scalekit.v1.auth.totp.TOTPService": identity.totp,
    "tenantry.v1.SecondFactorService": identity.second_factors,
    "tenantry.v1.OrganizationPolicyService": identity.organization_policies,
    "scalekit.v1.auth.AuthService": identity.auth,
    "scalekit.v1.connections.ConnectionService": identity.connections,
    "tenantry.v1.SingleSignOnService": identity.single_sign_on,
    "scalekit.v1.environments.EnvironmentService": tenants.environments,
    "tenantry.v1.SettingService": tenants.settings,
    "tenantry.v1.SamlKeyPairService": identity.saml_key_pairs,
    "scalekit.v1.directories.DirectoryService": tenants.directories,
    "tenantry.v1.DirectoryPollingService": tenants.directory_polling,
    "tenantry.v1.DirectoryRequestService": tenants.directory_requests,
    "scalekit.v1.user_attributes.UserAttributeService": tenants.user_attributes,
    "scalekit.v1.auditlogs.AuditLogsService": identity.auditlogs,
    "tenantry.v1.SignInService": identity.sign_ins,
    "tenantry.v1.StateService": identity.states,
    "tenantry.v1.OverviewService": identity.overview,
    "scalekit.v1.emails.EmailService": events.emails,
    "tenantry.v1.EmailPreviewService": events.email_previews,
    "scalekit.v1.interceptors.InterceptorService": events.interceptors,
    "tenantry.v1.InterceptorSecretService": events.interceptor_secrets,
    "tenantry.v1.DeploymentService": transfer.deployment,
    "tenantry.v1.OperatorService": identity.operators,
}


def service(name: str) -> Service:
    """Return a service, with its implementations imported."""
    return _SERVICES[name]()


def load() -> None:
    """Import the implementations of all services, so that no call waits for an import."""
    for name in _SERVICES:
        service(name)


def rpcs_of(name: str, context: AppContext) -> Iterator[Method]:
    """Yield the rpcs of one service."""
    found = service(name)
    yield from methods.of_service(found.contract.desc().services[0], *found.make(context))


def all_rpcs(context: AppContext) -> list[Method]:
    """Return the rpcs of all services."""
    return [method for name in _SERVICES for method in rpcs_of(name, context)]
