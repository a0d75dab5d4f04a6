"""Counts of activity and the setup checklist over the API."""

from __future__ import annotations

import pytest
from apis import Api, access_token, refused
from sqlalchemy import delete, insert

from tenantry import settings as settings_module
from tenantry.core import ids
from tenantry.core.times import DAY, now
from tenantry.db.activity import counters
from tenantry.db.activity.counters import Count
from tenantry.db.activity.model import Kind, activity_counts
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed
from tenantry.events.webhooks.deliveries import backlog
from tenantry.identity.overview import checklist
from tenantry.identity.overview.checklist import Task
from tenantry.identity.sign_in.model import auth_requests
from tenantry.identity.simulator import test_organization

_FORGET = Statement(delete(activity_counts).returning(activity_counts.c.key))
_SIGN_IN = Statement(
    insert(auth_requests).values(bound(auth_requests)).returning(auth_requests.c.id)
)


async def test_counts_have_the_names_of_their_objects(api, make, database):
    organization = await make.organization()
    directory = await api.directories.create_directory(
        organization_id=organization["id"],
        directory={"directory_type": "SCIM", "directory_provider": "OKTA"},
    )
    endpoint = await api.webhooks.create_endpoint(endpoint={"url": "https://example.com/hook"})
    client_id, _ = await make.client()
    at = now()
    await counters.add(
        database,
        {
            (Kind.DIRECTORY_SYNCS, directory["directory"]["id"], at): Count(7_000_000, 2, 90),
            (Kind.WEBHOOK_ATTEMPTS, endpoint["endpoint"]["id"], at): Count(7_000_000, 1, 50),
            (Kind.API_CALLS, client_id, at): Count(7_000_000),
            (Kind.API_CALLS, "skc_gone", at): Count(6_000_000),
        },
    )
    found = await api.overview.get_activity(
        metrics=["DIRECTORY_SYNCS", "WEBHOOK_ATTEMPTS", "API_CALLS"], range="LAST_7_DAYS"
    )
    assert len(found["start_times"]) == 7
    series = {
        (each["metric"], one.get("key", "")): one
        for each in found["activities"]
        for one in each["series"]
    }
    directory_series = series["DIRECTORY_SYNCS", directory["directory"]["id"]]
    assert directory_series["name"] == directory["directory"]["name"]
    assert [int(n) for n in directory_series["failures"]] == [0] * 6 + [2]
    assert [int(n) for n in directory_series["milliseconds"]] == [0] * 6 + [90]
    of_endpoint = series["WEBHOOK_ATTEMPTS", endpoint["endpoint"]["id"]]
    assert of_endpoint["name"] == "https://example.com/hook"
    assert series["API_CALLS", client_id]["name"]
    assert not series["API_CALLS", "skc_gone"].get("name")
    assert int(series["API_CALLS", ""]["counts"][-1]) >= 13_000_000
    one = await api.overview.get_activity(metrics=["API_CALLS"], key=client_id)
    assert [each["key"] for each in one["activities"][0]["series"]] == [client_id]
    assert len(one["start_times"]) == 24


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"metrics": []},
        {"metrics": ["ACTIVITY_METRIC_UNSPECIFIED"]},
        {"metrics": ["EVENTS", "EVENTS"]},
        {"metrics": ["EVENTS"], "key": "x" * 201},
    ],
)
async def test_a_wrong_request_is_refused(api, wrong):
    with refused("INVALID_ARGUMENT"):
        await api.overview.get_activity(**wrong)


async def test_an_organization_sees_no_activity(wires, make, http):
    token = await access_token(http, *await make.client())
    api = Api(wires["rest"], (("authorization", f"Bearer {token}"),))
    with refused("PERMISSION_DENIED"):
        await api.overview.get_activity(metrics=["EVENTS"])
    with refused("PERMISSION_DENIED"):
        await api.overview.get_setup_checklist()
    with refused("PERMISSION_DENIED"):
        await api.overview.dismiss_setup_checklist()


async def test_the_backlog_of_an_endpoint_is_sampled(api, make, database, monkeypatch):
    endpoint = await api.webhooks.create_endpoint(endpoint={"url": "https://example.com/hook"})
    id_ = endpoint["endpoint"]["id"]
    for _ in range(3):
        await api.webhooks.send_test_event(endpoint_id=id_)
    assert await backlog.run(database) == backlog.SECONDS
    found = await api.overview.get_activity(metrics=["WEBHOOK_BACKLOG"], key=id_)
    assert int(found["activities"][0]["series"][0]["counts"][-1]) == 3


async def _done(api):
    found = (await api.overview.get_setup_checklist())["checklist"]
    return {step["task"]: step.get("done", False) for step in found["steps"]}


async def test_existing_objects_complete_tasks_of_the_checklist(api, make, database):
    organization = await make.organization()
    await make.user(organization["id"])
    await api.webhooks.create_endpoint(endpoint={"url": "https://example.com/hook"})
    await api.domains.create_domain(
        organization_id=organization["id"],
        domain={"domain": f"{organization['id'].replace('_', '-')}.example"},
    )
    created = await api.clients.create_client(client={"name": "App", "client_type": "WEB_APP"})
    done = await _done(api)
    for task in ("CREATE_USER", "CREATE_WEBHOOK", "ADD_DOMAIN", "CREATE_APPLICATION"):
        assert done[task], task
    found = (await api.overview.get_setup_checklist())["checklist"]
    assert found["client_id"] <= created["client"]["id"]


async def test_a_dismissed_checklist_stays_dismissed(api):
    await api.overview.dismiss_setup_checklist()
    assert (await api.overview.get_setup_checklist())["checklist"]["dismissed"]


async def test_no_task_is_done_in_a_new_deployment(db):
    """The test organization, its domains and its connections do not complete a task."""
    from tenantry.call import Call
    from tenantry.core.caller import SYSTEM

    given = settings_module.load({})
    made = await test_organization.ensure(Call(SYSTEM, db, request_id="start"), region_code="EU")
    found = await checklist.read(db, given)
    assert not any(found.done.values())
    assert list(found.done) == list(Task)
    assert not found.dismissed
    assert found.test_organization_id == made.organization.id


async def test_a_sign_in_by_a_connection_is_single_sign_on(db):
    from tenantry.call import Call
    from tenantry.core.caller import SYSTEM
    from tenantry.identity.connections import reading

    call = Call(SYSTEM, db, request_id="start")
    made = await test_organization.ensure(call, region_code="EU")
    (connection, *_) = await reading.of_organization(db, made.organization.id, serving=False)
    for status, done in (("FAILED", False), ("SUCCESS", True)):
        row = dict.fromkeys(auth_requests.c.keys())
        row |= {"id": ids.at(ids.AUTH_REQUEST, now()) + status, "state": "ENDED", "status": status}
        row |= {"params": "{}", "facts": "{}", "connection_id": connection.id}
        row |= {"create_time": 1, "update_time": 1, "expire_time": DAY}
        await db.fetch_all(_SIGN_IN, **prefixed(row))
        found = await checklist.read(db, settings_module.load({}))
        assert found.done[Task.SINGLE_SIGN_ON] is done


@pytest.mark.parametrize(
    ("given", "task", "done"),
    [
        ({"APP_NAME": "Acme"}, Task.BRANDING, False),
        (
            {"APP_NAME": "Acme", "APP_LOGO_URL": "https://acme.example/l.svg"},
            Task.BRANDING,
            True,
        ),
        (
            {"SMTP_URL": "smtp://mail.example:587", "MAIL_FROM": "a@acme.example"},
            Task.EMAIL,
            True,
        ),
    ],
)
@pytest.mark.one_database
async def test_settings_complete_tasks_of_the_checklist(db, given, task, done):
    known = settings_module.load({f"TENANTRY_{name}": value for name, value in given.items()})
    assert (await checklist.read(db, known)).done[task] is done
