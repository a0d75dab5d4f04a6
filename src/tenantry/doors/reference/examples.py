"""Example values: what answers and requests look like, built from the descriptors.

A value is found by `Message.field`, else by the field's name; a field without one is an error, so
that no example is made of nonsense.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from protobuf import (
    DescFieldValueList,
    DescFieldValueMessage,
    DescMessage,
)

from tenantry.doors.reference.schemas import is_plain, may_be_asked

if TYPE_CHECKING:
    from collections.abc import Container

    from protobuf import DescField

    from tenantry.doors.transport.methods import Method

_ORGANIZATION = "org_2123312131125533"
_LINK = "lnk_2123312131125540"
_USER = "usr_212331213112554101"
_ROLE = "role_2123312131125550"
_PERMISSION = "perm_2123312131125560"
_DOMAIN = "dom_2123312131125570"
_CLIENT = "m2morg_2123312131125600"
_APPLICATION = "skc_2123312131125610"
_SECRET = "sec_2123312131125620"  # noqa: S105 - an id
_SCOPE = "scp_2123312131125630"
_TOKEN_ID = "apit_2123312131125640"  # noqa: S105 - an id
_TOKEN = "tnat_pJ4nUSXO2yWYx1M0qGmXcTQd9nq1rZkVb7LhR3s"  # noqa: S105 - too short to be one
_ENDPOINT = "whe_2123312131125650"
_DELIVERY = "dlv_2123312131125660"
_EVENT = "evt_2123312131125670"
_ENDPOINT_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"  # noqa: S105 - the SDKs' own example
_INTERCEPTOR = "icp_2123312131125680"
_PASSWORDLESS = "pwl_2123312131125690"
_SESSION = "ses_2123312131125590"
_AUTH_REQUEST = "areq_2123312131125700"
_CONNECTION = "conn_2123312131125710"
_LOGIN_URI = f"https://auth.example.com/login/{_AUTH_REQUEST}"
_PASSKEY = "cred_2123312131125690"
_PASSKEY_RAW = "Kl6nZQvUS4qwQzVFt0YHhw"
_CHALLENGE_ID = "chl_2123312131125700"
_CHALLENGE = "dOSHBqWm1gRtBY0hI8aCkyXl-cOHeyMvhXX2lRH6sxE"
_USER_HANDLE = "dXNyXzIxMjMzMTIxMzExMjU1NDEwMQ"
_CLIENT_DATA = "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0"
_REGISTRATION = "totp_2123312131125710"
_QUEUED = "2024-02-11T09:30:12.530117Z"
_ENDED = "2024-02-11T09:30:12.614820Z"
_CREATED = "2024-01-05T14:48:00.207313Z"
_CHANGED = "2024-02-11T09:30:12.481906Z"
_OF_USERS = (
    *("GetUser", "UpdateUser", "DeleteUser", "CreateMembership", "UpdateMembership"),
    "DeleteMembership",
)
_OF_PROFILES = ("", "Create", "Update")
_OF_DOMAINS = ("GetDomain", "UpdateDomain", "DeleteDomain", "VerifyDomain")
_OF_APPLICATIONS = (
    *("GetClient", "UpdateClient", "DeleteClient"),
    *("CreateClientSecret", "UpdateClientSecret", "DeleteClientSecret"),
)
_APPLICATIONS = ("Client", "CreateClient", "UpdateClient")
_MACHINES = ("M2MClient", "OrganizationClient")
_INTERCEPTORS = ("Interceptor", "CreateInterceptor", "UpdateInterceptor")
_OF_INTERCEPTORS = (
    "Interceptor",
    *(f"{verb}InterceptorRequest" for verb in ("Get", "Update", "Delete", "Enable", "Disable")),
    *("TestInterceptorRequest", "RotateInterceptorSecretRequest"),
)
_CREDENTIAL_OPTIONS = ("AllAcceptedCredentialsOptions", "UnknownCredentialOptions")
_PASSKEY_STEPS = ("DeleteCredential", "FinishRegistration", "FinishAuthentication")
_OF_REGISTRATIONS = (
    "EnableRegistrationTOTPRequest",
    "DisableRegistrationTOTPRequest",
    "VerifyRegistrationCodeRequest",
)
_SESSIONS = ("SessionDetails", "RevokedSessionDetails")
_OF_PASSWORDLESS = ("SendPasswordlessRequest", "VerifyPasswordLessResponse")
_PASSWORDLESS_REQUESTS = (
    "SendPasswordlessResponse",
    "VerifyPasswordLessRequest",
    "ResendPasswordlessRequest",
)
_OF_ORGANIZATION_ROLES = (
    "GetOrganizationRole",
    "UpdateOrganizationRole",
    "DeleteOrganizationRole",
    "GetOrganizationRoleUsersCount",
    "DeleteOrganizationRoleBase",
)


def _each(value: Any, field: str, *messages: str) -> dict[str, Any]:
    return {f"{message}.{field}": value for message in messages}


def _default_role(name: str, **more: bool) -> dict[str, Any]:
    return {"id": _ROLE, "name": name, "display_name": name.capitalize(), **more}


_PAYLOAD = {
    "spec_version": "1",
    "id": _EVENT,
    "type": "organization.created",
    "occurred_at": _CHANGED,
    "environment_id": "env_2123312131125001",
    "organization_id": _ORGANIZATION,
    "object": "Organization",
    "data": {"id": _ORGANIZATION, "display_name": "Acme Corp", "external_id": "my_unique_id"},
}
_VALUES: dict[str, Any] = {
    "absolute_session_timeout": 480,
    "absolute_session_timeout_unit": "MINUTES",
    "accepted_at": "2024-01-08T10:02:44.730125Z",
    "access_token_expiry": 5,
    "AuthLogRequest.client_id": _APPLICATION,
    "AuthLogRequest.client_name": "Acme web app",
    "AuthLogRequest.connected_account_identifier": "",
    "AuthLogRequest.connection_id": _CONNECTION,
    "AuthLogRequest.auth_request_id": _AUTH_REQUEST,
    "AuthLogRequest.resource_id": "",
    "AuthLogRequest.resource_name": "",
    "AuthLogRequest.resource_type": "",
    "AuthLogRequest.connection_provider": "",
    "AuthLogRequest.connection_type": "PASSWORDLESS",
    "AuthLogRequest.status": "SUCCESS",
    "AuthLogRequest.timestamp": _CHANGED,
    "AuthLogRequest.workflow": "sign_in",
    "AuthMethod.auth_initiation_uri": _LOGIN_URI,
    "AuthMethod.code_challenge_length": 6,
    "AuthMethod.connection_id": _CONNECTION,
    "AuthMethod.connection_type": "PASSWORDLESS",
    "AuthMethod.enable_webauthn_auto_registration": False,
    "AuthMethod.enable_webauthn_conditional_login": False,
    "AuthMethod.passwordless_type": "LINK_OTP",
    "AuthMethod.provider": "",
    "AuthMethod.show_passkey_button": False,
    "ConnectionDetails.connection_id": _CONNECTION,
    "ConnectionDetails.connection_provider": "",
    "ConnectionDetails.connection_type": "PASSWORDLESS",
    "DiscoveryRequest.g_recaptcha_response": "",
    "DiscoveryRequest.intent": "sign_in",
    "GetAuthCustomizationsResponse.customization_settings": {
        "app_name": "Acme",
        "color": "#2f5d50",
    },
    "GetAuthErrorRequest.error_id": "err_2123312131125720",
    "GetAuthErrorResponse.error": "invalid_request",
    "GetAuthErrorResponse.error_description": "redirect_uri is not registered for this client",
    "GetAuthFeaturesResponse.features": {"sign_up": True, "sign_in_methods": ["email", "passkey"]},
    "GetAuthStateRequest.organization_id": "",
    "GetAuthStateRequest.prompt": "",
    "GetAuthStateResponse.auth_state": "ORGANIZATION_SELECTED",
    "GetAuthStateResponse.login_hint": "",
    "ListAuthLogRequest.client_id": _APPLICATION,
    "ListAuthLogRequest.connected_account_identifier": "",
    "ListAuthLogRequest.resource_id": "",
    "ListAuthLogRequest.status": ["SUCCESS"],
    "ListAuthMethodsRequest.intent": "sign_in",
    "ListUserOrganizationsResponse.intent": "sign_in",
    "OTPRequest.code_challenge": "482913",
    "OTPRequest.g_recaptcha_response": "",
    "Organization.invitation_accepted_at": _CREATED,
    "Organization.invitation_created_at": _CREATED,
    "Organization.invitation_expires_at": _CHANGED,
    "Organization.invitation_inviter_email": "jane@acme.com",
    "Organization.membership_status": "ACTIVE",
    "Organization.name": "Acme Corp",
    "OrganizationCustomizations.organization_logo_branding": False,
    "PortalSettings.custom_branding": True,
    "PortalSettings.mcp_consent_screen_v2": False,
    "PortalSettings.new_self_serve_sso_scim": False,
    "ResendAuthPasswordlessRequest.g_recaptcha_response": "",
    "SignupOrganizationRequest.full_name": "Ada Lovelace",
    **_each("Ada", "first_name", "SignupOrganizationRequest", "UserDetails"),
    **_each("Lovelace", "last_name", "SignupOrganizationRequest", "UserDetails"),
    **_each("Acme Corp", "organization_name", "SignupOrganizationRequest"),
    **_each("Acme Corp", "organization_name", "SignupOrganizationResponse"),
    "audience": ["https://api.example.com"],
    "back_channel_logout_uris": ["https://app.example.com/backchannel-logout"],
    "cascade": False,
    "client_id": _CLIENT,
    "client_type": "WEB_APP",
    "connection_id": "",
    "count": 3,
    "create_time": _CREATED,
    "created_at": _CREATED,
    "current_session_id": _SESSION,
    "custom_attributes": {"department": "finance"},
    "custom_claims": {"scope": "invoices:read"},
    "customization_settings": {"primary_color": "#2f5d50"},
    "default_creator_role": "admin",
    "default_member_role": "member",
    "delivery_id": _DELIVERY,
    "description": "Writes invoices",
    "disallow_scalekit_api_access": False,
    "display_name": "Acme Corp",
    "domain_type": "ORGANIZATION_DOMAIN",
    "domains": ["https://app.example.com"],
    "email": "ada@acme.com",
    "enabled": True,
    "endpoint_id": _ENDPOINT,
    "end_time": "2024-02-12T00:00:00Z",
    "enforce_pkce": True,
    "env_id": "env_2123312131125001",
    "environment_id": "env_2123312131125001",
    "event_type": "organization.created",
    "event_types": ["organization.created"],
    "expire_time": "2024-01-05T14:49:00.207313Z",
    "expires_at": "2024-01-20T14:48:00.207313Z",
    "expiry": "2027-01-05T14:48:00.207313Z",
    "extends": "member",
    "external_id": "my_unique_id",
    "family_name": "Lovelace",
    "features": [],
    "gateway_enabled": False,
    "gender": "female",
    "given_name": "Ada",
    "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
    "groups": ["engineering"],
    "id": _ORGANIZATION,
    "idle_session_timeout": 60,
    "idle_session_timeout_enabled": True,
    "idle_session_timeout_unit": "MINUTES",
    "include": "permissions",
    "include_plain_secret": False,
    "initiate_login_uri": "https://app.example.com/login",
    "inviter_email": "grace@acme.com",
    "last_login_time": _CHANGED,
    "link_id": _LINK,
    "locale": "en-GB",
    "logo_url": "https://example.com/acme.png",
    "max_allowed_users": 250,
    "mask": "",
    "metadata": {"plan": "gold"},
    "next_page_token": "",
    "org_id": _ORGANIZATION,
    "ordered": False,
    "organization_id": _ORGANIZATION,
    "origin": "https://app.example.com",
    "page_number": 0,
    "page_size": 10,
    "page_token": "",
    "permission_name": "invoices:write",
    "permission_names": ["invoices:write"],
    "permissions": ["invoices:write"],
    "phone_number": "+14155550123",
    "picture": "https://example.com/ada.png",
    "policy_source": "CUSTOM",
    "plain_secret": "q3Zk0mVbN8Yt1oPc5XhWs2LrA7uJdGfE",
    "post_login_uris": ["https://app.example.com/callback"],
    "post_logout_redirect_uris": ["https://app.example.com"],
    "preferred_username": "ada",
    "prev_page_token": "",
    "query": "acme",
    "queued": 42,
    "reassign_role_name": "member",
    "redirect_uri": "https://app.example.com/callback",
    "region_code": "US",
    "role_name": "editor",
    "scopes": ["invoices:read", "invoices:write"],
    "secret_id": _SECRET,
    "send_invitation_email": True,
    "slug": "acme",
    "source": "BRANDING_SOURCE_CUSTOM",
    "start_time": "2024-02-11T00:00:00Z",
    "support_hash": "5d41402abc4b2a76b9719d911017c592ae1fbcd3a1f0c5e2b7d8f3a6c4e90b12",
    "token": _TOKEN,
    "token_id": _TOKEN_ID,
    "total_count": 1,
    "total_size": 1,
    "type": "ALL",
    "update_mask": "displayName,externalId",
    "update_time": _CHANGED,
    "url": "https://app.example.com/webhooks",
    "user_id": _USER,
    "verified": True,
    "AssignUserRolesRequest.roles": [{"role_name": "editor"}],
    "CidrEntry.type": "IPV4",
    "CidrEntry.value": "203.0.113.0/24",
    "Client.id": _APPLICATION,
    "Client.keyId": _APPLICATION,
    "ClientSecret.created_by": _USER,
    "ClientSecret.expire_time": "2024-02-12T09:30:12.481906Z",
    "ClientSecret.id": _SECRET,
    "ClientSecret.last_used_time": _CHANGED,
    "ClientSecret.plain_secret": "",
    "ClientSecret.secret_suffix": "dGfE",
    "ClientSecret.status": "ACTIVE",
    "ClientSettings.access_token_signing_alg": "ES256",
    "ClientSettings.jwks": {
        "keys": [
            {
                "kty": "EC",
                "crv": "P-256",
                "kid": "1",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            }
        ]
    },
    "ClientSettings.token_endpoint_auth_method": "private_key_jwt",
    "CreateDomain.domain": "acme.com",
    "CreateMembership.roles": [{"name": "editor"}],
    "CreatePermission.name": "invoices:write",
    "CreateRole.name": "editor",
    "CreateScope.description": "Change invoices",
    "CreateScope.name": "invoices:write",
    "CreateUserProfile.name": "Ada Lovelace",
    "CustomClaim.key": "tier",
    "CustomClaim.value": "gold",
    "DeleteScopeRequest.id": _SCOPE,
    "Domain.domain": "acme.com",
    "Domain.id": _DOMAIN,
    "Domain.txt_record_key": "",
    "Domain.txt_record_secret": "",
    "Domain.verification_method": "ADMIN",
    "Domain.verification_status": "VERIFIED",
    "EnvironmentLoginUrisResponse.client_id": "skc_2123312131125010",
    "EnvironmentLoginUrisResponse.redirect_uris": ["https://app.example.com/callback"],
    "EventFilter.auth_request_id": "",
    "EventFilter.connected_account_id": "",
    "EventFilter.interceptor_decision": "",
    "EventFilter.interceptor_id": "",
    "EventFilter.interceptor_status": "",
    "EventFilter.source": "SCALEKIT",
    "Filter.client_type": ["WEB_APP"],
    "Invite.resent_at": "2024-01-12T08:15:30.118204Z",
    "Invite.resent_count": 1,
    "Invite.status": "PENDING_INVITE",
    "IpAllowlist.opted_in": False,
    "Link.id": _LINK,
    "Link.location": "{public_url}/magicLink/GJc0VbZ3kQp8nS1xTfLr2w",
    "ListDomainRequest.include": "",
    "M2MClient.is_cimd": False,
    "M2MClient.is_dcr": False,
    "M2MClient.metadata_uri": "",
    "M2MClient.redirect_uris": [],
    "M2MClient.resource_id": "",
    "OrganizationMembership.join_time": "2024-01-08T10:02:44.730125Z",
    "OrganizationMembership.membership_status": "ACTIVE",
    "OrganizationMembership.name": "Acme Corp",
    "OrganizationMembership.provisioning_method": "invitation",
    "OrganizationSettings.features": [
        {"name": "sso", "enabled": False},
        {"name": "dir_sync", "enabled": False},
        {"name": "domain_verification", "enabled": True},
        {"name": "session_policy", "enabled": False},
    ],
    "Permission.id": _PERMISSION,
    "Permission.is_scalekit_permission": False,
    "Permission.name": "invoices:write",
    "Permission.tags": [],
    "Role.default_creator": False,
    "Role.default_member": False,
    "Role.dependent_roles_count": 0,
    "Role.display_name": "Editor",
    "Role.id": _ROLE,
    "Role.is_org_role": False,
    "Role.name": "editor",
    "RolePermission.id": _PERMISSION,
    "RolePermission.name": "invoices:write",
    "Scope.description": "Change invoices",
    "Scope.id": _SCOPE,
    "Scope.name": "invoices:write",
    "Token.organization_external_id": "my_unique_id",
    "Token.roles": ["editor"],
    "Token.token_suffix": "hR3s",
    "Token.user_external_id": "ada_in_our_app",
    "UpdateClientSecret.status": "INACTIVE",
    "UpdateDefaultOrganizationRolesResponse.default_member": _default_role(
        "member", default_member=True
    ),
    "UpdateDefaultRolesResponse.default_creator": _default_role("admin", default_creator=True),
    "UpdateDefaultRolesResponse.default_member": _default_role("member", default_member=True),
    "UpdateMembership.roles": [{"name": "editor"}],
    "UpdateScope.description": "Change invoices",
    "UpdateScopeRequest.id": _SCOPE,
    "UpdateUserProfile.name": "Ada Lovelace",
    "User.id": _USER,
    "UserProfile.email_verified": True,
    "UserProfile.external_identities": [],
    "UserProfile.first_name": "Ada",
    "UserProfile.id": "usp_2123312131125542",
    "UserProfile.last_name": "Lovelace",
    "UserProfile.name": "Ada Lovelace",
    "UserProfile.phone_number_verified": False,
    "CreateEndpoint.description": "Billing",
    "CreateEndpoint.disabled": False,
    "CreateEndpoint.organization_id": _ORGANIZATION,
    "CreateEndpointResponse.secret": _ENDPOINT_SECRET,
    "GetDeliveryResponse.event_payload": _PAYLOAD,
    "ListDeliveriesRequest.state": "FAILED",
    "RotateEndpointSecretResponse.secret": _ENDPOINT_SECRET,
    "ScalekitEvent.data": _PAYLOAD["data"],
    "ScalekitEvent.display_name": "Organization created",
    "ScalekitEvent.id": _EVENT,
    "ScalekitEvent.object": "Organization",
    "ScalekitEvent.occurred_at": _CHANGED,
    "ScalekitEvent.spec_version": "1",
    "ScalekitEvent.type": "organization.created",
    "SendTestEventResponse.event_payload": _PAYLOAD,
    "UpdateEndpoint.all_event_types": False,
    "UpdateEndpoint.description": "Billing and metering",
    "WebhookAttempt.attempt_time": "2024-02-11T09:30:12.547003Z",
    "WebhookAttempt.duration": "0.067817s",
    "WebhookAttempt.number": 1,
    "WebhookAttempt.problem": "",
    "WebhookAttempt.response": "ok",
    "WebhookAttempt.status_code": 200,
    "WebhookDelivery.attempts": 1,
    "WebhookDelivery.create_time": _QUEUED,
    "WebhookDelivery.end_time": _ENDED,
    "WebhookDelivery.event_id": _EVENT,
    "WebhookDelivery.id": _DELIVERY,
    "WebhookDelivery.last_status": 200,
    "WebhookDelivery.next_attempt_time": None,
    "WebhookDelivery.replay": False,
    "WebhookDelivery.state": "SUCCEEDED",
    "WebhookDelivery.test": False,
    "WebhookEndpoint.description": "Billing",
    "WebhookEndpoint.disabled_reason": "",
    "WebhookEndpoint.failing_since": None,
    "WebhookEndpoint.id": _ENDPOINT,
    "WebhookEndpoint.previous_secret_expire_time": "2024-02-12T09:30:12.481906Z",
    "SendPasswordlessRequest.magiclink_auth_uri": "https://app.example.com/passwordless",
    "SendPasswordlessRequest.template_variables": {"team_name": "Finance"},
    "SendPasswordlessResponse.expires_at": "1707643812",
    "VerifyPasswordLessRequest.code": "418023",
    "VerifyPasswordLessRequest.link_token": f"{_PASSWORDLESS}.c2FtcGxlLW9mLWEtbGluay10b2tl",
    "VerifyPasswordLessResponse.email": "jane@acme.com",
    "SendPasswordlessRequest.email": "jane@acme.com",
    **_each(_PASSWORDLESS, "auth_request_id", *_PASSWORDLESS_REQUESTS),
    **_each("back-to-the-invoice", "state", *_OF_PASSWORDLESS),
    **_each("SIGNIN", "template", *_OF_PASSWORDLESS),
    **_each(600, "expires_in", "SendPasswordlessRequest", "SendPasswordlessResponse"),
    **_each("LINK_OTP", "passwordless_type", "SendPasswordlessResponse", _OF_PASSWORDLESS[1]),
    "AuthenticatedClients.client_id": _APPLICATION,
    "AllAcceptedCredentialsOptions.all_accepted_credential_ids": [_PASSKEY_RAW],
    "AllAcceptedCredentialsOptions.user_id": _USER_HANDLE,
    "Authenticator.aaguid": "fbfc3007-154e-4ecc-8c0b-6e020557d7bd",
    "Authenticator.attachment": "platform",
    "Authenticator.icon_dark": "",
    "Authenticator.icon_light": "",
    "Authenticator.name": "iCloud Keychain",
    "AuthenticatorAssertionResponse.authenticator_data": "SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzz",
    "AuthenticatorAssertionResponse.client_data_json": _CLIENT_DATA,
    "AuthenticatorAssertionResponse.signature": "MEUCIQDb2nVXZ9lCwLKrSCTqHf_ucvjbEM4r2hYl",
    "AuthenticatorAssertionResponse.user_handle": _USER_HANDLE,
    **dict.fromkeys(
        (
            f"AuthenticatorFlags.{flag}"
            for flag in ("user_present", "user_verified", "backup_eligible", "backup_state")
        ),
        True,
    ),
    "BeginAuthenticationResponse.options": {
        "challenge": _CHALLENGE,
        "rpId": "auth.example.com",
        "allowCredentials": [],
        "userVerification": "preferred",
        "timeout": 300000,
    },
    "BeginAuthenticationResponse.session_id": _CHALLENGE_ID,
    "BeginRegistrationResponse.options": {
        "challenge": _CHALLENGE,
        "rp": {"id": "auth.example.com", "name": "Acme"},
        "user": {"id": _USER_HANDLE, "name": "ada@acme.com", "displayName": "Ada Lovelace"},
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
        "excludeCredentials": [],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "preferred",
        },
        "attestation": "none",
        "timeout": 300000,
    },
    "ClientInfo.city": "",
    "ClientInfo.ip": "192.0.2.7",
    "ClientInfo.region": "",
    "ClientInfo.region_subdivision": "",
    "EnableRegistrationTOTPResponse.backup_codes": ["FUMI-2V65-PP4E-ALPZ"],
    "EnableRegistrationTOTPResponse.id": _REGISTRATION,
    "FinishAuthenticationRequest.session_id": _CHALLENGE_ID,
    "FinishAuthenticationResponse.session_token": "",
    "FinishRegistrationRequest.attestation_object": "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YViU",
    "FinishRegistrationRequest.client_data_json": _CLIENT_DATA,
    "FinishRegistrationRequest.transports": ["internal"],
    "GetRelatedOriginsResponse.origins": ["{public_url}"],
    "TOTPRegistration.account_name": None,
    "TOTPRegistration.id": _REGISTRATION,
    "TOTPRegistration.qr_code_uri": "otpauth://totp/Acme:ada%40acme.com"
    "?secret=BFPIWACLVJ62SSFEHXNZAIEQ3YI7GR6H&issuer=Acme",
    "UnknownCredentialOptions.credential_id": _PASSKEY_RAW,
    "UserAgent.browser": "Safari",
    "UserAgent.browser_version": "17.4",
    "UserAgent.device_model": "",
    "UserAgent.device_type": "desktop",
    "UserAgent.os": "Mac OS X",
    "UserAgent.os_version": "10.15.7",
    "UserAgent.raw": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.4 Safari/605.1.15",
    "UserAgent.url": "",
    "VerifyCodeResponse.valid": True,
    "WebAuthnCredential.attestation_type": "none",
    "WebAuthnCredential.display_name": "iCloud Keychain",
    "WebAuthnCredential.id": _PASSKEY,
    "WebAuthnCredential.transports": ["internal", "hybrid"],
    "WebAuthnCredential.updated_at": _CHANGED,
    "UpdateCredentialRequest.display_name": "My laptop",
    **_each(_PASSKEY, "credential_id", "UpdateCredentialRequest", "DeleteCredentialRequest"),
    **_each("auth.example.com", "rp_id", *_CREDENTIAL_OPTIONS),
    **_each(True, "success", *(f"{name}Response" for name in _PASSKEY_STEPS)),
    **_each(
        _PASSKEY_RAW,
        "credential_id",
        *("WebAuthnCredential", "FinishRegistrationRequest", "FinishAuthenticationRequest"),
    ),
    **_each("public-key", "type", "FinishRegistrationRequest", "FinishAuthenticationRequest"),
    **_each(
        "platform",
        "authenticator_attachment",
        *("FinishRegistrationRequest", "FinishAuthenticationRequest"),
    ),
    **_each(
        {},
        "client_extension_results",
        *("FinishRegistrationRequest", "FinishAuthenticationRequest"),
    ),
    **_each(_REGISTRATION, "registration_id", *_OF_REGISTRATIONS),
    **_each("135092", "code", *_OF_REGISTRATIONS, "VerifyUserCodeRequest"),
    "DeviceDetails.browser": "Firefox",
    "DeviceDetails.browser_version": "127.0",
    "DeviceDetails.device_type": "desktop",
    "DeviceDetails.ip": "192.0.2.7",
    "DeviceDetails.os": "Linux",
    "DeviceDetails.os_version": "",
    "DeviceDetails.user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 "
    "Firefox/127.0",
    "RevokeAllUserSessionsResponse.total_revoked": 1,
    "SessionDetails.status": "active",
    "RevokedSessionDetails.status": "revoked",
    "UserSessionDetails.prev_page_token": "",
    "UserSessionFilter.status": ["active"],
    "UserSessionFilter.start_time": "2024-01-01T00:00:00Z",
    **_each("", "region", "Location"),
    **_each("", "region_subdivision", "Location"),
    **_each("", "city", "Location"),
    **_each("", "latitude", "Location"),
    **_each("", "longitude", "Location"),
    **_each(_SESSION, "session_id", *_SESSIONS, "SessionDetailsRequest", "RevokeSessionRequest"),
    **_each(_ENDED, "created_at", *_SESSIONS),
    **_each(_ENDED, "updated_at", *_SESSIONS),
    **_each(_ENDED, "last_active_at", *_SESSIONS),
    **_each("2024-02-11T17:30:12.614820Z", "absolute_expires_at", *_SESSIONS),
    **_each(None, "idle_expires_at", *_SESSIONS),
    **_each(None, "logout_at", *_SESSIONS),
    "SessionDetails.expired_at": None,
    "RevokedSessionDetails.expired_at": "2024-02-11T10:02:51.480316Z",
    "SessionDetails.authenticated_organizations": [_ORGANIZATION],
    "ApiKeyAuth.api_key": "a key of your API",
    "ApiKeyAuth.header_name": "x-api-key",
    "AuthenticationConfig.auth_config_type": "API_KEY",
    "AuthenticationConfig.oauth2": None,
    "ErrorMessage.code": "HTTP_STATUS",
    "ErrorMessage.details": {"http_status": 503},
    "ErrorMessage.message": "the answer was 503, not 200",
    "Interceptor.created_at": _CREATED,
    "Interceptor.enabled": True,
    "Interceptor.last_executed_at": _ENDED,
    "Interceptor.secret_suffix": "7oD=",
    "Interceptor.updated_at": _CHANGED,
    "ListInterceptorsRequest.enabled": True,
    "RotateInterceptorSecretResponse.secret": _ENDPOINT_SECRET,
    "TestInterceptorRequest.data": {"user": {"id": _USER, "email": "ada@example.com"}},
    "TestInterceptorResponse.error": None,
    "TestInterceptorResponse.interceptor_response": {"decision": "ALLOW"},
    "TestInterceptorResponse.validation_error": None,
    "UpdateInterceptor.timeout_ms": "3000",
    **_each("Trial check", "display_name", *_INTERCEPTORS),
    **_each("Nobody signs in once the trial is over", "description", *_INTERCEPTORS),
    **_each("PRE_SESSION_CREATION", "trigger_point", *_INTERCEPTORS, "ListInterceptorsRequest"),
    **_each("AUTH", "interceptor_type", *_INTERCEPTORS),
    **_each("https://app.example.com/interceptors", "api_url", *_INTERCEPTORS),
    **_each("5000", "timeout_ms", "Interceptor", "CreateInterceptor"),
    **_each("FAIL_CLOSED", "failure_policy", *_INTERCEPTORS),
    **_each(None, "request_template", *_INTERCEPTORS),
    **_each(None, "response_template", *_INTERCEPTORS),
    **_each(_INTERCEPTOR, "id", *_OF_INTERCEPTORS),
    **_each(_APPLICATION, "client_id", *(f"{name}Request" for name in _OF_APPLICATIONS)),
    **_each("600", "access_token_expiry", *_APPLICATIONS),
    **_each("Dashboard", "name", *_APPLICATIONS),
    **_each("Acme nightly export", "name", *_MACHINES),
    **_each("Reads invoices for the warehouse", "description", *_MACHINES),
    **_each("3600", "expiry", *_MACHINES),
    **_each("Nightly export", "description", "Token", "CreateToken", "UpdateTokenRequest"),
    **_each("Editor", "display_name", "CreateRole", "UpdateRole"),
    **_each("auditor", "role_name", *(f"{name}Request" for name in _OF_ORGANIZATION_ROLES)),
    "CreateOrganizationRole.display_name": "Auditor",
    "CreateOrganizationRole.name": "auditor",
    **_each(_DOMAIN, "id", *(f"{name}Request" for name in _OF_DOMAINS)),
    **_each(_USER, "id", *(f"{name}Request" for name in (*_OF_USERS, "ResendInvite"))),
    **_each("ada_in_our_app", "external_id", "User", "CreateUser", "UpdateUser"),
    **_each("ada_in_our_app", "external_id", *(f"{name}Request" for name in _OF_USERS)),
    **_each({"team": "design"}, "metadata", "User", "CreateUser", "UpdateUser"),
    **_each({"shirt": "medium"}, "metadata", *(f"{name}UserProfile" for name in _OF_PROFILES)),
}


def answer(method: Method, public_url: str) -> dict[str, Any]:
    """Return an example of what an rpc answers over REST, spelled as the server spells it."""
    whole = _spelled(method.output.desc(), _built(method.output.desc(), public_url))
    if method.flatten:
        return {**whole[method.flatten], method.flatten: whole[method.flatten]}
    return whole


def request(message: DescMessage, without: Container[str], public_url: str) -> dict[str, Any]:
    """Return an example of a request's body."""
    return _built(message, public_url, without)


def value(field: DescField, public_url: str = "") -> Any:
    """Return the example value of a field.

    Raises:
        LookupError: there is none.

    """
    for name in (_of_its_own(field), field.name):
        if name in _VALUES and not _holds_messages(field, name):
            found = _VALUES[name]
            return found.format(public_url=public_url) if isinstance(found, str) else found
    inner = field.value
    if isinstance(inner, DescFieldValueMessage) and not is_plain(inner.message):
        return _built(inner.message, public_url)
    if isinstance(inner, DescFieldValueList) and isinstance(inner.element, DescMessage):
        return [_built(inner.element, public_url)]
    raise LookupError(f"no example for {field.parent.type_name}.{field.name}")


def _of_its_own(field: DescField) -> str:
    return f"{field.parent.name}.{field.name}"


def _holds_messages(field: DescField, name: str) -> bool:
    """Whether a value found by the bare name is of another kind than the field."""
    inner = field.value
    element = inner.element if isinstance(inner, DescFieldValueList) else None
    return "." not in name and isinstance(element, DescMessage)


def _built(message: DescMessage, public_url: str, without: Container[str] = ()) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for field in message.fields:
        asked = may_be_asked(field, without) and not _is_other_choice(field, built)
        if asked and (not field.deprecated or _of_its_own(field) in _VALUES):
            shown = value(field, public_url)
            # What is not a message is never null: without an example value it is left out.
            if shown is not None or isinstance(field.value, DescFieldValueMessage):
                built[field.name] = shown
    return built


def _is_other_choice(field: DescField, built: Container[str]) -> bool:
    """Whether another member of its oneof is there already."""
    oneof = getattr(field.value, "oneof", None)
    return oneof is not None and any(other.name in built for other in oneof.fields)


def _spelled(message: DescMessage, example: dict[str, Any]) -> dict[str, Any]:
    read = message.type.from_json(json.dumps(example))
    text = read.to_json(use_proto_field_name=True, always_emit_implicit=True)
    spelled: dict[str, Any] = json.loads(text)
    return spelled
