"""Browsers and networks that a person has signed in from: noted, recognized, forgotten."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tenantry.call import Call
from tenantry.core.caller import SYSTEM, Origin
from tenantry.crypto import vault
from tenantry.db.sql.statements import Statement
from tenantry.identity.known_origins import cookies, service
from tenantry.identity.known_origins import cookies as device_cookies
from tenantry.identity.known_origins.model import known_origins
from tenantry.tenants.memberships import joining, leaving
from tenantry.tenants.memberships.model import Rules, Terms
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.users import service as users_service

URL = "https://tenantry.example"
RULES = Rules(invitation_days=15, block_disposable_emails=False, block_public_emails=False)
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"
_ALL = Statement(select(known_origins))


async def person(db, email):
    call = Call(SYSTEM, db, request_id="req_test")
    organization = await organizations.create(call, region_code="US", display_name="Acme")
    terms = Terms()
    return await joining.create(call, organization.id, terms, rules=RULES, email=email)


def at(address: str, *secrets: str) -> Origin:
    cookie = device_cookies.issue(URL, secrets).partition(";")[0]
    return Origin(address, cookies=cookie)


@pytest.fixture
async def ann(db):
    return await person(db, "Ann@example.com")


async def test_a_device_is_known_by_its_cookie_wherever_it_is(db, ann):
    first = await service.note(db, at(HOME), ann.id)
    assert not first.is_known
    (secret,) = first.secrets
    assert await service.of_user(db, at(ELSEWHERE, secret), ann.id) != ""
    again = await service.note(db, at(ELSEWHERE, secret), ann.id)
    assert again == (True, (secret,))
    assert await service.of_user(db, at("203.0.113.9"), ann.id) == ""
    assert (await service.note(db, at("203.0.113.9"), ann.id)).is_known is False


async def test_a_network_is_known_by_its_address_or_prefix_for_its_person_alone(db, ann):
    ben = await person(db, "ben@example.com")
    await service.note(db, at("2001:db8:1:2::3"), ann.id)
    assert (await service.of_user(db, at("2001:db8:1:2:ffff::9"), ann.id)).startswith("network ")
    assert await service.of_user(db, at("2001:db8:1:3::3"), ann.id) == ""
    assert await service.of_user(db, at("2001:db8:1:2::3"), ben.id) == ""
    assert (await service.of_mailbox(db, at("2001:db8:1:2::3"), "ann@example.com")) != ""
    assert (await service.of_mailbox(db, at("2001:db8:1:2::3"), "ben@example.com")) == ""
    assert (await service.of_mailbox(db, at("2001:db8:1:2::3"), "nobody@example.com")) == ""


async def test_a_device_goes_before_its_network(db, ann):
    (secret,) = (await service.note(db, at(HOME), ann.id)).secrets
    assert (await service.of_user(db, at(HOME, secret), ann.id)).startswith("device ")


async def test_a_planted_cookie_makes_nobody_known_who_planted_it(db, ann):
    mallory = await person(db, "mallory@example.com")
    (planted,) = (await service.note(db, at(ELSEWHERE), mallory.id)).secrets
    noted = await service.note(db, at(HOME, planted), ann.id)
    assert not noted.is_known
    own, kept = noted.secrets
    assert (kept, own != planted) == (planted, True)
    assert await service.of_user(db, at(ELSEWHERE, planted), ann.id) == ""


async def test_people_who_share_a_browser_are_each_known_there(db, ann):
    ben = await person(db, "ben@example.com")
    secrets = (await service.note(db, at(HOME), ann.id)).secrets
    secrets = (await service.note(db, at(HOME, *secrets), ben.id)).secrets
    for who in (ann, ben, ann):
        is_known, secrets = await service.note(db, at(HOME, *secrets), who.id)
        assert is_known
    assert len(secrets) == 2


async def test_the_cookie_is_bounded_and_what_is_none_of_ours_is_left_out(db, ann):
    many = tuple(vault.new_secret() for _ in range(cookies.MOST_SECRETS + 4))
    noted = await service.note(db, at(HOME, *many), ann.id)
    assert noted.secrets == (noted.secrets[0], *many[: cookies.MOST_SECRETS - 1])
    for odd in ("", ".", "x" * 5000, "é" * 43, f"{many[0]}x", '"'):
        header = f"__Host-tenantry_device={odd}"
        assert cookies.read(header) == (many[:1] if odd == f"{many[0]}." else ())
    assert cookies.read(f"tenantry_device={many[0]}.x.{many[1]}") == many[:2]


async def test_few_are_kept_and_the_ones_used_last(db, ann, clock):
    clock.of(service)
    secrets = []
    for number in range(service.MOST + 3):
        clock.forward(60)
        origin = at(f"192.0.2.{number}")
        secrets += (await service.note(db, origin, ann.id)).secrets
    rows = await db.fetch_all(_ALL)
    assert len(rows) == 2 * service.MOST
    assert await service.of_user(db, at("192.0.2.0", secrets[0]), ann.id) == ""
    assert await service.of_user(db, at("192.0.2.3", secrets[3]), ann.id) != ""
    clock.forward(service.KEPT_DAYS * 24 * 3600)
    assert await service.of_user(db, at("192.0.2.9", secrets[9]), ann.id) == ""


async def test_neither_secret_nor_address_is_stored_and_all_goes_with_the_person(db, ann):
    (secret,) = (await service.note(db, at(HOME), ann.id)).secrets
    kept = str([dict(row) for row in await db.fetch_all(_ALL)])
    assert secret not in kept
    assert HOME not in kept
    await leaving.remove_user(
        Call(SYSTEM, db, "req_test"), users_service.UserIdentifier(ann.id), forced=True
    )
    assert await db.fetch_all(_ALL) == []
