"""The catalogue of published events: for each type its object, its meaning and its JSON Schema.

`shapes.py` has what `data` holds.
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
# They are events of the environment, also where an organization's own role has changed.
_WITHOUT_ORGANIZATION = ("role.", "permission.")


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event: the kind of object it is about, its data, and a sentence."""

    name: str
    group: str  # all of one group have data of one kind
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
            "organization.created": "An organization is new.",
            "organization.updated": "An organization has changed.",
            "organization.deleted": "An organization is gone, and all that it had.",
        },
    ),
    (
        "Domains",
        shapes.DOMAIN,
        {
            "organization.domain_created": "A domain is registered.",
            "organization.domain_deleted": "A domain is removed.",
            "organization.domain_dns_verification_success": "DNS proves whose a domain is.",
            "organization.domain_dns_verification_failed": "DNS does not prove it, or no longer.",
        },
    ),
    (
        "Memberships",
        shapes.MEMBERSHIP,
        {
            "user.signup": "A person signs up and founds an organization.",
            "user.organization_invitation": "A person is invited to an organization.",
            "user.organization_membership_created": "A person has joined an organization.",
            "user.organization_membership_updated": (
                "A person's roles, or what you keep with the membership, have changed; or a "
                "directory has switched it off or on."
            ),
            "user.organization_membership_deleted": (
                "A person has left an organization, or an invitation is withdrawn."
            ),
        },
    ),
    (
        "Sign-in",
        shapes.USER_AUTH,
        {
            "user.login": "A person has signed in.",
            "user.logout": "A person has signed out.",
        },
    ),
    (
        "Directories",
        shapes.DIRECTORY,
        {
            "organization.directory_enabled": "A directory is switched on.",
            "organization.directory_disabled": "A directory is switched off.",
        },
    ),
    (
        "People in directories",
        shapes.DIRECTORY_USER,
        {
            "organization.directory.user_created": "A directory has a new person.",
            "organization.directory.user_updated": "A person in a directory has changed.",
            "organization.directory.user_deleted": "A person is no longer in a directory.",
        },
    ),
    (
        "Groups in directories",
        shapes.DIRECTORY_GROUP,
        {
            "organization.directory.group_created": "A directory has a new group.",
            "organization.directory.group_updated": "A group in a directory has changed.",
            "organization.directory.group_deleted": "A group is no longer in a directory.",
        },
    ),
    (
        "Connections",
        shapes.CONNECTION,
        {
            "organization.sso_created": "An organization has a new connection.",
            "organization.sso_enabled": "People can sign in by a connection.",
            "organization.sso_disabled": "People can no longer sign in by a connection.",
            "organization.sso_deleted": "A connection is gone.",
        },
    ),
    (
        "Roles",
        shapes.ROLE,
        {
            "role.created": "A role is new.",
            "role.updated": "A role has changed, or which permissions it has.",
            "role.deleted": "A role is gone.",
        },
    ),
    (
        "Permissions",
        shapes.PERMISSION,
        {
            "permission.created": "A permission is new.",
            "permission.updated": "A permission has changed.",
            "permission.deleted": "A permission is gone.",
        },
    ),
)
TYPES = {
    name: EventType(name, group, PUBLISHED[name], data, summary)
    for group, data, summaries in _KINDS
    for name, summary in summaries.items()
}

# Members in which the example of a type differs from the example in its schema.
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
    """Return the JSON Schema (draft 2020-12) of the events of one type, the envelope included.

    Raises:
        KeyError: there is no such type in the catalogue.

    """
    kind = TYPES[event_type]
    members = {
        "spec_version": {
            "description": "The version of this envelope.",
            "type": "string",
            "pattern": "^[0-9]+$",
        },
        "id": {
            "description": "The event's id, the same however often it is delivered.",
            "type": "string",
            "pattern": "^evt_",
        },
        "type": {"description": "What happened.", "type": "string", "const": kind.name},
        "occurred_at": {"description": "When.", "type": "string", "format": "date-time"},
        "environment_id": {
            "description": "The environment.",
            "type": "string",
            "pattern": "^env_",
        },
        "organization_id": {
            "description": "Whose organization it happened in.",
            "type": "string",
            "pattern": "^org_",
        },
        "object": {"description": "What `data` is.", "type": "string", "const": kind.object},
        "data": kind.data,
        "display_name": {"description": "The type in words.", "type": "string"},
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
    """Return an example of an event, as its schema asks for it; ``at`` is in microseconds.

    Without an organization it speaks of one that does not exist.

    Raises:
        KeyError: there is no such type in the catalogue.

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
    """Puts examples together: the event's own ids and time where the schema asks for such."""

    environment_id: str
    organization_id: str
    time: str

    def of(self, asked: Schema, otherwise: Any = None) -> Any:
        """Return an example of a schema, with the members of ``otherwise`` instead of the default
        ones.
        """
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
