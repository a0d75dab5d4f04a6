"""The envelope of an event: what lists, the stream and webhooks show of a row in `events`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core.times import rfc3339
from tenantry.db.sql.schema import from_json

if TYPE_CHECKING:
    from collections.abc import Mapping

SPEC_VERSION = "1"
# Roles and permissions are the environment's in the published contract, also those of one
# organization.
_WITHOUT_ORGANIZATION = ("role.", "permission.")


def envelope(event: Mapping[str, Any], environment_id: str) -> dict[str, Any]:
    """Return an event as it is published: a row of `events`, its JSON still text.

    ``data`` is the object after the change; of one that is gone, as it was.
    """
    type_ = event["type"]
    data = data_of(event)
    if type_ == "organization.deleted":
        data["deleted_at"] = rfc3339(event["occurred_at"])
    published = {
        "spec_version": SPEC_VERSION,
        "id": event["id"],
        "type": type_,
        "occurred_at": rfc3339(event["occurred_at"]),
        "environment_id": environment_id,
        "object": event["object"],
        "data": data,
        "display_name": display_name(type_),
    }
    if event["organization_id"] is not None and not type_.startswith(_WITHOUT_ORGANIZATION):
        published["organization_id"] = event["organization_id"]
    return published


def data_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an event says of its object; nothing where the row says nothing."""
    text = event["after"] if event["after"] is not None else event["before"]
    data: dict[str, Any] = from_json(text) if text is not None else {}
    return data


def display_name(type_: str) -> str:
    """Return the type in words: `organization.domain_created` is `Organization domain created`."""
    return type_.replace(".", " ").replace("_", " ").capitalize().replace("dns", "DNS")
