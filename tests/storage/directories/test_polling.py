"""A directory is polled: all people and groups arrive, change and go, and nothing beside them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from directory_worlds import prove
from google_workspaces import ADMIN, GoogleWorkspace, Refusal, key_file
from sqlalchemy import bindparam, func, select, update

from tenantry import settings
from tenantry.core.times import SECOND, now
from tenantry.db.sql.schema import Json, events, from_json
from tenantry.db.sql.statements import Statement
from tenantry.gen.tenantry.v1 import directory_requests_pb as requests_pb
from tenantry.tenants.directories import registry
from tenantry.tenants.directories.model import (
    COMPLETED,
    POLL,
    SELECTED,
    Directory,
    directories,
    directory_groups,
    directory_members,
    directory_polled,
    directory_users,
)
from tenantry.tenants.directories.polling import (
    polls,
    running,
    service,
    service_accounts,
)
from tenantry.tenants.directories.polling.running import Polling
from tenantry.tenants.directories.request_log import directory_requests
from tenantry.tenants.directories.rpc.states import DirectoryRequestService
from tenantry.tenants.users import reading

_DIRECTORY = Statement(select(directories).where(directories.c.id == bindparam("p_id")))
_PEOPLE = Statement(select(directory_users).order_by(directory_users.c.user_name))
_MEMBERS = Statement(
    select(directory_groups.c.display_name, directory_users.c.user_name)
    .select_from(
        directory_groups.outerjoin(
            directory_members, directory_members.c.directory_group_id == directory_groups.c.id
        ).outerjoin(directory_users, directory_users.c.id == directory_members.c.directory_user_id)
    )
    .order_by(directory_groups.c.display_name, directory_users.c.user_name)
)
_EVENTS = Statement(
    select(events).where(events.c.type == bindparam("p_type")).order_by(events.c.id)
)
_REQUESTS = Statement(select(directory_requests).order_by(directory_requests.c.id))
_STAGED = Statement(select(func.count().label("n")).select_from(directory_polled))
_SET = Statement(
    update(directories)
    .where(directories.c.id == bindparam("p_id"))
    .values(
        poll_time=bindparam("p_poll_time"),
        enabled=bindparam("p_enabled"),
        groups_tracked=bindparam("p_groups_tracked"),
        external_groups=bindparam("p_external_groups", type_=Json),
        poll=bindparam("p_poll", type_=Json),
    )
)


@pytest.fixture
async def google():
    async with GoogleWorkspace() as started:
        yield started


class Poller:
    """Polls one directory, as the worker does; each ``poll`` is one to its end."""

    def __init__(self, db, google, directory) -> None:
        self.db = db
        self.directory = directory
        self.job = Polling(
            settings.load(
                {
                    "TENANTRY_CONFIG": "/dev/null",
                    "TENANTRY_OUTGOING_ALLOW": "127.0.0.0/8",
                    "TENANTRY_GOOGLE_WORKSPACE_URL": google.url,
                }
            )
        )

    async def read(self) -> Directory:
        return Directory.from_row(await self.db.fetch_one(_DIRECTORY, p_id=self.directory.id))

    async def set(self, **changes: object) -> None:
        found = await self.read()
        row = found.to_row() | {"poll_time": 1} | changes
        names = ("poll_time", "enabled", "groups_tracked", "external_groups", "poll")
        params = {f"p_{name}": row[name] for name in names}
        await self.db.fetch_all(_SET, p_id=found.id, **params)

    async def turn(self) -> Directory:
        await self.job.run(self.db)
        return await self.read()

    async def poll(self, **changes: object) -> Directory:
        await self.set(**changes)
        return await self.turn()

    async def people(self) -> dict[str, bool]:
        rows = await self.db.fetch_all(_PEOPLE)
        return {row["user_name"].partition("@")[0]: bool(row["active"]) for row in rows}

    async def groups(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for row in await self.db.fetch_all(_MEMBERS):
            members = found.setdefault(row["display_name"], [])
            if row["user_name"] is not None:
                members.append(row["user_name"].partition("@")[0])
        return found

    async def staged(self) -> int:
        row = await self.db.fetch_one(_STAGED)
        return row["n"]

    async def events(self, type_) -> list[dict[str, object]]:
        rows = await self.db.fetch_all(_EVENTS, p_type=type_)
        return [from_json(row["after"] or row["before"]) for row in rows]


@pytest.fixture
async def poller(call, db, google, new_directory):
    account = service_accounts.read(key_file(), subject=ADMIN)
    directory = await new_directory(
        directory_type=POLL,
        directory_provider="GOOGLE",
        email=ADMIN,
        poll_time=1,
    )
    directory = replace(directory, credentials=account.encrypted(db.vault, directory))
    await registry.write(db, directory)
    await prove(db, directory.organization_id, "example.com")
    poller = Poller(db, google, directory)
    poller.call = call
    yield poller
    await poller.job.close()


async def test_people_and_groups_arrive(google, poller):
    ann, bob = google.person("ann"), google.person("bob", suspended=True)
    google.person("eve", archived=True)
    google.group("Sales", ann, bob)
    google.group("Empty")
    after = await poller.turn()
    assert await poller.people() == {"ann": True, "bob": False, "eve": False}
    assert await poller.groups() == {"Empty": [], "Sales": ["ann", "bob"]}
    assert after.status == COMPLETED
    assert after.error == ""
    assert after.poll == {}
    assert now() - 10 * SECOND < after.last_sync_time <= now()
    assert 3200 * SECOND < after.poll_time - now() < 4000 * SECOND
    assert await poller.staged() == 0


async def test_an_hour_later_what_changed_has_changed_and_the_rest_is_untouched(google, poller):
    ann, bob, eve = (google.person(name) for name in ("ann", "bob", "eve"))
    sales = google.group("Sales", ann, bob)
    google.group("Gone", eve)
    await poller.turn()
    before = {row["user_name"]: dict(row) for row in await poller.db.fetch_all(_PEOPLE)}
    await poller.poll()
    same = {row["user_name"]: dict(row) for row in await poller.db.fetch_all(_PEOPLE)}
    assert same == before
    bob["suspended"] = True
    eve["name"] = {"givenName": "Eva", "familyName": "Roe", "fullName": "Eva Roe"}
    del google.people[ann["id"]]
    sales["name"] = "Sellers"
    google.members[sales["id"]] = [google.members[sales["id"]][1]]
    google.group("New", eve)
    del google.groups[next(id_ for id_, one in google.groups.items() if one["name"] == "Gone")]
    await poller.poll()
    assert await poller.people() == {"bob": False, "eve": True}
    assert await poller.groups() == {"New": ["eve"], "Sellers": ["bob"]}
    rows = {row["user_name"]: row for row in await poller.db.fetch_all(_PEOPLE)}
    assert from_json(rows["eve@example.com"]["document"])["name"]["givenName"] == "Eva"


async def test_accounts_and_memberships_follow(google, poller, db):
    ann = google.person("ann")
    google.person("bob", primaryEmail="bob@elsewhere.org", emails=[])

    async def status():
        user = await reading.find_by_email(db, "ann@example.com")
        return user.membership_in(poller.directory.organization_id).status

    await poller.turn()
    assert await poller.people() == {"ann": True}
    assert await status() == "ACTIVE"
    (row,) = await requests(poller)
    assert "'elsewhere.org' is not a verified domain" in from_json(row["skipped"])[0]["reason"]
    assert await skipped_over_the_api(poller) == ["bob@elsewhere.org"]
    ann["suspended"] = True
    await poller.poll()
    assert await status() == "INACTIVE"
    ann["suspended"] = False
    await poller.poll()
    assert await status() == "ACTIVE"
    google.people.clear()
    google.person("eve")
    await poller.poll()
    assert await status() == "INACTIVE"


async def test_groups_in_groups_are_flattened_also_in_a_circle(google, poller):
    ann, bob, eve = (google.person(name) for name in ("ann", "bob", "eve"))
    inner = google.group("Inner", ann)
    middle = google.group("Middle", bob, inner)
    google.group("Outer", eve, middle)
    google.members[inner["id"]].append({"id": middle["id"], "type": "GROUP"})
    google.members[inner["id"]].append({"id": "0elsewhere", "type": "GROUP"})
    google.group("All", "everybody")
    await poller.turn()
    both = ["ann", "bob"]
    assert await poller.groups() == {
        "All": ["ann", "bob", "eve"],
        "Inner": both,
        "Middle": both,
        "Outer": [*both, "eve"],
    }
    (row,) = [one for one in await requests(poller) if one["method"] == "POLL"]
    assert [one["group"] for one in from_json(row["skipped"])] == ["0elsewhere"]
    assert await skipped_over_the_api(poller) == ["0elsewhere"]


async def skipped_over_the_api(poller):
    """Return the names of what the latest poll skipped, as the API shows them."""
    directory = poller.directory
    request = requests_pb.ListDirectoryRequestsRequest(
        organization_id=directory.organization_id, directory_id=directory.id
    )
    listed = await DirectoryRequestService().list_directory_requests(request, poller.call)
    latest = next(one for one in listed.requests if one.method == "POLL")
    return [part.member for part in latest.skipped]


async def requests(poller):
    await poller.job._request_log.close()
    poller.job._request_log = None
    return await poller.db.fetch_all(_REQUESTS)


async def test_selected_groups_bring_their_people_alone(google, poller):
    ann, bob, eve = (google.person(name) for name in ("ann", "bob", "eve"))
    inner = google.group("Inner", bob)
    chosen = google.group("Chosen", ann, inner)
    google.group("Other", eve)
    picked = [{"external_id": chosen["id"]}, {"external_id": "0gone"}]
    await poller.poll(groups_tracked=SELECTED, external_groups=json.dumps(picked))
    assert await poller.people() == {"ann": True, "bob": True}
    assert await poller.groups() == {"Chosen": ["ann", "bob"]}
    assert google.asked("/groups") == []
    google.members[chosen["id"]].append({"id": "C0123", "type": "CUSTOMER"})
    await poller.poll()
    assert await poller.groups() == {"Chosen": ["ann", "bob", "eve"]}


async def test_all_pages_of_all_lists(google, poller):
    google.page = 3
    people = [google.person(f"p{number:02}") for number in range(10)]
    google.group("Large", *people)
    google.group("Larger", *people[:9])
    for number in range(7):
        google.group(f"G{number}", people[number])
    await poller.turn()
    assert len(await poller.people()) == 10
    found = await poller.groups()
    assert len(found["Large"]) == 10
    assert len(found["Larger"]) == 9
    assert [found[f"G{number}"] for number in range(7)] == [[f"p{n:02}"] for n in range(7)]


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(403, "rateLimitExceeded", times=1),
        Refusal(429, "rateLimitExceeded", retry_after="90", times=1),
        Refusal(503, times=1),
    ],
    ids=lambda one: str(one.status),
)
async def test_a_poll_goes_on_where_it_was_after_a_wait(google, poller, refusal):
    google.page = 2
    for number in range(5):
        google.person(f"p{number}")
    google.refusals.append(Refusal(refusal.status, refusal.reason, path="/users"))
    google.refusals[0].retry_after = refusal.retry_after
    await poller.set()
    waiting = await poller.turn()
    assert waiting.poll["step"] == polls.PEOPLE
    assert waiting.poll["failures"] == 1
    assert waiting.error == ""  # it is shown when it stays
    least = 90 if refusal.retry_after else 2
    assert least * SECOND - SECOND < waiting.poll_time - now() < 100 * SECOND
    assert await poller.people() == {}
    asked = len(google.got)
    after = await poller.poll()
    assert after.poll == {}
    assert len(await poller.people()) == 5
    assert [path for path, _ in google.got[asked:]] == ["/users"] * 3


async def test_a_refusal_that_stays_is_shown_and_waits_longer_and_longer(google, poller):
    google.refusals.append(Refusal(500, times=None, path="/users"))
    pauses = []
    for _ in range(5):
        waiting = await poller.poll()
        pauses.append((waiting.poll_time - now()) / SECOND)
    assert "temporarily unavailable: 500 backendError" in waiting.error
    assert pauses[4] > 2 * pauses[0]
    assert len(await poller.events(running.FAILED)) == 1
    google.refusals.clear()
    google.person("ann")
    after = await poller.poll()
    assert after.error == ""


async def test_consent_that_is_lost_is_shown_and_nobody_is_removed(google, poller):
    google.person("ann")
    await poller.turn()
    google.grants = False
    poller.job._workspace._tokens.clear()
    after = await poller.poll()
    assert "unauthorized_client" in after.error
    assert 3200 * SECOND < after.poll_time - now() < 4000 * SECOND
    assert await poller.people() == {"ann": True}
    (event,) = await poller.events(running.FAILED)
    assert event["error"] == after.error
    await poller.poll()
    assert len(await poller.events(running.FAILED)) == 1
    google.grants = True
    assert (await poller.poll()).error == ""


async def test_an_answer_without_anybody_is_no_reason_to_remove_anybody(google, poller):
    ann = google.person("ann")
    google.group("Sales", ann)
    await poller.turn()
    google.people.clear()
    after = await poller.poll()
    assert after.poll["failures"] == 1
    assert await poller.people() == {"ann": True}
    assert await poller.groups() == {"Sales": ["ann"]}


async def test_the_guard_stops_a_poll_that_would_remove_most_people(google, poller):
    made = [google.person(f"p{number:02}") for number in range(30)]
    google.group("All", *made)
    await poller.turn()
    for one in made[:16]:
        del google.people[one["id"]]
    google.group("New")
    after = await poller.poll()
    assert "would have removed 16 of 30 users" in after.error
    assert len(await poller.people()) == 30
    assert "New" not in await poller.groups()
    (event,) = await poller.events(running.FAILED)
    assert "16 of 30" in event["error"]
    assert "16 of 30" in (await poller.poll()).error  # nor is an hour later anybody removed
    by_hand = poller.call, poller.directory.organization_id, poller.directory.id
    await service.sync_now(*by_hand)
    del google.people[made[16]["id"]]  # more than was confirmed
    assert "17 of 30" in (await poller.turn()).error
    await service.sync_now(*by_hand)
    after = await poller.turn()
    assert after.error == ""
    assert len(await poller.people()) == 13


async def test_fewer_people_go_by_themselves_but_not_all_of_several(google, poller):
    made = [google.person(f"p{number:02}") for number in range(3)]
    await poller.turn()
    for one in made[:2]:
        del google.people[one["id"]]
    await poller.poll()
    assert await poller.people() == {"p02": True}
    google.group("A")
    google.group("B")
    await poller.poll()
    google.groups.clear()
    assert "2 of 2 groups" in (await poller.poll()).error
    assert await poller.groups() == {"A": [], "B": []}


async def test_a_renamed_person_keeps_the_account_while_the_address_is_an_alias(google, poller):
    ann = google.person("ann.doe")
    await poller.turn()
    (before,) = await poller.db.fetch_all(_PEOPLE)
    ann["primaryEmail"] = "ann.lee@example.com"
    ann["emails"] = [{"address": "ann.lee@example.com", "primary": True}]
    ann["aliases"] = ["ann.doe@example.com"]
    await poller.poll()
    (after,) = await poller.db.fetch_all(_PEOPLE)
    assert (after["id"], after["user_name"]) == (before["id"], "ann.lee@example.com")
    assert after["email"] == "ann.doe@example.com"
    await poller.poll()
    (same,) = await poller.db.fetch_all(_PEOPLE)
    assert same["revision"] == after["revision"] == 2
    ann["aliases"] = []
    google.person("bob")
    await poller.poll()
    gone = await poller.poll()
    assert gone.error == ""
    rows = {row["user_name"]: row for row in await poller.db.fetch_all(_PEOPLE)}
    assert rows["ann.lee@example.com"]["email"] == "ann.lee@example.com"
    assert rows["ann.lee@example.com"]["id"] != before["id"]


async def test_an_address_that_somebody_else_has_now(google, poller):
    ann = google.person("ann")
    google.person("bob")
    await poller.turn()
    del google.people[ann["id"]]
    google.person("ann", id="199")
    after = await poller.poll()
    assert after.poll_time <= now()  # once more at once: the first one had to go before
    await poller.turn()
    rows = await poller.db.fetch_all(_PEOPLE)
    assert {row["external_id"] for row in rows if "ann" in row["user_name"]} == {"199"}


async def test_a_poll_that_was_killed_goes_on_in_another_process(google, poller, monkeypatch):
    google.page = 20
    made = [google.person(f"p{number:03}") for number in range(100)]
    google.group("All", *made)
    real, calls = polls.Turn.keep, 0

    async def killed(turn, db, poll):
        nonlocal calls
        calls += 1
        if calls % 3 == 0:
            raise asyncio.CancelledError
        await real(turn, db, poll)

    monkeypatch.setattr(polls.Turn, "keep", killed)
    deaths = 0
    while True:
        try:
            after = await poller.poll()
        except asyncio.CancelledError:
            deaths += 1
        else:
            break
    assert deaths > 5
    assert after.poll == {}
    assert len(await poller.people()) == 100
    assert len((await poller.groups())["All"]) == 100
    pages = [query.get("pageToken", "") for query in google.asked("/users")]
    assert len(pages) < 5 + deaths  # it did not begin from the beginning each time
    rows = await poller.db.fetch_all(_PEOPLE)
    assert {row["revision"] for row in rows} == {1}


async def test_page_tokens_that_have_ended_begin_it_again(google, poller):
    google.page = 1
    google.person("ann")
    google.person("bob")
    google.refusals.append(Refusal(500, path="/users"))
    await poller.turn()
    waiting = await poller.read()
    waiting.poll["page_token"] = "ended"
    after = await poller.poll(poll=json.dumps(waiting.poll))
    assert "step" not in after.poll
    assert await poller.people() == {}
    await poller.poll()
    assert await poller.people() == {"ann": True, "bob": True}


async def test_two_workers_never_poll_one_directory_at_once(google, poller, db):
    google.page = 5
    for number in range(40):
        google.person(f"p{number:02}")
    other = Poller(db, google, poller.directory)
    await asyncio.gather(*(one.job.run(db) for one in (poller, other, poller, other)))
    await other.job.close()
    tokens = [query.get("pageToken", "") for query in google.asked("/users")]
    assert len(tokens) == 8
    assert len(await poller.people()) == 40


@pytest.mark.parametrize("change", [{"enabled": False}, {"poll_time": 1}])
async def test_a_turn_that_is_lost_changes_nothing_more(google, poller, monkeypatch, change):
    google.person("ann")
    real = poller.job._workspace.users

    async def users(account, page_token=""):
        await poller.set(**change)
        return await real(account, page_token)

    monkeypatch.setattr(poller.job._workspace, "users", users)
    after = await poller.turn()
    assert await poller.people() == {}
    assert after.last_sync_time is None
    monkeypatch.undo()
    await poller.turn()
    assert await poller.people() == ({} if change == {"enabled": False} else {"ann": True})


async def test_a_selection_that_changes_begins_the_poll_again(google, poller):
    ann = google.person("ann")
    google.person("bob")
    sales = google.group("Sales", ann)
    google.refusals.append(Refusal(500, path="/users"))
    await poller.turn()
    picked = json.dumps([{"external_id": sales["id"]}])
    await poller.poll(groups_tracked=SELECTED, external_groups=picked)
    assert await poller.people() == {"ann": True}


async def test_who_cannot_be_taken_is_skipped_and_said(google, poller):
    google.person("ann")
    google.person("bob", primaryEmail="")
    google.person("eve", primaryEmail="x" * 70_000)
    after = await poller.turn()
    assert after.error == ""
    assert await poller.people() == {"ann": True}
    (row,) = await requests(poller)
    assert row["status"] == 200
    assert len(from_json(row["skipped"])) == 2
    assert from_json(row["payload"])["created"] == 1


async def test_credentials_of_another_key_are_said_and_not_a_crash(google, poller, db):
    await db.fetch_all(
        Statement(update(directories).values(credentials=bindparam("p_credentials"))),
        p_credentials="AAAA" * 20,
    )
    assert "encrypted with another key" in (await poller.turn()).error


@pytest.mark.thorough
@pytest.mark.timeout(900)  # the lock recorder asks after each statement for all locked rows
async def test_ten_thousand_people_and_a_hundred_groups(google, poller):
    people = [google.person(f"p{number:05}") for number in range(10_000)]
    for number in range(100):
        google.group(f"G{number:03}", *people[number * 100 : number * 100 + 150])
    while (after := await poller.turn()).last_sync_time is None:
        assert after.error == ""
    assert len(await poller.people()) == 10_000
    assert {len(members) for members in (await poller.groups()).values()} == {150, 100}
