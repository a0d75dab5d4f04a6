"""The page at `/docs/events`: every type of event, what it holds and an example."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.docs.pages.page import as_json
from tenantry.endpoints.docs.reference import event_types

if TYPE_CHECKING:
    from tenantry.endpoints.docs.pages.page import Frame


def render(frame: Frame) -> str:
    return frame.render(
        "events.html",
        current="/docs/events",
        groups=[
            (name, types, event_types.data(types[0]), as_json(event_types.example(types[0])))
            for name, types in event_types.groups()
        ],
        envelope=event_types.envelope(),
        of_ours=event_types.of_ours(),
    )
