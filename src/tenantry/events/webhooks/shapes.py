"""JSON Schemas of the `data` of published events, with an example for each field.

Fields that are not part of the Scalekit API have `OURS` as their comment. Fields without an example
are usually absent.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

OURS = "Tenantry extension."


def _text(about: str, example: str, **rules: Any) -> Schema:
    return {"description": about, "type": "string", **rules, "examples": [example]}


def _id(prefix: str, about: str) -> Schema:
    return _text(about, f"{prefix}2123312131125533123", pattern=f"^{prefix}")


def _email(about: str) -> Schema:
    return _text(about, "jane@acme.com", format="email")


def _time(about: str) -> Schema:
    return _text(about, "2026-01-05T14:48:00.123456Z", format="date-time")


def _one_of(about: str, *values: str) -> Schema:
    return {"description": about, "type": "string", "enum": list(values), "examples": [values[0]]}


def _flag(about: str) -> Schema:
    return {"description": about, "type": "boolean", "examples": [True]}


def _number(about: str, example: int) -> Schema:
    return {"description": about, "type": "integer", "examples": [example]}


def _free(about: str, example: dict[str, Any]) -> Schema:
    """Return an object with any fields."""
    return {"description": about, "type": "object", "examples": [example]}


def _or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _time_or_null(about: str) -> Schema:
    return {**_or_null(_time(about)), "examples": [None]}


def _optional(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name != "examples"}


def _ours(schema: Schema) -> Schema:
    return {"$comment": OURS, **schema}


def _list(about: str, item: Schema) -> Schema:
    return {"description": about, "type": "array", "items": item}


def _object(about: str, required: str = "", /, **members: Schema) -> Schema:
    """Return an object with these fields. New versions can add fields."""
    schema: Schema = {"description": about, "type": "object", "properties": members}
    return schema | ({"required": required.split()} if required else {})


_ORGANIZATION_ID = _id("org_", "Organization ID.")
_EXTERNAL_ID = _text("ID of the organization in your application.", "acme_in_our_app")
_SETTINGS = _object(
    "Settings of the organization.",
    features=_list(
        "All features.",
        _object(
            "A feature.",
            name=_text("Name of the feature.", "domain_verification"),
            enabled=_flag("Whether the feature is enabled."),
        ),
    ),
)
_FURTHER = {
    "slug": _text("Unique short name.", "acme"),
    "logo_url": _text("URL of the logo.", "https://acme.com/logo.png"),
    "max_allowed_users": _number("Maximum number of members.", 25),
    "session_policy": _free(
        "Session policy of the organization, in minutes.", {"absolute": 480, "idle": 60}
    ),
    "branding": _free("Branding of the organization.", {"custom": True}),
}


def _organization(
    about: str, *, external_id: Schema, required: str = "", **further: Schema
) -> Schema:
    return _object(
        about,
        required,
        id=_id("org_", "Organization ID."),
        display_name=_text("Display name.", "Acme Corp"),
        external_id=external_id,
        region_code=_text("Region where the data is stored.", "US"),
        create_time=_time("Creation time."),
        update_time=_time("Time of the last update."),
        **further,
        metadata=_or_null(_free("Custom key-value pairs.", {"plan": "gold"})),
        settings=_SETTINGS,
        **{name: _ours(_optional(schema)) for name, schema in _FURTHER.items()},
    )


_USER = _object(
    "The user.",
    id=_id("usr_", "User ID."),
    email=_email("Email address."),
    external_id=_text("ID of the user in your application.", "jane_in_our_app"),
    create_time=_time("Creation time."),
    update_time=_time("Time of the last update."),
    last_login_time=_time("Time of the last sign-in."),
    metadata=_free("Custom key-value pairs.", {"department": "sales"}),
    user_profile=_free(
        "Profile fields that are set.", {"given_name": "Jane", "family_name": "Doe"}
    ),
)
_PLACE = _object(
    "The user's membership in the organization.",
    organization_id=_ORGANIZATION_ID,
    membership_status=_text("Status of the membership.", "ACTIVE"),
    roles=_list(
        "Roles of the user in the organization.",
        _object(
            "A role.",
            id=_text("Role ID.", "role_2123312131125533123"),
            name=_text("Unique name.", "member"),
            display_name=_text("Display name.", "Member"),
        ),
    ),
    metadata=_free("Custom key-value pairs.", {}),
    provisioning_method=_text("Source of the membership.", "API"),
    created_at=_time("Creation time."),
    inviter_email=_optional(_email("Email address of the inviting user.")),
    accepted_at=_optional(_time("Time when the invitation was accepted.")),
    join_time=_optional(_time("Time when the user became a member.")),
    expires_at=_optional(_time("Time when the invitation expires.")),
    resent_at=_optional(_time("Time when the invitation was last resent.")),
    resent_count=_optional(_number("Number of times the invitation was resent.", 1)),
)

ORGANIZATION = _organization(
    "The organization after the change. For `organization.deleted`, the organization before.",
    required="id display_name",
    external_id=_EXTERNAL_ID,
    deleted_at=_optional(_time("Time of deletion. Only in `organization.deleted`.")),
)
DOMAIN = _object(
    "A domain of an organization.",
    "id domain domain_type organization_id environment_id verification_status",
    id=_id("dom_", "Domain ID."),
    domain=_text("DNS name.", "acme.com"),
    domain_type=_one_of("Purpose of the domain.", "ORGANIZATION_DOMAIN", "ALLOWED_EMAIL_DOMAIN"),
    organization_id=_ORGANIZATION_ID,
    environment_id=_id("env_", "Environment ID."),
    txt_record_key=_text(
        "Name of the TXT record that verifies the domain.", "_tenantry-domain-verification.acme.com"
    ),
    txt_record_secret=_text("Value of the TXT record.", "tnt-verify-8Yb2vKQfXn3s"),
    verification_status=_one_of(
        "Verification status.", "PENDING", "VERIFIED", "FAILED", "AUTO_VERIFIED"
    ),
    verification_method=_one_of("Verification method.", "DNS", "ADMIN", "NOT_APPLICABLE"),
    updated_at=_time("Time of the last update."),
)
MEMBERSHIP = _object(
    "A user's membership in an organization.",
    "organization user",
    organization=_organization("The organization.", external_id=_or_null(_EXTERNAL_ID)),
    user=_USER,
    membership=_ours(_PLACE),
)
USER_AUTH = _object(
    "A user and the session that starts or ends.",
    "user user_session",
    user=_USER,
    user_session=_object(
        "The session.",
        session_id=_id("ses_", "Session ID."),
        user_id=_id("usr_", "User ID."),
        organization_id=_id("org_", "ID of the organization that the user signed in to."),
        status=_text("Status of the session.", "ACTIVE"),
        created_at=_time("Start time."),
        updated_at=_time("Time of the last update."),
        last_active_at=_time("Time of the last activity."),
        absolute_expires_at=_time("Latest end time of the session."),
        idle_expires_at=_time("Time when the session ends if it is not used."),
        expired_at=_time_or_null("Time when the session expired. Null if it did not."),
        logout_at=_time_or_null("Time when the user signed out. Null if they did not."),
        authenticated_organizations=_list(
            "Organizations that the session has signed in to.",
            _text("Organization ID.", "org_2123312131125533123"),
        ),
        device=_free("Browser or app of the session.", {"browser": "Firefox", "os": "Linux"}),
    ),
)
DIRECTORY = _object(
    "A directory of an organization.",
    "id organization_id",
    id=_id("dir_", "Directory ID."),
    organization_id=_ORGANIZATION_ID,
    directory_type=_text("Type of synchronization.", "SCIM"),
    provider=_text("Identity provider.", "OKTA"),
    enabled=_flag("Whether the directory is enabled."),
    updated_at=_time("Time of the last update."),
)
DIRECTORY_USER = _object(
    "A user in a directory of an organization.",
    "id organization_id",
    id=_id("diruser_", "Directory user ID."),
    organization_id=_ORGANIZATION_ID,
    active=_flag("Whether the user is active in the directory."),
    email=_email("Email address."),
    given_name=_text("Given name.", "Jane"),
    family_name=_text("Family name.", "Doe"),
    name=_text("Full name.", "Jane Doe"),
    preferred_username=_text("User name.", "jane"),
    dp_id=_text("ID at the identity provider.", "00u1ab2cd3EF4gh5ij6k"),
    employee_id=_text("Employee number.", "1042"),
    department=_text("Department.", "Sales"),
    cost_center=_text("Cost center.", "4711"),
    division=_text("Division.", "Europe"),
    title=_text("Job title.", "Account manager"),
    user_type=_text("User type.", "Employee"),
    phone_number=_text("Phone number.", "+1 555 0100"),
    language=_text("Language.", "en"),
    locale=_text("Locale.", "en-US"),
    zoneinfo=_text("Time zone.", "America/New_York"),
    organization=_text("Name of the organization in the directory.", "Acme"),
    nickname=_text("Nickname.", "Janie"),
    profile=_text("URL of the profile page.", "https://people.acme.com/jane"),
    groups=_list(
        "Groups of the user.",
        _object(
            "A group.",
            id=_text("Directory group ID.", "dirgroup_2123312131125533123"),
            name=_text("Name of the group.", "Sales"),
        ),
    ),
    roles=_list(
        "Roles assigned to these groups.",
        _object("A role.", role_name=_text("Name of the role.", "member")),
    ),
    custom_attributes=_free("Mapped custom attributes.", {"badge": "1042"}),
    raw_attributes=_free("Attributes sent by the directory.", {"userName": "jane"}),
    picture=_text("URL of a picture.", "https://people.acme.com/jane.png"),
    address=_free("Postal address.", {"country": "US"}),
)
DIRECTORY_GROUP = _object(
    "A group in a directory of an organization.",
    "id organization_id",
    id=_id("dirgroup_", "Directory group ID."),
    organization_id=_ORGANIZATION_ID,
    directory_id=_id("dir_", "Directory ID."),
    display_name=_text("Name of the group.", "Sales"),
    external_id=_text("ID of the group in your application.", "sales"),
    dp_id=_text("ID at the identity provider.", "00g1ab2cd3EF4gh5ij6k"),
    raw_attributes=_free("Attributes sent by the directory.", {"displayName": "Sales"}),
)
CONNECTION = _object(
    "A single sign-on connection of an organization.",
    "id organization_id",
    id=_id("conn_", "Connection ID."),
    organization_id=_ORGANIZATION_ID,
    connection_type=_text("Protocol.", "SAML"),
    provider=_text("Identity provider.", "OKTA"),
    enabled=_flag("Whether the connection is enabled."),
    status=_text("Status of the settings.", "COMPLETED"),
)
ROLE = _object(
    "A role.",
    "id name",
    id=_text("Role ID.", "role_2123312131125533123"),
    name=_text("Unique name.", "editor"),
    display_name=_text("Display name.", "Editor"),
    description=_text("Description.", "Writes invoices"),
    extends=_text("Name of the base role.", "viewer"),
    permissions=_ours(
        _list("Directly assigned permissions.", _text("Permission name.", "invoices:write"))
    ),
    reassign_role_name=_ours(
        _optional(_text("Role that replaces a deleted role for its members.", "viewer"))
    ),
    organization_id=_ours(
        _optional(_id("org_", "Organization ID. Absent for roles of the environment."))
    ),
)
PERMISSION = _object(
    "A permission.",
    "id name",
    id=_text("Permission ID.", "perm_2123312131125533123"),
    name=_text("Unique name.", "invoices:write"),
    description=_text("Description.", "Write invoices"),
)
