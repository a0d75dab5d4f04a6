"""Lists of events over every wire: newest first, every filter, pages that never overlap."""

from __future__ import annotations

import pytest
from apis import moment, refused, unique
from sqlalchemy import text

from tenantry.call import Call
from tenantry.core import ids
from tenantry.core.caller import SYSTEM, Caller, Kind
from tenantry.core.errors import PermissionDenied
from tenantry.core.event import PUBLISHED, Event
from tenantry.db.sql.schema import to_json
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import listing, records


def ids_of(page):
    return [event["id"] for event in page["events"]]


def types_of(page):
    return [event["type"] for event in page["events"]]


@pytest.fixture
def changed(make, rest):
    """Make an organization and change it some times; returns its id."""

    async def change(times):
        organization = await make.organization()
        for number in range(times):
            await rest.organizations.update_organization(
                id=organization["id"], organization={"display_name": f"Acme {number}"}
            )
        return organization["id"]

    return change


@pytest.fixture
async def seven(changed):
    """The filter of an organization that has seven events."""
    return {"organization_id": await changed(6)}


@pytest.mark.everywhere
async def test_an_event_has_the_published_envelope(api, rest, make):
    organization = await make.organization(external_id=unique(), metadata={"plan": "pro"})
    await rest.organizations.delete_organization(id=organization["id"])
    page = await api.events.list_events(filter={"organization_id": organization["id"]})
    deleted, created = page["events"]
    assert created["id"].startswith("evt_")
    assert created["spec_version"] == "1"
    assert created["type"] == "organization.created"
    assert created["object"] == "Organization"
    assert created["display_name"] == "Organization created"
    assert created["organization_id"] == organization["id"]
    assert created["environment_id"].startswith("env_")
    assert created["data"]["external_id"] == organization["external_id"]
    assert created["data"]["metadata"] == {"plan": "pro"}
    assert "deleted_at" not in created["data"]
    assert deleted["type"] == "organization.deleted"
    assert deleted["data"]["display_name"] == organization["display_name"]
    assert moment(deleted["data"]["deleted_at"]) == moment(deleted["occurred_at"])
    assert moment(created["occurred_at"]) < moment(deleted["occurred_at"])
    assert page["total_size"] == 2


async def test_both_rpcs_show_the_same_and_only_one_counts(api, seven):
    counted = await api.events.list_events(filter=seven, page_size=3)
    paginated = await api.events.list_events_paginated(filter=seven, page_size=3)
    assert paginated["events"] == counted["events"]
    assert len(paginated["events"]) == 3
    assert counted["total_size"] == 7
    assert paginated.keys() == {"events", "next_page_token", "prev_page_token"}


async def test_the_newest_is_first(api, seven):
    page = await api.events.list_events_paginated(filter=seven, page_size=100)
    assert types_of(page) == ["organization.updated"] * 6 + ["organization.created"]
    assert ids_of(page) == sorted(ids_of(page), reverse=True)
    names = [event["data"]["display_name"] for event in page["events"]]
    assert names == [f"Acme {number}" for number in range(5, -1, -1)] + ["Acme"]


@pytest.mark.parametrize("rpc", ["list_events", "list_events_paginated"])
async def test_pages_lead_there_and_back_and_never_overlap(api, seven, rpc):
    list_ = getattr(api.events, rpc)
    every = ids_of(await list_(filter=seven, page_size=100))
    pages = [await list_(filter=seven, page_size=3)]
    while token := pages[-1]["next_page_token"]:
        pages.append(await list_(filter=seven, page_size=3, page_token=token))
    assert [ids_of(page) for page in pages] == [every[:3], every[3:6], every[6:]]
    assert pages[0]["prev_page_token"] == ""
    back = await list_(filter=seven, page_size=3, page_token=pages[2]["prev_page_token"])
    assert ids_of(back) == every[3:6]
    first = await list_(filter=seven, page_size=3, page_token=back["prev_page_token"])
    assert ids_of(first) == every[:3]
    assert first["prev_page_token"] == ""
    if rpc == "list_events":
        assert {page["total_size"] for page in [*pages, back, first]} == {7}


async def test_pages_do_not_shift_when_something_happens_meanwhile(api, rest, seven):
    first = await api.events.list_events(filter=seven, page_size=3)
    await rest.organizations.update_organization(
        id=seven["organization_id"], organization={"display_name": "Later"}
    )
    second = await api.events.list_events(
        filter=seven, page_size=3, page_token=first["next_page_token"]
    )
    newest = await api.events.list_events(filter=seven, page_size=100)
    assert ids_of(first) + ids_of(second) == ids_of(newest)[1:7]


async def test_a_page_has_ten_events_and_a_hundred_at_most(api, changed):
    narrow = {"organization_id": await changed(105)}
    assert len((await api.events.list_events(filter=narrow))["events"]) == 10
    large = await api.events.list_events(filter=narrow, page_size=4_000_000_000)
    assert len(large["events"]) == 100
    rest_of_it = await api.events.list_events(
        filter=narrow, page_size=100, page_token=large["next_page_token"]
    )
    assert len(rest_of_it["events"]) == 6
    assert rest_of_it["total_size"] == 106


async def test_a_filter_by_types_takes_these_and_no_others(api, seven):
    created = await api.events.list_events(
        filter={**seven, "event_types": ["organization.created"]}
    )
    assert types_of(created) == ["organization.created"]
    assert created["total_size"] == 1
    both = await api.events.list_events(
        filter={**seven, "event_types": ["organization.created", "organization.updated"] * 2}
    )
    assert both["total_size"] == 7
    assert ids_of(both) == sorted(set(ids_of(both)), reverse=True)
    neither = await api.events.list_events(filter={**seven, "event_types": ["role.created"]})
    assert (neither["events"], neither["total_size"]) == ([], 0)
    assert neither["next_page_token"] == neither["prev_page_token"] == ""


async def test_events_of_the_audit_log_are_listed_where_they_are_named(api, make):
    organization = await make.organization()
    await make.client(organization["id"])
    narrow = {"organization_id": organization["id"]}
    assert types_of(await api.events.list_events(filter=narrow)) == ["organization.created"]
    named = await api.events.list_events(filter={**narrow, "event_types": ["client.created"]})
    (event,) = named["events"]
    assert event["type"] == "client.created"
    assert event["object"] == "OBJECT_TYPE_UNSPECIFIED"


async def test_without_a_filter_all_published_types_are_listed(api, make, rest):
    organization = await make.organization()
    role = await make.role()
    await make.client(organization["id"])
    page = await api.events.list_events(page_size=2)
    assert types_of(page) == ["role.created", "organization.created"]
    assert page["total_size"] >= 2
    shown = page["events"][0]
    assert "organization_id" not in shown
    assert shown["data"]["name"] == role["name"]
    assert set(types_of(await api.events.list_events(filter={}, page_size=100))) <= set(PUBLISHED)


async def test_a_role_of_an_organization_is_found_by_it_and_does_not_name_it(api, make):
    organization = await make.organization()
    role = await make.organization_role(organization["id"])
    page = await api.events.list_events(
        filter={"organization_id": organization["id"], "event_types": ["role.created"]}
    )
    (event,) = page["events"]
    assert event["data"]["id"] == role["id"]
    assert "organization_id" not in event


async def test_a_filter_by_time_includes_both_its_ends(api, seven):
    listed = await api.events.list_events(filter=seven, page_size=100)
    times = [event["occurred_at"] for event in listed["events"]]
    inside = await api.events.list_events(
        filter={**seven, "start_time": times[4], "end_time": times[2]}
    )
    assert ids_of(inside) == ids_of(listed)[2:5]
    assert inside["total_size"] == 3
    since = await api.events.list_events(filter={**seven, "start_time": times[1]})
    assert ids_of(since) == ids_of(listed)[:2]
    until = await api.events.list_events(filter={**seven, "end_time": times[5]})
    assert ids_of(until) == ids_of(listed)[5:]


async def test_a_time_is_compared_to_the_nanosecond(api, seven):
    listed = await api.events.list_events(filter=seven, page_size=100)
    at = moment(listed["events"][3]["occurred_at"])
    text = f"{at:%Y-%m-%dT%H:%M:%S.%f}"
    behind = await api.events.list_events(filter={**seven, "start_time": f"{text}001Z"})
    assert ids_of(behind) == ids_of(listed)[:3]
    up_to = await api.events.list_events(filter={**seven, "end_time": f"{text}999Z"})
    assert ids_of(up_to) == ids_of(listed)[3:]


async def test_pages_of_a_time_stay_within_it(api, seven):
    listed = await api.events.list_events(filter=seven, page_size=100)
    times = [event["occurred_at"] for event in listed["events"]]
    narrow = {**seven, "start_time": times[5], "end_time": times[1]}
    first = await api.events.list_events(filter=narrow, page_size=3)
    second = await api.events.list_events(
        filter=narrow, page_size=3, page_token=first["next_page_token"]
    )
    assert ids_of(first) + ids_of(second) == ids_of(listed)[1:6]
    assert second["next_page_token"] == ""
    back = await api.events.list_events(
        filter=narrow, page_size=3, page_token=second["prev_page_token"]
    )
    assert ids_of(back) == ids_of(first)


_INSERT = Statement(
    text(
        "INSERT INTO events (id, type, object, occurred_at, organization_id, actor, after, context,"
        " request_id) VALUES (:id, :type, 'Organization', :at, :organization_id, :actor, :after,"
        " :context, 'req_1')"
    )
)
_INSERT_CONTEXT = Statement(
    text(
        "INSERT INTO event_contexts (organization_id, key, value, type, event_id)"
        " SELECT :organization_id, 'connection_id', 'conn_1', :type, :id"
        " WHERE NOT EXISTS (SELECT 1 FROM event_contexts WHERE event_id = :id)"
    )
)
HOUR = 3_600_000_000


async def test_a_time_that_is_not_that_of_the_id_is_found_in_order(database, make):
    """The clock was set between both, or the process stood still."""
    start = 1_700_000_000_000_000
    organization_id, call = (await make.organization())["id"], Call(SYSTEM, database, "req_1")
    # The times of ids, and of their events: all between both ends but the last two.
    places = [(start - HOUR, 1), (start - 90_000, 2), (start + 1, 3), (start + 5, 4)]
    places += [(start + 105_000, 9), (start + HOUR, 5), (start + 3, -1), (start + HOUR + 1, HOUR)]
    made = []
    for made_at, after in places:
        row = {"id": ids.at(ids.EVENT, made_at), "organization_id": organization_id}
        row["id"] = f"{row['id'][:-4]}{len(made):04}"
        row["type"] = "organization.updated"
        async with database.transaction() as held:
            content = {
                "actor": to_json(SYSTEM.actor),
                "after": to_json({"id": organization_id, "display_name": "Acme"}),
                "context": to_json({"connection_id": "conn_1"}),
            }
            await held.fetch_all(_INSERT, at=start + after, **content, **row)
            await held.fetch_all(_INSERT_CONTEXT, **row)
        made.append(row["id"])
    span = {"organization_id": organization_id, "start_time": start, "end_time": start + 10}
    wanted = sorted(made[:6], reverse=True)
    for more in ({}, {"types": ("organization.updated",)}):
        for context in ({}, {"context": (("connection_id", "conn_1"),)}):
            narrow = listing.Filter(**span, **more, **context)
            whole = await listing.page(call, narrow, page_size=9, page_token="", counted=True)
            assert ([row["id"] for row in whole.items], whole.total_size) == (wanted, 6)
            pages, token = [], ""
            while not pages or token:
                page = await listing.page(
                    call, narrow, page_size=2, page_token=token, counted=False
                )
                pages.append([row["id"] for row in page.items])
                token, back = page.next_page_token, page.prev_page_token
            assert [id_ for ids_ in pages for id_ in ids_] == wanted
            page = await listing.page(call, narrow, page_size=2, page_token=back, counted=False)
            assert [row["id"] for row in page.items] == pages[-2]
        search = records.Filter(**span, **more)
        found, token = [], ""
        while not found or token:
            part = await records.search(call, search, page_size=2, page_token=token)
            found += [row["id"] for row in part.items]
            token = part.next_page_token
        assert found == wanted


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 7),
        ("1969-12-31T00:00:00Z", "2014-01-01T00:00:00Z", 0),
        ("2016-01-01T00:00:00Z", None, 7),
        ("2090-01-01T00:00:00Z", None, 0),
        (None, "1969-12-31T00:00:00Z", 0),
        (None, "2090-01-01T00:00:00Z", 7),
    ],
)
async def test_a_time_that_no_id_could_have_is_a_bound_all_the_same(rest, seven, start, end, found):
    given = {"start_time": start, "end_time": end}
    narrow = seven | {name: time for name, time in given.items() if time is not None}
    page = await rest.events.list_events(filter=narrow)
    assert (len(page["events"]), page["total_size"]) == (found, found)


@pytest.fixture
async def told(changed, database):
    """Four events of an organization, three with a context: their ids, newest first, its filter."""
    organization_id, mark = await changed(0), unique()
    contexts = [
        {"source": "DIR_SYNC", "connection_id": f"conn_{mark}"},
        {"connection_id": f"conn_{mark}", "auth_request_id": f"req_{mark}"},
        {
            "interceptor_id": f"icp_{mark}",
            "interceptor_status": "SUCCESS",
            "interceptor_decision": "DENY",
            "connected_account_id": f"ca_{mark}",
        },
    ]
    for context in contexts:
        await database.record(
            Event(
                type="organization.updated",
                actor=SYSTEM.actor,
                request_id="req_test",
                organization_id=organization_id,
                after={"id": organization_id, "display_name": "Acme"},
                context=context,
            )
        )
    narrow = {"organization_id": organization_id}
    call = Call(SYSTEM, database, "req_test")
    found = await listing.page(
        call,
        listing.Filter(organization_id=organization_id),
        page_size=0,
        page_token="",
        counted=False,
    )
    return [row["id"] for row in found.items], narrow, mark


@pytest.mark.parametrize(
    ("name", "value", "places"),
    [
        ("connection_id", "conn_{}", [1, 2]),
        ("auth_request_id", "req_{}", [1]),
        ("interceptor_id", "icp_{}", [0]),
        ("interceptor_status", "SUCCESS", [0]),
        ("interceptor_status", "FAILURE", []),
        ("interceptor_decision", "DENY", [0]),
        ("connected_account_id", "ca_{}", [0]),
        ("connection_id", "conn_{}x", []),
    ],
)
async def test_what_an_event_belongs_to_finds_it(api, told, name, value, places):
    ids, narrow, mark = told
    page = await api.events.list_events(filter={**narrow, name: value.format(mark)})
    assert ids_of(page) == [ids[place] for place in places]
    assert page["total_size"] == len(places)


async def test_all_that_is_filtered_by_must_hold(api, told):
    ids, _, mark = told
    both = {"connection_id": f"conn_{mark}", "auth_request_id": f"req_{mark}"}
    assert ids_of(await api.events.list_events(filter=both)) == [ids[1]]
    crossed = {"connection_id": f"conn_{mark}", "interceptor_status": "SUCCESS"}
    assert ids_of(await api.events.list_events(filter=crossed)) == []
    of_type = {"connection_id": f"conn_{mark}", "event_types": ["organization.deleted"]}
    assert ids_of(await api.events.list_events(filter=of_type)) == []
    elsewhere = {"connection_id": f"conn_{mark}", "organization_id": "org_1"}
    assert ids_of(await api.events.list_events(filter=elsewhere)) == []


async def test_a_source_splits_a_list_in_two(api, told):
    ids, narrow, _ = told
    synced = await api.events.list_events(filter={**narrow, "source": "DIR_SYNC"})
    assert ids_of(synced) == [ids[2]]
    other = await api.events.list_events(filter={**narrow, "source": "SCALEKIT"})
    assert ids_of(other) == [ids[0], ids[1], ids[3]]
    assert (synced["total_size"], other["total_size"]) == (1, 3)
    either = await api.events.list_events(filter={**narrow, "source": "SOURCE_UNSPECIFIED"})
    assert ids_of(either) == ids


async def test_pages_by_context_lead_there_and_back(api, told):
    ids, _, mark = told
    narrow = {"connection_id": f"conn_{mark}"}
    first = await api.events.list_events(filter=narrow, page_size=1)
    second = await api.events.list_events(
        filter=narrow, page_size=1, page_token=first["next_page_token"]
    )
    assert ids_of(first) + ids_of(second) == ids[1:3]
    assert second["next_page_token"] == ""
    back = await api.events.list_events(
        filter=narrow, page_size=1, page_token=second["prev_page_token"]
    )
    assert ids_of(back) == ids_of(first)
    assert {page["total_size"] for page in (first, second, back)} == {2}


@pytest.mark.parametrize("rpc", ["list_events", "list_events_paginated"])
async def test_a_type_of_which_there_is_none_can_be_asked_for(api, make, rpc):
    narrow = {"organization_id": (await make.organization())["id"], "event_types": ["user.login"]}
    assert (await getattr(api.events, rpc)(filter=narrow))["events"] == []


@pytest.mark.parametrize("rpc", ["list_events", "list_events_paginated"])
async def test_an_unknown_type_is_refused_by_its_place(api, rpc):
    for unknown in ("organization.renamed", "", "scalekit.organization.created"):
        with refused("INVALID_ARGUMENT", "filter.event_types[1]"):
            await getattr(api.events, rpc)(
                filter={"event_types": ["organization.created", unknown]}
            )


async def test_a_time_that_ends_before_it_starts_is_refused(api):
    with refused("INVALID_ARGUMENT", "filter.end_time"):
        await api.events.list_events(
            filter={"start_time": "2026-01-02T00:00:00Z", "end_time": "2026-01-01T00:00:00Z"}
        )


async def test_a_token_opens_the_list_with_its_filter_alone(api, rest, seven, changed):
    token = (await api.events.list_events(filter=seven, page_size=3))["next_page_token"]
    for other in (
        {},
        {"organization_id": await changed(0)},
        {**seven, "event_types": ["organization.updated"]},
        {**seven, "start_time": "2020-01-01T00:00:00Z"},
        {**seven, "source": "SCALEKIT"},
        {**seven, "connection_id": "conn_1"},
    ):
        with refused("INVALID_ARGUMENT", "page_token"):
            await api.events.list_events(filter=other, page_token=token)
    with refused("INVALID_ARGUMENT", "page_token"):
        await api.events.list_events(filter=seven, page_token=f"{token}x")
    # Of both rpcs alike: they show the same list.
    page = await api.events.list_events_paginated(filter=seven, page_token=token)
    assert len(page["events"]) == 4


@pytest.mark.parametrize("rpc", ["list_events", "list_events_paginated"])
async def test_only_a_management_client_may_list_so_far(api, make, http, rpc):
    organization = await make.organization()
    with refused("UNAUTHENTICATED"):
        await getattr(api.sending(authorization=[]).events, rpc)()
    cookie = await make.portal_session(http, organization["id"])
    with refused("PERMISSION_DENIED"):
        await getattr(api.sending(authorization=[], cookie=cookie).events, rpc)()


async def test_a_caller_of_one_organization_sees_that_one_alone(database, changed):
    own, other = await changed(2), await changed(1)
    caller = Caller(Kind.PORTAL_SESSION, "pss_1", own, frozenset({"events:read"}))
    call = Call(caller, database, "req_test")
    page = await listing.page(call, listing.Filter(), page_size=0, page_token="", counted=True)
    assert {row["organization_id"] for row in page.items} == {own}
    assert (len(page.items), page.total_size) == (3, 3)
    with pytest.raises(PermissionDenied):
        await listing.page(
            call,
            listing.Filter(organization_id=other),
            page_size=0,
            page_token="",
            counted=True,
        )
