"""The variables of expressions: their names as data, and their values for one person.

The names are those of the wire contract's page of token claims. A value that is not known is
nothing, and never "" or 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenantry.core.times import rfc3339
from tenantry.identity.token_templates.parsing import OPEN
from tenantry.tenants.users.model import ACTIVE, full_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tenantry.identity.sessions.subject import Subject

TEXT, BOOLEAN, LIST, TIME = "text", "boolean", "list", "time"
SHAPE: dict[str, Any] = {
    "user": {
        "id": TEXT,
        "email": TEXT,
        "email_verified": BOOLEAN,
        "name": TEXT,
        "given_name": TEXT,
        "family_name": TEXT,
        "preferred_username": TEXT,
        "phone_number": TEXT,
        "phone_number_verified": BOOLEAN,
        "picture": TEXT,
        "gender": TEXT,
        "locale": TEXT,
        "groups": LIST,
        "external_id": TEXT,
        "metadata": OPEN,
        "custom_attributes": OPEN,
        "created_at": TIME,
        "updated_at": TIME,
        "last_login_time": TIME,
        "current_membership": {
            "organization_id": TEXT,
            "organization_name": TEXT,
            "roles": LIST,
            "status": TEXT,
            "metadata": OPEN,
        },
    },
    "organization": {"id": TEXT, "name": TEXT, "external_id": TEXT, "metadata": OPEN},
}
_OF_PROFILE = (
    *("given_name", "family_name", "preferred_username", "phone_number", "picture", "gender"),
    *("locale", "groups"),
)
# A subject does not bring these: they are read where a template names them.
_OF_PLACE = (
    *("organization.name", "organization.metadata"),
    *("user.current_membership.organization_name", "user.current_membership.metadata"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The organization that somebody is signed in to, and the metadata of their membership."""

    external_id: str | None
    name: str
    metadata: Mapping[str, Any] = field(hash=False)
    membership_metadata: Mapping[str, Any] = field(hash=False)


def need_place(paths: Collection[str]) -> bool:
    """Whether variables with these paths take a `Place`."""
    return any(
        whole == path or whole.startswith(f"{path}.") for path in paths for whole in _OF_PLACE
    )


def of(subject: Subject, place: Place | None) -> dict[str, Any]:
    """Return the variables for a subject; ``place`` is None where it is not needed, or is gone."""
    user, profile = subject.user, subject.user.profile
    attributes = dict(profile.get("custom_attributes") or {})
    for vouched in subject.vouched_for:
        # Of the organization's own provider alone: people write their social profiles themselves.
        if vouched.organization_id == subject.organization_id:
            attributes |= vouched.claims
    shown: dict[str, Any] = {
        "id": subject.sub,
        "email": user.email or None,
        "email_verified": user.email_verified,
        "name": full_name(profile) or None,
        **{name: profile.get(name) or None for name in _OF_PROFILE},
        "phone_number_verified": False if profile.get("phone_number") else None,
        "external_id": user.external_id,
        "metadata": user.metadata,
        "custom_attributes": attributes,
        "created_at": rfc3339(user.create_time),
        "updated_at": rfc3339(user.update_time),
        "last_login_time": None if user.last_login_time is None else rfc3339(user.last_login_time),
        "current_membership": None,
    }
    if not subject.organization_id:
        return {"user": shown, "organization": None}
    shown["current_membership"] = {
        "organization_id": subject.organization_id,
        "organization_name": None if place is None else place.name,
        "roles": list(subject.roles),
        "status": ACTIVE,
        "metadata": {} if place is None else place.membership_metadata,
    }
    organization = {
        "id": subject.organization_id,
        "name": None if place is None else place.name,
        "external_id": subject.organization_external_id,
        "metadata": {} if place is None else place.metadata,
    }
    return {"user": shown, "organization": organization}
