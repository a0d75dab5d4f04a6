"""The log of sign-ins: listed, kept for a while, and without people that are to be forgotten."""

from __future__ import annotations

import pytest
from apis import Api, refused, unique
from sqlalchemy import select
from visitors import Browser, Place

from tenantry import settings
from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.identity.auth_log import erasure, retention, service
from tenantry.identity.auth_log.service import Filter
from tenantry.identity.sign_in.auth_requests import requests
from tenantry.identity.sign_in.model import auth_requests

_ALL = Statement(select(auth_requests).order_by(auth_requests.c.id))


async def listed(place, page_size=100, page_token="", **narrow: object):
    return await service.page(
        place.operator, Filter(**narrow), page_size=page_size, page_token=page_token
    )


async def several(place):
    """A sign-in of each status, the oldest first, and the user that has signed in."""
    user = await place.member()
    begun = await Browser(place).begin()
    waiting = Browser(place)
    pending = await waiting.prove(await waiting.begin(), "who@new.example")
    await Browser(place, address="192.0.2.8").sign_in_as(user)
    failing = Browser(place)
    failed = await failing.begin(client=await place.application("Other"))
    await failing.sign_in.cancel(failing.call, failed)
    return begun, pending, failed, user


async def test_the_newest_come_first(place):
    begun, pending, failed, user = await several(place)
    page = await listed(place)
    assert [one.status for one in page.items] == ["FAILED", "SUCCESS", "PENDING", "INITIATED"]
    assert [page.items[n].id for n in (0, 2, 3)] == [failed.id, pending.id, begun.id]
    assert page.total_size == 4
    signed_in = page.items[1]
    assert (signed_in.email, signed_in.user_id) == (user.email, user.id)
    assert signed_in.organization_id == user.memberships[0].organization_id
    assert (signed_in.client_name, signed_in.client_type) == ("App", "WEB_APP")
    assert (signed_in.intent, signed_in.proofs) == ("sign_in", ("PASSWORDLESS",))


async def test_a_silent_sign_in_is_listed_as_well(place):
    user = await place.member()
    browser = Browser(place)
    await browser.sign_in_as(user)
    await browser.begin()
    await browser.begin(prompt=("none",))
    page = await listed(place, email=user.email)
    assert [(one.status, one.proofs) for one in page.items] == [
        ("SUCCESS", ("SESSION",)),
        ("SUCCESS", ("SESSION",)),
        ("SUCCESS", ("PASSWORDLESS",)),
    ]


async def test_each_filter_narrows(place):
    begun, pending, failed, user = await several(place)
    at = pending.create_time
    for narrow, statuses in (
        ({"email": user.email.upper()}, ["SUCCESS"]),
        ({"email": "who@new.example"}, ["PENDING"]),
        ({"email": "who@new.example", "statuses": ("SUCCESS",)}, []),
        ({"email": "who@new.example", "client_id": place.client.id}, ["PENDING"]),
        ({"email": "who@new.example", "client_id": "skc_1"}, []),
        ({"statuses": ("INITIATED",)}, ["INITIATED"]),
        ({"statuses": ("FAILED", "SUCCESS", "FAILED")}, ["FAILED", "SUCCESS"]),
        ({"statuses": service.STATUSES}, ["FAILED", "SUCCESS", "PENDING", "INITIATED"]),
        ({"client_id": place.client.id}, ["SUCCESS", "PENDING", "INITIATED"]),
        ({"client_id": failed.client_id}, ["FAILED"]),
        ({"client_id": place.client.id, "statuses": ("FAILED", "PENDING")}, ["PENDING"]),
        ({"client_id": "skc_1"}, []),
        ({"start_time": at}, ["FAILED", "SUCCESS", "PENDING"]),
        ({"start_time": at + 1}, ["FAILED", "SUCCESS"]),
        ({"end_time": at}, ["PENDING", "INITIATED"]),
        ({"end_time": at - 1}, ["INITIATED"]),
        ({"start_time": at, "end_time": at}, ["PENDING"]),
        ({"start_time": at, "client_id": place.client.id}, ["SUCCESS", "PENDING"]),
        ({"start_time": 2**62}, []),
        ({"end_time": 0}, []),
    ):
        page = await listed(place, **narrow)
        assert [one.status for one in page.items] == statuses, narrow
        assert page.total_size == len(statuses), narrow
    assert begun.id


@pytest.mark.parametrize(
    "narrow",
    [{}, {"statuses": ("INITIATED", "FAILED")}, {"client": True}, {"email": "who@new.example"}],
)
async def test_pages_lead_there_and_back(place, narrow):
    if "client" in narrow:
        narrow = {"client_id": place.client.id}
    email = narrow.get("email")
    for number in range(7):
        browser = Browser(place)
        request = await browser.begin()
        if email:
            await requests.move(
                place.db, request, "LINK_SENT_OTP_VERIFICATION_PENDING", email=email
            )
        elif number % 3 == 0:
            await browser.sign_in.cancel(browser.call, request)
    every = [one.id for one in (await listed(place, **narrow)).items]
    assert len(every) == 7
    seen, token, backward = [], "", []
    while True:
        page = await listed(place, page_size=3, page_token=token, **narrow)
        assert page.total_size == 7
        seen += [one.id for one in page.items]
        backward.append(page.prev_page_token)
        token = page.next_page_token
        if not token:
            break
    assert seen == every
    assert backward[0] == ""
    back = await listed(place, page_size=3, page_token=backward[-1], **narrow)
    assert [one.id for one in back.items] == every[3:6]
    back = await listed(place, page_size=3, page_token=back.prev_page_token, **narrow)
    assert [one.id for one in back.items] == every[:3]
    assert back.prev_page_token == ""


async def test_it_goes_back_as_far_as_the_setting_says(place, clock):
    await Browser(place).begin()
    clock.of(retention).forward(89 * 24 * 3600)
    assert not await retention.prune(place.db, days=90)
    assert (await listed(place)).total_size == 1
    clock.forward(2 * 24 * 3600)
    await retention.prune(place.db, days=90)
    assert (await listed(place)).total_size == 0


async def test_what_is_old_goes_some_at_a_time(place, clock, monkeypatch):
    monkeypatch.setattr(retention, "_PRUNED_AT_ONCE", 1000)
    for _ in range(3):
        await Browser(place).begin()
    clock.of(retention).forward(91 * 24 * 3600)
    while await retention.prune(place.db, days=90):
        pass
    assert (await listed(place)).total_size == 0


async def test_unproved_requests_live_an_hour_and_proved_ones_stay(place, clock):
    """A stranger can begin as many as they like, and cancel them."""
    user = await place.member()
    begun, mailed, cancelled, proved = [await Browser(place).begin() for _ in range(4)]
    browser = Browser(place)
    await browser.sign_in.start_email(browser.call, mailed, email=user.email)
    await browser.sign_in.cancel(browser.call, cancelled)
    proved = await browser.prove(proved, "ann@new.example")
    await browser.sign_in.cancel(browser.call, proved)
    await Browser(place).sign_in_as(user)
    clock.of(retention).forward(3590)
    assert not await retention.prune_unproved(place.db)
    assert (await listed(place)).total_size == 5
    clock.forward(20)
    assert not await retention.prune_unproved(place.db)
    left = {entry.id for entry in (await listed(place)).items}
    assert len(left) == 2
    assert left.isdisjoint({begun.id, mailed.id, cancelled.id})


async def test_a_person_is_forgotten_and_the_sign_in_is_not(place):
    user, other = await place.member(), await place.member()
    for one in (user, other):
        await Browser(place).sign_in_as(one)
    hinted = await Browser(place).begin(login_hint=user.email.upper())
    asked = await Browser(place).begin()
    failed = await place.sign_in.cancel(place.operator, asked, description=f"of {user.email}?")
    assert failed
    count = await erasure.forget(place.db, [user.id], [user.email.lower()])
    assert count == 3
    rows = await place.db.fetch_all(_ALL)
    assert len(rows) == 4
    stored = str([[row[name] for name in auth_requests.c.keys()] for row in rows])  # noqa: SIM118
    assert user.email not in stored.lower()
    assert other.email in stored
    assert (await listed(place, email=other.email)).total_size == 1
    assert (await listed(place, email=user.email)).total_size == 0
    assert hinted.id in {row["id"] for row in rows}
    assert await erasure.forget(place.db, [user.id], [user.email.lower()]) == 1  # by the id
    assert await erasure.forget(place.db, [], []) == 0


# By the API.


@pytest.fixture
async def served(server, database):
    environment = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    place = Place(database, settings.load(environment))
    await place.open()
    yield place
    await place.close()


async def test_the_api_shows_it(api, served):
    user = await served.member(email=f"{unique()}@acme.example")
    began = now()
    await Browser(served).sign_in_as(user)
    answer = await api.audit_logs.list_auth_requests(email=user.email)
    (entry,) = answer["authRequests"]
    assert answer["total_size"] == 1
    assert (answer["next_page_token"], answer["prev_page_token"]) == ("", "")
    assert entry["status"] == "SUCCESS"
    assert entry["environment_id"] == served.db.environment_id
    assert entry["organization_id"] == user.memberships[0].organization_id
    assert (entry["connection_type"], entry["client_name"]) == ("PASSWORDLESS", "App")
    (details,) = entry["connection_details"]
    assert details["connection_id"] == entry["connection_id"]
    assert (entry["workflow"], entry["client_id"]) == ("sign_in", served.client.id)
    one = await api.sign_ins.get_sign_in(auth_request_id=entry["auth_request_id"])
    shared = ("auth_request_id", "timestamp", "status", "email", "organization_id", "workflow")
    assert {name: one["sign_in"][name] for name in shared} == {name: entry[name] for name in shared}
    assert one["sign_in"]["user_id"] == user.id
    assert one["sign_in"]["steps"][-1]["state"] == "AUTHENTICATION_COMPLETED"
    found = await api.audit_logs.list_auth_requests(
        client_id=served.client.id,
        status=["SUCCESS", "FAILED"],
        start_time=_moment(began - 1_000_000),
        end_time=_moment(now() + 1_000_000),
    )
    assert [one["auth_request_id"] for one in found["authRequests"]] == [entry["auth_request_id"]]
    for nothing in ({"resource_id": "res_1"}, {"connected_account_identifier": "x"}):
        assert (await api.audit_logs.list_auth_requests(**nothing))["authRequests"] == []


def _moment(microseconds: int) -> str:
    from tenantry.core.times import rfc3339

    return rfc3339(microseconds)


@pytest.mark.parametrize(
    ("narrow", "field"),
    [
        ({"status": ["NO"]}, "status[0]"),
        ({"page_token": "x"}, "page_token"),
        (
            {"start_time": "2025-01-02T00:00:00Z", "end_time": "2025-01-01T00:00:00Z"},
            "end_time",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused(api, narrow, field):
    with refused("INVALID_ARGUMENT", field):
        await api.audit_logs.list_auth_requests(**narrow)


async def test_a_page_token_is_of_its_list(rest, served):
    for _ in range(2):
        await Browser(served).begin()
    page = await rest.audit_logs.list_auth_requests(client_id=served.client.id, page_size=1)
    with refused("INVALID_ARGUMENT", "page_token"):
        await rest.audit_logs.list_auth_requests(page_token=page["next_page_token"])


async def test_it_is_for_the_operator_alone(wire):
    with refused("UNAUTHENTICATED"):
        await Api(wire).audit_logs.list_auth_requests()
    with refused("UNAUTHENTICATED"):
        await Api(wire).sign_ins.get_sign_in(auth_request_id="areq_1")
