"""`tenantry user erase`: nothing of a person is left, and the event log still proves itself."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import Text, bindparam, cast, insert, select, update
from valid_events import problems

from tenantry.access.api_tokens import service as api_tokens
from tenantry.core import errors
from tenantry.core.event import PUBLISHED
from tenantry.db.sql.schema import Json, event_columns, from_json, metadata, to_json
from tenantry.db.sql.schema import events as event_table
from tenantry.db.sql.statements import Statement
from tenantry.events.email import service as email_service
from tenantry.events.event_log import erasure as event_erasure
from tenantry.events.event_log import sequencing, verification
from tenantry.events.event_log.envelopes import envelope
from tenantry.events.webhooks.deliveries import queue
from tenantry.events.webhooks.model import webhook_attempts, webhook_deliveries, webhook_endpoints
from tenantry.tenants.memberships import joining, leaving
from tenantry.tenants.memberships.model import Rules, Terms
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.users import erasure, service
from tenantry.tenants.users.redaction import ADDRESS, ErasedPerson
from tenantry.tenants.users.service import UserIdentifier

RULES = Rules(invitation_days=15, block_disposable_emails=False, block_public_emails=False)
EMAIL = "Ada.L@Example.com"
# People whose addresses hold hers, or look like it.
SIMILAR = [
    "bada.l@example.com",
    "ada.l@example.com.au",
    "adaxl@example.com",
    "x.ada.l@example.com",
    "ada.l+tag@example.com",
    "o'ada.l@example.com",
]
HERS = re.compile(
    r"(?<![\w.+'-])ada\.l@example\.com(?![\w.])|Lovelace|hr-7001|Bletchley|Countess", re.IGNORECASE
)

_EVENTS = Statement(select(*event_columns).order_by(event_table.c.id))
_ENDPOINT = Statement(
    insert(webhook_endpoints).values(
        {
            "id": "whe_1",
            "url": "https://receiver.example/",
            "description": "",
            "event_types": "[]",
            "enabled": True,
            "ordered": False,
            "secret_sealed": "",
            "revision": 1,
            "create_time": 0,
            "update_time": 0,
        }
    )
)
_DELIVERIES = Statement(select(webhook_deliveries.c.id, webhook_deliveries.c.event_id))
_ATTEMPT = Statement(
    insert(webhook_attempts).values(
        delivery_id=bindparam("p_id"),
        number=1,
        attempt_time=0,
        duration=0,
        status_code=200,
        response=bindparam("p_response"),
    )
)
_ATTEMPTS = Statement(select(webhook_attempts.c.delivery_id, webhook_attempts.c.response))
_TAMPER = Statement(
    update(event_table)
    .where(event_table.c.id == bindparam("p_id"))
    .values(after=bindparam("p_after", type_=event_table.c.after.type))
)


def terms(inviter=None, *, note, invite=False):
    return Terms(metadata={"note": note}, inviter_email=inviter, invite=invite)


async def join(call, organization, email, inviter=None, *, invite=False, **members: object):
    return await joining.create(
        call,
        organization.id,
        terms(inviter, note=f"{email[:3]}'s", invite=invite),
        rules=RULES,
        email=email,
        **members,
    )


async def seal(db):
    while await sequencing.sequence(db, queue.add) == 0:
        pass


async def everything(db):
    """Each cell of each table that is a text, with where it is."""
    cells = []
    for table in metadata.sorted_tables:
        columns = [c for c in table.c if isinstance(c.type, Text | Json)]
        if columns:
            rows = await db.fetch_all(Statement(select(*(cast(c, Text) for c in columns))))
            cells += [
                (f"{table.name}.{column.name}", value)
                for row in rows
                for column, value in zip(columns, tuple(row), strict=True)
                if value
            ]
    return cells


async def log_of(db):
    """All events, the oldest first."""
    found = []
    for row in await db.fetch_all(_EVENTS):
        event = dict(row)
        for name in ("before", "after"):
            event[name] = None if row[name] is None else from_json(row[name])
        found.append(event)
    return found


async def findings(db):
    told = []
    await verification.verify(db, found=told.append)
    return told


@pytest.fixture
async def places(call):
    """Two organizations."""
    return [
        await organizations.create(call, region_code="US", display_name=f"Acme {n}")
        for n in range(2)
    ]


@pytest.fixture
async def ada(call, places):
    """Ada, all that can be known of her, and traces of her all over the place."""
    db = call.db
    await db.fetch_all(_ENDPOINT)
    user = await join(
        call,
        places[0],
        EMAIL,
        external_id="hr-7001",
        profile={
            "name": "Ada Lovelace",
            "family_name": "Lovelace",
            "phone_number": "+14155550100",
            "picture": "https://pictures.example/Lovelace.png",
            "custom_attributes": {"office": "Bletchley"},
        },
        metadata={"title": "Countess"},
    )
    await service.change(
        call, UserIdentifier(user.id), {"metadata": {"title": "Countess", "n": "2"}}
    )
    await joining.add(
        call,
        places[1].id,
        UserIdentifier(user.id),
        terms(note="Bletchley", invite=True),
        rules=RULES,
    )
    await api_tokens.create(
        call,
        prefix="tnat_",
        organization_id=places[0].id,
        user_id=user.id,
        custom_claims={"owner": "Lovelace"},
        expire_time=None,
        description="Countess's laptop",
    )
    # She invites others.
    await join(call, places[0], "bob@example.com", EMAIL.upper(), invite=True)
    await organizations.update(
        call,
        organizations.OrganizationIdentifier(places[1].id),
        {"metadata": {"owner": f"Mail {EMAIL.lower()}, please", EMAIL: "yes"}},
    )
    await seal(db)
    for row in await db.fetch_all(_DELIVERIES):
        await db.fetch_all(_ATTEMPT, p_id=row["id"], p_response=f"got {row['event_id']} Lovelace")
    return user


async def test_nothing_of_a_person_is_left_in_any_table(call, ada, places):
    await organizations.update(
        call, organizations.OrganizationIdentifier(places[1].id), {"metadata": {"owner": "nobody"}}
    )  # what an organization's own metadata says is the application's
    assert [cell for cell in await everything(call.db) if HERS.search(cell[1])]
    await erasure.erase(call, await erasure.find(call, ada.id))
    await seal(call.db)
    cells = await everything(call.db)
    answers = [cell for cell in cells if cell[0] == "webhook_attempts.response"]
    # Of events that were not about her, what a receiver answered stays.
    about_others = [text for _, text in answers]
    assert len(about_others) == 2  # the two organizations' creation
    left = [
        (place, text)
        for place, text in cells
        if HERS.search(text) and place not in {"webhook_attempts.response", "memberships.metadata"}
    ]
    assert left == []
    assert any(ada.id in text for _, text in cells)
    assert await findings(call.db) == []


@pytest.mark.parametrize("key", ["id", "ADA.L@example.COM", "hr-7001"])
@pytest.mark.parametrize("is_gone", [False, True])
async def test_a_person_is_found_by_each_key_also_when_deleted_before(call, ada, key, is_gone):
    if is_gone:
        await leaving.remove_user(call, UserIdentifier(ada.id), forced=True)
    found = await erasure.find(call, ada.id if key == "id" else key)
    assert found.person == ErasedPerson(frozenset({ada.id}), frozenset({EMAIL.lower()}))
    assert found.is_there is not is_gone
    await erasure.erase(call, found)
    with pytest.raises(errors.NotFound):
        await service.get(call, UserIdentifier(ada.id))


async def test_it_stays_known_what_happened_and_to_which_id(call, ada, places):
    before = await log_of(call.db)
    count = await erasure.erase(call, await erasure.find(call, ada.id))
    after = await log_of(call.db)
    kept = ("id", "type", "occurred_at", "organization_id", "request_id")
    for old, new in zip(before, after, strict=False):
        assert {name: old[name] for name in kept} == {name: new[name] for name in kept}
    assert [event["type"] for event in after[len(before) :]] == [
        *["user.organization_membership_deleted"] * 2,
        "user.deleted",
        "user.erased",
    ]
    noted = after[-1]
    assert noted["after"] == {"id": ada.id, "events": count}
    assert (noted["object"], noted["before"], noted["organization_id"]) == ("User", None, None)
    assert from_json(noted["actor"]) == {"type": "management_client", "id": "system"}
    # Bob's invitation and the organization's metadata had her address alone.
    assert count == sum(ada.id in json.dumps(event) for event in after[:-1]) + 2
    created = next(event for event in after if event["type"] == "user.created")["after"]
    assert created == {
        "id": ada.id,
        "email": ADDRESS,
        "external_id": "",
        "create_time": created["create_time"],
        "update_time": created["update_time"],
        "metadata": {},
        "user_profile": {"id": ada.profile_id, "email_verified": True},
    }
    joined = next(e for e in after if e["type"] == "user.organization_membership_created")["after"]
    assert joined["user"]["email"] == ADDRESS
    assert joined["membership"]["metadata"] == {}
    assert joined["organization"]["display_name"] == "Acme 0"
    token = next(event for event in after if event["type"] == "api_token.created")["after"]
    assert token["user_id"] == ada.id
    assert (token["description"], token["custom_claims"]) == ("", {})
    invited = [e for e in after if e["type"] == "user.organization_invitation"][-1]["after"]
    assert invited["user"]["email"] == "bob@example.com"
    assert invited["membership"]["inviter_email"] == ADDRESS
    assert invited["membership"]["metadata"] == {"note": "bob's"}
    changed = next(event for event in after if event["type"] == "organization.updated")["after"]
    assert changed["metadata"] == {"owner": f"Mail {ADDRESS}, please", ADDRESS: "yes"}


async def test_blanked_events_keep_to_the_published_schemas(call, ada):
    await erasure.erase(call, await erasure.find(call, ada.id))
    published = [row for row in await call.db.fetch_all(_EVENTS) if row["type"] in PUBLISHED]
    assert len(published) > 5
    for row in published:
        assert problems(envelope(row, "env_2123312131125533123")) == []


async def test_people_with_similar_addresses_are_not_touched(call, ada, places):
    others = [
        await join(call, places[0], address, address, external_id=f"hr-700{n}0", invite=True)
        for n, address in enumerate(SIMILAR)
    ]
    their_events = [
        event
        for event in await log_of(call.db)
        if any(other.id in json.dumps(event["after"]) for other in others)
    ]
    await erasure.erase(call, await erasure.find(call, EMAIL))
    by_id = {event["id"]: event for event in await log_of(call.db)}
    assert len(their_events) == 2 * len(others)
    assert [by_id[event["id"]] for event in their_events] == their_events
    for other, address in zip(others, SIMILAR, strict=True):
        assert (await service.get(call, UserIdentifier(other.id))).email == address
        (place,) = (await service.get(call, UserIdentifier(other.id))).memberships
        assert place.inviter_email == address
    emails = await email_service.newest(call.db, limit=100)
    assert sorted(one.recipient for one in emails) == sorted([*SIMILAR, "bob@example.com"])


async def test_who_has_the_address_now_is_another_person(call, ada, places):
    await leaving.remove_user(call, UserIdentifier(ada.id), forced=True)
    now_hers = await join(call, places[0], EMAIL, external_id="hr-7001")
    found = await erasure.find(call, ada.id)
    assert found.person == ErasedPerson(frozenset({ada.id}), frozenset())
    await erasure.erase(call, found)
    assert (await service.get(call, UserIdentifier(now_hers.id))).email == EMAIL
    users = [
        (event["after"]["id"], event["after"]["email"])
        for event in await log_of(call.db)
        if event["type"] == "user.created" and event["after"]["email"] != "bob@example.com"
    ]
    assert users == [(ada.id, ADDRESS), (now_hers.id, EMAIL)]


async def test_who_had_the_address_before_is_the_same_person(call, ada, places):
    await leaving.remove_user(call, UserIdentifier(ada.id), forced=True)
    again = await join(call, places[0], EMAIL)
    found = await erasure.find(call, EMAIL)
    assert found.person.ids == {ada.id, again.id}
    await erasure.erase(call, found)
    assert not [text for _, text in await everything(call.db) if "hr-7001" in text]


async def test_a_second_erasure_finds_nothing_to_do_and_writes_nothing(call, ada):
    await erasure.erase(call, await erasure.find(call, ada.id))
    before = await log_of(call.db)
    about = sum(ada.id in json.dumps(event) for event in before[:-1])
    assert await erasure.erase(call, await erasure.find(call, ada.id)) == about
    assert await log_of(call.db) == before
    with pytest.raises(errors.NotFound):
        await erasure.find(call, EMAIL)


@pytest.mark.parametrize("key", ["id", "email"])
@pytest.mark.parametrize("at", [0, 4, 9])
async def test_an_erasure_that_was_interrupted_is_finished_by_the_next(
    call, ada, monkeypatch, key, at
):
    monkeypatch.setattr(erasure, "_WINDOW", erasure._window(1))
    blank, pages = event_erasure.blank, []

    async def killed(db, left):
        pages.append(1)
        if len(pages) > at:
            raise KeyboardInterrupt
        await blank(db, left)

    monkeypatch.setattr(event_erasure, "blank", killed)
    found = await erasure.find(call, ada.id)
    with pytest.raises(KeyboardInterrupt):
        await erasure.erase(call, found)
    monkeypatch.setattr(event_erasure, "blank", blank)
    assert await findings(call.db) == []
    await erasure.erase(call, await erasure.find(call, ada.id if key == "id" else EMAIL))
    await seal(call.db)
    left = [
        place
        for place, text in await everything(call.db)
        if HERS.search(text) and not place.startswith(("organizations.", "memberships."))
    ]
    assert set(left) <= {"webhook_attempts.response"}
    kept = await call.db.fetch_all(_ATTEMPTS)
    assert sum(row["response"] is not None for row in kept) == 2
    types = [event["type"] for event in await log_of(call.db)]
    assert types.count("user.erased") == 1
    assert await findings(call.db) == []


async def test_an_event_that_somebody_changed_is_blanked_and_still_found(call, ada):
    event = next(e for e in await log_of(call.db) if e["type"] == "user.created")
    forged = {**event["after"], "email": EMAIL, "metadata": {"forged": "yes"}}
    await call.db.fetch_all(_TAMPER, p_id=event["id"], p_after=to_json(forged))
    await erasure.erase(call, await erasure.find(call, ada.id))
    assert [problem.event_id for problem in await findings(call.db)] == [event["id"]]
    assert not [e for e in await log_of(call.db) if EMAIL.lower() in json.dumps(e).lower()]


@pytest.mark.parametrize(
    "key", ["usr_1", "usr_9999999999999999999", "nobody@example.com", "x", "%"]
)
async def test_a_person_that_nobody_knows_is_not_found(call, ada, key):
    with pytest.raises(errors.NotFound):
        await erasure.find(call, key)


async def test_an_external_id_with_marks_of_patterns_and_json_is_meant_as_it_is(call, places):
    odd = 'a_b%~"\\é'
    user = await join(call, places[0], "odd@example.com", external_id=odd)
    other = await join(call, places[0], "even@example.com", external_id='axb%~"\\é')
    for one in (user, other):
        await leaving.remove_user(call, UserIdentifier(one.id), forced=True)
    assert (await erasure.find(call, odd)).person.ids == {user.id}


async def test_mail_is_forgotten_in_the_outbox_and_where_it_is_kept(call, ada, places):
    db = call.db
    await join(call, places[0], "eve@example.com", "bob@example.com", invite=True)
    says = {EMAIL: "Hello Ada", "bob@example.com": f"{EMAIL} invites you", "eve@example.com": "Hi"}
    while claimed := await email_service.claim(db):
        content = email_service.Content("s", says[claimed.recipient], "h")
        await email_service.kept(db, claimed, content)
    about = {"template": "poem", "variables": {"from": EMAIL, "n": 1, "to": "bada.l@example.com"}}
    await email_service.queue(db, recipient="eve@example.com", **about)
    await email_service.forget(db, EMAIL.lower())
    poem, *kept = await email_service.newest(db, limit=10)
    assert poem.variables == {"from": None, "n": 1, "to": "bada.l@example.com"}
    said = {one.recipient: (await email_service.find(db, one.id))[1] for one in kept}
    assert said == {
        "bob@example.com": None,
        "eve@example.com": email_service.Content("s", "Hi", "h"),
    }


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ADA.L@EXAMPLE.COM", ADDRESS),
        ("<ada.l@example.com>", f"<{ADDRESS}>"),
        ("mailto:ada.l@example.com.", f"mailto:{ADDRESS}."),
        ("https://h/?email=ada.l@example.com&x", f"https://h/?email={ADDRESS}&x"),
        ("to ada.l@example.com, bada.l@example.com", f"to {ADDRESS}, bada.l@example.com"),
        ("from ada.l@example.com.au to x", None),
        ("ada.l@example.comx", None),
        *((address, None) for address in SIMILAR),
        ("adaxl@example.com", None),
        ("usr_1", None),
    ],
)
def test_an_address_is_blanked_within_a_text_and_a_longer_one_is_not(text, left):
    person = ErasedPerson(frozenset({"usr_1"}), frozenset({"ada.l@example.com"}))
    assert person.redacted({"a": [text]}) == {"a": [left or text]}
