"""The webhook events of the wire contract as facts, written down apart from our schemas.

A member is said in a few words: its type, then a format or the start of its ids; `?` where it may
be null, `[...]` for a list, a set for the values it may have, a dict for an object of members.
"""

from __future__ import annotations

ENVELOPE = {
    "spec_version": "string ^[0-9]+$",
    "id": "string ^evt_",
    "type": "string",
    "occurred_at": "string date-time",
    "environment_id": "string ^env_",
    "organization_id": "string ^org_",
    "object": "string",
    "data": {},
    "display_name": "string",
}
ENVELOPE_REQUIRED = {
    *("spec_version", "id", "type", "occurred_at"),
    *("environment_id", "object", "data"),
}

TIME, ORGANIZATION_ID = "string date-time", "string ^org_"
_ORGANIZATION = {
    "id": ORGANIZATION_ID,
    "display_name": "string",
    "external_id": "string",
    "region_code": "string",
    "create_time": TIME,
    "update_time": TIME,
    "deleted_at": TIME,
    "metadata": "object?",
    "settings": {"features": [{"name": "string", "enabled": "boolean"}]},
}
_DOMAIN = {
    "id": "string ^dom_",
    "domain": "string",
    "domain_type": {"ORGANIZATION_DOMAIN", "ALLOWED_EMAIL_DOMAIN"},
    "organization_id": ORGANIZATION_ID,
    "environment_id": "string ^env_",
    "txt_record_key": "string",
    "txt_record_secret": "string",
    "verification_status": {"PENDING", "VERIFIED", "FAILED", "AUTO_VERIFIED"},
    "verification_method": {"ADMIN", "DNS", "NOT_APPLICABLE"},
    "updated_at": TIME,
}
_USER = {
    "id": "string ^usr_",
    "email": "string email",
    "external_id": "string",
    "create_time": TIME,
    "update_time": TIME,
    "last_login_time": TIME,
    "metadata": "object",
    "user_profile": "object",
}
_MEMBERSHIP = {
    "organization": {
        "id": ORGANIZATION_ID,
        "display_name": "string",
        "external_id": "string?",
        "region_code": "string",
        "create_time": TIME,
        "update_time": TIME,
        "metadata": "object?",
        "settings": {},
    },
    "user": _USER,
}
_USER_AUTH = {
    "user": _USER,
    "user_session": {
        "session_id": "string ^ses_",
        "user_id": "string ^usr_",
        "organization_id": ORGANIZATION_ID,
        "status": "string",
        "created_at": TIME,
        "updated_at": TIME,
        "last_active_at": TIME,
        "absolute_expires_at": TIME,
        "idle_expires_at": TIME,
        "expired_at": "string date-time?",
        "logout_at": "string date-time?",
        "authenticated_organizations": ["string"],
        "device": "object",
    },
}
_DIRECTORY = {
    "id": "string ^dir_",
    "organization_id": ORGANIZATION_ID,
    "directory_type": "string",
    "provider": "string",
    "enabled": "boolean",
    "updated_at": TIME,
}
_DIRECTORY_USER = {
    "id": "string ^diruser_",
    "organization_id": ORGANIZATION_ID,
    "active": "boolean",
    "email": "string email",
    **dict.fromkeys(
        (
            *("given_name", "family_name", "name", "preferred_username", "dp_id", "employee_id"),
            *("department", "cost_center", "division", "title", "user_type", "phone_number"),
            *("language", "locale", "zoneinfo", "organization", "nickname", "profile", "picture"),
        ),
        "string",
    ),
    "groups": [{"id": "string", "name": "string"}],
    "roles": [{"role_name": "string"}],
    **dict.fromkeys(("custom_attributes", "raw_attributes", "address"), "object"),
}
_DIRECTORY_GROUP = {
    "id": "string ^dirgroup_",
    "organization_id": ORGANIZATION_ID,
    "directory_id": "string ^dir_",
    "display_name": "string",
    "external_id": "string",
    "dp_id": "string",
    "raw_attributes": "object",
}
_CONNECTION = {
    "id": "string ^conn_",
    "organization_id": ORGANIZATION_ID,
    "connection_type": "string",
    "provider": "string",
    "enabled": "boolean",
    "status": "string",
}
_ROLE = dict.fromkeys(("id", "name", "display_name", "description", "extends"), "string")
_PERMISSION = dict.fromkeys(("id", "name", "description"), "string")

# The members of data, those it always has, the object, and its change.
_OF_KIND = (
    (_ORGANIZATION, "id display_name", "Organization", "organization", "created updated deleted"),
    (
        _DOMAIN,
        "id domain domain_type organization_id environment_id verification_status",
        "Organization",
        "organization",
        "domain_created domain_deleted domain_dns_verification_success"
        " domain_dns_verification_failed",
    ),
    (
        _MEMBERSHIP,
        "organization user",
        "OrgMembership",
        "user",
        "signup organization_invitation organization_membership_created"
        " organization_membership_updated organization_membership_deleted",
    ),
    (_USER_AUTH, "user user_session", "User", "user", "login logout"),
    (
        _DIRECTORY,
        "id organization_id",
        "Directory",
        "organization",
        "directory_enabled directory_disabled",
    ),
    (
        _DIRECTORY_USER,
        "id organization_id",
        "DirectoryUser",
        "organization.directory",
        "user_created user_updated user_deleted",
    ),
    (
        _DIRECTORY_GROUP,
        "id organization_id",
        "DirectoryGroup",
        "organization.directory",
        "group_created group_updated group_deleted",
    ),
    (
        _CONNECTION,
        "id organization_id",
        "Connection",
        "organization",
        "sso_created sso_enabled sso_disabled sso_deleted",
    ),
    (_ROLE, "id name", "Role", "role", "created updated deleted"),
    (_PERMISSION, "id name", "Permission", "permission", "created updated deleted"),
)
EVENTS = {
    f"{before}.{after}": (object_, members, set(required.split()))
    for members, required, object_, before, afters in _OF_KIND
    for after in afters.split()
}
