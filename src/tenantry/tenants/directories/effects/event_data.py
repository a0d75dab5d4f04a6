"""The content of a directory's events: a person, a group, the same for every provider.

`dp_id` is the provider's id, SCIM's externalId, and `preferred_username` its userName.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.tenants.directories.effects import profiles

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.tenants.directories.model import Directory, DirectoryGroup, DirectoryUser

# By this the log of events finds what directories have changed.
CONTEXT = {"source": "DIR_SYNC"}


def event(
    call: Call,
    directory: Directory,
    name: str,
    *,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> Event:
    happened = call.event(
        f"organization.directory.{name}",
        organization_id=directory.organization_id,
        before=before,
        after=after,
    )
    return replace(happened, context=CONTEXT)


def person(
    directory: Directory,
    user: DirectoryUser,
    *,
    groups: Iterable[tuple[str, str]],
    roles: Iterable[str],
    attributes: Collection[str],
) -> dict[str, Any]:
    """Return a person with the groups (id and name) and the names of the roles that come of them.

    ``attributes`` are the keys of the custom attributes that are registered.
    """
    mapping = directory.attribute_mapping
    return {
        **departed(user),
        "active": user.active,
        **profiles.told(user, mapping),
        "groups": [{"id": id_, "name": name} for id_, name in sorted(groups)],
        "roles": [{"role_name": name} for name in sorted(roles)],
        "custom_attributes": profiles.custom(user.document, mapping, attributes),
        "raw_attributes": dict(user.document),
    }


def departed(user: DirectoryUser) -> dict[str, Any]:
    """Return a person that is deleted: no more than says which one it was."""
    event: dict[str, Any] = {"id": user.id, "organization_id": user.organization_id}
    if user.external_id is not None:
        event["dp_id"] = user.external_id
    if user.email:
        event["email"] = user.email
    return event


def group(one: DirectoryGroup) -> dict[str, Any]:
    event = {**_of_group(one), "raw_attributes": dict(one.document)}
    if one.external_id is not None:
        event["external_id"] = one.external_id
    return event


def deleted_group(one: DirectoryGroup) -> dict[str, Any]:
    event = _of_group(one)
    if one.external_id is not None:
        event["dp_id"] = one.external_id
    return event


def _of_group(one: DirectoryGroup) -> dict[str, Any]:
    return {
        "id": one.id,
        "organization_id": one.organization_id,
        "directory_id": one.directory_id,
        "display_name": one.display_name,
    }
