"""The catalogue of published event types, with their JSON Schemas.

`shapes.py` contains the schemas of `data`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.core.event import PUBLISHED
from tenantry.core.times import rfc3339
from tenantry.events.event_log.envelopes import SPEC_VERSION, display_name
from tenantry.events.webhooks import shapes

if TYPE_CHECKING:
    from tenantry.events.webhooks.shapes import Schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PATH = "/webhooks/schemas/"
# Events of the environment, even for roles of an organization.
_WITHOUT_ORGANIZATION = ("role.", "permission.")


@dataclass(frozen=True, slots=True)
class EventType:
    """An event type: its object, the schema of its data, and a summary."""

    name: str
    group: str  # types of a group have the same data
    object: str
    data: Schema
    summary: str

    @property
    def of_organization(self) -> bool:
        """Whether its envelope names an organization."""
        return not self.name.startswith(_WITHOUT_ORGANIZATION)

    @property
    def path(self) -> str:
        """Where its schema is served."""
        return f"{PATH}{self.name}.json"


_KINDS: tuple[tuple[str, Schema, dict[str, str]], ...] = (
    (
        "Organizations",
        shapes.ORGANIZATION,
        {
            "organization.created": "An organization was created.",
            "organization.updated": "An organization was updated.",
            "organization.deleted": "An organization was deleted with everything in it.",
        },
    ),
    (
        "Domains",
        shapes.DOMAIN,
        {
            "organization.domain_created": "A domain was registered.",
            "organization.domain_deleted": "A domain was deleted.",
            "organization.domain_dns_verification_success": "A domain was verified by DNS.",
            "organization.domain_dns_verification_failed": "DNS verification of a domain failed.",
        },
    ),
    (
        "Memberships",
        shapes.MEMBERSHIP,
        {
            "user.signup": "A user signed up and created an organization.",
            "user.organization_invitation": "A user was invited to an organization.",
            "user.organization_membership_created": "A user joined an organization.",
            "user.organization_membership_updated": (
                "The roles, metadata or status of a membership changed. The status changes if a "
                "directory activates or deactivates the user."
            ),
            "user.organization_membership_deleted": (
                "A user left an organization, or an invitation was revoked."
            ),
        },
    ),
    (
        "Sign-in",
        shapes.USER_AUTH,
        {
            "user.login": "A user signed in.",
            "user.logout": "A user signed out.",
        },
    ),
    (
        "Directories",
        shapes.DIRECTORY,
        {
            "organization.directory_enabled": "A directory was enabled.",
            "organization.directory_disabled": "A directory was disabled.",
        },
    ),
    (
        "Directory users",
        shapes.DIRECTORY_USER,
        {
            "organization.directory.user_created": "A user was added to a directory.",
            "organization.directory.user_updated": "A user of a directory was updated.",
            "organization.directory.user_deleted": "A user was removed from a directory.",
        },
    ),
    (
        "Directory groups",
        shapes.DIRECTORY_GROUP,
        {
            "organization.directory.group_created": "A group was added to a directory.",
            "organization.directory.group_updated": "A group of a directory was updated.",
            "organization.directory.group_deleted": "A group was removed from a directory.",
        },
    ),
    (
        "Connections",
        shapes.CONNECTION,
        {
            "organization.sso_created": "A connection of an organization was created.",
            "organization.sso_enabled": "A connection was enabled.",
            "organization.sso_disabled": "A connection was disabled.",
            "organization.sso_deleted": "A connection was deleted.",
        },
    ),
    (
        "Roles",
        shapes.ROLE,
        {
            "role.created": "A role was created.",
            "role.updated": "A role or its permissions were updated.",
            "role.deleted": "A role was deleted.",
        },
    ),
    (
        "Permissions",
        shapes.PERMISSION,
        {
            "permission.created": "A permission was created.",
            "permission.updated": "A permission was updated.",
            "permission.deleted": "A permission was deleted.",
        },
    ),
)
TYPES = {
    name: EventType(name, group, PUBLISHED[name], data, summary)
    for group, data, summaries in _KINDS
    for name, summary in summaries.items()
}

# Fields of samples that differ from the examples in the schema.
_AT = "now"
_OFF = {"enabled": False}
_OTHERWISE: dict[str, dict[str, Any]] = {
    "organization.deleted": {"deleted_at": _AT},
    "organization.domain_dns_verification_success": {"verification_status": "VERIFIED"},
    "organization.domain_dns_verification_failed": {"verification_status": "FAILED"},
    "user.organization_invitation": {"membership": {"membership_status": "PENDING_INVITE"}},
    "user.logout": {"user_session": {"status": "LOGGED_OUT", "logout_at": _AT}},
    "organization.directory_disabled": _OFF,
    "organization.directory.user_deleted": {"active": False},
    "organization.sso_created": _OFF,
    "organization.sso_disabled": _OFF,
    "organization.sso_deleted": _OFF,
}
_SOMEBODY = "org_2123312131125533123"


def schema(event_type: str, public_url: str) -> Schema:
    """Return the JSON Schema (draft 2020-12) of an event type.

    Raises:
        KeyError: the type is not in the catalogue.

    """
    kind = TYPES[event_type]
    members = {
        "spec_version": {
            "description": "Version of the event format.",
            "type": "string",
            "pattern": "^[0-9]+$",
        },
        "id": {
            "description": "Event ID. The same for all deliveries of the event.",
            "type": "string",
            "pattern": "^evt_",
        },
        "type": {"description": "Event type.", "type": "string", "const": kind.name},
        "occurred_at": {
            "description": "Time of the event.",
            "type": "string",
            "format": "date-time",
        },
        "environment_id": {
            "description": "Environment ID.",
            "type": "string",
            "pattern": "^env_",
        },
        "organization_id": {
            "description": "Organization ID.",
            "type": "string",
            "pattern": "^org_",
        },
        "object": {
            "description": "Type of the object in `data`.",
            "type": "string",
            "const": kind.object,
        },
        "data": kind.data,
        "display_name": {"description": "Display name of the event type.", "type": "string"},
    }
    if not kind.of_organization:
        del members["organization_id"]
    return {
        "$schema": DIALECT,
        "$id": f"{public_url}{kind.path}",
        "title": kind.name,
        "description": kind.summary,
        "type": "object",
        "required": [name for name in members if name not in {"organization_id", "display_name"}],
        "properties": members,
    }


def sample(
    event_type: str,
    *,
    environment_id: str,
    organization_id: str | None,
    event_id: str,
    at: int,
) -> dict[str, Any]:
    """Return a sample event that matches its schema; ``at`` is in microseconds.

    Without an organization, it uses a fictitious organization ID.

    Raises:
        KeyError: the type is not in the catalogue.

    """
    kind = TYPES[event_type]
    example = _Example(environment_id, organization_id or _SOMEBODY, rfc3339(at))
    data = example.of(kind.data, _OTHERWISE.get(kind.name, {}))
    envelope = {
        "spec_version": SPEC_VERSION,
        "id": event_id,
        "type": kind.name,
        "occurred_at": example.time,
        "environment_id": environment_id,
    }
    if kind.of_organization:
        envelope["organization_id"] = example.organization_id
    named = {"display_name": display_name(kind.name)}
    return {**envelope, "object": kind.object, "data": data, **named}


@dataclass(frozen=True, slots=True)
class _Example:
    """Builds samples from a schema, with the IDs and time of the event."""

    environment_id: str
    organization_id: str
    time: str

    def of(self, asked: Schema, otherwise: Any = None) -> Any:
        """Return a sample of a schema, with the values in ``otherwise`` instead of the examples."""
        if "properties" in asked:
            changes = otherwise or {}
            return {
                name: self.of(inner, changes.get(name))
                for name, inner in asked["properties"].items()
                if name in changes or {"properties", "items", "examples"} & inner.keys()
            }
        if asked["type"] == "array":
            return [self.of(asked["items"])]
        example = asked["examples"][0] if otherwise is None else otherwise
        if asked.get("format") == "date-time" and example is not None:
            return self.time
        for own in (self.organization_id, self.environment_id):
            if str(example).startswith(own[:4]):
                return own
        return example
