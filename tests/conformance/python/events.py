"""Drive EventsService with the official Python SDK and print each step's answer.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line of
JSON per step of ../steps.json; the first step that fails ends the program.
"""

from __future__ import annotations

from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from scalekit import ScalekitClient
from scalekit.v1.events.events_pb2 import SCALEKIT, EventFilter, ObjectType
from scalekit.v1.organizations.organizations_pb2 import CreateOrganization, UpdateOrganization
from steps import CLIENT_ID, CLIENT_SECRET, RUN, URL, expect_bad_field, expect_bad_request, step

client = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET)
organizations = client.organization


def page(page_size=None, page_token=None, **narrow):  # noqa: ANN003
    found = client.events.list_events_paginated(
        page_size, page_token, EventFilter(organization_id=acme, **narrow)
    )
    return found[0] if isinstance(found, tuple) else found


def ids(found):
    return [event.id for event in found.events]


def types(found):
    return [event.type for event in found.events]


created = organizations.create_organization(
    CreateOrganization(display_name=f"Acme {RUN}", external_id=f"acme-{RUN}")
)
acme = created[0].organization.id
for number in range(4):
    organizations.update_organization(acme, UpdateOrganization(display_name=f"Acme {number}"))
organizations.delete_organization(acme)

with step("envelope") as seen:
    deleted, *updated, first = page().events
    assert first.spec_version == "1"
    assert first.id.startswith("evt_")
    assert first.type == "organization.created"
    assert ObjectType.Name(first.object) == "Organization"
    assert first.environment_id.startswith("env_")
    assert first.organization_id == acme
    assert first.display_name
    data = MessageToDict(first.data)
    assert data["id"] == acme
    assert data["external_id"] == f"acme-{RUN}"
    assert MessageToDict(deleted.data)["deleted_at"]
    assert first.occurred_at.ToMicroseconds() < deleted.occurred_at.ToMicroseconds()
    seen["id"] = first.id

with step("newest_first"):
    assert types(page()) == [
        "organization.deleted",
        *["organization.updated"] * 4,
        "organization.created",
    ]

with step("pages"):
    every = ids(page(100))
    one = page(2)
    two = page(2, one.next_page_token)
    three = page(2, two.next_page_token)
    assert ids(one) + ids(two) + ids(three) == every
    assert one.prev_page_token == three.next_page_token == ""
    assert ids(page(2, three.prev_page_token)) == ids(two)

with step("by_type"):
    narrow = ["organization.created", "organization.deleted"]
    assert types(page(event_types=narrow)) == narrow[::-1]
    assert types(page(event_types=["role.created"])) == []

with step("by_time"):
    whole = page(100)
    at = whole.events[2].occurred_at
    assert ids(page(start_time=at)) == every[:3]
    assert ids(page(end_time=at)) == every[2:]
    assert ids(page(start_time=at, end_time=at)) == every[2:3]
    assert ids(page(start_time=Timestamp(seconds=4_000_000_000))) == []

with step("by_source"):
    assert ids(page(source=SCALEKIT)) == every
    assert ids(page(connection_id="conn_1")) == []

with step("bad_filter"):
    expect_bad_field("filter.event_types[0]", page, event_types=["organization.renamed"])
    expect_bad_request(page, 2, f"{one.next_page_token}x")
