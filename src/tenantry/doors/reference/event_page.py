"""The page at `/docs/events`: every type of event, what it holds and an example."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.doors.reference import event_types
from tenantry.doors.reference.page import as_json, environment

if TYPE_CHECKING:
    from tenantry.events.webhooks.catalogue import EventType


def render(public_url: str, *, style_url: str, script_url: str) -> str:
    """Return the page."""
    groups = event_types.groups()
    return (
        environment()
        .get_template("events.html")
        .render(
            public_url=public_url,
            style_url=style_url,
            script_url=script_url,
            groups=[
                (
                    name,
                    [(kind, _words(kind)) for kind in types],
                    event_types.data(types[0]),
                    as_json(event_types.example(types[0])),
                )
                for name, types in groups
            ],
            envelope=event_types.envelope(),
            of_ours=event_types.of_ours(),
        )
    )


def _words(kind: EventType) -> str:
    """Return everything that the filter looks in, in lower case."""
    return f"{kind.name} {kind.group} {kind.object} {kind.summary}".lower()
