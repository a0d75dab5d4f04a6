"""Lists and searches: right after any changes, by index, and quick where many match."""

from __future__ import annotations

import functools
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plans import explain
from sampling import examples
from sqlalchemy import column, insert, select, text
from sqlalchemy.sql import func

from tenantry.core import errors, ids
from tenantry.db.lists import pages
from tenantry.db.sql.statements import Statement
from tenantry.tenants.memberships import joining, leaving, roles
from tenantry.tenants.memberships.model import Rules, Terms
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.roles.model import role_holders
from tenantry.tenants.users import listing, reading, search, service
from tenantry.tenants.users import model as users_model
from tenantry.tenants.users.service import UserIdentifier

RULES = Rules(invitation_days=15, block_disposable_emails=False, block_public_emails=False)
EMAILS = ["ada@x.io", "ADA.B@gmail.com", "bob+1@gmail.com", "o'neil@x-y.example", "a_b%c@x.io"]
PARTS = ["ada", "GMAIL", "b@g", "x.io", "o'n", "_b%", "%c@", "ext-1", "zzz", "usr_1"]
CHANGES = st.lists(
    st.one_of(
        st.tuples(
            st.just("create"),
            st.integers(0, 1),
            st.integers(0, 4),
            st.integers(0, 3) | st.none(),
            st.booleans(),
        ),
        st.tuples(st.just("join"), st.integers(0, 9), st.integers(0, 1), st.booleans()),
        st.tuples(st.just("leave"), st.integers(0, 9), st.integers(0, 1), st.booleans()),
        st.tuples(st.just("reidentify"), st.integers(0, 9), st.integers(0, 3) | st.none()),
        st.tuples(st.just("delete"), st.integers(0, 9)),
    ),
    max_size=25,
)


def terms(*, invite=True):
    return Terms(invite=invite)


def external(number):
    return None if number is None else f"Ext-{number}"


async def make(call, kind, arguments, places, there):
    """Make one change; `there` is what there is, by id of the user."""
    if kind == "create":
        place, address, number, invite = arguments
        user = await joining.create(
            call,
            places[place],
            terms(invite=invite),
            rules=RULES,
            email=EMAILS[address],
            external_id=external(number),
        )
        there[user.id] = user
        return
    if not there:
        return
    user_id = sorted(there)[arguments[0] % len(there)]
    if kind == "join":
        there[user_id] = await joining.add(
            call,
            places[arguments[1]],
            UserIdentifier(user_id),
            terms(invite=arguments[2]),
            rules=RULES,
        )
    elif kind == "leave":
        place = places[arguments[1]]
        await leaving.remove_member(
            call, place, UserIdentifier(user_id), cascade=arguments[2], forced=False
        )
        user = there[user_id]
        user.memberships = [one for one in user.memberships if one.organization_id != place]
        if arguments[2] and not user.memberships:
            del there[user_id]
    elif kind == "reidentify":
        there[user_id] = await service.change(
            call, UserIdentifier(user_id), {"external_id": external(arguments[1])}
        )
    else:
        await leaving.remove_user(call, UserIdentifier(user_id), forced=False)
        del there[user_id]


async def walk(read, size):
    """Read all pages forward, then back again: the same users, once each."""
    forward, token, backs = [], "", []
    while True:
        page = await read(page_size=size, page_token=token)
        forward.append(page.items)
        assert bool(page.prev_page_token) == bool(token)
        backs.append(page.prev_page_token)
        token = page.next_page_token
        if not token:
            break
    backward, token = forward[-1:], backs[-1]
    while token:
        back = await read(page_size=size, page_token=token)
        assert back.total_size == page.total_size
        assert back.next_page_token
        backward.insert(0, back.items)
        token = back.prev_page_token
    assert backward == forward
    found = [user for users in forward for user in users]
    assert page.total_size == len(found)
    return found


def matches(user, part):
    known = f"{user.email}\x1f{user.external_id or ''}".lower()
    return part.lower() in known or part.lower() == user.id


@settings(
    deadline=None,
    max_examples=examples(25),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(changes=CHANGES, size=st.integers(1, 4))
async def test_lists_are_right_after_any_changes(call, changes, size):
    places = [
        (await organizations.create(call, region_code="US", display_name=f"Acme {n}")).id
        for n in range(2)
    ]
    there = {}
    for kind, *arguments in changes:
        try:
            await make(call, kind, arguments, places, there)
        except (errors.Duplicate, errors.NotFound):
            continue  # all is as it was
    expected = [there[user_id] for user_id in sorted(there, reverse=True)]

    def of(read, *arguments: str):
        return lambda **page: read(call, *arguments, **page)

    assert await walk(of(listing.of_environment), size) == expected
    for part in [*PARTS, *sorted(there)[:1]]:
        found = [user for user in expected if matches(user, part)]
        assert await walk(of(search.of_environment, part), size) == found, part
    for place in places:
        members = [
            (member.id, user.id, [member])
            for user in expected
            for member in user.memberships
            if member.organization_id == place
        ]
        in_order = sorted(members, reverse=True)
        read = await walk(of(listing.of_organization, place), size)
        assert [(user.memberships[0].id, user.id, user.memberships) for user in read] == in_order
        for part in [*PARTS, *sorted(there)[:1]]:
            found = [id_ for _, id_, _ in in_order if matches(there[id_], part)]
            read = await walk(of(search.of_organization, place, part), size)
            assert [user.id for user in read] == found, part
    for place in places:
        await organizations.remove(
            call, organizations.OrganizationIdentifier(place), leaving.dismiss_members
        )
    for user in (await listing.of_environment(call, page_size=100, page_token="")).items:
        await leaving.remove_user(call, UserIdentifier(user.id), forced=False)
    page = await listing.of_environment(call, page_size=1, page_token="")
    assert (page.items, page.total_size) == ([], 0)


MEMBERS = 5_000
FIRST = 10**18


@pytest.fixture
async def crowd(kind, call):
    """An organization of 5,000 members, two thirds of them at gmail; and another of two."""
    db = call.db
    big, small = [
        (await organizations.create(call, region_code="US", display_name=name)).id
        for name in ("Big", "Small")
    ]
    if kind == "sqlite":
        numbers = text(
            f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {MEMBERS})"
            " SELECT n FROM n"
        ).columns(column("n"))
    else:
        numbers = select(func.generate_series(1, MEMBERS).label("n"))
    n = numbers.subquery("numbers").c.n
    role = "(SELECT id FROM roles WHERE name = 'member')"
    user_id = f"'{ids.USER}' || ({FIRST} + n)"
    email = "n || CASE n % 3 WHEN 0 THEN '@corp.example' ELSE '@gmail.com' END"
    for table, values in (
        (
            users_model.users,
            {
                "id": user_id,
                "email": email,
                "email_key": email,
                "profile": "'{}'",
                "metadata": "'{}'",
                "email_verified": "1 = 1",
                "revision": "1",
                "create_time": "n",
                "update_time": "n",
            },
        ),
        (
            users_model.memberships,
            {
                "organization_id": f"'{big}'",
                "user_id": user_id,
                "id": f"'{ids.MEMBERSHIP}' || ({FIRST} + n)",
                "status": "'ACTIVE'",
                "metadata": "'{}'",
                "provisioning_method": "'direct_provision'",
                "create_time": "n",
                "invite_resend_count": "0",
            },
        ),
        (role_holders, {"organization_id": f"'{big}'", "user_id": user_id, "role_id": role}),
    ):
        rows = select(*map(text, values.values())).select_from(n.table)
        await db.fetch_all(Statement(insert(table).from_select(list(values), rows)))
    await users_model.member_tally.add(db, {big: MEMBERS})
    await users_model.user_search.mark_all(
        db, (f"{ids.USER}{FIRST + n}" for n in range(1, MEMBERS + 1))
    )
    await users_model.user_search.catch_up(db)
    for number in (1, 2):
        await joining.add(
            call,
            small,
            UserIdentifier(f"{ids.USER}{FIRST + number}"),
            terms(invite=False),
            rules=RULES,
        )
    await db.fetch_all(Statement(text("ANALYZE")))
    return big, small


async def test_members_that_match_are_counted_once_for_all_pages(call, crowd, monkeypatch):
    big, small = crowd
    monkeypatch.setattr(search, "FEW", 1000)
    monkeypatch.setattr(search, "_REMEMBERED_MICROSECONDS", 0)  # so the page token has it
    search._found.cache_clear()
    gmail = [n for n in range(MEMBERS, 0, -1) if n % 3]
    asked = []
    real = call.db.fetch_all

    async def noticed(statement, **params: object):
        asked.append(statement)
        return await real(statement, **params)

    monkeypatch.setattr(call.db, "fetch_all", noticed)
    token, walked = "", []
    for _ in range(5):
        page = await search.of_organization(call, big, "GMAIL", page_size=30, page_token=token)
        assert page.total_size == len(gmail)
        walked += [int(user.id.removeprefix(ids.USER)) - FIRST for user in page.items]
        back, token = page.prev_page_token, page.next_page_token
    assert walked == gmail[:150]
    page = await search.of_organization(call, big, "GMAIL", page_size=30, page_token=back)
    walked = [int(user.id.removeprefix(ids.USER)) - FIRST for user in page.items]
    assert walked == gmail[90:120]
    assert asked.count(search._COUNT_MATCHES) == 1
    newest = [search._members(direction, search.NEAR) for direction in pages.DIRECTIONS]
    assert sum(statement in newest for statement in asked) == 6
    page = await search.of_organization(call, small, "GMAIL", page_size=10, page_token="")
    assert page.total_size == 2
    search._found.cache_clear()


async def test_a_count_is_remembered_for_seconds_only(call, crowd, monkeypatch):
    big, _ = crowd
    monkeypatch.setattr(search, "FEW", 1000)
    monkeypatch.setattr(search, "_REMEMBERED_MICROSECONDS", 0)
    first = await search.of_organization(call, big, "gmail", page_size=1, page_token="")
    await leaving.remove_user(call, UserIdentifier(first.items[0].id), forced=True)
    second = await search.of_organization(call, big, "gmail", page_size=1, page_token="")
    assert second.total_size == first.total_size - 1


async def test_the_last_page_of_what_many_have_is_right(call, crowd):
    page = await search.of_environment(call, "gmail", page_size=30, page_token="")
    seen, total = len(page.items), page.total_size
    while page.next_page_token:
        page = await search.of_environment(
            call, "gmail", page_size=30, page_token=page.next_page_token
        )
        seen += len(page.items)
    assert seen == total


ARGUMENTS = {
    "key": f"{ids.USER}{FIRST + 9}",
    "user_id": f"{ids.USER}{FIRST + 9}",
    "m_user_id": f"{ids.USER}{FIRST + 9}",
    "start": f"{ids.USER}{FIRST + 900}",
    "take": 11,
    "most": 100,
    "part": "gmail",
    "whole": f"{ids.USER}{FIRST + 9}",
    "since": 0,
    "ids": f'[["{ids.USER}{FIRST + 9}"]]',
    "after": "",
    "kept": "[]",
    "role_ids": "[]",
    "role_names": '["admin"]',
}


@pytest.fixture
def plan(db, crowd):
    """Return the plan of a statement on a database with many users."""
    return functools.partial(explain, db)


@pytest.mark.everywhere
async def test_no_read_walks_all_users_or_members(plan, crowd):
    # In the order of an index, up to a limit, is no walk over all.
    walked = re.compile(
        r"(SCAN|Seq Scan on) (users|memberships|role_holders)(?!_| USING (COVERING )?INDEX)"
    )
    statements = [
        *reading._FIND.values(),
        *listing._ALL.values(),
        *listing._MEMBERS.values(),
        *(
            search._found(how, direction, by_id=by_id)
            for how in ("users by index", "members by index", "members one by one")
            for direction in pages.DIRECTIONS
            for by_id in (False, True)
        ),
        *(
            build(direction)
            for build in (search._USERS.near, search._USERS.by_index, search._USERS.by_ids)
            for direction in pages.DIRECTIONS
        ),
        *(search._members(direction, search.NEAR) for direction in pages.DIRECTIONS),
        search._COUNT_MATCHES,
        search._USERS.count_few,
        roles._READ_DEFAULT,
        roles._READ_NAMED,
        leaving._ANY,
        leaving._NEXT_MEMBERS,
    ]
    for statement in statements:
        for place in crowd:
            steps = await plan(statement, ARGUMENTS | {"organization_id": place})
            assert not walked.search(steps), steps
