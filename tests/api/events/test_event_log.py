"""The event log: every write leaves one event, of the same transaction; nothing else does."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import UTC, datetime
from itertools import pairwise

import asyncpg
import pytest
import recorded_events
from apis import access_token, moment, refused, unique

from tenantry.access.clients import service as clients
from tenantry.access.keys import service as keys
from tenantry.call import Call
from tenantry.core import errors, ids
from tenantry.core.caller import SYSTEM
from tenantry.core.event import OBJECT
from tenantry.db import engine
from tenantry.db.event_rows import log
from tenantry.tenants.memberships.leaving import dismiss_members
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier

FEATURES = {"features": [{"name": "dir_sync", "enabled": True}]}
# The error of each driver for an event without a type.
UNRECORDABLE = (sqlite3.IntegrityError, asyncpg.NotNullViolationError)
CUSTOM = {"policy_source": "CUSTOM", "absolute_session_timeout": 480, "idle_session_timeout": 60}
# Every rpc that changes an organization: key of its id, request, and what the event then shows.
CHANGES = {
    "update_organization": (
        "id",
        {"organization": {"display_name": "Umbrella", "slug": ""}},
        lambda shown: shown["display_name"] == "Umbrella" and "slug" not in shown,
    ),
    "update_organization_settings": (
        "id",
        {"settings": FEATURES},
        lambda shown: shown["settings"]["features"][1] == {"name": "dir_sync", "enabled": True},
    ),
    "upsert_user_management_settings": (
        "organization_id",
        {"settings": {"max_allowed_users": 0}},
        lambda shown: shown["max_allowed_users"] == 0,
    ),
    "update_organization_session_policy": (
        "organization_id",
        CUSTOM,
        lambda shown: shown["session_policy"] == {"absolute": 480, "idle": 60},
    ),
    "update_organization_branding": (
        "organization_id",
        {"source": 2, "customization_settings": {"dark": True}},
        lambda shown: shown["branding"]["settings"] == {"dark": True},
    ),
}


def published(organization):
    """An event's word of an organization: OrganizationEventData of the wire contract."""
    names = {"id", "display_name", "external_id", "region_code", "create_time", "update_time"}
    names |= {"metadata", "settings", "slug", "logo_url"}
    shown = {name: value for name, value in organization.items() if name in names}
    # Times in events always have six digits, those in answers as few as they need.
    for name in ("create_time", "update_time"):
        shown[name] = (
            f"{moment(shown[name]).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
        )
    return shown


async def test_a_creation(api, events, server):
    answer = await api.organizations.create_organization(
        organization={
            "display_name": "Acme",
            "external_id": unique(),
            "metadata": {"plan": "free"},
            "slug": unique(),
            "logo_url": "https://acme.example",
        }
    )
    (event,) = await events.new()
    assert event["type"] == "organization.created"
    assert event["object"] == "Organization"
    assert event["organization_id"] == answer["organization"]["id"]
    assert event["actor"] == {"type": "management_client", "id": server.client_id}
    assert event["before"] is None
    assert event["after"] == published(answer["organization"])
    assert event["request_id"] == answer.headers["x-request-id"]
    assert ids.well_formed("evt_", event["id"])
    assert abs(event["occurred_at"] / 1e6 - time.time()) < 60


@pytest.mark.parametrize("rpc", CHANGES)
async def test_a_change(api, make, events, server, rpc):
    made = await make.organization(external_id=unique(), slug=unique())
    await events.new()
    key, request, shows = CHANGES[rpc]
    answer = await getattr(api.organizations, rpc)(**{key: made["id"]}, **request)
    (event,) = await events.new()
    assert event["type"] == "organization.updated"
    assert event["organization_id"] == made["id"]
    assert event["actor"] == {"type": "management_client", "id": server.client_id}
    assert event["request_id"] == answer.headers["x-request-id"]
    assert event["before"] == published(made)
    assert shows(event["after"])
    assert event["after"]["update_time"] > event["before"]["update_time"]


async def test_a_deletion(api, make, events):
    made = await make.organization()
    await events.new()
    answer = await api.organizations.delete_organization(id=made["id"])
    (event,) = await events.new()
    assert event["type"] == "organization.deleted"
    assert event["organization_id"] == made["id"]
    assert event["before"] == published(made)
    assert event["after"] is None
    assert event["request_id"] == answer.headers["x-request-id"]


async def test_a_portal_link_made_opened_and_revoked(api, make, events, http):
    made = await make.organization()
    await events.new()
    answer = await api.organizations.generate_portal_link(id=made["id"])
    opened = await http.get(answer["link"]["location"])
    second = (await api.organizations.generate_portal_link(id=made["id"]))["link"]
    gone = await api.organizations.delete_portal_link_by_id(id=made["id"], link_id=second["id"])
    created, entered, _, deleted = await events.new()
    assert [e["type"] for e in (created, entered, deleted)] == [
        "portal_link.created",
        "portal_link.opened",
        "portal_link.deleted",
    ]
    assert {e["object"] for e in (created, entered, deleted)} == {"PortalLink"}
    assert {e["organization_id"] for e in (created, entered, deleted)} == {made["id"]}
    assert created["after"]["id"] == answer["link"]["id"]
    assert created["after"]["features"] == ["sso"]
    assert created["request_id"] == answer.headers["x-request-id"]
    assert entered["actor"]["type"] == "portal_session"
    assert entered["request_id"] == opened.headers["x-request-id"]
    assert deleted["before"]["id"] == second["id"]
    assert deleted["request_id"] == gone.headers["x-request-id"]


async def test_revoking_all_links_leaves_an_event_for_each(api, make, events):
    made = await make.organization()
    links = [await make.portal_link(made["id"]) for _ in range(3)]
    await events.new()
    await api.organizations.delete_portal_link(id=made["id"])
    revoked = await events.new()
    assert {event["type"] for event in revoked} == {"portal_link.deleted"}
    assert sorted(e["before"]["id"] for e in revoked) == sorted(link["id"] for link in links)


async def test_what_is_refused_leaves_none(api, make, events):
    made, other = await make.organization(external_id=unique()), await make.organization()
    await events.new()
    service = api.organizations
    with refused("INVALID_ARGUMENT"):
        await service.create_organization(organization={"display_name": ""})
    with refused("INVALID_ARGUMENT"):
        await service.create_organization(
            organization={"display_name": "Acme", "external_id": made["external_id"]}
        )
    with refused("INVALID_ARGUMENT"):
        await service.update_organization(
            id=other["id"], organization={"external_id": made["external_id"]}
        )
    with refused("NOT_FOUND"):
        await service.update_organization(id="org_1", organization={"display_name": "Acme"})
    with refused("NOT_FOUND"):
        await service.delete_organization(id="org_1")
    with refused("FAILED_PRECONDITION", error_code="PRECONDITION_FAILED"):
        await api.sending(if_match='"9"').organizations.delete_organization(id=made["id"])
    with refused("INVALID_ARGUMENT"):
        await service.update_organization_settings(
            id=made["id"], settings={"features": [{"name": "x", "enabled": True}]}
        )
    with refused("INVALID_ARGUMENT"):
        await service.generate_portal_link(id=made["id"], features=["dir_sync"])
    with refused("NOT_FOUND"):
        await service.delete_portal_link_by_id(id=made["id"], link_id="lnk_1")
    with refused("UNAUTHENTICATED"):
        await api.sending(authorization=()).organizations.delete_organization(id=made["id"])
    assert await events.new() == []


async def test_what_only_reads_or_changes_nothing_leaves_none(api, make, events):
    made = await make.organization(external_id=unique())
    await events.new()
    service = api.organizations
    await service.get_organization(id=made["id"])
    await service.get_organization_by_external_id(external_id=made["external_id"])
    await service.list_organization()
    await service.search_organization(query="acme")
    await service.get_organization_branding(organization_id=made["id"])
    await service.get_organization_session_policy(organization_id=made["id"])
    await service.get_application_session_policy(organization_id=made["id"])
    await service.get_organization_user_management_setting(organization_id=made["id"])
    await service.get_portal_links(id=made["id"])
    await service.update_organization(
        id=made["id"], organization={"display_name": made["display_name"]}
    )
    await service.delete_portal_link(id=made["id"])
    assert await events.new() == []


async def test_the_events_of_an_organization_tell_its_whole_life(api, events):
    made = await api.organizations.create_organization(organization={"display_name": "Acme"})
    organization_id = made["organization"]["id"]
    for key, request, _ in CHANGES.values():
        rpc = next(rpc for rpc, change in CHANGES.items() if change[1] is request)
        await getattr(api.organizations, rpc)(**{key: organization_id}, **request)
    await api.organizations.delete_organization(id=organization_id)
    life = await events.new()
    assert [event["id"] for event in life] == sorted(event["id"] for event in life)
    assert [event["occurred_at"] for event in life] == sorted(e["occurred_at"] for e in life)
    for earlier, later in pairwise(life):
        assert earlier["after"] == later["before"]
    assert life[0]["before"] is None
    assert life[-1]["after"] is None


async def test_every_event_has_the_published_shape(database, make, rest):
    made = await make.organization(external_id=unique(), metadata={"plan": "free"})
    await rest.organizations.update_organization(id=made["id"], organization={"external_id": ""})
    for event in await log.last(database, limit=1000):
        assert event["type"] in OBJECT
        assert event["object"] == OBJECT[event["type"]]
        assert event["request_id"]
        assert sorted(event["actor"]) == ["id", "type"]
        assert event["before"] or event["after"]
        if not event["actor"]["id"].startswith("skc_"):
            continue  # other tests write some of their own
        if event["type"] in {f"organization.{what}" for what in ("created", "updated", "deleted")}:
            assert event["organization_id"].startswith("org_")
            for shown in (event["before"], event["after"]):
                if shown is not None:
                    has_the_shape_of_an_organization(shown)


def has_the_shape_of_an_organization(shown):
    assert shown["id"].startswith("org_")
    assert 1 <= len(shown["display_name"]) <= 200
    assert shown["region_code"] in {"US", "EU"}
    for name in ("create_time", "update_time"):
        assert shown[name].endswith("Z")
        assert moment(shown[name]) <= datetime.now(UTC)
    assert all(isinstance(value, str) for value in shown["metadata"].values())
    names = [feature["name"] for feature in shown["settings"]["features"]]
    assert names == ["sso", "dir_sync", "domain_verification", "session_policy"]
    assert all(isinstance(f["enabled"], bool) for f in shown["settings"]["features"])
    assert shown.get("external_id", "x")


async def test_clients_and_keys_leave_one_each(database, events):
    system = Call(SYSTEM, database, request_id="cli")
    client, _ = await clients.create(system, name="Test")
    await clients.rotate(system, client.id)
    await clients.remove(system, client.id)
    await keys.rotate(system)
    created, rotated, deleted, signing, *_ = await events.new()  # one for each algorithm
    assert [e["type"] for e in (created, rotated, deleted, signing)] == [
        "client.created",
        "client.secret_rotated",
        "client.deleted",
        "signing_key.rotated",
    ]
    assert {e["actor"]["id"] for e in (created, rotated, deleted, signing)} == {"system"}
    assert {e["request_id"] for e in (created, rotated, deleted, signing)} == {"cli"}
    assert created["after"]["client_id"] == client.id
    assert len(rotated["before"]["secrets"]) == 1
    assert len(rotated["after"]["secrets"]) == 2
    assert deleted["after"] is None
    assert signing["after"]["current"] == signing["before"]["next"]


@pytest.mark.process
async def test_no_event_holds_a_secret(database, server, http, make, token):
    made = await make.organization()
    link = await make.portal_link(made["id"])
    cookie = (await http.get(link["location"])).headers["set-cookie"].partition(";")[0]
    system = Call(SYSTEM, database, request_id="cli")
    client, first = await clients.create(system, name="Test")
    second = await clients.rotate(system, client.id)
    client_token = await access_token(http, client.id, second)
    await clients.remove(system, client.id)
    await keys.rotate(system)
    secrets = [
        server.client_secret,
        token,
        client_token,
        first,
        second,
        link["location"].rpartition(".")[2],
        cookie.partition("=")[2],
        "PRIVATE KEY",
        *(part for t in (token, client_token) for part in t.split(".")[1:]),
        *(key.private_pem.splitlines()[3] for key in await keys.load(database)),
    ]
    seen, last = 0, ""
    while batch := await recorded_events.after(database, last, limit=1000):
        seen, last = seen + len(batch), batch[-1]["id"]
        text = json.dumps(batch)
        assert not [secret for secret in secrets if secret in text]
    assert seen >= 7
    assert not [secret for secret in secrets if secret in server.log.read_text()]


async def test_a_change_whose_event_cannot_be_kept_is_not_made(database, make, monkeypatch):
    made = await make.organization()
    row = engine._event_row
    monkeypatch.setattr(engine, "_event_row", lambda event: row(event) | {"type": None})
    system = Call(SYSTEM, database, request_id="cli")
    external_id = unique()
    with pytest.raises(UNRECORDABLE):
        await organizations.create(
            system, region_code="US", display_name="Acme", external_id=external_id
        )
    with pytest.raises(UNRECORDABLE):
        await organizations.update(
            system, OrganizationIdentifier(made["id"]), {"display_name": "Umbrella"}
        )
    with pytest.raises(UNRECORDABLE):
        await organizations.remove(system, OrganizationIdentifier(made["id"]), dismiss_members)
    monkeypatch.undo()
    kept = await organizations.get(system, OrganizationIdentifier(made["id"]))
    assert (kept.display_name, kept.revision) == ("Acme", 1)
    with pytest.raises(errors.NotFound):
        await organizations.get(system, OrganizationIdentifier(external_id=external_id))
