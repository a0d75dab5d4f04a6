"""Every event: its type, and the kind of its object. One row each, written with the change itself.

The types are the published ones of the wire contract where it has one; the others are ours, for
the audit log, and reach a list or a webhook only where they are asked for by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PUBLISHED = {
    "organization.created": "Organization",
    "organization.updated": "Organization",
    "organization.deleted": "Organization",
    "organization.domain_created": "Organization",
    "organization.domain_deleted": "Organization",
    "organization.domain_dns_verification_success": "Organization",
    "organization.domain_dns_verification_failed": "Organization",
    "organization.sso_created": "Connection",
    "organization.sso_enabled": "Connection",
    "organization.sso_disabled": "Connection",
    "organization.sso_deleted": "Connection",
    "organization.directory_enabled": "Directory",
    "organization.directory_disabled": "Directory",
    "organization.directory.user_created": "DirectoryUser",
    "organization.directory.user_updated": "DirectoryUser",
    "organization.directory.user_deleted": "DirectoryUser",
    "organization.directory.group_created": "DirectoryGroup",
    "organization.directory.group_updated": "DirectoryGroup",
    "organization.directory.group_deleted": "DirectoryGroup",
    "user.signup": "OrgMembership",
    "user.login": "User",
    "user.logout": "User",
    "user.organization_invitation": "OrgMembership",
    "user.organization_membership_created": "OrgMembership",
    "user.organization_membership_updated": "OrgMembership",
    "user.organization_membership_deleted": "OrgMembership",
    "role.created": "Role",
    "role.updated": "Role",
    "role.deleted": "Role",
    "permission.created": "Permission",
    "permission.updated": "Permission",
    "permission.deleted": "Permission",
}
OURS = {
    "user.created": "User",
    "user.updated": "User",
    "user.deleted": "User",
    "user.invitation_resent": "OrgMembership",
    "role.defaults_updated": "Role",
    "users.imported": "Import",
    "environment.imported": "Import",
    "organization.imported": "Import",
    "portal_link.created": "PortalLink",
    "portal_link.deleted": "PortalLink",
    "portal_link.opened": "PortalLink",
    "portal_session.event_sent": "PortalSession",
    "client.created": "Client",
    "client.updated": "Client",
    "client.deleted": "Client",
    "client.secret_created": "Client",
    "client.secret_updated": "Client",
    "client.secret_deleted": "Client",
    "client.secret_rotated": "Client",
    "client.token_issued": "Client",
    "client.token_revoked": "Client",
    "client.token_exchanged": "Client",
    "client.id_jag_accepted": "Client",
    "client.id_jag_issued": "Client",
    "resource.created": "Resource",
    "resource.updated": "Resource",
    "resource.deleted": "Resource",
    "consent.granted": "Consent",
    "consent.revoked": "Consent",
    "scope.created": "Scope",
    "scope.updated": "Scope",
    "scope.deleted": "Scope",
    "api_token.created": "ApiToken",
    "api_token.updated": "ApiToken",
    "api_token.invalidated": "ApiToken",
    "operator.created": "Operator",
    "operator.updated": "Operator",
    "operator.deleted": "Operator",
    "operator.signed_in": "Operator",
    "operator_grant.created": "OperatorGrant",
    "operator_grant.revoked": "OperatorGrant",
    "signing_key.rotated": "SigningKey",
    "signing_key.revoked": "SigningKey",
    "data_key.created": "DataKey",
    "data_key.activated": "DataKey",
    "data_key.deprecated": "DataKey",
    "data_key.destroyed": "DataKey",
    "master_key.rotated": "MasterKey",
    "master_key.destroyed": "MasterKey",
    "email_server.created": "EmailServer",
    "email_server.updated": "EmailServer",
    "email_server.deleted": "EmailServer",
    "email_server.enabled": "EmailServer",
    "email_server.disabled": "EmailServer",
    "email_template.created": "EmailTemplate",
    "email_template.updated": "EmailTemplate",
    "email_template.deleted": "EmailTemplate",
    "email_template.enabled": "EmailTemplate",
    "email_template.disabled": "EmailTemplate",
    "webhook_endpoint.created": "WebhookEndpoint",
    "webhook_endpoint.updated": "WebhookEndpoint",
    "webhook_endpoint.deleted": "WebhookEndpoint",
    "webhook_endpoint.enabled": "WebhookEndpoint",
    "webhook_endpoint.disabled": "WebhookEndpoint",
    "webhook_endpoint.secret_rotated": "WebhookEndpoint",
    "user.erased": "User",
    "user.impersonated": "User",
    "user.password_changed": "User",
    "user.activity_disowned": "User",
    "session.refresh_token_reused": "Session",
    "passkey.created": "Passkey",
    "passkey.updated": "Passkey",
    "passkey.deleted": "Passkey",
    "totp.enabled": "TotpRegistration",
    "totp.disabled": "TotpRegistration",
    "totp.recovery_code_used": "TotpRegistration",
    "totp.recovery_codes_renewed": "TotpRegistration",
    "interceptor.created": "Interceptor",
    "interceptor.updated": "Interceptor",
    "interceptor.deleted": "Interceptor",
    "interceptor.enabled": "Interceptor",
    "interceptor.disabled": "Interceptor",
    "interceptor.executed": "Interceptor",
    "token_template.created": "TokenTemplate",
    "token_template.updated": "TokenTemplate",
    "token_template.deleted": "TokenTemplate",
    "token_template.enabled": "TokenTemplate",
    "token_template.disabled": "TokenTemplate",
    "organization.policy_updated": "Organization",
    "organization.access_refused": "Organization",
    "organization.break_glass_used": "Organization",
    "organization.sso_updated": "Connection",
    "organization.sso_certificate_expiring": "Connection",
    "connection.created": "Connection",
    "connection.updated": "Connection",
    "connection.enabled": "Connection",
    "connection.disabled": "Connection",
    "connection.deleted": "Connection",
    "organization.directory_created": "Directory",
    "organization.directory_updated": "Directory",
    "organization.directory_deleted": "Directory",
    "organization.directory_secret_created": "Directory",
    "organization.directory_secret_regenerated": "Directory",
    "organization.directory_roles_assigned": "Directory",
    "organization.directory_sync_failed": "Directory",
    "user_attribute.created": "UserAttribute",
    "user_attribute.updated": "UserAttribute",
    "user_attribute.deleted": "UserAttribute",
    "asset.created": "Asset",
    "environment.updated": "Environment",
    "event_log.pruned": "EventLog",
    "saml_key_pair.created": "SamlKeyPair",
    "mail.retried": "Mail",
}
OBJECT = PUBLISHED | OURS
KNOWN = OBJECT.keys()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change: by whom, on which object of which organization, before and after.

    ``before`` is None for a creation, ``after`` for a deletion. Neither ever holds a secret.
    ``context`` is what it can be found by beside these, such as a connection_id.
    """

    type: str
    actor: dict[str, str]
    request_id: str
    organization_id: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    context: dict[str, str] = field(default_factory=dict)

    @property
    def object(self) -> str:
        """The kind of object that changed."""
        return OBJECT[self.type]
