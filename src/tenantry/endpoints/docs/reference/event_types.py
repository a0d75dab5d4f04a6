"""The event catalogue for the reference: its groups, and the fields of events."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from tenantry.core import event
from tenantry.endpoints.docs.reference.operations import Member
from tenantry.events.webhooks import catalogue
from tenantry.events.webhooks.shapes import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.events.webhooks.catalogue import EventType
    from tenantry.events.webhooks.shapes import Schema


def groups() -> list[tuple[str, list[EventType]]]:
    """Return the published types by group. Types of a group have the same data."""
    types = groupby(catalogue.TYPES.values(), key=attrgetter("group"))
    return [(name, list(found)) for name, found in types]


def of_ours() -> list[tuple[str, list[str]]]:
    """Return the types of the audit log by object."""
    found: dict[str, list[str]] = {}
    for name, object_ in event.OURS.items():
        found.setdefault(object_, []).append(name)
    return sorted(found.items())


def envelope() -> list[Member]:
    """Return the members of every event."""
    schema = catalogue.schema(next(iter(catalogue.TYPES)), "")
    of_any = {
        name: {key: value for key, value in inner.items() if key not in {"const", "properties"}}
        for name, inner in schema["properties"].items()
    }
    of_any["data"]["description"] = "Object after the change. For deletions, the object before."
    return list(_members({"properties": of_any, "required": schema["required"]}, ""))


def data(kind: EventType) -> list[Member]:
    """Return the members of the data of one type, each followed by those inside it."""
    return list(_members(kind.data, ""))


def example(kind: EventType) -> dict[str, Any]:
    """Return an event of this type."""
    return catalogue.sample(
        kind.name,
        environment_id="env_2123312131125533123",
        organization_id="org_2123312131125533123",
        event_id="evt_2123312131125533123",
        at=1_767_624_480_123_456,
    )


def _members(schema: Schema, prefix: str) -> Iterator[Member]:
    for name, asked in schema["properties"].items():
        yield Member(
            name=prefix + name,
            type=_type(asked),
            description=asked["description"],
            required=name in schema.get("required", ()),
            rules=tuple(_rules(asked)),
            choices=tuple(asked.get("enum", ())),
        )
        inner, below = asked, f"{prefix}{name}."
        if "items" in asked:
            inner, below = asked["items"], f"{prefix}{name}[]."
        if "properties" in inner:
            yield from _members(inner, below)


def _type(asked: Schema) -> str:
    if asked.get("format") == "date-time":
        words = "time"
    elif "items" in asked:
        words = f"list of {_type(asked['items'])}s"
    else:
        words = asked["type"] if isinstance(asked["type"], str) else asked["type"][0]
    return f"{words} or null" if "null" in asked["type"] else words


def _rules(asked: Schema) -> Iterator[str]:
    pattern = asked.get("pattern", "")
    if pattern.endswith("_"):
        yield f"starts with `{pattern[1:]}`"
    if asked.get("$comment") == OURS:
        yield "Tenantry extension"
