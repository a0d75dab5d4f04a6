"""The `data` of published events, each kind once: JSON Schema with an example a member.

A member that is not of the wire contract, and so is not sent by others that speak it, has `OURS` as
its comment. A member without an example is one that is seldom there.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

OURS = "An addition of Tenantry."


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
    """Return an object whose members the contract leaves open."""
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
    """Return an object of these members; more may come with a newer version."""
    schema: Schema = {"description": about, "type": "object", "properties": members}
    return schema | ({"required": required.split()} if required else {})


_ORGANIZATION_ID = _id("org_", "The organization that it belongs to.")
_EXTERNAL_ID = _text("Its id in your application.", "acme_in_our_app")
_SETTINGS = _object(
    "What is switched on for it.",
    features=_list(
        "Every feature there is.",
        _object(
            "One feature.",
            name=_text("Its name.", "domain_verification"),
            enabled=_flag("Whether it is on."),
        ),
    ),
)
_FURTHER = {
    "slug": _text("Its name in addresses.", "acme"),
    "logo_url": _text("Where its logo is.", "https://acme.com/logo.png"),
    "max_allowed_users": _number("How many members it may have.", 25),
    "session_policy": _free("Its own session policy, in minutes.", {"absolute": 480, "idle": 60}),
    "branding": _free("Its own branding.", {"custom": True}),
}


def _organization(
    about: str, *, external_id: Schema, required: str = "", **further: Schema
) -> Schema:
    return _object(
        about,
        required,
        id=_id("org_", "Its id."),
        display_name=_text("Its name.", "Acme Corp"),
        external_id=external_id,
        region_code=_text("Where its data is kept.", "US"),
        create_time=_time("When it was created."),
        update_time=_time("When it was last changed."),
        **further,
        metadata=_or_null(_free("What you keep with it.", {"plan": "gold"})),
        settings=_SETTINGS,
        **{name: _ours(_optional(schema)) for name, schema in _FURTHER.items()},
    )


_USER = _object(
    "The person.",
    id=_id("usr_", "The user's id."),
    email=_email("The address that the person signs in with."),
    external_id=_text("The user's id in your application.", "jane_in_our_app"),
    create_time=_time("When the user was created."),
    update_time=_time("When the user was last changed."),
    last_login_time=_time("When the person last signed in."),
    metadata=_free("What you keep with the user.", {"department": "sales"}),
    user_profile=_free(
        "Names and the like, those that are set.", {"given_name": "Jane", "family_name": "Doe"}
    ),
)
_PLACE = _object(
    "The person's place in the organization.",
    organization_id=_ORGANIZATION_ID,
    membership_status=_text("Whether the person has joined.", "ACTIVE"),
    roles=_list(
        "The roles that the person has there.",
        _object(
            "One role.",
            id=_text("Its id.", "role_2123312131125533123"),
            name=_text("Its name in programs.", "member"),
            display_name=_text("Its name for people.", "Member"),
        ),
    ),
    metadata=_free("What you keep with the membership.", {}),
    provisioning_method=_text("What made the membership.", "API"),
    created_at=_time("When it was made."),
    inviter_email=_optional(_email("Who invited the person.")),
    accepted_at=_optional(_time("When the person accepted.")),
    join_time=_optional(_time("When the person joined.")),
    expires_at=_optional(_time("When the invitation ends.")),
    resent_at=_optional(_time("When the invitation was last sent again.")),
    resent_count=_optional(_number("How often it was sent again.", 1)),
)

ORGANIZATION = _organization(
    "The organization as it is now, or as it was when it was deleted.",
    required="id display_name",
    external_id=_EXTERNAL_ID,
    deleted_at=_optional(_time("When it was deleted; in `organization.deleted` only.")),
)
DOMAIN = _object(
    "The domain of an organization.",
    "id domain domain_type organization_id environment_id verification_status",
    id=_id("dom_", "Its id."),
    domain=_text("The domain.", "acme.com"),
    domain_type=_one_of("What it is for.", "ORGANIZATION_DOMAIN", "ALLOWED_EMAIL_DOMAIN"),
    organization_id=_ORGANIZATION_ID,
    environment_id=_id("env_", "The environment."),
    txt_record_key=_text(
        "Name of the TXT record that proves it.", "_tenantry-domain-verification.acme.com"
    ),
    txt_record_secret=_text("What that record has to hold.", "tnt-verify-8Yb2vKQfXn3s"),
    verification_status=_one_of(
        "How far the proof is.", "PENDING", "VERIFIED", "FAILED", "AUTO_VERIFIED"
    ),
    verification_method=_one_of("How it is proven.", "DNS", "ADMIN", "NOT_APPLICABLE"),
    updated_at=_time("When it was last changed."),
)
MEMBERSHIP = _object(
    "A person's place in an organization.",
    "organization user",
    organization=_organization("The organization.", external_id=_or_null(_EXTERNAL_ID)),
    user=_USER,
    membership=_ours(_PLACE),
)
USER_AUTH = _object(
    "A person and the session that begins or ends.",
    "user user_session",
    user=_USER,
    user_session=_object(
        "The session.",
        session_id=_id("ses_", "Its id."),
        user_id=_id("usr_", "Whose it is."),
        organization_id=_id("org_", "The organization that the person is in."),
        status=_text("Whether it is in force.", "ACTIVE"),
        created_at=_time("When it began."),
        updated_at=_time("When it was last changed."),
        last_active_at=_time("When it was last used."),
        absolute_expires_at=_time("When it ends at the latest."),
        idle_expires_at=_time("When it ends unless it is used."),
        expired_at=_time_or_null("When it ran out; null if it did not."),
        logout_at=_time_or_null("When the person signed out; null if they did not."),
        authenticated_organizations=_list(
            "The organizations that the person has signed in to.",
            _text("An organization's id.", "org_2123312131125533123"),
        ),
        device=_free("The browser or app.", {"browser": "Firefox", "os": "Linux"}),
    ),
)
DIRECTORY = _object(
    "The directory of an organization.",
    "id organization_id",
    id=_id("dir_", "Its id."),
    organization_id=_ORGANIZATION_ID,
    directory_type=_text("How it is kept up to date.", "SCIM"),
    provider=_text("Whose product it is.", "OKTA"),
    enabled=_flag("Whether it is taken up."),
    updated_at=_time("When it was last changed."),
)
DIRECTORY_USER = _object(
    "A person in the directory of an organization.",
    "id organization_id",
    id=_id("diruser_", "The id."),
    organization_id=_ORGANIZATION_ID,
    active=_flag("Whether the directory says that the person is active."),
    email=_email("The e-mail address."),
    given_name=_text("The given name.", "Jane"),
    family_name=_text("The family name.", "Doe"),
    name=_text("The whole name.", "Jane Doe"),
    preferred_username=_text("The user name.", "jane"),
    dp_id=_text("The id at the directory's provider.", "00u1ab2cd3EF4gh5ij6k"),
    employee_id=_text("The employee's number.", "1042"),
    department=_text("The department.", "Sales"),
    cost_center=_text("The cost center.", "4711"),
    division=_text("The division.", "Europe"),
    title=_text("The title.", "Account manager"),
    user_type=_text("The kind of user.", "Employee"),
    phone_number=_text("The phone number.", "+1 555 0100"),
    language=_text("The language.", "en"),
    locale=_text("The locale.", "en-US"),
    zoneinfo=_text("The time zone.", "America/New_York"),
    organization=_text("The organization, as the directory calls it.", "Acme"),
    nickname=_text("The nickname.", "Janie"),
    profile=_text("Where the profile page is.", "https://people.acme.com/jane"),
    groups=_list(
        "The groups that the person is in.",
        _object(
            "One group.",
            id=_text("Its id.", "dirgroup_2123312131125533123"),
            name=_text("Its name.", "Sales"),
        ),
    ),
    roles=_list(
        "The roles that come of them.",
        _object("One role.", role_name=_text("Its name.", "member")),
    ),
    custom_attributes=_free("Attributes that you have mapped.", {"badge": "1042"}),
    raw_attributes=_free("What the directory sent.", {"userName": "jane"}),
    picture=_text("Where a picture is.", "https://people.acme.com/jane.png"),
    address=_free("The address.", {"country": "US"}),
)
DIRECTORY_GROUP = _object(
    "A group in the directory of an organization.",
    "id organization_id",
    id=_id("dirgroup_", "Its id."),
    organization_id=_ORGANIZATION_ID,
    directory_id=_id("dir_", "The directory."),
    display_name=_text("Its name.", "Sales"),
    external_id=_text("Its id in your application.", "sales"),
    dp_id=_text("Its id at the directory's provider.", "00g1ab2cd3EF4gh5ij6k"),
    raw_attributes=_free("What the directory sent.", {"displayName": "Sales"}),
)
CONNECTION = _object(
    "A single sign-on connection of an organization.",
    "id organization_id",
    id=_id("conn_", "Its id."),
    organization_id=_ORGANIZATION_ID,
    connection_type=_text("The protocol.", "SAML"),
    provider=_text("Whose product the identity provider is.", "OKTA"),
    enabled=_flag("Whether people can sign in by it."),
    status=_text("How far its set-up is.", "COMPLETED"),
)
ROLE = _object(
    "A role.",
    "id name",
    id=_text("Its id.", "role_2123312131125533123"),
    name=_text("Its name in programs.", "editor"),
    display_name=_text("Its name for people.", "Editor"),
    description=_text("What it is for.", "Writes invoices"),
    extends=_text("The role whose permissions it has as well.", "viewer"),
    permissions=_ours(
        _list("The permissions of its own.", _text("A permission's name.", "invoices:write"))
    ),
    reassign_role_name=_ours(
        _optional(_text("Of one that is gone: the role that its members have instead.", "viewer"))
    ),
    organization_id=_ours(
        _optional(_id("org_", "The organization whose own role it is; absent for everybody's."))
    ),
)
PERMISSION = _object(
    "A permission.",
    "id name",
    id=_text("Its id.", "perm_2123312131125533123"),
    name=_text("Its name in programs.", "invoices:write"),
    description=_text("What it allows.", "Write invoices"),
)
