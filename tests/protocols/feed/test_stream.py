"""The stream of events: in the order in which they came to be seen, none ever skipped."""

from __future__ import annotations

import asyncio
import random
import time

import pytest
from apis import access_token, unique
from feeds import STREAM, lines, names_of, reading, record
from servers import LiveServer
from sqlalchemy import bindparam, update
from wires import over_https

from tenantry.access.clients import service as clients
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.core.errors import InvalidArgument
from tenantry.db.event_rows import log
from tenantry.db.sql.statements import Statement
from tenantry.db.sqlite.database import SQLite
from tenantry.endpoints.feeds import web
from tenantry.events.event_log import following, sequencing
from tenantry.events.event_log.model import event_log_state
from tenantry.net.http import Request
from tenantry.rate_limits.rates import Rates

pytestmark = pytest.mark.process

_PRUNED = Statement(update(event_log_state).values(pruned_before=bindparam("p_before")))


async def test_it_tells_what_follows_an_event_and_ends(client, start, happen, sealed, make):
    organization = await make.organization()
    await happen(organization["id"], "one", "two")
    await sealed()
    answer = await client.get(STREAM, params={"after": start, "wait": 0})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert "content-length" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    created, *further = lines(answer.text)
    assert created["type"] == "organization.created"
    assert created["organization_id"] == organization["id"]
    assert created["data"]["display_name"] == organization["display_name"]
    assert names_of(further) == ["one", "two"]


async def test_an_event_looks_as_it_does_in_lists(client, start, sealed, make, rest):
    await make.role()
    organization = await make.organization()
    await rest.organizations.delete_organization(id=organization["id"])
    await sealed()
    told = lines((await client.get(STREAM, params={"after": start, "wait": 0})).text)
    listed = (await rest.events.list_events(page_size=3))["events"][::-1]
    for one in listed:
        one["occurred_at"] = one["occurred_at"].removesuffix("Z").ljust(26, "0") + "Z"
    assert told == listed


async def test_it_waits_for_what_comes(client, start, happen):
    async with reading(client, after=start, wait=300) as read:
        assert read.status_code == 200  # at once, long before the first event
        for number in range(1, 4):
            await happen("org_1", f"number {number}")
            found = await read.have(number)
        assert names_of(found) == ["number 1", "number 2", "number 3"]


async def test_it_ends_when_the_time_is_over_and_the_client_comes_back(
    client, start, happen, sealed
):
    await happen("org_1", "first")
    await sealed()
    began = time.monotonic()
    async with reading(client, after=start, wait=1) as read:
        (event,) = await read.end()
    assert time.monotonic() - began > 0.9
    await happen("org_1", "meanwhile")
    async with reading(client, after=event["id"], wait=300) as read:
        assert names_of(await read.have(1)) == ["meanwhile"]


async def test_without_an_event_it_starts_at_the_first_one(client, start, sealed):
    await sealed()
    told = lines((await client.get(STREAM, params={"wait": 0})).text)
    ids = [event["id"] for event in told]
    assert start in ids
    assert len(ids) == len(set(ids))


async def test_the_latest_is_where_it_starts_on_request(client, start, happen, sealed):
    await happen("org_1", "before")
    await sealed()
    async with reading(client, after="latest", wait=20) as read:
        back = read.headers["x-after"]
        await happen("org_1", "behind")
        assert names_of(await read.have(1)) == ["behind"]
    # A reader that was told nothing comes back with the id from the header, and misses nothing.
    again = await client.get(STREAM, params={"after": back, "wait": 0})
    assert names_of(lines(again.text)) == ["behind"]


async def test_it_is_narrowed_by_organization_and_types(client, start, happen, sealed, make):
    organization, other = await make.organization(), await make.organization()
    await happen(organization["id"], "mine")
    await happen(other["id"], "theirs")
    role = await make.organization_role(organization["id"])
    await make.client(organization["id"])
    await sealed()
    narrow = {"after": start, "wait": 0, "organization_id": organization["id"]}

    async def told(*types: str):
        query = narrow | {"event_types": types}
        found = lines((await client.get(STREAM, params=query)).text)
        return [event["type"] for event in found]

    assert await told() == ["organization.created", "organization.updated", "role.created"]
    assert await told("role.created") == ["role.created"]
    assert await told("client.created", "organization.updated") == [
        "organization.updated",
        "client.created",
    ]
    everywhere = await client.get(
        STREAM, params={"after": start, "wait": 0, "event_types": "role.created"}
    )
    assert [event["data"]["id"] for event in lines(everywhere.text)] == [role["id"]]


async def test_a_long_log_is_told_whole_in_order(client, start, happen, sealed):
    names = [str(number) for number in range(2 * following.PAGE + 10)]
    await happen("org_long", *names)
    await sealed()
    told = lines((await client.get(STREAM, params={"after": start, "wait": 0})).text)
    assert names_of(told) == names
    rare = await client.get(
        STREAM, params={"after": start, "wait": 0, "event_types": "role.deleted"}
    )
    assert lines(rare.text) == []


async def test_what_a_slow_writer_commits_last_is_told_last(client, database, start, happen):
    if isinstance(database, SQLite):
        pytest.skip("SQLite has one writer at a time")
    async with reading(client, after=start, wait=30) as read:
        async with database.transaction() as slow:
            await happen("org_1", "slow", session=slow)
            await happen("org_1", "quick")
            (quick,) = await read.have(1)
            assert names_of([quick]) == ["quick"]
        told = await read.have(2)
        assert names_of(told) == ["quick", "slow"]
        assert told[1]["id"] < quick["id"]  # a reader by ids would have skipped it
    back = await client.get(STREAM, params={"after": quick["id"], "wait": 0})
    assert names_of(lines(back.text)) == ["slow"]


async def test_many_writers_of_all_speeds_lose_nothing(client, start, happen, database, sealed):
    """Clients that come back again and again see each event once, all in the same order."""
    organization = f"org_{unique()}"

    async def write(writer):
        chance = random.Random(writer)
        for number in range(12):
            async with database.transaction() as session:
                await happen(organization, f"{writer}.{number}", session=session)
                await asyncio.sleep(chance.choice([0, 0, 0.02, 0.15]))

    async def follow(wait):
        last, told = start, []
        while len(told) < 4 * 12:
            answer = await client.get(STREAM, params={"after": last, "wait": wait})
            found = lines(answer.text)
            told += found
            last = found[-1]["id"] if found else last
        return names_of(told)

    async with asyncio.timeout(60):
        *_, first, second = await asyncio.gather(*map(write, range(4)), follow(0), follow(1))
    assert sorted(first) == sorted(f"{w}.{n}" for w in range(4) for n in range(12))
    assert first == second
    for writer in range(4):
        own = [name for name in first if name.startswith(f"{writer}.")]
        assert own == [f"{writer}.{number}" for number in range(12)]


async def test_many_clients_ask_the_database_by_one_question(
    database, happen, start, eventually, monkeypatch
):
    asked = 0

    async def head(db):
        nonlocal asked
        asked += 1
        return await known(db)

    known = following.head
    monkeypatch.setattr(following, "head", head)
    follower = following.Follower(database)
    place = await follower.place(start)

    async def follow():
        async for rows in follower.follow(following.Narrow(), place, seconds=600):
            if rows:
                return [row["id"] for row in rows]
        return []

    began = time.monotonic()
    clients = [asyncio.create_task(follow()) for _ in range(50)]
    await eventually(lambda: asked >= 5)
    assert asked <= 2 + 10 * (time.monotonic() - began)  # ten times a second
    await happen("org_1", "one")
    told = await asyncio.gather(*clients)
    assert len({tuple(ids) for ids in told}) == 1

    async def is_at_rest():
        before = asked
        await asyncio.sleep(0.5)
        return asked == before

    await eventually(is_at_rest)  # nobody waits
    await follower.close()


async def test_server_sent_events_have_ids_and_resume_by_them(client, start, happen, sealed):
    await happen("org_1", "one", "two")
    await sealed()
    headers = {"accept": "text/event-stream"}
    answer = await client.get(STREAM, params={"after": start, "wait": 0}, headers=headers)
    assert answer.headers["content-type"] == "text/event-stream"
    opening, *blocks = answer.text.split("\n\n")[:-1]
    assert opening.splitlines() == ["retry: 500", f"id: {start}"]
    ids = [block.splitlines()[0].removeprefix("id: ") for block in blocks]
    told = lines("\n".join(block.splitlines()[1].removeprefix("data: ") for block in blocks))
    assert names_of(told) == ["one", "two"]
    assert ids == [event["id"] for event in told]
    # The address still says where it began; the header, where it came to.
    again = await client.get(
        STREAM, params={"after": start, "wait": 0}, headers=headers | {"last-event-id": ids[0]}
    )
    assert f"id: {ids[1]}\ndata: " in again.text
    assert again.text.count("data: ") == 1


async def test_a_silent_stream_gives_signs_of_life(database, start, monkeypatch):
    """A blank line, or a comment: proxies drop a connection that is silent for a minute."""
    monkeypatch.setattr(web, "ALIVE_SECONDS", 0.9)

    async def authenticate(_headers, _address):
        return SYSTEM

    follower = following.Follower(database)
    feed = web.Feed(database, follower, authenticate, Rates({}))
    for accept, alive in (("application/x-ndjson", b"\n"), ("text/event-stream", b":\n\n")):
        query = f"after={start}&wait=2"
        request = Request("GET", STREAM, query, {"accept": accept}, b"", "req_test")
        answer = await feed.stream(request)
        pieces = [piece async for piece in answer.pieces]
        assert pieces[-1] == alive
        assert set(pieces[:-1]) <= {alive, f"retry: 500\nid: {start}\n\n".encode()}
    await follower.close()


async def test_the_end_of_the_server_ends_every_stream(database, start):
    follower = following.Follower(database)
    place = await follower.place(start)

    async def follow():
        return [rows async for rows in follower.follow(following.Narrow(), place, seconds=600)]

    streams = [asyncio.create_task(follow()) for _ in range(3)]
    await asyncio.sleep(0.2)
    async with asyncio.timeout(60):
        await follower.close()
    assert all(stream.done() for stream in streams)


async def test_an_unknown_event_is_refused(client, start):
    for unknown in ("evt_1", "evt_0", "first", "evt_", f"{start}0", "evt_٣"):
        answer = await client.get(STREAM, params={"after": unknown, "wait": 0})
        assert answer.status_code == 400, unknown
        (detail,) = answer.json()["details"]
        (violation,) = detail["validation_error_info"]["field_violations"]
        assert violation["field"] == "after"


async def test_an_event_that_retention_removed_is_gone(db):
    await record(db, "org_1", "kept")
    await sequencing.sequence(db)
    kept = await following.event_at(db, 1)
    assert kept is not None
    await db.fetch_all(_PRUNED, p_before=kept)
    follower = following.Follower(db)
    assert await follower.place(kept) == 1
    with pytest.raises(following.EventGone) as gone:
        await follower.place("evt_1000000000000000000")
    assert gone.value.status == 410
    with pytest.raises(InvalidArgument):
        await follower.place("evt_9000000000000000000")


async def test_an_event_without_a_position_yet_is_waited_for(db):
    await record(db, "org_1", "new")
    (new,) = await log.last(db, limit=1)
    placing = asyncio.create_task(following.Follower(db).place(new["id"]))
    await asyncio.sleep(0.3)
    assert not placing.done()
    await sequencing.sequence(db)
    assert await placing == 1


async def test_a_stop_ends_streams_and_waits_for_none(tmp_path):
    server = LiveServer(tmp_path).fork()
    async with over_https(server) as other:
        token = await access_token(other, server.client_id, server.client_secret)
        other.headers["authorization"] = f"Bearer {token}"
        async with reading(other, wait=300) as read:
            assert await asyncio.to_thread(server.stop) == 0
            assert await read.end() == []
    assert "error" not in server.log.read_text()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"wait": "301"}, "wait"),
        ({"wait": "-1"}, "wait"),
        ({"wait": "1.5"}, "wait"),
        ({"wait": "soon"}, "wait"),
        ({"wait": ["1", "2"]}, "wait"),
        ({"after": ["evt_1", "evt_2"]}, "after"),
        ({"event_types": ["role.created", "role.renamed"]}, "event_types[1]"),
        ({"event_types": ""}, "event_types[0]"),
        ({"types": "role.created"}, "types"),
        ({"organization_id": "\0"}, "organization_id"),
        ({"after": "evt\0"}, "after"),
    ],
)
async def test_bad_input_is_refused_by_its_name(client, query, field):
    answer = await client.get(STREAM, params={"wait": "0"} | query)
    assert answer.status_code == 400
    (detail,) = answer.json()["details"]
    assert [v["field"] for v in detail["validation_error_info"]["field_violations"]] == [field]


async def test_only_a_management_client_may_follow(http, client, make, server):
    assert (await http.get(STREAM)).status_code == 401
    organization = await make.organization()
    cookie = await make.portal_session(http, organization["id"])
    assert (await http.get(STREAM, headers={"cookie": cookie})).status_code == 403
    own = await access_token(http, *await make.client(organization["id"]))
    refused = await http.get(STREAM, headers={"authorization": f"Bearer {own}"})
    assert refused.status_code == 403
    assert (await client.post(STREAM)).status_code == 405


async def test_who_is_revoked_is_told_nothing_more(server, http, database, start, happen):
    call = Call(SYSTEM, database, "req_test")
    reader, secret = await clients.create(call, name="Reader")
    async with over_https(server) as other:
        token = await access_token(http, reader.id, secret)
        other.headers["authorization"] = f"Bearer {token}"
        async with reading(other, after=start, wait=300) as read:
            await happen("org_1", "before")
            await read.have(1)
            await clients.remove(call, reader.id)
            await read.end()
            await happen("org_1", "behind")
            assert names_of(read.events) == ["before"]


async def test_head_has_the_headers_alone(client, start):
    # It waits for no events: a client would give up before.
    answer = await client.head(STREAM, params={"after": start, "wait": 300})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.content == b""
