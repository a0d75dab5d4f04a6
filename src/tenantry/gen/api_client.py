"""Typed calls of every rpc: `api.users.get_user(users_pb.GetUserRequest(...))`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from protobuf import Message
    from protobuf.wkt import Empty

    from tenantry.gen.scalekit.v1.auditlogs import auditlogs_pb
    from tenantry.gen.scalekit.v1.auth import auth_pb
    from tenantry.gen.scalekit.v1.auth import passwordless_pb
    from tenantry.gen.scalekit.v1.auth import totp_pb
    from tenantry.gen.scalekit.v1.auth import webauthn_pb
    from tenantry.gen.scalekit.v1.clients import clients_pb
    from tenantry.gen.scalekit.v1.connections import connections_pb
    from tenantry.gen.scalekit.v1.directories import directories_pb
    from tenantry.gen.scalekit.v1.domains import domains_pb
    from tenantry.gen.scalekit.v1.emails import emails_pb
    from tenantry.gen.scalekit.v1.environments import environments_pb
    from tenantry.gen.scalekit.v1.events import events_pb
    from tenantry.gen.scalekit.v1.interceptors import interceptors_pb
    from tenantry.gen.scalekit.v1.keys import keys_pb
    from tenantry.gen.scalekit.v1.organizations import organizations_pb
    from tenantry.gen.scalekit.v1.roles import roles_pb
    from tenantry.gen.scalekit.v1.sessions import sessions_pb
    from tenantry.gen.scalekit.v1.tokens import tokens_pb
    from tenantry.gen.scalekit.v1.user_attributes import user_attributes_pb
    from tenantry.gen.scalekit.v1.users import users_pb
    from tenantry.gen.tenantry.v1 import api_token_records_pb
    from tenantry.gen.tenantry.v1 import client_settings_pb
    from tenantry.gen.tenantry.v1 import deployment_pb
    from tenantry.gen.tenantry.v1 import directory_polling_pb
    from tenantry.gen.tenantry.v1 import directory_requests_pb
    from tenantry.gen.tenantry.v1 import email_previews_pb
    from tenantry.gen.tenantry.v1 import event_records_pb
    from tenantry.gen.tenantry.v1 import interceptor_secrets_pb
    from tenantry.gen.tenantry.v1 import mail_pb
    from tenantry.gen.tenantry.v1 import operators_pb
    from tenantry.gen.tenantry.v1 import organization_policies_pb
    from tenantry.gen.tenantry.v1 import overview_pb
    from tenantry.gen.tenantry.v1 import saml_key_pairs_pb
    from tenantry.gen.tenantry.v1 import second_factors_pb
    from tenantry.gen.tenantry.v1 import settings_pb
    from tenantry.gen.tenantry.v1 import sign_ins_pb
    from tenantry.gen.tenantry.v1 import signing_keys_pb
    from tenantry.gen.tenantry.v1 import single_sign_on_pb
    from tenantry.gen.tenantry.v1 import states_pb
    from tenantry.gen.tenantry.v1 import webhooks_pb


class Invoke(Protocol):
    """Makes one call: the path of the rpc, its request, and query members beyond the request."""

    async def __call__(
        self, path: str, request: Message[Any], extra: Mapping[str, Sequence[str]]
    ) -> Any:
        """Return the response."""


class ApiClient:
    """The services of the API, by the names of their files in proto/."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    @cached_property
    def auditlogs(self) -> AuditLogsService:
        """scalekit.v1.auditlogs.AuditLogsService."""
        return AuditLogsService(self._invoke)

    @cached_property
    def auth(self) -> AuthService:
        """scalekit.v1.auth.AuthService."""
        return AuthService(self._invoke)

    @cached_property
    def passwordless(self) -> PasswordlessService:
        """scalekit.v1.auth.passwordless.PasswordlessService."""
        return PasswordlessService(self._invoke)

    @cached_property
    def totp(self) -> TOTPService:
        """scalekit.v1.auth.totp.TOTPService."""
        return TOTPService(self._invoke)

    @cached_property
    def webauthn(self) -> WebAuthnService:
        """scalekit.v1.auth.webauthn.WebAuthnService."""
        return WebAuthnService(self._invoke)

    @cached_property
    def clients(self) -> ClientService:
        """scalekit.v1.clients.ClientService."""
        return ClientService(self._invoke)

    @cached_property
    def connections(self) -> ConnectionService:
        """scalekit.v1.connections.ConnectionService."""
        return ConnectionService(self._invoke)

    @cached_property
    def directories(self) -> DirectoryService:
        """scalekit.v1.directories.DirectoryService."""
        return DirectoryService(self._invoke)

    @cached_property
    def domains(self) -> DomainService:
        """scalekit.v1.domains.DomainService."""
        return DomainService(self._invoke)

    @cached_property
    def emails(self) -> EmailService:
        """scalekit.v1.emails.EmailService."""
        return EmailService(self._invoke)

    @cached_property
    def environments(self) -> EnvironmentService:
        """scalekit.v1.environments.EnvironmentService."""
        return EnvironmentService(self._invoke)

    @cached_property
    def events(self) -> EventsService:
        """scalekit.v1.events.EventsService."""
        return EventsService(self._invoke)

    @cached_property
    def interceptors(self) -> InterceptorService:
        """scalekit.v1.interceptors.InterceptorService."""
        return InterceptorService(self._invoke)

    @cached_property
    def keys(self) -> KeyManagementService:
        """scalekit.v1.keys.KeyManagementService."""
        return KeyManagementService(self._invoke)

    @cached_property
    def organizations(self) -> OrganizationService:
        """scalekit.v1.organizations.OrganizationService."""
        return OrganizationService(self._invoke)

    @cached_property
    def roles(self) -> RolesService:
        """scalekit.v1.roles.RolesService."""
        return RolesService(self._invoke)

    @cached_property
    def sessions(self) -> SessionService:
        """scalekit.v1.sessions.SessionService."""
        return SessionService(self._invoke)

    @cached_property
    def tokens(self) -> ApiTokenService:
        """scalekit.v1.tokens.ApiTokenService."""
        return ApiTokenService(self._invoke)

    @cached_property
    def user_attributes(self) -> UserAttributeService:
        """scalekit.v1.user_attributes.UserAttributeService."""
        return UserAttributeService(self._invoke)

    @cached_property
    def users(self) -> UserService:
        """scalekit.v1.users.UserService."""
        return UserService(self._invoke)

    @cached_property
    def api_token_records(self) -> ApiTokenRecordService:
        """tenantry.v1.ApiTokenRecordService."""
        return ApiTokenRecordService(self._invoke)

    @cached_property
    def client_settings(self) -> ClientSettingsService:
        """tenantry.v1.ClientSettingsService."""
        return ClientSettingsService(self._invoke)

    @cached_property
    def deployment(self) -> DeploymentService:
        """tenantry.v1.DeploymentService."""
        return DeploymentService(self._invoke)

    @cached_property
    def directory_polling(self) -> DirectoryPollingService:
        """tenantry.v1.DirectoryPollingService."""
        return DirectoryPollingService(self._invoke)

    @cached_property
    def directory_requests(self) -> DirectoryRequestService:
        """tenantry.v1.DirectoryRequestService."""
        return DirectoryRequestService(self._invoke)

    @cached_property
    def email_previews(self) -> EmailPreviewService:
        """tenantry.v1.EmailPreviewService."""
        return EmailPreviewService(self._invoke)

    @cached_property
    def event_records(self) -> EventRecordService:
        """tenantry.v1.EventRecordService."""
        return EventRecordService(self._invoke)

    @cached_property
    def interceptor_secrets(self) -> InterceptorSecretService:
        """tenantry.v1.InterceptorSecretService."""
        return InterceptorSecretService(self._invoke)

    @cached_property
    def mail(self) -> MailService:
        """tenantry.v1.MailService."""
        return MailService(self._invoke)

    @cached_property
    def operators(self) -> OperatorService:
        """tenantry.v1.OperatorService."""
        return OperatorService(self._invoke)

    @cached_property
    def organization_policies(self) -> OrganizationPolicyService:
        """tenantry.v1.OrganizationPolicyService."""
        return OrganizationPolicyService(self._invoke)

    @cached_property
    def overview(self) -> OverviewService:
        """tenantry.v1.OverviewService."""
        return OverviewService(self._invoke)

    @cached_property
    def saml_key_pairs(self) -> SamlKeyPairService:
        """tenantry.v1.SamlKeyPairService."""
        return SamlKeyPairService(self._invoke)

    @cached_property
    def second_factors(self) -> SecondFactorService:
        """tenantry.v1.SecondFactorService."""
        return SecondFactorService(self._invoke)

    @cached_property
    def settings(self) -> SettingService:
        """tenantry.v1.SettingService."""
        return SettingService(self._invoke)

    @cached_property
    def sign_ins(self) -> SignInService:
        """tenantry.v1.SignInService."""
        return SignInService(self._invoke)

    @cached_property
    def signing_keys(self) -> SigningKeyService:
        """tenantry.v1.SigningKeyService."""
        return SigningKeyService(self._invoke)

    @cached_property
    def single_sign_on(self) -> SingleSignOnService:
        """tenantry.v1.SingleSignOnService."""
        return SingleSignOnService(self._invoke)

    @cached_property
    def states(self) -> StateService:
        """tenantry.v1.StateService."""
        return StateService(self._invoke)

    @cached_property
    def webhooks(self) -> WebhookService:
        """tenantry.v1.WebhookService."""
        return WebhookService(self._invoke)



class AuditLogsService:
    """Calls of scalekit.v1.auditlogs.AuditLogsService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def list_auth_requests(
        self, request: auditlogs_pb.ListAuthLogRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> auditlogs_pb.ListAuthLogResponse:
        """Call ListAuthRequests."""
        answer: auditlogs_pb.ListAuthLogResponse = await self._invoke("/scalekit.v1.auditlogs.AuditLogsService/ListAuthRequests", request, extra or {})
        return answer


class AuthService:
    """Calls of scalekit.v1.auth.AuthService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def update_login_user_details(
        self, request: auth_pb.UpdateLoginUserDetailsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> auth_pb.UpdateLoginUserDetailsResponse:
        """Call UpdateLoginUserDetails."""
        answer: auth_pb.UpdateLoginUserDetailsResponse = await self._invoke("/scalekit.v1.auth.AuthService/UpdateLoginUserDetails", request, extra or {})
        return answer

    async def list_auth_methods(
        self, request: auth_pb.ListAuthMethodsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> auth_pb.ListAuthMethodsResponse:
        """Call ListAuthMethods."""
        answer: auth_pb.ListAuthMethodsResponse = await self._invoke("/scalekit.v1.auth.AuthService/ListAuthMethods", request, extra or {})
        return answer

    async def discovery_auth_method(
        self, request: auth_pb.DiscoveryAuthMethodRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> auth_pb.DiscoveryAuthMethodResponse:
        """Call DiscoveryAuthMethod."""
        answer: auth_pb.DiscoveryAuthMethodResponse = await self._invoke("/scalekit.v1.auth.AuthService/DiscoveryAuthMethod", request, extra or {})
        return answer

    async def verify_password_less_otp(
        self, request: auth_pb.VerifyPasswordLessOtpRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> auth_pb.VerifyPasswordLessOtpResponse:
        """Call VerifyPasswordLessOtp."""
        answer: auth_pb.VerifyPasswordLessOtpResponse = await self._invoke("/scalekit.v1.auth.AuthService/VerifyPasswordLessOtp", request, extra or {})
        return answer

    async def resend_auth_passwordless(
        self, request: auth_pb.ResendAuthPasswordlessRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call ResendAuthPasswordless."""
        answer: Empty = await self._invoke("/scalekit.v1.auth.AuthService/ResendAuthPasswordless", request, extra or {})
        return answer

    async def list_user_organizations(
        self, request: Empty, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> auth_pb.ListUserOrganizationsResponse:
        """Call ListUserOrganizations."""
        answer: auth_pb.ListUserOrganizationsResponse = await self._invoke("/scalekit.v1.auth.AuthService/ListUserOrganizations", request, extra or {})
        return answer

    async def signup_organization(
        self, request: auth_pb.SignupOrganizationRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> auth_pb.SignupOrganizationResponse:
        """Call SignupOrganization."""
        answer: auth_pb.SignupOrganizationResponse = await self._invoke("/scalekit.v1.auth.AuthService/SignupOrganization", request, extra or {})
        return answer

    async def get_auth_state(
        self, request: auth_pb.GetAuthStateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> auth_pb.GetAuthStateResponse:
        """Call GetAuthState."""
        answer: auth_pb.GetAuthStateResponse = await self._invoke("/scalekit.v1.auth.AuthService/GetAuthState", request, extra or {})
        return answer

    async def get_auth_error(
        self, request: auth_pb.GetAuthErrorRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> auth_pb.GetAuthErrorResponse:
        """Call GetAuthError."""
        answer: auth_pb.GetAuthErrorResponse = await self._invoke("/scalekit.v1.auth.AuthService/GetAuthError", request, extra or {})
        return answer

    async def logout(
        self, request: Empty, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call Logout."""
        answer: Empty = await self._invoke("/scalekit.v1.auth.AuthService/Logout", request, extra or {})
        return answer

    async def get_auth_customizations(
        self, request: auth_pb.GetAuthCustomizationsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> auth_pb.GetAuthCustomizationsResponse:
        """Call GetAuthCustomizations."""
        answer: auth_pb.GetAuthCustomizationsResponse = await self._invoke("/scalekit.v1.auth.AuthService/GetAuthCustomizations", request, extra or {})
        return answer

    async def get_auth_features(
        self, request: Empty, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> auth_pb.GetAuthFeaturesResponse:
        """Call GetAuthFeatures."""
        answer: auth_pb.GetAuthFeaturesResponse = await self._invoke("/scalekit.v1.auth.AuthService/GetAuthFeatures", request, extra or {})
        return answer

    async def get_login_request_details(
        self, request: auth_pb.GetLoginRequestDetailsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> auth_pb.GetLoginRequestDetailsResponse:
        """Call GetLoginRequestDetails."""
        answer: auth_pb.GetLoginRequestDetailsResponse = await self._invoke("/scalekit.v1.auth.AuthService/GetLoginRequestDetails", request, extra or {})
        return answer


class PasswordlessService:
    """Calls of scalekit.v1.auth.passwordless.PasswordlessService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def send_passwordless_email(
        self, request: passwordless_pb.SendPasswordlessRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> passwordless_pb.SendPasswordlessResponse:
        """Call SendPasswordlessEmail."""
        answer: passwordless_pb.SendPasswordlessResponse = await self._invoke("/scalekit.v1.auth.passwordless.PasswordlessService/SendPasswordlessEmail", request, extra or {})
        return answer

    async def verify_passwordless_email(
        self, request: passwordless_pb.VerifyPasswordLessRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> passwordless_pb.VerifyPasswordLessResponse:
        """Call VerifyPasswordlessEmail."""
        answer: passwordless_pb.VerifyPasswordLessResponse = await self._invoke("/scalekit.v1.auth.passwordless.PasswordlessService/VerifyPasswordlessEmail", request, extra or {})
        return answer

    async def resend_passwordless_email(
        self, request: passwordless_pb.ResendPasswordlessRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> passwordless_pb.SendPasswordlessResponse:
        """Call ResendPasswordlessEmail."""
        answer: passwordless_pb.SendPasswordlessResponse = await self._invoke("/scalekit.v1.auth.passwordless.PasswordlessService/ResendPasswordlessEmail", request, extra or {})
        return answer


class TOTPService:
    """Calls of scalekit.v1.auth.totp.TOTPService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def register_totp(
        self, request: totp_pb.TOTPRegistrationRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> totp_pb.TOTPRegistrationResponse:
        """Call RegisterTOTP."""
        answer: totp_pb.TOTPRegistrationResponse = await self._invoke("/scalekit.v1.auth.totp.TOTPService/RegisterTOTP", request, extra or {})
        return answer

    async def enable_totp(
        self, request: totp_pb.EnableRegistrationTOTPRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> totp_pb.EnableRegistrationTOTPResponse:
        """Call EnableTOTP."""
        answer: totp_pb.EnableRegistrationTOTPResponse = await self._invoke("/scalekit.v1.auth.totp.TOTPService/EnableTOTP", request, extra or {})
        return answer

    async def verify_user_code(
        self, request: totp_pb.VerifyUserCodeRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> totp_pb.VerifyCodeResponse:
        """Call VerifyUserCode."""
        answer: totp_pb.VerifyCodeResponse = await self._invoke("/scalekit.v1.auth.totp.TOTPService/VerifyUserCode", request, extra or {})
        return answer

    async def verify_registration_code(
        self, request: totp_pb.VerifyRegistrationCodeRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> totp_pb.VerifyCodeResponse:
        """Call VerifyRegistrationCode."""
        answer: totp_pb.VerifyCodeResponse = await self._invoke("/scalekit.v1.auth.totp.TOTPService/VerifyRegistrationCode", request, extra or {})
        return answer

    async def disable_totp(
        self, request: totp_pb.DisableRegistrationTOTPRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DisableTOTP."""
        answer: Empty = await self._invoke("/scalekit.v1.auth.totp.TOTPService/DisableTOTP", request, extra or {})
        return answer


class WebAuthnService:
    """Calls of scalekit.v1.auth.webauthn.WebAuthnService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def list_credentials(
        self, request: webauthn_pb.ListCredentialsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webauthn_pb.ListCredentialsResponse:
        """Call ListCredentials."""
        answer: webauthn_pb.ListCredentialsResponse = await self._invoke("/scalekit.v1.auth.webauthn.WebAuthnService/ListCredentials", request, extra or {})
        return answer

    async def delete_credential(
        self, request: webauthn_pb.DeleteCredentialRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webauthn_pb.DeleteCredentialResponse:
        """Call DeleteCredential."""
        answer: webauthn_pb.DeleteCredentialResponse = await self._invoke("/scalekit.v1.auth.webauthn.WebAuthnService/DeleteCredential", request, extra or {})
        return answer

    async def update_credential(
        self, request: webauthn_pb.UpdateCredentialRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webauthn_pb.UpdateCredentialResponse:
        """Call UpdateCredential."""
        answer: webauthn_pb.UpdateCredentialResponse = await self._invoke("/scalekit.v1.auth.webauthn.WebAuthnService/UpdateCredential", request, extra or {})
        return answer

    async def begin_registration(
        self, request: webauthn_pb.BeginRegistrationRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webauthn_pb.BeginRegistrationResponse:
        """Call BeginRegistration."""
        answer: webauthn_pb.BeginRegistrationResponse = await self._invoke("/scalekit.v1.auth.webauthn.WebAuthnService/BeginRegistration", request, extra or {})
        return answer

    async def finish_registration(
        self, request: webauthn_pb.FinishRegistrationRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webauthn_pb.FinishRegistrationResponse:
        """Call FinishRegistration."""
        answer: webauthn_pb.FinishRegistrationResponse = await self._invoke("/scalekit.v1.auth.webauthn.WebAuthnService/FinishRegistration", request, extra or {})
        return answer

    async def begin_authentication(
        self, request: webauthn_pb.BeginAuthenticationRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webauthn_pb.BeginAuthenticationResponse:
        """Call BeginAuthentication."""
        answer: webauthn_pb.BeginAuthenticationResponse = await self._invoke("/scalekit.v1.auth.webauthn.WebAuthnService/BeginAuthentication", request, extra or {})
        return answer

    async def finish_authentication(
        self, request: webauthn_pb.FinishAuthenticationRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webauthn_pb.FinishAuthenticationResponse:
        """Call FinishAuthentication."""
        answer: webauthn_pb.FinishAuthenticationResponse = await self._invoke("/scalekit.v1.auth.webauthn.WebAuthnService/FinishAuthentication", request, extra or {})
        return answer

    async def get_related_origins(
        self, request: webauthn_pb.GetRelatedOriginsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webauthn_pb.GetRelatedOriginsResponse:
        """Call GetRelatedOrigins."""
        answer: webauthn_pb.GetRelatedOriginsResponse = await self._invoke("/scalekit.v1.auth.webauthn.WebAuthnService/GetRelatedOrigins", request, extra or {})
        return answer


class ClientService:
    """Calls of scalekit.v1.clients.ClientService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def create_client(
        self, request: clients_pb.CreateClientRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.CreateClientResponse:
        """Call CreateClient."""
        answer: clients_pb.CreateClientResponse = await self._invoke("/scalekit.v1.clients.ClientService/CreateClient", request, extra or {})
        return answer

    async def get_client(
        self, request: clients_pb.GetClientRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.GetClientResponse:
        """Call GetClient."""
        answer: clients_pb.GetClientResponse = await self._invoke("/scalekit.v1.clients.ClientService/GetClient", request, extra or {})
        return answer

    async def list_client(
        self, request: clients_pb.ListClientsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.ListClientsResponse:
        """Call ListClient."""
        answer: clients_pb.ListClientsResponse = await self._invoke("/scalekit.v1.clients.ClientService/ListClient", request, extra or {})
        return answer

    async def update_client(
        self, request: clients_pb.UpdateClientRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.UpdateClientResponse:
        """Call UpdateClient."""
        answer: clients_pb.UpdateClientResponse = await self._invoke("/scalekit.v1.clients.ClientService/UpdateClient", request, extra or {})
        return answer

    async def delete_client(
        self, request: clients_pb.DeleteClientRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteClient."""
        answer: Empty = await self._invoke("/scalekit.v1.clients.ClientService/DeleteClient", request, extra or {})
        return answer

    async def create_client_secret(
        self, request: clients_pb.CreateClientSecretRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.CreateClientSecretResponse:
        """Call CreateClientSecret."""
        answer: clients_pb.CreateClientSecretResponse = await self._invoke("/scalekit.v1.clients.ClientService/CreateClientSecret", request, extra or {})
        return answer

    async def update_client_secret(
        self, request: clients_pb.UpdateClientSecretRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.UpdateClientSecretResponse:
        """Call UpdateClientSecret."""
        answer: clients_pb.UpdateClientSecretResponse = await self._invoke("/scalekit.v1.clients.ClientService/UpdateClientSecret", request, extra or {})
        return answer

    async def delete_client_secret(
        self, request: clients_pb.DeleteClientSecretRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteClientSecret."""
        answer: Empty = await self._invoke("/scalekit.v1.clients.ClientService/DeleteClientSecret", request, extra or {})
        return answer

    async def create_organization_client(
        self, request: clients_pb.CreateOrganizationClientRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.CreateOrganizationClientResponse:
        """Call CreateOrganizationClient."""
        answer: clients_pb.CreateOrganizationClientResponse = await self._invoke("/scalekit.v1.clients.ClientService/CreateOrganizationClient", request, extra or {})
        return answer

    async def get_organization_client(
        self, request: clients_pb.GetOrganizationClientRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.GetOrganizationClientResponse:
        """Call GetOrganizationClient."""
        answer: clients_pb.GetOrganizationClientResponse = await self._invoke("/scalekit.v1.clients.ClientService/GetOrganizationClient", request, extra or {})
        return answer

    async def list_organization_clients(
        self, request: clients_pb.ListOrganizationClientsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.ListOrganizationClientsResponse:
        """Call ListOrganizationClients."""
        answer: clients_pb.ListOrganizationClientsResponse = await self._invoke("/scalekit.v1.clients.ClientService/ListOrganizationClients", request, extra or {})
        return answer

    async def update_organization_client(
        self, request: clients_pb.UpdateOrganizationClientRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.UpdateOrganizationClientResponse:
        """Call UpdateOrganizationClient."""
        answer: clients_pb.UpdateOrganizationClientResponse = await self._invoke("/scalekit.v1.clients.ClientService/UpdateOrganizationClient", request, extra or {})
        return answer

    async def delete_organization_client(
        self, request: clients_pb.DeleteOrganizationClientRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteOrganizationClient."""
        answer: Empty = await self._invoke("/scalekit.v1.clients.ClientService/DeleteOrganizationClient", request, extra or {})
        return answer

    async def create_organization_client_secret(
        self, request: clients_pb.CreateOrganizationClientSecretRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.CreateOrganizationClientSecretResponse:
        """Call CreateOrganizationClientSecret."""
        answer: clients_pb.CreateOrganizationClientSecretResponse = await self._invoke("/scalekit.v1.clients.ClientService/CreateOrganizationClientSecret", request, extra or {})
        return answer

    async def delete_organization_client_secret(
        self, request: clients_pb.DeleteOrganizationClientSecretRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteOrganizationClientSecret."""
        answer: Empty = await self._invoke("/scalekit.v1.clients.ClientService/DeleteOrganizationClientSecret", request, extra or {})
        return answer

    async def create_resource(
        self, request: clients_pb.CreateResourceRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.CreateResourceResponse:
        """Call CreateResource."""
        answer: clients_pb.CreateResourceResponse = await self._invoke("/scalekit.v1.clients.ClientService/CreateResource", request, extra or {})
        return answer

    async def get_resource(
        self, request: clients_pb.GetResourceRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.GetResourceResponse:
        """Call GetResource."""
        answer: clients_pb.GetResourceResponse = await self._invoke("/scalekit.v1.clients.ClientService/GetResource", request, extra or {})
        return answer

    async def list_resources(
        self, request: clients_pb.ListResourcesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.ListResourcesResponse:
        """Call ListResources."""
        answer: clients_pb.ListResourcesResponse = await self._invoke("/scalekit.v1.clients.ClientService/ListResources", request, extra or {})
        return answer

    async def update_resource(
        self, request: clients_pb.UpdateResourceRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.UpdateResourceResponse:
        """Call UpdateResource."""
        answer: clients_pb.UpdateResourceResponse = await self._invoke("/scalekit.v1.clients.ClientService/UpdateResource", request, extra or {})
        return answer

    async def delete_resource(
        self, request: clients_pb.DeleteResourceRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteResource."""
        answer: Empty = await self._invoke("/scalekit.v1.clients.ClientService/DeleteResource", request, extra or {})
        return answer

    async def delete_resource_provider(
        self, request: clients_pb.DeleteResourceProviderRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.GetResourceResponse:
        """Call DeleteResourceProvider."""
        answer: clients_pb.GetResourceResponse = await self._invoke("/scalekit.v1.clients.ClientService/DeleteResourceProvider", request, extra or {})
        return answer

    async def create_resource_client(
        self, request: clients_pb.CreateResourceClientRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.CreateResourceClientResponse:
        """Call CreateResourceClient."""
        answer: clients_pb.CreateResourceClientResponse = await self._invoke("/scalekit.v1.clients.ClientService/CreateResourceClient", request, extra or {})
        return answer

    async def get_resource_client(
        self, request: clients_pb.GetResourceClientRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.GetResourceClientResponse:
        """Call GetResourceClient."""
        answer: clients_pb.GetResourceClientResponse = await self._invoke("/scalekit.v1.clients.ClientService/GetResourceClient", request, extra or {})
        return answer

    async def list_resource_clients(
        self, request: clients_pb.ListResourceClientsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.ListResourceClientsResponse:
        """Call ListResourceClients."""
        answer: clients_pb.ListResourceClientsResponse = await self._invoke("/scalekit.v1.clients.ClientService/ListResourceClients", request, extra or {})
        return answer

    async def update_resource_client(
        self, request: clients_pb.UpdateResourceClientRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.UpdateResourceClientResponse:
        """Call UpdateResourceClient."""
        answer: clients_pb.UpdateResourceClientResponse = await self._invoke("/scalekit.v1.clients.ClientService/UpdateResourceClient", request, extra or {})
        return answer

    async def delete_resource_client(
        self, request: clients_pb.DeleteResourceClientRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.DeleteResourceClientResponse:
        """Call DeleteResourceClient."""
        answer: clients_pb.DeleteResourceClientResponse = await self._invoke("/scalekit.v1.clients.ClientService/DeleteResourceClient", request, extra or {})
        return answer

    async def list_resource_user_consents(
        self, request: clients_pb.ListResourceUserConsentsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.ListResourceUserConsentsResponse:
        """Call ListResourceUserConsents."""
        answer: clients_pb.ListResourceUserConsentsResponse = await self._invoke("/scalekit.v1.clients.ClientService/ListResourceUserConsents", request, extra or {})
        return answer

    async def revoke_user_consent(
        self, request: clients_pb.RevokeUserConsentRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.RevokeUserConsentResponse:
        """Call RevokeUserConsent."""
        answer: clients_pb.RevokeUserConsentResponse = await self._invoke("/scalekit.v1.clients.ClientService/RevokeUserConsent", request, extra or {})
        return answer

    async def list_current_agent_consents(
        self, request: clients_pb.ListCurrentAgentConsentsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.ListCurrentAgentConsentsResponse:
        """Call ListCurrentAgentConsents."""
        answer: clients_pb.ListCurrentAgentConsentsResponse = await self._invoke("/scalekit.v1.clients.ClientService/ListCurrentAgentConsents", request, extra or {})
        return answer

    async def revoke_current_agent_consent(
        self, request: clients_pb.RevokeCurrentAgentConsentRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.RevokeCurrentAgentConsentResponse:
        """Call RevokeCurrentAgentConsent."""
        answer: clients_pb.RevokeCurrentAgentConsentResponse = await self._invoke("/scalekit.v1.clients.ClientService/RevokeCurrentAgentConsent", request, extra or {})
        return answer

    async def create_scope(
        self, request: clients_pb.CreateScopeRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.CreateScopeResponse:
        """Call CreateScope."""
        answer: clients_pb.CreateScopeResponse = await self._invoke("/scalekit.v1.clients.ClientService/CreateScope", request, extra or {})
        return answer

    async def list_scopes(
        self, request: clients_pb.ListScopesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.ListScopesResponse:
        """Call ListScopes."""
        answer: clients_pb.ListScopesResponse = await self._invoke("/scalekit.v1.clients.ClientService/ListScopes", request, extra or {})
        return answer

    async def update_scope(
        self, request: clients_pb.UpdateScopeRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.UpdateScopeResponse:
        """Call UpdateScope."""
        answer: clients_pb.UpdateScopeResponse = await self._invoke("/scalekit.v1.clients.ClientService/UpdateScope", request, extra or {})
        return answer

    async def delete_scope(
        self, request: clients_pb.DeleteScopeRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteScope."""
        answer: Empty = await self._invoke("/scalekit.v1.clients.ClientService/DeleteScope", request, extra or {})
        return answer

    async def add_environment_redirect_uri(
        self, request: clients_pb.AddEnvironmentRedirectUriRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.EnvironmentLoginUrisResponse:
        """Call AddEnvironmentRedirectUri."""
        answer: clients_pb.EnvironmentLoginUrisResponse = await self._invoke("/scalekit.v1.clients.ClientService/AddEnvironmentRedirectUri", request, extra or {})
        return answer

    async def remove_environment_redirect_uri(
        self, request: clients_pb.RemoveEnvironmentRedirectUriRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.EnvironmentLoginUrisResponse:
        """Call RemoveEnvironmentRedirectUri."""
        answer: clients_pb.EnvironmentLoginUrisResponse = await self._invoke("/scalekit.v1.clients.ClientService/RemoveEnvironmentRedirectUri", request, extra or {})
        return answer

    async def set_environment_initiate_login_uri(
        self, request: clients_pb.SetEnvironmentInitiateLoginUriRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> clients_pb.EnvironmentLoginUrisResponse:
        """Call SetEnvironmentInitiateLoginUri."""
        answer: clients_pb.EnvironmentLoginUrisResponse = await self._invoke("/scalekit.v1.clients.ClientService/SetEnvironmentInitiateLoginUri", request, extra or {})
        return answer


class ConnectionService:
    """Calls of scalekit.v1.connections.ConnectionService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def create_environment_connection(
        self, request: connections_pb.CreateEnvironmentConnectionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.CreateConnectionResponse:
        """Call CreateEnvironmentConnection."""
        answer: connections_pb.CreateConnectionResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/CreateEnvironmentConnection", request, extra or {})
        return answer

    async def create_connection(
        self, request: connections_pb.CreateConnectionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.CreateConnectionResponse:
        """Call CreateConnection."""
        answer: connections_pb.CreateConnectionResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/CreateConnection", request, extra or {})
        return answer

    async def get_environment_connection(
        self, request: connections_pb.GetEnvironmentConnectionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.GetConnectionResponse:
        """Call GetEnvironmentConnection."""
        answer: connections_pb.GetConnectionResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/GetEnvironmentConnection", request, extra or {})
        return answer

    async def get_connection(
        self, request: connections_pb.GetConnectionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.GetConnectionResponse:
        """Call GetConnection."""
        answer: connections_pb.GetConnectionResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/GetConnection", request, extra or {})
        return answer

    async def list_connections(
        self, request: connections_pb.ListConnectionsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.ListConnectionsResponse:
        """Call ListConnections."""
        answer: connections_pb.ListConnectionsResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/ListConnections", request, extra or {})
        return answer

    async def update_environment_connection(
        self, request: connections_pb.UpdateEnvironmentConnectionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.UpdateConnectionResponse:
        """Call UpdateEnvironmentConnection."""
        answer: connections_pb.UpdateConnectionResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/UpdateEnvironmentConnection", request, extra or {})
        return answer

    async def delete_connection(
        self, request: connections_pb.DeleteConnectionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteConnection."""
        answer: Empty = await self._invoke("/scalekit.v1.connections.ConnectionService/DeleteConnection", request, extra or {})
        return answer

    async def enable_connection(
        self, request: connections_pb.ToggleConnectionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.ToggleConnectionResponse:
        """Call EnableConnection."""
        answer: connections_pb.ToggleConnectionResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/EnableConnection", request, extra or {})
        return answer

    async def disable_connection(
        self, request: connections_pb.ToggleConnectionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.ToggleConnectionResponse:
        """Call DisableConnection."""
        answer: connections_pb.ToggleConnectionResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/DisableConnection", request, extra or {})
        return answer

    async def list_app_connections(
        self, request: connections_pb.ListAppConnectionsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.ListAppConnectionsResponse:
        """Call ListAppConnections."""
        answer: connections_pb.ListAppConnectionsResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/ListAppConnections", request, extra or {})
        return answer

    async def assign_domains_to_connection(
        self, request: connections_pb.AssignDomainsToConnectionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.AssignDomainsToConnectionResponse:
        """Call AssignDomainsToConnection."""
        answer: connections_pb.AssignDomainsToConnectionResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/AssignDomainsToConnection", request, extra or {})
        return answer

    async def list_organization_connections(
        self, request: connections_pb.ListOrganizationConnectionsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.ListOrganizationConnectionsResponse:
        """Call ListOrganizationConnections."""
        answer: connections_pb.ListOrganizationConnectionsResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/ListOrganizationConnections", request, extra or {})
        return answer

    async def search_organization_connections(
        self, request: connections_pb.SearchOrganizationConnectionsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.SearchOrganizationConnectionsResponse:
        """Call SearchOrganizationConnections."""
        answer: connections_pb.SearchOrganizationConnectionsResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/SearchOrganizationConnections", request, extra or {})
        return answer

    async def update_connection(
        self, request: connections_pb.UpdateConnectionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.UpdateConnectionResponse:
        """Call UpdateConnection."""
        answer: connections_pb.UpdateConnectionResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/UpdateConnection", request, extra or {})
        return answer

    async def delete_environment_connection(
        self, request: connections_pb.DeleteEnvironmentConnectionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteEnvironmentConnection."""
        answer: Empty = await self._invoke("/scalekit.v1.connections.ConnectionService/DeleteEnvironmentConnection", request, extra or {})
        return answer

    async def enable_environment_connection(
        self, request: connections_pb.ToggleEnvironmentConnectionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.ToggleConnectionResponse:
        """Call EnableEnvironmentConnection."""
        answer: connections_pb.ToggleConnectionResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/EnableEnvironmentConnection", request, extra or {})
        return answer

    async def disable_environment_connection(
        self, request: connections_pb.ToggleEnvironmentConnectionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.ToggleConnectionResponse:
        """Call DisableEnvironmentConnection."""
        answer: connections_pb.ToggleConnectionResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/DisableEnvironmentConnection", request, extra or {})
        return answer

    async def get_connection_test_result(
        self, request: connections_pb.GetConnectionTestResultRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.GetConnectionTestResultResponse:
        """Call GetConnectionTestResult."""
        answer: connections_pb.GetConnectionTestResultResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/GetConnectionTestResult", request, extra or {})
        return answer

    async def get_connection_context(
        self, request: connections_pb.GetConnectionContextRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> connections_pb.GetConnectionContextResponse:
        """Call GetConnectionContext."""
        answer: connections_pb.GetConnectionContextResponse = await self._invoke("/scalekit.v1.connections.ConnectionService/GetConnectionContext", request, extra or {})
        return answer

    async def update_connection_context(
        self, request: connections_pb.UpdateConnectionContextRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call UpdateConnectionContext."""
        answer: Empty = await self._invoke("/scalekit.v1.connections.ConnectionService/UpdateConnectionContext", request, extra or {})
        return answer


class DirectoryService:
    """Calls of scalekit.v1.directories.DirectoryService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def create_directory(
        self, request: directories_pb.CreateDirectoryRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directories_pb.CreateDirectoryResponse:
        """Call CreateDirectory."""
        answer: directories_pb.CreateDirectoryResponse = await self._invoke("/scalekit.v1.directories.DirectoryService/CreateDirectory", request, extra or {})
        return answer

    async def delete_directory(
        self, request: directories_pb.DeleteDirectoryRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteDirectory."""
        answer: Empty = await self._invoke("/scalekit.v1.directories.DirectoryService/DeleteDirectory", request, extra or {})
        return answer

    async def get_directory(
        self, request: directories_pb.GetDirectoryRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directories_pb.GetDirectoryResponse:
        """Call GetDirectory."""
        answer: directories_pb.GetDirectoryResponse = await self._invoke("/scalekit.v1.directories.DirectoryService/GetDirectory", request, extra or {})
        return answer

    async def list_directories(
        self, request: directories_pb.ListDirectoriesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directories_pb.ListDirectoriesResponse:
        """Call ListDirectories."""
        answer: directories_pb.ListDirectoriesResponse = await self._invoke("/scalekit.v1.directories.DirectoryService/ListDirectories", request, extra or {})
        return answer

    async def enable_directory(
        self, request: directories_pb.ToggleDirectoryRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directories_pb.ToggleDirectoryResponse:
        """Call EnableDirectory."""
        answer: directories_pb.ToggleDirectoryResponse = await self._invoke("/scalekit.v1.directories.DirectoryService/EnableDirectory", request, extra or {})
        return answer

    async def disable_directory(
        self, request: directories_pb.ToggleDirectoryRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directories_pb.ToggleDirectoryResponse:
        """Call DisableDirectory."""
        answer: directories_pb.ToggleDirectoryResponse = await self._invoke("/scalekit.v1.directories.DirectoryService/DisableDirectory", request, extra or {})
        return answer

    async def list_directory_users(
        self, request: directories_pb.ListDirectoryUsersRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directories_pb.ListDirectoryUsersResponse:
        """Call ListDirectoryUsers."""
        answer: directories_pb.ListDirectoryUsersResponse = await self._invoke("/scalekit.v1.directories.DirectoryService/ListDirectoryUsers", request, extra or {})
        return answer

    async def list_directory_groups(
        self, request: directories_pb.ListDirectoryGroupsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directories_pb.ListDirectoryGroupsResponse:
        """Call ListDirectoryGroups."""
        answer: directories_pb.ListDirectoryGroupsResponse = await self._invoke("/scalekit.v1.directories.DirectoryService/ListDirectoryGroups", request, extra or {})
        return answer

    async def update_directory(
        self, request: directories_pb.UpdateDirectoryRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directories_pb.UpdateDirectoryResponse:
        """Call UpdateDirectory."""
        answer: directories_pb.UpdateDirectoryResponse = await self._invoke("/scalekit.v1.directories.DirectoryService/UpdateDirectory", request, extra or {})
        return answer

    async def assign_groups_for_directory(
        self, request: directories_pb.AssignGroupsForDirectoryRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call AssignGroupsForDirectory."""
        answer: Empty = await self._invoke("/scalekit.v1.directories.DirectoryService/AssignGroupsForDirectory", request, extra or {})
        return answer

    async def assign_roles(
        self, request: directories_pb.AssignRolesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directories_pb.AssignRolesResponse:
        """Call AssignRoles."""
        answer: directories_pb.AssignRolesResponse = await self._invoke("/scalekit.v1.directories.DirectoryService/AssignRoles", request, extra or {})
        return answer

    async def update_attributes(
        self, request: directories_pb.UpdateAttributesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directories_pb.UpdateAttributesResponse:
        """Call UpdateAttributes."""
        answer: directories_pb.UpdateAttributesResponse = await self._invoke("/scalekit.v1.directories.DirectoryService/UpdateAttributes", request, extra or {})
        return answer

    async def list_directory_groups_summary(
        self, request: directories_pb.ListDirectoryGroupsSummaryRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directories_pb.ListDirectoryGroupsResponse:
        """Call ListDirectoryGroupsSummary."""
        answer: directories_pb.ListDirectoryGroupsResponse = await self._invoke("/scalekit.v1.directories.DirectoryService/ListDirectoryGroupsSummary", request, extra or {})
        return answer

    async def create_directory_secret(
        self, request: directories_pb.CreateDirectorySecretRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directories_pb.CreateDirectorySecretResponse:
        """Call CreateDirectorySecret."""
        answer: directories_pb.CreateDirectorySecretResponse = await self._invoke("/scalekit.v1.directories.DirectoryService/CreateDirectorySecret", request, extra or {})
        return answer

    async def regenerate_directory_secret(
        self, request: directories_pb.RegenerateDirectorySecretRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directories_pb.RegenerateDirectorySecretResponse:
        """Call RegenerateDirectorySecret."""
        answer: directories_pb.RegenerateDirectorySecretResponse = await self._invoke("/scalekit.v1.directories.DirectoryService/RegenerateDirectorySecret", request, extra or {})
        return answer

    async def trigger_directory_sync(
        self, request: directories_pb.TriggerDirectorySyncRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call TriggerDirectorySync."""
        answer: Empty = await self._invoke("/scalekit.v1.directories.DirectoryService/TriggerDirectorySync", request, extra or {})
        return answer

    async def get_directory_context(
        self, request: directories_pb.GetDirectoryContextRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directories_pb.GetDirectoryContextResponse:
        """Call GetDirectoryContext."""
        answer: directories_pb.GetDirectoryContextResponse = await self._invoke("/scalekit.v1.directories.DirectoryService/GetDirectoryContext", request, extra or {})
        return answer

    async def update_directory_context(
        self, request: directories_pb.UpdateDirectoryContextRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call UpdateDirectoryContext."""
        answer: Empty = await self._invoke("/scalekit.v1.directories.DirectoryService/UpdateDirectoryContext", request, extra or {})
        return answer


class DomainService:
    """Calls of scalekit.v1.domains.DomainService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def create_domain(
        self, request: domains_pb.CreateDomainRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> domains_pb.CreateDomainResponse:
        """Call CreateDomain."""
        answer: domains_pb.CreateDomainResponse = await self._invoke("/scalekit.v1.domains.DomainService/CreateDomain", request, extra or {})
        return answer

    async def get_domain(
        self, request: domains_pb.GetDomainRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> domains_pb.GetDomainResponse:
        """Call GetDomain."""
        answer: domains_pb.GetDomainResponse = await self._invoke("/scalekit.v1.domains.DomainService/GetDomain", request, extra or {})
        return answer

    async def delete_domain(
        self, request: domains_pb.DeleteDomainRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteDomain."""
        answer: Empty = await self._invoke("/scalekit.v1.domains.DomainService/DeleteDomain", request, extra or {})
        return answer

    async def list_domains(
        self, request: domains_pb.ListDomainRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> domains_pb.ListDomainResponse:
        """Call ListDomains."""
        answer: domains_pb.ListDomainResponse = await self._invoke("/scalekit.v1.domains.DomainService/ListDomains", request, extra or {})
        return answer

    async def update_domain(
        self, request: domains_pb.UpdateDomainRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> domains_pb.UpdateDomainResponse:
        """Call UpdateDomain."""
        answer: domains_pb.UpdateDomainResponse = await self._invoke("/scalekit.v1.domains.DomainService/UpdateDomain", request, extra or {})
        return answer

    async def verify_domain(
        self, request: domains_pb.VerifyDomainRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> domains_pb.VerifyDomainResponse:
        """Call VerifyDomain."""
        answer: domains_pb.VerifyDomainResponse = await self._invoke("/scalekit.v1.domains.DomainService/VerifyDomain", request, extra or {})
        return answer

    async def list_authorized_domains(
        self, request: domains_pb.ListAuthorizedDomainRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> domains_pb.ListAuthorizedDomainResponse:
        """Call ListAuthorizedDomains."""
        answer: domains_pb.ListAuthorizedDomainResponse = await self._invoke("/scalekit.v1.domains.DomainService/ListAuthorizedDomains", request, extra or {})
        return answer


class EmailService:
    """Calls of scalekit.v1.emails.EmailService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def get_template_placeholders(
        self, request: emails_pb.GetPlaceholdersRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> emails_pb.GetPlaceholdersResponse:
        """Call GetTemplatePlaceholders."""
        answer: emails_pb.GetPlaceholdersResponse = await self._invoke("/scalekit.v1.emails.EmailService/GetTemplatePlaceholders", request, extra or {})
        return answer

    async def get_template_use_cases(
        self, request: Empty, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> emails_pb.GetTemplateUseCasesResponse:
        """Call GetTemplateUseCases."""
        answer: emails_pb.GetTemplateUseCasesResponse = await self._invoke("/scalekit.v1.emails.EmailService/GetTemplateUseCases", request, extra or {})
        return answer

    async def create_email_template(
        self, request: emails_pb.CreateEmailTemplateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> emails_pb.CreateEmailTemplateResponse:
        """Call CreateEmailTemplate."""
        answer: emails_pb.CreateEmailTemplateResponse = await self._invoke("/scalekit.v1.emails.EmailService/CreateEmailTemplate", request, extra or {})
        return answer

    async def update_email_template(
        self, request: emails_pb.PatchEmailTemplateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> emails_pb.GetEmailTemplateResponse:
        """Call UpdateEmailTemplate."""
        answer: emails_pb.GetEmailTemplateResponse = await self._invoke("/scalekit.v1.emails.EmailService/UpdateEmailTemplate", request, extra or {})
        return answer

    async def get_email_configuration(
        self, request: Empty, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> emails_pb.GetEmailConfigurationResponse:
        """Call GetEmailConfiguration."""
        answer: emails_pb.GetEmailConfigurationResponse = await self._invoke("/scalekit.v1.emails.EmailService/GetEmailConfiguration", request, extra or {})
        return answer

    async def upsert_email_configuration(
        self, request: emails_pb.UpsertEmailConfigurationRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> emails_pb.UpsertEmailConfigurationResponse:
        """Call UpsertEmailConfiguration."""
        answer: emails_pb.UpsertEmailConfigurationResponse = await self._invoke("/scalekit.v1.emails.EmailService/UpsertEmailConfiguration", request, extra or {})
        return answer

    async def enable_email_template(
        self, request: emails_pb.EnableEmailTemplateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> emails_pb.EnableEmailTemplateResponse:
        """Call EnableEmailTemplate."""
        answer: emails_pb.EnableEmailTemplateResponse = await self._invoke("/scalekit.v1.emails.EmailService/EnableEmailTemplate", request, extra or {})
        return answer

    async def disable_email_template(
        self, request: emails_pb.DisableEmailTemplateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DisableEmailTemplate."""
        answer: Empty = await self._invoke("/scalekit.v1.emails.EmailService/DisableEmailTemplate", request, extra or {})
        return answer

    async def get_email_template(
        self, request: emails_pb.GetEmailTemplateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> emails_pb.GetEmailTemplateResponse:
        """Call GetEmailTemplate."""
        answer: emails_pb.GetEmailTemplateResponse = await self._invoke("/scalekit.v1.emails.EmailService/GetEmailTemplate", request, extra or {})
        return answer

    async def list_email_templates(
        self, request: emails_pb.ListEmailTemplateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> emails_pb.ListEmailTemplateResponse:
        """Call ListEmailTemplates."""
        answer: emails_pb.ListEmailTemplateResponse = await self._invoke("/scalekit.v1.emails.EmailService/ListEmailTemplates", request, extra or {})
        return answer

    async def delete_email_template(
        self, request: emails_pb.DeleteEmailTemplateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteEmailTemplate."""
        answer: Empty = await self._invoke("/scalekit.v1.emails.EmailService/DeleteEmailTemplate", request, extra or {})
        return answer

    async def create_email_server(
        self, request: emails_pb.CreateEmailServerRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> emails_pb.CreateEmailServerResponse:
        """Call CreateEmailServer."""
        answer: emails_pb.CreateEmailServerResponse = await self._invoke("/scalekit.v1.emails.EmailService/CreateEmailServer", request, extra or {})
        return answer

    async def update_email_server_settings(
        self, request: emails_pb.PatchEmailServerSettingsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> emails_pb.GetEmailServerResponse:
        """Call UpdateEmailServerSettings."""
        answer: emails_pb.GetEmailServerResponse = await self._invoke("/scalekit.v1.emails.EmailService/UpdateEmailServerSettings", request, extra or {})
        return answer

    async def enable_email_server(
        self, request: emails_pb.EnableEmailServerRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> emails_pb.EnableEmailServerResponse:
        """Call EnableEmailServer."""
        answer: emails_pb.EnableEmailServerResponse = await self._invoke("/scalekit.v1.emails.EmailService/EnableEmailServer", request, extra or {})
        return answer

    async def disable_email_server(
        self, request: emails_pb.DisableEmailServerRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DisableEmailServer."""
        answer: Empty = await self._invoke("/scalekit.v1.emails.EmailService/DisableEmailServer", request, extra or {})
        return answer

    async def get_email_server(
        self, request: emails_pb.GetEmailServerRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> emails_pb.GetEmailServerResponse:
        """Call GetEmailServer."""
        answer: emails_pb.GetEmailServerResponse = await self._invoke("/scalekit.v1.emails.EmailService/GetEmailServer", request, extra or {})
        return answer

    async def list_email_servers(
        self, request: Empty, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> emails_pb.ListEmailServerResponse:
        """Call ListEmailServers."""
        answer: emails_pb.ListEmailServerResponse = await self._invoke("/scalekit.v1.emails.EmailService/ListEmailServers", request, extra or {})
        return answer

    async def delete_email_server(
        self, request: emails_pb.DeleteEmailServerRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteEmailServer."""
        answer: Empty = await self._invoke("/scalekit.v1.emails.EmailService/DeleteEmailServer", request, extra or {})
        return answer


class EnvironmentService:
    """Calls of scalekit.v1.environments.EnvironmentService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def get_environment(
        self, request: environments_pb.GetEnvironmentRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.GetEnvironmentResponse:
        """Call GetEnvironment."""
        answer: environments_pb.GetEnvironmentResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/GetEnvironment", request, extra or {})
        return answer

    async def list_environment(
        self, request: environments_pb.ListEnvironmentsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.ListEnvironmentsResponse:
        """Call ListEnvironment."""
        answer: environments_pb.ListEnvironmentsResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/ListEnvironment", request, extra or {})
        return answer

    async def update_environment(
        self, request: environments_pb.UpdateEnvironmentRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.UpdateEnvironmentResponse:
        """Call UpdateEnvironment."""
        answer: environments_pb.UpdateEnvironmentResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/UpdateEnvironment", request, extra or {})
        return answer

    async def update_portal_customization(
        self, request: environments_pb.UpdatePortalCustomizationRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.UpdatePortalCustomizationResponse:
        """Call UpdatePortalCustomization."""
        answer: environments_pb.UpdatePortalCustomizationResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/UpdatePortalCustomization", request, extra or {})
        return answer

    async def get_portal_customization(
        self, request: environments_pb.GetPortalCustomizationRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.GetPortalCustomizationResponse:
        """Call GetPortalCustomization."""
        answer: environments_pb.GetPortalCustomizationResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/GetPortalCustomization", request, extra or {})
        return answer

    async def create_asset_upload_url(
        self, request: environments_pb.CreateAssetUploadUrlRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.CreateAssetUploadUrlResponse:
        """Call CreateAssetUploadURL."""
        answer: environments_pb.CreateAssetUploadUrlResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/CreateAssetUploadURL", request, extra or {})
        return answer

    async def update_features(
        self, request: environments_pb.UpdateFeaturesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.GetFeaturesResponse:
        """Call UpdateFeatures."""
        answer: environments_pb.GetFeaturesResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/UpdateFeatures", request, extra or {})
        return answer

    async def enable_feature(
        self, request: environments_pb.EnableFeatureRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call EnableFeature."""
        answer: Empty = await self._invoke("/scalekit.v1.environments.EnvironmentService/EnableFeature", request, extra or {})
        return answer

    async def disable_feature(
        self, request: environments_pb.DisableFeatureRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DisableFeature."""
        answer: Empty = await self._invoke("/scalekit.v1.environments.EnvironmentService/DisableFeature", request, extra or {})
        return answer

    async def get_features(
        self, request: environments_pb.GetFeaturesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.GetFeaturesResponse:
        """Call GetFeatures."""
        answer: environments_pb.GetFeaturesResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/GetFeatures", request, extra or {})
        return answer

    async def get_host_scoped_public_feature_flags(
        self, request: Empty, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.GetHostScopedPublicFeatureFlagsResponse:
        """Call GetHostScopedPublicFeatureFlags."""
        answer: environments_pb.GetHostScopedPublicFeatureFlagsResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/GetHostScopedPublicFeatureFlags", request, extra or {})
        return answer

    async def create_environment_session_settings(
        self, request: environments_pb.CreateEnvironmentSessionSettingsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.CreateEnvironmentSessionSettingsResponse:
        """Call CreateEnvironmentSessionSettings."""
        answer: environments_pb.CreateEnvironmentSessionSettingsResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/CreateEnvironmentSessionSettings", request, extra or {})
        return answer

    async def create_environment_user_management(
        self, request: environments_pb.CreateEnvironmentUserManagementRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.CreateEnvironmentUserManagementResponse:
        """Call CreateEnvironmentUserManagement."""
        answer: environments_pb.CreateEnvironmentUserManagementResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/CreateEnvironmentUserManagement", request, extra or {})
        return answer

    async def get_environment_session_settings(
        self, request: environments_pb.GetEnvironmentSessionSettingsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.GetEnvironmentSessionSettingsResponse:
        """Call GetEnvironmentSessionSettings."""
        answer: environments_pb.GetEnvironmentSessionSettingsResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/GetEnvironmentSessionSettings", request, extra or {})
        return answer

    async def get_environment_user_management(
        self, request: environments_pb.GetEnvironmentUserManagementRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.GetEnvironmentUserManagementResponse:
        """Call GetEnvironmentUserManagement."""
        answer: environments_pb.GetEnvironmentUserManagementResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/GetEnvironmentUserManagement", request, extra or {})
        return answer

    async def update_environment_session_settings(
        self, request: environments_pb.UpdateEnvironmentSessionSettingsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.UpdateEnvironmentSessionSettingsResponse:
        """Call UpdateEnvironmentSessionSettings."""
        answer: environments_pb.UpdateEnvironmentSessionSettingsResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/UpdateEnvironmentSessionSettings", request, extra or {})
        return answer

    async def update_environment_user_management(
        self, request: environments_pb.UpdateEnvironmentUserManagementRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.UpdateEnvironmentUserManagementResponse:
        """Call UpdateEnvironmentUserManagement."""
        answer: environments_pb.UpdateEnvironmentUserManagementResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/UpdateEnvironmentUserManagement", request, extra or {})
        return answer

    async def get_context(
        self, request: environments_pb.GetContextRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.GetContextResponse:
        """Call GetContext."""
        answer: environments_pb.GetContextResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/GetContext", request, extra or {})
        return answer

    async def update_context(
        self, request: environments_pb.UpdateContextRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call UpdateContext."""
        answer: Empty = await self._invoke("/scalekit.v1.environments.EnvironmentService/UpdateContext", request, extra or {})
        return answer

    async def generate_new_saml_certificate(
        self, request: environments_pb.GenerateSamlCertificateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.GenerateSamlCertificateResponse:
        """Call GenerateNewSamlCertificate."""
        answer: environments_pb.GenerateSamlCertificateResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/GenerateNewSamlCertificate", request, extra or {})
        return answer

    async def get_current_session(
        self, request: environments_pb.GetCurrentSessionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.GetCurrentSessionResponse:
        """Call GetCurrentSession."""
        answer: environments_pb.GetCurrentSessionResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/GetCurrentSession", request, extra or {})
        return answer

    async def portal_bootstrap(
        self, request: environments_pb.PortalBootstrapRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> environments_pb.PortalBootstrapResponse:
        """Call PortalBootstrap."""
        answer: environments_pb.PortalBootstrapResponse = await self._invoke("/scalekit.v1.environments.EnvironmentService/PortalBootstrap", request, extra or {})
        return answer


class EventsService:
    """Calls of scalekit.v1.events.EventsService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def list_events_paginated(
        self, request: events_pb.ListEventsPaginatedRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> events_pb.ListEventsPaginatedResponse:
        """Call ListEventsPaginated."""
        answer: events_pb.ListEventsPaginatedResponse = await self._invoke("/scalekit.v1.events.EventsService/ListEventsPaginated", request, extra or {})
        return answer

    async def list_events(
        self, request: events_pb.ListEventsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> events_pb.ListEventsResponse:
        """Call ListEvents."""
        answer: events_pb.ListEventsResponse = await self._invoke("/scalekit.v1.events.EventsService/ListEvents", request, extra or {})
        return answer

    async def send_custom_event(
        self, request: events_pb.SendCustomEventRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> events_pb.SendCustomEventResponse:
        """Call SendCustomEvent."""
        answer: events_pb.SendCustomEventResponse = await self._invoke("/scalekit.v1.events.EventsService/SendCustomEvent", request, extra or {})
        return answer


class InterceptorService:
    """Calls of scalekit.v1.interceptors.InterceptorService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def create_interceptor(
        self, request: interceptors_pb.CreateInterceptorRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> interceptors_pb.CreateInterceptorResponse:
        """Call CreateInterceptor."""
        answer: interceptors_pb.CreateInterceptorResponse = await self._invoke("/scalekit.v1.interceptors.InterceptorService/CreateInterceptor", request, extra or {})
        return answer

    async def get_interceptor(
        self, request: interceptors_pb.GetInterceptorRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> interceptors_pb.GetInterceptorResponse:
        """Call GetInterceptor."""
        answer: interceptors_pb.GetInterceptorResponse = await self._invoke("/scalekit.v1.interceptors.InterceptorService/GetInterceptor", request, extra or {})
        return answer

    async def list_interceptors(
        self, request: interceptors_pb.ListInterceptorsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> interceptors_pb.ListInterceptorsResponse:
        """Call ListInterceptors."""
        answer: interceptors_pb.ListInterceptorsResponse = await self._invoke("/scalekit.v1.interceptors.InterceptorService/ListInterceptors", request, extra or {})
        return answer

    async def update_interceptor(
        self, request: interceptors_pb.UpdateInterceptorRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> interceptors_pb.UpdateInterceptorResponse:
        """Call UpdateInterceptor."""
        answer: interceptors_pb.UpdateInterceptorResponse = await self._invoke("/scalekit.v1.interceptors.InterceptorService/UpdateInterceptor", request, extra or {})
        return answer

    async def delete_interceptor(
        self, request: interceptors_pb.DeleteInterceptorRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteInterceptor."""
        answer: Empty = await self._invoke("/scalekit.v1.interceptors.InterceptorService/DeleteInterceptor", request, extra or {})
        return answer

    async def enable_interceptor(
        self, request: interceptors_pb.EnableInterceptorRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call EnableInterceptor."""
        answer: Empty = await self._invoke("/scalekit.v1.interceptors.InterceptorService/EnableInterceptor", request, extra or {})
        return answer

    async def disable_interceptor(
        self, request: interceptors_pb.DisableInterceptorRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DisableInterceptor."""
        answer: Empty = await self._invoke("/scalekit.v1.interceptors.InterceptorService/DisableInterceptor", request, extra or {})
        return answer

    async def test_interceptor(
        self, request: interceptors_pb.TestInterceptorRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> interceptors_pb.TestInterceptorResponse:
        """Call TestInterceptor."""
        answer: interceptors_pb.TestInterceptorResponse = await self._invoke("/scalekit.v1.interceptors.InterceptorService/TestInterceptor", request, extra or {})
        return answer

    async def upsert_token_template(
        self, request: interceptors_pb.UpsertTokenTemplateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> interceptors_pb.UpsertTokenTemplateResponse:
        """Call UpsertTokenTemplate."""
        answer: interceptors_pb.UpsertTokenTemplateResponse = await self._invoke("/scalekit.v1.interceptors.InterceptorService/UpsertTokenTemplate", request, extra or {})
        return answer

    async def get_token_template(
        self, request: interceptors_pb.GetTokenTemplateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> interceptors_pb.GetTokenTemplateResponse:
        """Call GetTokenTemplate."""
        answer: interceptors_pb.GetTokenTemplateResponse = await self._invoke("/scalekit.v1.interceptors.InterceptorService/GetTokenTemplate", request, extra or {})
        return answer

    async def delete_token_template(
        self, request: interceptors_pb.DeleteTokenTemplateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteTokenTemplate."""
        answer: Empty = await self._invoke("/scalekit.v1.interceptors.InterceptorService/DeleteTokenTemplate", request, extra or {})
        return answer

    async def enable_token_template(
        self, request: interceptors_pb.EnableTokenTemplateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call EnableTokenTemplate."""
        answer: Empty = await self._invoke("/scalekit.v1.interceptors.InterceptorService/EnableTokenTemplate", request, extra or {})
        return answer

    async def disable_token_template(
        self, request: interceptors_pb.DisableTokenTemplateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DisableTokenTemplate."""
        answer: Empty = await self._invoke("/scalekit.v1.interceptors.InterceptorService/DisableTokenTemplate", request, extra or {})
        return answer

    async def preview_token_template(
        self, request: interceptors_pb.PreviewTokenTemplateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> interceptors_pb.PreviewTokenTemplateResponse:
        """Call PreviewTokenTemplate."""
        answer: interceptors_pb.PreviewTokenTemplateResponse = await self._invoke("/scalekit.v1.interceptors.InterceptorService/PreviewTokenTemplate", request, extra or {})
        return answer

    async def get_token_template_context(
        self, request: interceptors_pb.GetTokenTemplateContextRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> interceptors_pb.GetTokenTemplateContextResponse:
        """Call GetTokenTemplateContext."""
        answer: interceptors_pb.GetTokenTemplateContextResponse = await self._invoke("/scalekit.v1.interceptors.InterceptorService/GetTokenTemplateContext", request, extra or {})
        return answer


class KeyManagementService:
    """Calls of scalekit.v1.keys.KeyManagementService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def create_dek(
        self, request: keys_pb.CreateDEKRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> keys_pb.CreateDEKResponse:
        """Call CreateDEK."""
        answer: keys_pb.CreateDEKResponse = await self._invoke("/scalekit.v1.keys.KeyManagementService/CreateDEK", request, extra or {})
        return answer

    async def activate_dek(
        self, request: keys_pb.ActivateDEKRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> keys_pb.ActivateDEKResponse:
        """Call ActivateDEK."""
        answer: keys_pb.ActivateDEKResponse = await self._invoke("/scalekit.v1.keys.KeyManagementService/ActivateDEK", request, extra or {})
        return answer

    async def reencrypt_data(
        self, request: keys_pb.ReencryptDataRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> keys_pb.ReencryptDataResponse:
        """Call ReencryptData."""
        answer: keys_pb.ReencryptDataResponse = await self._invoke("/scalekit.v1.keys.KeyManagementService/ReencryptData", request, extra or {})
        return answer

    async def list_deks(
        self, request: keys_pb.ListDEKsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> keys_pb.ListDEKsResponse:
        """Call ListDEKs."""
        answer: keys_pb.ListDEKsResponse = await self._invoke("/scalekit.v1.keys.KeyManagementService/ListDEKs", request, extra or {})
        return answer

    async def get_dek(
        self, request: keys_pb.GetDEKRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> keys_pb.GetDEKResponse:
        """Call GetDEK."""
        answer: keys_pb.GetDEKResponse = await self._invoke("/scalekit.v1.keys.KeyManagementService/GetDEK", request, extra or {})
        return answer

    async def destroy_dek(
        self, request: keys_pb.DestroyDEKRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DestroyDEK."""
        answer: Empty = await self._invoke("/scalekit.v1.keys.KeyManagementService/DestroyDEK", request, extra or {})
        return answer

    async def list_master_keys(
        self, request: keys_pb.ListMasterKeysRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> keys_pb.ListMasterKeysResponse:
        """Call ListMasterKeys."""
        answer: keys_pb.ListMasterKeysResponse = await self._invoke("/scalekit.v1.keys.KeyManagementService/ListMasterKeys", request, extra or {})
        return answer

    async def get_master_key(
        self, request: keys_pb.GetMasterKeyRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> keys_pb.GetMasterKeyResponse:
        """Call GetMasterKey."""
        answer: keys_pb.GetMasterKeyResponse = await self._invoke("/scalekit.v1.keys.KeyManagementService/GetMasterKey", request, extra or {})
        return answer

    async def destroy_master_key(
        self, request: keys_pb.DestroyMasterKeyRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DestroyMasterKey."""
        answer: Empty = await self._invoke("/scalekit.v1.keys.KeyManagementService/DestroyMasterKey", request, extra or {})
        return answer


class OrganizationService:
    """Calls of scalekit.v1.organizations.OrganizationService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def create_organization(
        self, request: organizations_pb.CreateOrganizationRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.CreateOrganizationResponse:
        """Call CreateOrganization."""
        answer: organizations_pb.CreateOrganizationResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/CreateOrganization", request, extra or {})
        return answer

    async def update_organization(
        self, request: organizations_pb.UpdateOrganizationRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.UpdateOrganizationResponse:
        """Call UpdateOrganization."""
        answer: organizations_pb.UpdateOrganizationResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/UpdateOrganization", request, extra or {})
        return answer

    async def get_organization(
        self, request: organizations_pb.GetOrganizationRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.GetOrganizationResponse:
        """Call GetOrganization."""
        answer: organizations_pb.GetOrganizationResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/GetOrganization", request, extra or {})
        return answer

    async def get_organization_by_external_id(
        self, request: organizations_pb.GetOrganizationRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.GetOrganizationResponse:
        """Call GetOrganizationByExternalId."""
        answer: organizations_pb.GetOrganizationResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/GetOrganizationByExternalId", request, extra or {})
        return answer

    async def list_organization(
        self, request: organizations_pb.ListOrganizationsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.ListOrganizationsResponse:
        """Call ListOrganization."""
        answer: organizations_pb.ListOrganizationsResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/ListOrganization", request, extra or {})
        return answer

    async def search_organization(
        self, request: organizations_pb.SearchOrganizationsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.SearchOrganizationsResponse:
        """Call SearchOrganization."""
        answer: organizations_pb.SearchOrganizationsResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/SearchOrganization", request, extra or {})
        return answer

    async def delete_organization(
        self, request: organizations_pb.DeleteOrganizationRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteOrganization."""
        answer: Empty = await self._invoke("/scalekit.v1.organizations.OrganizationService/DeleteOrganization", request, extra or {})
        return answer

    async def generate_portal_link(
        self, request: organizations_pb.GeneratePortalLinkRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.GeneratePortalLinkResponse:
        """Call GeneratePortalLink."""
        answer: organizations_pb.GeneratePortalLinkResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/GeneratePortalLink", request, extra or {})
        return answer

    async def delete_portal_link(
        self, request: organizations_pb.DeletePortalLinkRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeletePortalLink."""
        answer: Empty = await self._invoke("/scalekit.v1.organizations.OrganizationService/DeletePortalLink", request, extra or {})
        return answer

    async def delete_portal_link_by_id(
        self, request: organizations_pb.DeletePortalLinkByIdRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeletePortalLinkByID."""
        answer: Empty = await self._invoke("/scalekit.v1.organizations.OrganizationService/DeletePortalLinkByID", request, extra or {})
        return answer

    async def get_portal_links(
        self, request: organizations_pb.GetPortalLinkRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.GetPortalLinksResponse:
        """Call GetPortalLinks."""
        answer: organizations_pb.GetPortalLinksResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/GetPortalLinks", request, extra or {})
        return answer

    async def update_organization_settings(
        self, request: organizations_pb.UpdateOrganizationSettingsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.GetOrganizationResponse:
        """Call UpdateOrganizationSettings."""
        answer: organizations_pb.GetOrganizationResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/UpdateOrganizationSettings", request, extra or {})
        return answer

    async def update_organization_session_policy(
        self, request: organizations_pb.UpdateOrganizationSessionPolicyRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.UpdateOrganizationSessionPolicyResponse:
        """Call UpdateOrganizationSessionPolicy."""
        answer: organizations_pb.UpdateOrganizationSessionPolicyResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/UpdateOrganizationSessionPolicy", request, extra or {})
        return answer

    async def get_organization_session_policy(
        self, request: organizations_pb.GetOrganizationSessionPolicyRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.GetOrganizationSessionPolicyResponse:
        """Call GetOrganizationSessionPolicy."""
        answer: organizations_pb.GetOrganizationSessionPolicyResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/GetOrganizationSessionPolicy", request, extra or {})
        return answer

    async def get_organization_branding(
        self, request: organizations_pb.GetOrganizationBrandingRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.GetOrganizationBrandingResponse:
        """Call GetOrganizationBranding."""
        answer: organizations_pb.GetOrganizationBrandingResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/GetOrganizationBranding", request, extra or {})
        return answer

    async def update_organization_branding(
        self, request: organizations_pb.UpdateOrganizationBrandingRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.UpdateOrganizationBrandingResponse:
        """Call UpdateOrganizationBranding."""
        answer: organizations_pb.UpdateOrganizationBrandingResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/UpdateOrganizationBranding", request, extra or {})
        return answer

    async def upsert_user_management_settings(
        self, request: organizations_pb.UpsertUserManagementSettingsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.UpsertUserManagementSettingsResponse:
        """Call UpsertUserManagementSettings."""
        answer: organizations_pb.UpsertUserManagementSettingsResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/UpsertUserManagementSettings", request, extra or {})
        return answer

    async def get_organization_user_management_setting(
        self, request: organizations_pb.GetOrganizationUserManagementSettingsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.GetOrganizationUserManagementSettingsResponse:
        """Call GetOrganizationUserManagementSetting."""
        answer: organizations_pb.GetOrganizationUserManagementSettingsResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/GetOrganizationUserManagementSetting", request, extra or {})
        return answer

    async def get_application_session_policy(
        self, request: organizations_pb.GetApplicationSessionPolicyRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organizations_pb.GetApplicationSessionPolicyResponse:
        """Call GetApplicationSessionPolicy."""
        answer: organizations_pb.GetApplicationSessionPolicyResponse = await self._invoke("/scalekit.v1.organizations.OrganizationService/GetApplicationSessionPolicy", request, extra or {})
        return answer


class RolesService:
    """Calls of scalekit.v1.roles.RolesService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def create_role(
        self, request: roles_pb.CreateRoleRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.CreateRoleResponse:
        """Call CreateRole."""
        answer: roles_pb.CreateRoleResponse = await self._invoke("/scalekit.v1.roles.RolesService/CreateRole", request, extra or {})
        return answer

    async def update_role(
        self, request: roles_pb.UpdateRoleRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.UpdateRoleResponse:
        """Call UpdateRole."""
        answer: roles_pb.UpdateRoleResponse = await self._invoke("/scalekit.v1.roles.RolesService/UpdateRole", request, extra or {})
        return answer

    async def get_role(
        self, request: roles_pb.GetRoleRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.GetRoleResponse:
        """Call GetRole."""
        answer: roles_pb.GetRoleResponse = await self._invoke("/scalekit.v1.roles.RolesService/GetRole", request, extra or {})
        return answer

    async def list_roles(
        self, request: roles_pb.ListRolesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.ListRolesResponse:
        """Call ListRoles."""
        answer: roles_pb.ListRolesResponse = await self._invoke("/scalekit.v1.roles.RolesService/ListRoles", request, extra or {})
        return answer

    async def delete_role(
        self, request: roles_pb.DeleteRoleRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteRole."""
        answer: Empty = await self._invoke("/scalekit.v1.roles.RolesService/DeleteRole", request, extra or {})
        return answer

    async def create_organization_role(
        self, request: roles_pb.CreateOrganizationRoleRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.CreateOrganizationRoleResponse:
        """Call CreateOrganizationRole."""
        answer: roles_pb.CreateOrganizationRoleResponse = await self._invoke("/scalekit.v1.roles.RolesService/CreateOrganizationRole", request, extra or {})
        return answer

    async def update_organization_role(
        self, request: roles_pb.UpdateOrganizationRoleRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.UpdateOrganizationRoleResponse:
        """Call UpdateOrganizationRole."""
        answer: roles_pb.UpdateOrganizationRoleResponse = await self._invoke("/scalekit.v1.roles.RolesService/UpdateOrganizationRole", request, extra or {})
        return answer

    async def get_organization_role(
        self, request: roles_pb.GetOrganizationRoleRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.GetOrganizationRoleResponse:
        """Call GetOrganizationRole."""
        answer: roles_pb.GetOrganizationRoleResponse = await self._invoke("/scalekit.v1.roles.RolesService/GetOrganizationRole", request, extra or {})
        return answer

    async def list_organization_roles(
        self, request: roles_pb.ListOrganizationRolesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.ListOrganizationRolesResponse:
        """Call ListOrganizationRoles."""
        answer: roles_pb.ListOrganizationRolesResponse = await self._invoke("/scalekit.v1.roles.RolesService/ListOrganizationRoles", request, extra or {})
        return answer

    async def delete_organization_role(
        self, request: roles_pb.DeleteOrganizationRoleRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteOrganizationRole."""
        answer: Empty = await self._invoke("/scalekit.v1.roles.RolesService/DeleteOrganizationRole", request, extra or {})
        return answer

    async def get_role_users_count(
        self, request: roles_pb.GetRoleUsersCountRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.GetRoleUsersCountResponse:
        """Call GetRoleUsersCount."""
        answer: roles_pb.GetRoleUsersCountResponse = await self._invoke("/scalekit.v1.roles.RolesService/GetRoleUsersCount", request, extra or {})
        return answer

    async def get_organization_role_users_count(
        self, request: roles_pb.GetOrganizationRoleUsersCountRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.GetOrganizationRoleUsersCountResponse:
        """Call GetOrganizationRoleUsersCount."""
        answer: roles_pb.GetOrganizationRoleUsersCountResponse = await self._invoke("/scalekit.v1.roles.RolesService/GetOrganizationRoleUsersCount", request, extra or {})
        return answer

    async def update_default_roles(
        self, request: roles_pb.UpdateDefaultRolesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.UpdateDefaultRolesResponse:
        """Call UpdateDefaultRoles."""
        answer: roles_pb.UpdateDefaultRolesResponse = await self._invoke("/scalekit.v1.roles.RolesService/UpdateDefaultRoles", request, extra or {})
        return answer

    async def update_default_organization_roles(
        self, request: roles_pb.UpdateDefaultOrganizationRolesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.UpdateDefaultOrganizationRolesResponse:
        """Call UpdateDefaultOrganizationRoles."""
        answer: roles_pb.UpdateDefaultOrganizationRolesResponse = await self._invoke("/scalekit.v1.roles.RolesService/UpdateDefaultOrganizationRoles", request, extra or {})
        return answer

    async def list_dependent_roles(
        self, request: roles_pb.ListDependentRolesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.ListDependentRolesResponse:
        """Call ListDependentRoles."""
        answer: roles_pb.ListDependentRolesResponse = await self._invoke("/scalekit.v1.roles.RolesService/ListDependentRoles", request, extra or {})
        return answer

    async def delete_role_base(
        self, request: roles_pb.DeleteRoleBaseRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteRoleBase."""
        answer: Empty = await self._invoke("/scalekit.v1.roles.RolesService/DeleteRoleBase", request, extra or {})
        return answer

    async def delete_organization_role_base(
        self, request: roles_pb.DeleteOrganizationRoleBaseRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteOrganizationRoleBase."""
        answer: Empty = await self._invoke("/scalekit.v1.roles.RolesService/DeleteOrganizationRoleBase", request, extra or {})
        return answer

    async def create_permission(
        self, request: roles_pb.CreatePermissionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.CreatePermissionResponse:
        """Call CreatePermission."""
        answer: roles_pb.CreatePermissionResponse = await self._invoke("/scalekit.v1.roles.RolesService/CreatePermission", request, extra or {})
        return answer

    async def get_permission(
        self, request: roles_pb.GetPermissionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.GetPermissionResponse:
        """Call GetPermission."""
        answer: roles_pb.GetPermissionResponse = await self._invoke("/scalekit.v1.roles.RolesService/GetPermission", request, extra or {})
        return answer

    async def update_permission(
        self, request: roles_pb.UpdatePermissionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.UpdatePermissionResponse:
        """Call UpdatePermission."""
        answer: roles_pb.UpdatePermissionResponse = await self._invoke("/scalekit.v1.roles.RolesService/UpdatePermission", request, extra or {})
        return answer

    async def list_permissions(
        self, request: roles_pb.ListPermissionsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.ListPermissionsResponse:
        """Call ListPermissions."""
        answer: roles_pb.ListPermissionsResponse = await self._invoke("/scalekit.v1.roles.RolesService/ListPermissions", request, extra or {})
        return answer

    async def delete_permission(
        self, request: roles_pb.DeletePermissionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeletePermission."""
        answer: Empty = await self._invoke("/scalekit.v1.roles.RolesService/DeletePermission", request, extra or {})
        return answer

    async def list_role_permissions(
        self, request: roles_pb.ListRolePermissionsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.ListRolePermissionsResponse:
        """Call ListRolePermissions."""
        answer: roles_pb.ListRolePermissionsResponse = await self._invoke("/scalekit.v1.roles.RolesService/ListRolePermissions", request, extra or {})
        return answer

    async def add_permissions_to_role(
        self, request: roles_pb.AddPermissionsToRoleRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.AddPermissionsToRoleResponse:
        """Call AddPermissionsToRole."""
        answer: roles_pb.AddPermissionsToRoleResponse = await self._invoke("/scalekit.v1.roles.RolesService/AddPermissionsToRole", request, extra or {})
        return answer

    async def remove_permission_from_role(
        self, request: roles_pb.RemovePermissionFromRoleRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call RemovePermissionFromRole."""
        answer: Empty = await self._invoke("/scalekit.v1.roles.RolesService/RemovePermissionFromRole", request, extra or {})
        return answer

    async def list_effective_role_permissions(
        self, request: roles_pb.ListEffectiveRolePermissionsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> roles_pb.ListEffectiveRolePermissionsResponse:
        """Call ListEffectiveRolePermissions."""
        answer: roles_pb.ListEffectiveRolePermissionsResponse = await self._invoke("/scalekit.v1.roles.RolesService/ListEffectiveRolePermissions", request, extra or {})
        return answer


class SessionService:
    """Calls of scalekit.v1.sessions.SessionService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def get_session(
        self, request: sessions_pb.SessionDetailsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> sessions_pb.SessionDetails:
        """Call GetSession."""
        answer: sessions_pb.SessionDetails = await self._invoke("/scalekit.v1.sessions.SessionService/GetSession", request, extra or {})
        return answer

    async def revoke_session(
        self, request: sessions_pb.RevokeSessionRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> sessions_pb.RevokeSessionResponse:
        """Call RevokeSession."""
        answer: sessions_pb.RevokeSessionResponse = await self._invoke("/scalekit.v1.sessions.SessionService/RevokeSession", request, extra or {})
        return answer

    async def get_user_sessions(
        self, request: sessions_pb.UserSessionDetailsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> sessions_pb.UserSessionDetails:
        """Call GetUserSessions."""
        answer: sessions_pb.UserSessionDetails = await self._invoke("/scalekit.v1.sessions.SessionService/GetUserSessions", request, extra or {})
        return answer

    async def revoke_all_user_sessions(
        self, request: sessions_pb.RevokeAllUserSessionsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> sessions_pb.RevokeAllUserSessionsResponse:
        """Call RevokeAllUserSessions."""
        answer: sessions_pb.RevokeAllUserSessionsResponse = await self._invoke("/scalekit.v1.sessions.SessionService/RevokeAllUserSessions", request, extra or {})
        return answer


class ApiTokenService:
    """Calls of scalekit.v1.tokens.ApiTokenService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def create_token(
        self, request: tokens_pb.CreateTokenRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> tokens_pb.CreateTokenResponse:
        """Call CreateToken."""
        answer: tokens_pb.CreateTokenResponse = await self._invoke("/scalekit.v1.tokens.ApiTokenService/CreateToken", request, extra or {})
        return answer

    async def validate_token(
        self, request: tokens_pb.ValidateTokenRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> tokens_pb.ValidateTokenResponse:
        """Call ValidateToken."""
        answer: tokens_pb.ValidateTokenResponse = await self._invoke("/scalekit.v1.tokens.ApiTokenService/ValidateToken", request, extra or {})
        return answer

    async def update_token(
        self, request: tokens_pb.UpdateTokenRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> tokens_pb.UpdateTokenResponse:
        """Call UpdateToken."""
        answer: tokens_pb.UpdateTokenResponse = await self._invoke("/scalekit.v1.tokens.ApiTokenService/UpdateToken", request, extra or {})
        return answer

    async def invalidate_token(
        self, request: tokens_pb.InvalidateTokenRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call InvalidateToken."""
        answer: Empty = await self._invoke("/scalekit.v1.tokens.ApiTokenService/InvalidateToken", request, extra or {})
        return answer

    async def list_tokens(
        self, request: tokens_pb.ListTokensRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> tokens_pb.ListTokensResponse:
        """Call ListTokens."""
        answer: tokens_pb.ListTokensResponse = await self._invoke("/scalekit.v1.tokens.ApiTokenService/ListTokens", request, extra or {})
        return answer


class UserAttributeService:
    """Calls of scalekit.v1.user_attributes.UserAttributeService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def create_sso_user_attribute(
        self, request: user_attributes_pb.CreateUserAttributeRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> user_attributes_pb.CreateUserAttributeResponse:
        """Call CreateSsoUserAttribute."""
        answer: user_attributes_pb.CreateUserAttributeResponse = await self._invoke("/scalekit.v1.user_attributes.UserAttributeService/CreateSsoUserAttribute", request, extra or {})
        return answer

    async def list_sso_user_attributes(
        self, request: Empty, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> user_attributes_pb.ListUserAttributesResponse:
        """Call ListSsoUserAttributes."""
        answer: user_attributes_pb.ListUserAttributesResponse = await self._invoke("/scalekit.v1.user_attributes.UserAttributeService/ListSsoUserAttributes", request, extra or {})
        return answer

    async def update_sso_user_attribute(
        self, request: user_attributes_pb.UpdateUserAttributeRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> user_attributes_pb.UpdateUserAttributeResponse:
        """Call UpdateSsoUserAttribute."""
        answer: user_attributes_pb.UpdateUserAttributeResponse = await self._invoke("/scalekit.v1.user_attributes.UserAttributeService/UpdateSsoUserAttribute", request, extra or {})
        return answer

    async def delete_sso_user_attribute(
        self, request: user_attributes_pb.DeleteUserAttributeRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteSsoUserAttribute."""
        answer: Empty = await self._invoke("/scalekit.v1.user_attributes.UserAttributeService/DeleteSsoUserAttribute", request, extra or {})
        return answer

    async def create_directory_user_attribute(
        self, request: user_attributes_pb.CreateUserAttributeRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> user_attributes_pb.CreateUserAttributeResponse:
        """Call CreateDirectoryUserAttribute."""
        answer: user_attributes_pb.CreateUserAttributeResponse = await self._invoke("/scalekit.v1.user_attributes.UserAttributeService/CreateDirectoryUserAttribute", request, extra or {})
        return answer

    async def list_directory_user_attributes(
        self, request: Empty, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> user_attributes_pb.ListUserAttributesResponse:
        """Call ListDirectoryUserAttributes."""
        answer: user_attributes_pb.ListUserAttributesResponse = await self._invoke("/scalekit.v1.user_attributes.UserAttributeService/ListDirectoryUserAttributes", request, extra or {})
        return answer

    async def update_directory_user_attribute(
        self, request: user_attributes_pb.UpdateUserAttributeRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> user_attributes_pb.UpdateUserAttributeResponse:
        """Call UpdateDirectoryUserAttribute."""
        answer: user_attributes_pb.UpdateUserAttributeResponse = await self._invoke("/scalekit.v1.user_attributes.UserAttributeService/UpdateDirectoryUserAttribute", request, extra or {})
        return answer

    async def delete_directory_user_attribute(
        self, request: user_attributes_pb.DeleteUserAttributeRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteDirectoryUserAttribute."""
        answer: Empty = await self._invoke("/scalekit.v1.user_attributes.UserAttributeService/DeleteDirectoryUserAttribute", request, extra or {})
        return answer


class UserService:
    """Calls of scalekit.v1.users.UserService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def get_user(
        self, request: users_pb.GetUserRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> users_pb.GetUserResponse:
        """Call GetUser."""
        answer: users_pb.GetUserResponse = await self._invoke("/scalekit.v1.users.UserService/GetUser", request, extra or {})
        return answer

    async def list_users(
        self, request: users_pb.ListUsersRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> users_pb.ListUsersResponse:
        """Call ListUsers."""
        answer: users_pb.ListUsersResponse = await self._invoke("/scalekit.v1.users.UserService/ListUsers", request, extra or {})
        return answer

    async def search_users(
        self, request: users_pb.SearchUsersRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> users_pb.SearchUsersResponse:
        """Call SearchUsers."""
        answer: users_pb.SearchUsersResponse = await self._invoke("/scalekit.v1.users.UserService/SearchUsers", request, extra or {})
        return answer

    async def search_organization_users(
        self, request: users_pb.SearchOrganizationUsersRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> users_pb.SearchOrganizationUsersResponse:
        """Call SearchOrganizationUsers."""
        answer: users_pb.SearchOrganizationUsersResponse = await self._invoke("/scalekit.v1.users.UserService/SearchOrganizationUsers", request, extra or {})
        return answer

    async def update_user(
        self, request: users_pb.UpdateUserRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> users_pb.UpdateUserResponse:
        """Call UpdateUser."""
        answer: users_pb.UpdateUserResponse = await self._invoke("/scalekit.v1.users.UserService/UpdateUser", request, extra or {})
        return answer

    async def delete_user(
        self, request: users_pb.DeleteUserRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteUser."""
        answer: Empty = await self._invoke("/scalekit.v1.users.UserService/DeleteUser", request, extra or {})
        return answer

    async def create_membership(
        self, request: users_pb.CreateMembershipRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> users_pb.CreateMembershipResponse:
        """Call CreateMembership."""
        answer: users_pb.CreateMembershipResponse = await self._invoke("/scalekit.v1.users.UserService/CreateMembership", request, extra or {})
        return answer

    async def delete_membership(
        self, request: users_pb.DeleteMembershipRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteMembership."""
        answer: Empty = await self._invoke("/scalekit.v1.users.UserService/DeleteMembership", request, extra or {})
        return answer

    async def update_membership(
        self, request: users_pb.UpdateMembershipRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> users_pb.UpdateMembershipResponse:
        """Call UpdateMembership."""
        answer: users_pb.UpdateMembershipResponse = await self._invoke("/scalekit.v1.users.UserService/UpdateMembership", request, extra or {})
        return answer

    async def create_user_and_membership(
        self, request: users_pb.CreateUserAndMembershipRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> users_pb.CreateUserAndMembershipResponse:
        """Call CreateUserAndMembership."""
        answer: users_pb.CreateUserAndMembershipResponse = await self._invoke("/scalekit.v1.users.UserService/CreateUserAndMembership", request, extra or {})
        return answer

    async def list_organization_users(
        self, request: users_pb.ListOrganizationUsersRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> users_pb.ListOrganizationUsersResponse:
        """Call ListOrganizationUsers."""
        answer: users_pb.ListOrganizationUsersResponse = await self._invoke("/scalekit.v1.users.UserService/ListOrganizationUsers", request, extra or {})
        return answer

    async def resend_invite(
        self, request: users_pb.ResendInviteRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> users_pb.ResendInviteResponse:
        """Call ResendInvite."""
        answer: users_pb.ResendInviteResponse = await self._invoke("/scalekit.v1.users.UserService/ResendInvite", request, extra or {})
        return answer

    async def list_user_roles(
        self, request: users_pb.ListUserRolesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> users_pb.ListUserRolesResponse:
        """Call ListUserRoles."""
        answer: users_pb.ListUserRolesResponse = await self._invoke("/scalekit.v1.users.UserService/ListUserRoles", request, extra or {})
        return answer

    async def assign_user_roles(
        self, request: users_pb.AssignUserRolesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> users_pb.AssignUserRolesResponse:
        """Call AssignUserRoles."""
        answer: users_pb.AssignUserRolesResponse = await self._invoke("/scalekit.v1.users.UserService/AssignUserRoles", request, extra or {})
        return answer

    async def remove_user_role(
        self, request: users_pb.RemoveUserRoleRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call RemoveUserRole."""
        answer: Empty = await self._invoke("/scalekit.v1.users.UserService/RemoveUserRole", request, extra or {})
        return answer

    async def list_user_permissions(
        self, request: users_pb.ListUserPermissionsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> users_pb.ListUserPermissionsResponse:
        """Call ListUserPermissions."""
        answer: users_pb.ListUserPermissionsResponse = await self._invoke("/scalekit.v1.users.UserService/ListUserPermissions", request, extra or {})
        return answer

    async def get_current_user(
        self, request: users_pb.GetCurrentUserRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> users_pb.GetCurrentUserResponse:
        """Call GetCurrentUser."""
        answer: users_pb.GetCurrentUserResponse = await self._invoke("/scalekit.v1.users.UserService/GetCurrentUser", request, extra or {})
        return answer

    async def get_support_hash(
        self, request: Empty, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> users_pb.GetSupportHashResponse:
        """Call GetSupportHash."""
        answer: users_pb.GetSupportHashResponse = await self._invoke("/scalekit.v1.users.UserService/GetSupportHash", request, extra or {})
        return answer


class ApiTokenRecordService:
    """Calls of tenantry.v1.ApiTokenRecordService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def get_api_token(
        self, request: api_token_records_pb.GetApiTokenRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> api_token_records_pb.GetApiTokenResponse:
        """Call GetApiToken."""
        answer: api_token_records_pb.GetApiTokenResponse = await self._invoke("/tenantry.v1.ApiTokenRecordService/GetApiToken", request, extra or {})
        return answer


class ClientSettingsService:
    """Calls of tenantry.v1.ClientSettingsService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def get_client_settings(
        self, request: client_settings_pb.GetClientSettingsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> client_settings_pb.GetClientSettingsResponse:
        """Call GetClientSettings."""
        answer: client_settings_pb.GetClientSettingsResponse = await self._invoke("/tenantry.v1.ClientSettingsService/GetClientSettings", request, extra or {})
        return answer

    async def update_client_settings(
        self, request: client_settings_pb.UpdateClientSettingsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> client_settings_pb.UpdateClientSettingsResponse:
        """Call UpdateClientSettings."""
        answer: client_settings_pb.UpdateClientSettingsResponse = await self._invoke("/tenantry.v1.ClientSettingsService/UpdateClientSettings", request, extra or {})
        return answer


class DeploymentService:
    """Calls of tenantry.v1.DeploymentService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def get_health(
        self, request: deployment_pb.GetHealthRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> deployment_pb.GetHealthResponse:
        """Call GetHealth."""
        answer: deployment_pb.GetHealthResponse = await self._invoke("/tenantry.v1.DeploymentService/GetHealth", request, extra or {})
        return answer

    async def examine(
        self, request: deployment_pb.ExamineRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> deployment_pb.ExamineResponse:
        """Call Examine."""
        answer: deployment_pb.ExamineResponse = await self._invoke("/tenantry.v1.DeploymentService/Examine", request, extra or {})
        return answer


class DirectoryPollingService:
    """Calls of tenantry.v1.DirectoryPollingService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def set_directory_credentials(
        self, request: directory_polling_pb.SetDirectoryCredentialsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directory_polling_pb.SetDirectoryCredentialsResponse:
        """Call SetDirectoryCredentials."""
        answer: directory_polling_pb.SetDirectoryCredentialsResponse = await self._invoke("/tenantry.v1.DirectoryPollingService/SetDirectoryCredentials", request, extra or {})
        return answer

    async def get_directory_poll(
        self, request: directory_polling_pb.GetDirectoryPollRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directory_polling_pb.GetDirectoryPollResponse:
        """Call GetDirectoryPoll."""
        answer: directory_polling_pb.GetDirectoryPollResponse = await self._invoke("/tenantry.v1.DirectoryPollingService/GetDirectoryPoll", request, extra or {})
        return answer

    async def delete_directory_credentials(
        self, request: directory_polling_pb.DeleteDirectoryCredentialsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteDirectoryCredentials."""
        answer: Empty = await self._invoke("/tenantry.v1.DirectoryPollingService/DeleteDirectoryCredentials", request, extra or {})
        return answer


class DirectoryRequestService:
    """Calls of tenantry.v1.DirectoryRequestService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def list_directory_requests(
        self, request: directory_requests_pb.ListDirectoryRequestsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directory_requests_pb.ListDirectoryRequestsResponse:
        """Call ListDirectoryRequests."""
        answer: directory_requests_pb.ListDirectoryRequestsResponse = await self._invoke("/tenantry.v1.DirectoryRequestService/ListDirectoryRequests", request, extra or {})
        return answer

    async def get_directory_request(
        self, request: directory_requests_pb.GetDirectoryRequestRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> directory_requests_pb.GetDirectoryRequestResponse:
        """Call GetDirectoryRequest."""
        answer: directory_requests_pb.GetDirectoryRequestResponse = await self._invoke("/tenantry.v1.DirectoryRequestService/GetDirectoryRequest", request, extra or {})
        return answer


class EmailPreviewService:
    """Calls of tenantry.v1.EmailPreviewService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def preview_email_template(
        self, request: email_previews_pb.PreviewEmailTemplateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> email_previews_pb.PreviewEmailTemplateResponse:
        """Call PreviewEmailTemplate."""
        answer: email_previews_pb.PreviewEmailTemplateResponse = await self._invoke("/tenantry.v1.EmailPreviewService/PreviewEmailTemplate", request, extra or {})
        return answer

    async def send_test_email(
        self, request: email_previews_pb.SendTestEmailRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> email_previews_pb.SendTestEmailResponse:
        """Call SendTestEmail."""
        answer: email_previews_pb.SendTestEmailResponse = await self._invoke("/tenantry.v1.EmailPreviewService/SendTestEmail", request, extra or {})
        return answer


class EventRecordService:
    """Calls of tenantry.v1.EventRecordService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def search_events(
        self, request: event_records_pb.SearchEventsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> event_records_pb.SearchEventsResponse:
        """Call SearchEvents."""
        answer: event_records_pb.SearchEventsResponse = await self._invoke("/tenantry.v1.EventRecordService/SearchEvents", request, extra or {})
        return answer

    async def get_event_record(
        self, request: event_records_pb.GetEventRecordRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> event_records_pb.GetEventRecordResponse:
        """Call GetEventRecord."""
        answer: event_records_pb.GetEventRecordResponse = await self._invoke("/tenantry.v1.EventRecordService/GetEventRecord", request, extra or {})
        return answer

    async def verify_events(
        self, request: event_records_pb.VerifyEventsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> event_records_pb.VerifyEventsResponse:
        """Call VerifyEvents."""
        answer: event_records_pb.VerifyEventsResponse = await self._invoke("/tenantry.v1.EventRecordService/VerifyEvents", request, extra or {})
        return answer


class InterceptorSecretService:
    """Calls of tenantry.v1.InterceptorSecretService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def rotate_interceptor_secret(
        self, request: interceptor_secrets_pb.RotateInterceptorSecretRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> interceptor_secrets_pb.RotateInterceptorSecretResponse:
        """Call RotateInterceptorSecret."""
        answer: interceptor_secrets_pb.RotateInterceptorSecretResponse = await self._invoke("/tenantry.v1.InterceptorSecretService/RotateInterceptorSecret", request, extra or {})
        return answer


class MailService:
    """Calls of tenantry.v1.MailService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def list_mail(
        self, request: mail_pb.ListMailRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> mail_pb.ListMailResponse:
        """Call ListMail."""
        answer: mail_pb.ListMailResponse = await self._invoke("/tenantry.v1.MailService/ListMail", request, extra or {})
        return answer

    async def get_mail(
        self, request: mail_pb.GetMailRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> mail_pb.GetMailResponse:
        """Call GetMail."""
        answer: mail_pb.GetMailResponse = await self._invoke("/tenantry.v1.MailService/GetMail", request, extra or {})
        return answer

    async def retry_mail(
        self, request: mail_pb.RetryMailRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> mail_pb.RetryMailResponse:
        """Call RetryMail."""
        answer: mail_pb.RetryMailResponse = await self._invoke("/tenantry.v1.MailService/RetryMail", request, extra or {})
        return answer


class OperatorService:
    """Calls of tenantry.v1.OperatorService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def list_operators(
        self, request: operators_pb.ListOperatorsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> operators_pb.ListOperatorsResponse:
        """Call ListOperators."""
        answer: operators_pb.ListOperatorsResponse = await self._invoke("/tenantry.v1.OperatorService/ListOperators", request, extra or {})
        return answer

    async def get_operator(
        self, request: operators_pb.GetOperatorRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> operators_pb.GetOperatorResponse:
        """Call GetOperator."""
        answer: operators_pb.GetOperatorResponse = await self._invoke("/tenantry.v1.OperatorService/GetOperator", request, extra or {})
        return answer

    async def invite_operator(
        self, request: operators_pb.InviteOperatorRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> operators_pb.InviteOperatorResponse:
        """Call InviteOperator."""
        answer: operators_pb.InviteOperatorResponse = await self._invoke("/tenantry.v1.OperatorService/InviteOperator", request, extra or {})
        return answer

    async def create_operator_link(
        self, request: operators_pb.CreateOperatorLinkRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> operators_pb.CreateOperatorLinkResponse:
        """Call CreateOperatorLink."""
        answer: operators_pb.CreateOperatorLinkResponse = await self._invoke("/tenantry.v1.OperatorService/CreateOperatorLink", request, extra or {})
        return answer

    async def update_operator(
        self, request: operators_pb.UpdateOperatorRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> operators_pb.UpdateOperatorResponse:
        """Call UpdateOperator."""
        answer: operators_pb.UpdateOperatorResponse = await self._invoke("/tenantry.v1.OperatorService/UpdateOperator", request, extra or {})
        return answer

    async def delete_operator(
        self, request: operators_pb.DeleteOperatorRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteOperator."""
        answer: Empty = await self._invoke("/tenantry.v1.OperatorService/DeleteOperator", request, extra or {})
        return answer

    async def revoke_operator_sessions(
        self, request: operators_pb.RevokeOperatorSessionsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> operators_pb.RevokeOperatorSessionsResponse:
        """Call RevokeOperatorSessions."""
        answer: operators_pb.RevokeOperatorSessionsResponse = await self._invoke("/tenantry.v1.OperatorService/RevokeOperatorSessions", request, extra or {})
        return answer


class OrganizationPolicyService:
    """Calls of tenantry.v1.OrganizationPolicyService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def get_organization_policy(
        self, request: organization_policies_pb.GetOrganizationPolicyRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organization_policies_pb.GetOrganizationPolicyResponse:
        """Call GetOrganizationPolicy."""
        answer: organization_policies_pb.GetOrganizationPolicyResponse = await self._invoke("/tenantry.v1.OrganizationPolicyService/GetOrganizationPolicy", request, extra or {})
        return answer

    async def update_organization_policy(
        self, request: organization_policies_pb.UpdateOrganizationPolicyRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organization_policies_pb.UpdateOrganizationPolicyResponse:
        """Call UpdateOrganizationPolicy."""
        answer: organization_policies_pb.UpdateOrganizationPolicyResponse = await self._invoke("/tenantry.v1.OrganizationPolicyService/UpdateOrganizationPolicy", request, extra or {})
        return answer

    async def simulate_organization_policy(
        self, request: organization_policies_pb.SimulateOrganizationPolicyRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> organization_policies_pb.SimulateOrganizationPolicyResponse:
        """Call SimulateOrganizationPolicy."""
        answer: organization_policies_pb.SimulateOrganizationPolicyResponse = await self._invoke("/tenantry.v1.OrganizationPolicyService/SimulateOrganizationPolicy", request, extra or {})
        return answer


class OverviewService:
    """Calls of tenantry.v1.OverviewService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def get_overview(
        self, request: overview_pb.GetOverviewRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> overview_pb.GetOverviewResponse:
        """Call GetOverview."""
        answer: overview_pb.GetOverviewResponse = await self._invoke("/tenantry.v1.OverviewService/GetOverview", request, extra or {})
        return answer

    async def get_activity(
        self, request: overview_pb.GetActivityRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> overview_pb.GetActivityResponse:
        """Call GetActivity."""
        answer: overview_pb.GetActivityResponse = await self._invoke("/tenantry.v1.OverviewService/GetActivity", request, extra or {})
        return answer

    async def get_setup_checklist(
        self, request: overview_pb.GetSetupChecklistRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> overview_pb.GetSetupChecklistResponse:
        """Call GetSetupChecklist."""
        answer: overview_pb.GetSetupChecklistResponse = await self._invoke("/tenantry.v1.OverviewService/GetSetupChecklist", request, extra or {})
        return answer

    async def dismiss_setup_checklist(
        self, request: overview_pb.DismissSetupChecklistRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> overview_pb.DismissSetupChecklistResponse:
        """Call DismissSetupChecklist."""
        answer: overview_pb.DismissSetupChecklistResponse = await self._invoke("/tenantry.v1.OverviewService/DismissSetupChecklist", request, extra or {})
        return answer


class SamlKeyPairService:
    """Calls of tenantry.v1.SamlKeyPairService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def list_saml_key_pairs(
        self, request: saml_key_pairs_pb.ListSamlKeyPairsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> saml_key_pairs_pb.ListSamlKeyPairsResponse:
        """Call ListSamlKeyPairs."""
        answer: saml_key_pairs_pb.ListSamlKeyPairsResponse = await self._invoke("/tenantry.v1.SamlKeyPairService/ListSamlKeyPairs", request, extra or {})
        return answer


class SecondFactorService:
    """Calls of tenantry.v1.SecondFactorService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def get_second_factor(
        self, request: second_factors_pb.GetSecondFactorRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> second_factors_pb.GetSecondFactorResponse:
        """Call GetSecondFactor."""
        answer: second_factors_pb.GetSecondFactorResponse = await self._invoke("/tenantry.v1.SecondFactorService/GetSecondFactor", request, extra or {})
        return answer

    async def delete_second_factor(
        self, request: second_factors_pb.DeleteSecondFactorRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteSecondFactor."""
        answer: Empty = await self._invoke("/tenantry.v1.SecondFactorService/DeleteSecondFactor", request, extra or {})
        return answer


class SettingService:
    """Calls of tenantry.v1.SettingService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def list_settings(
        self, request: settings_pb.ListSettingsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> settings_pb.ListSettingsResponse:
        """Call ListSettings."""
        answer: settings_pb.ListSettingsResponse = await self._invoke("/tenantry.v1.SettingService/ListSettings", request, extra or {})
        return answer

    async def update_settings(
        self, request: settings_pb.UpdateSettingsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> settings_pb.UpdateSettingsResponse:
        """Call UpdateSettings."""
        answer: settings_pb.UpdateSettingsResponse = await self._invoke("/tenantry.v1.SettingService/UpdateSettings", request, extra or {})
        return answer


class SignInService:
    """Calls of tenantry.v1.SignInService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def get_sign_in(
        self, request: sign_ins_pb.GetSignInRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> sign_ins_pb.GetSignInResponse:
        """Call GetSignIn."""
        answer: sign_ins_pb.GetSignInResponse = await self._invoke("/tenantry.v1.SignInService/GetSignIn", request, extra or {})
        return answer

    async def list_failed_sign_ins(
        self, request: sign_ins_pb.ListFailedSignInsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> sign_ins_pb.ListFailedSignInsResponse:
        """Call ListFailedSignIns."""
        answer: sign_ins_pb.ListFailedSignInsResponse = await self._invoke("/tenantry.v1.SignInService/ListFailedSignIns", request, extra or {})
        return answer

    async def list_last_sign_ins(
        self, request: sign_ins_pb.ListLastSignInsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> sign_ins_pb.ListLastSignInsResponse:
        """Call ListLastSignIns."""
        answer: sign_ins_pb.ListLastSignInsResponse = await self._invoke("/tenantry.v1.SignInService/ListLastSignIns", request, extra or {})
        return answer

    async def list_sign_ins(
        self, request: sign_ins_pb.ListSignInsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> sign_ins_pb.ListSignInsResponse:
        """Call ListSignIns."""
        answer: sign_ins_pb.ListSignInsResponse = await self._invoke("/tenantry.v1.SignInService/ListSignIns", request, extra or {})
        return answer


class SigningKeyService:
    """Calls of tenantry.v1.SigningKeyService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def list_signing_keys(
        self, request: signing_keys_pb.ListSigningKeysRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> signing_keys_pb.ListSigningKeysResponse:
        """Call ListSigningKeys."""
        answer: signing_keys_pb.ListSigningKeysResponse = await self._invoke("/tenantry.v1.SigningKeyService/ListSigningKeys", request, extra or {})
        return answer

    async def rotate_signing_keys(
        self, request: signing_keys_pb.RotateSigningKeysRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> signing_keys_pb.RotateSigningKeysResponse:
        """Call RotateSigningKeys."""
        answer: signing_keys_pb.RotateSigningKeysResponse = await self._invoke("/tenantry.v1.SigningKeyService/RotateSigningKeys", request, extra or {})
        return answer


class SingleSignOnService:
    """Calls of tenantry.v1.SingleSignOnService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def get_connection_settings(
        self, request: single_sign_on_pb.GetConnectionSettingsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> single_sign_on_pb.GetConnectionSettingsResponse:
        """Call GetConnectionSettings."""
        answer: single_sign_on_pb.GetConnectionSettingsResponse = await self._invoke("/tenantry.v1.SingleSignOnService/GetConnectionSettings", request, extra or {})
        return answer

    async def update_connection_settings(
        self, request: single_sign_on_pb.UpdateConnectionSettingsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> single_sign_on_pb.UpdateConnectionSettingsResponse:
        """Call UpdateConnectionSettings."""
        answer: single_sign_on_pb.UpdateConnectionSettingsResponse = await self._invoke("/tenantry.v1.SingleSignOnService/UpdateConnectionSettings", request, extra or {})
        return answer

    async def read_issuer(
        self, request: single_sign_on_pb.ReadIssuerRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> single_sign_on_pb.ReadIssuerResponse:
        """Call ReadIssuer."""
        answer: single_sign_on_pb.ReadIssuerResponse = await self._invoke("/tenantry.v1.SingleSignOnService/ReadIssuer", request, extra or {})
        return answer

    async def read_metadata(
        self, request: single_sign_on_pb.ReadMetadataRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> single_sign_on_pb.ReadMetadataResponse:
        """Call ReadMetadata."""
        answer: single_sign_on_pb.ReadMetadataResponse = await self._invoke("/tenantry.v1.SingleSignOnService/ReadMetadata", request, extra or {})
        return answer

    async def import_connection_metadata(
        self, request: single_sign_on_pb.ImportConnectionMetadataRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> single_sign_on_pb.ImportConnectionMetadataResponse:
        """Call ImportConnectionMetadata."""
        answer: single_sign_on_pb.ImportConnectionMetadataResponse = await self._invoke("/tenantry.v1.SingleSignOnService/ImportConnectionMetadata", request, extra or {})
        return answer

    async def read_certificate(
        self, request: single_sign_on_pb.ReadCertificateRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> single_sign_on_pb.ReadCertificateResponse:
        """Call ReadCertificate."""
        answer: single_sign_on_pb.ReadCertificateResponse = await self._invoke("/tenantry.v1.SingleSignOnService/ReadCertificate", request, extra or {})
        return answer

    async def list_connection_tests(
        self, request: single_sign_on_pb.ListConnectionTestsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> single_sign_on_pb.ListConnectionTestsResponse:
        """Call ListConnectionTests."""
        answer: single_sign_on_pb.ListConnectionTestsResponse = await self._invoke("/tenantry.v1.SingleSignOnService/ListConnectionTests", request, extra or {})
        return answer


class StateService:
    """Calls of tenantry.v1.StateService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def list_directory_states(
        self, request: states_pb.ListDirectoryStatesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> states_pb.ListDirectoryStatesResponse:
        """Call ListDirectoryStates."""
        answer: states_pb.ListDirectoryStatesResponse = await self._invoke("/tenantry.v1.StateService/ListDirectoryStates", request, extra or {})
        return answer

    async def list_connection_states(
        self, request: states_pb.ListConnectionStatesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> states_pb.ListConnectionStatesResponse:
        """Call ListConnectionStates."""
        answer: states_pb.ListConnectionStatesResponse = await self._invoke("/tenantry.v1.StateService/ListConnectionStates", request, extra or {})
        return answer


class WebhookService:
    """Calls of tenantry.v1.WebhookService."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def create_endpoint(
        self, request: webhooks_pb.CreateEndpointRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webhooks_pb.CreateEndpointResponse:
        """Call CreateEndpoint."""
        answer: webhooks_pb.CreateEndpointResponse = await self._invoke("/tenantry.v1.WebhookService/CreateEndpoint", request, extra or {})
        return answer

    async def get_endpoint(
        self, request: webhooks_pb.GetEndpointRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webhooks_pb.GetEndpointResponse:
        """Call GetEndpoint."""
        answer: webhooks_pb.GetEndpointResponse = await self._invoke("/tenantry.v1.WebhookService/GetEndpoint", request, extra or {})
        return answer

    async def list_endpoints(
        self, request: webhooks_pb.ListEndpointsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webhooks_pb.ListEndpointsResponse:
        """Call ListEndpoints."""
        answer: webhooks_pb.ListEndpointsResponse = await self._invoke("/tenantry.v1.WebhookService/ListEndpoints", request, extra or {})
        return answer

    async def update_endpoint(
        self, request: webhooks_pb.UpdateEndpointRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webhooks_pb.UpdateEndpointResponse:
        """Call UpdateEndpoint."""
        answer: webhooks_pb.UpdateEndpointResponse = await self._invoke("/tenantry.v1.WebhookService/UpdateEndpoint", request, extra or {})
        return answer

    async def delete_endpoint(
        self, request: webhooks_pb.DeleteEndpointRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> Empty:
        """Call DeleteEndpoint."""
        answer: Empty = await self._invoke("/tenantry.v1.WebhookService/DeleteEndpoint", request, extra or {})
        return answer

    async def enable_endpoint(
        self, request: webhooks_pb.EnableEndpointRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webhooks_pb.EnableEndpointResponse:
        """Call EnableEndpoint."""
        answer: webhooks_pb.EnableEndpointResponse = await self._invoke("/tenantry.v1.WebhookService/EnableEndpoint", request, extra or {})
        return answer

    async def disable_endpoint(
        self, request: webhooks_pb.DisableEndpointRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webhooks_pb.DisableEndpointResponse:
        """Call DisableEndpoint."""
        answer: webhooks_pb.DisableEndpointResponse = await self._invoke("/tenantry.v1.WebhookService/DisableEndpoint", request, extra or {})
        return answer

    async def rotate_endpoint_secret(
        self, request: webhooks_pb.RotateEndpointSecretRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webhooks_pb.RotateEndpointSecretResponse:
        """Call RotateEndpointSecret."""
        answer: webhooks_pb.RotateEndpointSecretResponse = await self._invoke("/tenantry.v1.WebhookService/RotateEndpointSecret", request, extra or {})
        return answer

    async def send_test_event(
        self, request: webhooks_pb.SendTestEventRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webhooks_pb.SendTestEventResponse:
        """Call SendTestEvent."""
        answer: webhooks_pb.SendTestEventResponse = await self._invoke("/tenantry.v1.WebhookService/SendTestEvent", request, extra or {})
        return answer

    async def list_deliveries(
        self, request: webhooks_pb.ListDeliveriesRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webhooks_pb.ListDeliveriesResponse:
        """Call ListDeliveries."""
        answer: webhooks_pb.ListDeliveriesResponse = await self._invoke("/tenantry.v1.WebhookService/ListDeliveries", request, extra or {})
        return answer

    async def get_delivery(
        self, request: webhooks_pb.GetDeliveryRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webhooks_pb.GetDeliveryResponse:
        """Call GetDelivery."""
        answer: webhooks_pb.GetDeliveryResponse = await self._invoke("/tenantry.v1.WebhookService/GetDelivery", request, extra or {})
        return answer

    async def list_attempts(
        self, request: webhooks_pb.ListAttemptsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webhooks_pb.ListAttemptsResponse:
        """Call ListAttempts."""
        answer: webhooks_pb.ListAttemptsResponse = await self._invoke("/tenantry.v1.WebhookService/ListAttempts", request, extra or {})
        return answer

    async def replay_delivery(
        self, request: webhooks_pb.ReplayDeliveryRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webhooks_pb.ReplayDeliveryResponse:
        """Call ReplayDelivery."""
        answer: webhooks_pb.ReplayDeliveryResponse = await self._invoke("/tenantry.v1.WebhookService/ReplayDelivery", request, extra or {})
        return answer

    async def replay_events(
        self, request: webhooks_pb.ReplayEventsRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> webhooks_pb.ReplayEventsResponse:
        """Call ReplayEvents."""
        answer: webhooks_pb.ReplayEventsResponse = await self._invoke("/tenantry.v1.WebhookService/ReplayEvents", request, extra or {})
        return answer

