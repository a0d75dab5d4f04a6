"""A code and a link in one mail: each proves the address, once, while it is good."""

from __future__ import annotations

import asyncio

import pytest
from databases import call_from
from mailboxes import code_in, link_in, received, states, token_in, wrong
from sqlalchemy import select

from tenantry.core import errors
from tenantry.db.postgresql import pool
from tenantry.db.sql.statements import Statement
from tenantry.db.sqlite import writer
from tenantry.db.writes import pruning
from tenantry.events.email.model import mail
from tenantry.identity.attempts import service as attempts
from tenantry.identity.attempts.model import attempts as attempts_table
from tenantry.identity.authenticators.passwordless import emails, proofs, service
from tenantry.identity.authenticators.passwordless.model import (
    NO_ACCOUNT,
    SIGNUP,
    passwordless_requests,
)

EMAIL = "Ann@Example.com"
PAGE = "https://app.example/magic"
TABLES = [Statement(select(table)) for table in (passwordless_requests, mail, attempts_table)]


async def send(db, *, address="192.0.2.1", **members: object):
    given = {"email": EMAIL, "link_uri": PAGE, "seconds": 300} | members
    return await service.send(call_from(db, address), **given)


async def code(db, request, given):
    return await service.verify_code(call_from(db), request.id, given)


async def link(db, token, request=None):
    return await service.verify_link(call_from(db), token, request and request.id)


@pytest.fixture(autouse=True)
def _time(clock):
    clock.of(service, attempts, emails, pruning)


async def test_the_code_of_the_mail_proves_the_address(db):
    sent = await send(db, state="s1", template=SIGNUP)
    (content,) = await received(db)
    verified = await code(db, sent, code_in(content))
    assert (verified.id, verified.email, verified.state) == (sent.id, EMAIL, "s1")
    assert (verified.template, verified.type) == (SIGNUP, "LINK_OTP")
    assert verified.verify_time is not None


async def test_and_so_does_the_link(db):
    sent = await send(db)
    (content,) = await received(db)
    assert link_in(content).startswith(f"{PAGE}?link_token=")
    token = token_in(content)
    assert len(token) <= 100
    proved = await link(db, token)
    assert (proved.id, proved.email) == (sent.id, EMAIL)


async def test_each_works_once_and_then_neither(db):
    for by_code in (True, False):
        sent = await send(db, email=f"ann{by_code}@example.com")
        content = (await received(db))[-1]
        right, token = code_in(content), token_in(content)
        await (code(db, sent, right) if by_code else link(db, token))
        for again in (code(db, sent, right), link(db, token)):
            with pytest.raises(errors.InvalidArgument):
                await again
        with pytest.raises(errors.InvalidArgument):
            await service.resend(call_from(db), sent.id)


async def test_of_many_at_once_one_wins(db, other):
    sent = await send(db)
    (content,) = await received(db)
    tries = [code(d, sent, code_in(content)) for d in (db, other) * 2]
    tries += [link(d, token_in(content)) for d in (db, other) * 2]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(one, Exception) for one in outcomes) == 1
    assert all(
        isinstance(one, errors.InvalidArgument) for one in outcomes if isinstance(one, Exception)
    )


async def test_a_code_is_read_as_people_type_it(db):
    sent = await send(db)
    right = code_in((await received(db))[0])
    assert (await code(db, sent, f" {right[:3]} {right[3:]}\n")).id == sent.id


async def test_what_is_over_is_over_and_another_code_is_never_right(db, clock):
    sent = await send(db, seconds=60)
    (content,) = await received(db)
    for given in (wrong(code_in(content)), "", "１２３４５６", "\ud800", "0" * 20):
        with pytest.raises(errors.InvalidArgument) as refused:
            await code(db, sent, given)
        assert [v.field for v in refused.value.violations] == ["code"]
    clock.forward(61)
    for dead in (code(db, sent, code_in(content)), link(db, token_in(content))):
        with pytest.raises(errors.InvalidArgument):
            await dead


async def test_unknown_requests_are_not_found(db):
    for unknown in ("pwl_1", "", "x", "pwl_" + "9" * 190, "pwl_\0", "\ud800"):
        with pytest.raises(errors.NotFound, match="not found"):
            await service.verify_code(call_from(db), unknown, "123456")
        with pytest.raises(errors.NotFound):
            await service.resend(call_from(db), unknown)
    await send(db)
    (content,) = await received(db)
    with pytest.raises(errors.NotFound):
        await service.verify_link(call_from(db), token_in(content), "pwl_1")


async def test_a_link_token_that_is_not_ours_is_wrong(db):
    sent = await send(db)
    (content,) = await received(db)
    token = token_in(content)
    other_one = await send(db, email="bob@example.com")
    forged = f"{other_one.id}.{token.partition('.')[2]}"
    for wrong_one in (
        token[:-1],
        token + "=",
        forged,
        sent.id,
        f"{sent.id}.",
        "pwl_1.x",
        "",
        "ü",
        "\0.\0",
        "\ud800",
    ):
        with pytest.raises(errors.InvalidArgument) as refused:
            await link(db, wrong_one)
        assert [v.field for v in refused.value.violations] == ["link_token"]
    with pytest.raises(errors.InvalidArgument):
        await link(db, token, other_one)
    assert (await link(db, token, sent)).id == sent.id


async def test_of_a_thousand_guesses_at_once_five_are_looked_at(db, other, monkeypatch):
    sent = await send(db)
    right = code_in((await received(db))[0])
    looked = []
    real = proofs.same
    monkeypatch.setattr(proofs, "same", lambda *given: looked.append(given) or real(*given))
    # On a slow machine some wait for longer than calls may.
    monkeypatch.setattr(writer, "TURN_SECONDS", 60.0)
    monkeypatch.setattr(writer, "BUSY_SECONDS", 60.0)
    monkeypatch.setattr(pool, "ACQUIRE_SECONDS", 60.0)
    guesses = (wrong(right, n) for n in range(1, 1001))
    outcomes = await asyncio.gather(
        *(code(db if n % 2 else other, sent, guess) for n, guess in enumerate(guesses)),
        return_exceptions=True,
    )
    assert len(looked) == 5
    assert sorted({type(one).__name__ for one in outcomes}) == ["InvalidArgument", "RateLimited"]
    assert sum(isinstance(one, errors.InvalidArgument) for one in outcomes) == 5
    with pytest.raises(errors.RateLimited):
        await code(db, sent, right)


async def test_the_same_wrong_code_again_is_the_same_attempt(db, other, clock):
    """Clients repeat calls, and some do so at once."""
    sent = await send(db, seconds=600)
    right = code_in((await received(db))[0])
    for n in range(1, 5):
        tries = [code(d, sent, wrong(right, n)) for d in (db, other) * 5]
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        assert {type(one) for one in outcomes} == {errors.InvalidArgument}
    clock.forward(6)
    with pytest.raises(errors.InvalidArgument):
        await code(db, sent, wrong(right, 4))  # later, it is another: the fifth
    for n in (5, 5, 6, 0):
        with pytest.raises(errors.RateLimited):  # and one that was refused is never let through
            await code(db, sent, wrong(right, n))
    clock.forward(600)
    await service.resend(call_from(db), sent.id)
    with pytest.raises(errors.InvalidArgument):
        await code(db, sent, wrong(right))


async def test_many_requests_are_not_many_guesses_and_the_owner_gets_in_by_the_link(db, clock):
    tried = 0
    for n in range(11):
        sent = await send(db, address=f"198.51.100.{n}")
        content = (await received(db))[-1]
        for m in range(5):
            try:
                await code(db, sent, wrong(code_in(content), m + 1))
            except errors.InvalidArgument:
                tried += 1
            except errors.RateLimited:
                pass
        clock.forward(61)
    assert tried == service.WRONG_CODES_OF_ADDRESS
    owners = await send(db, address="203.0.113.9")
    content = (await received(db))[-1]
    with pytest.raises(errors.RateLimited) as refused:
        await code(db, owners, code_in(content))
    assert int(refused.value.headers["retry-after"]) <= 3600
    assert (await link(db, token_in(content))).id == owners.id


async def test_who_has_proved_the_address_begins_anew(db, clock):
    for n in range(12):
        clock.forward(61)
        sent = await send(db, address=f"198.51.100.{n}", email=EMAIL.upper())
        content = (await received(db))[-1]
        for m in range(4):
            with pytest.raises(errors.InvalidArgument):
                await code(db, sent, wrong(code_in(content), m + 1))
        await code(db, sent, code_in(content))


async def test_two_mails_a_minute_sends_and_resends_together(db, clock):
    sent = await send(db)
    await service.resend(call_from(db), sent.id)
    for refused in (
        send(db),
        send(db, email=EMAIL.upper()),
        service.resend(call_from(db), sent.id),
    ):
        with pytest.raises(errors.RateLimited) as problem:
            await refused
        assert 1 <= int(problem.value.headers["retry-after"]) <= 60
    await send(db, email="bob@example.com")
    assert len(await received(db)) == 3
    clock.forward(61)
    await send(db)


async def test_what_is_refused_for_another_reason_does_not_count(db):
    for _ in range(3):
        for bad in ({"seconds": 59}, {"link_uri": "javascript:alert(1)"}):
            with pytest.raises(errors.InvalidArgument):
                await send(db, **bad)
        with pytest.raises(errors.NotFound):
            await service.resend(call_from(db), "pwl_1")
    await send(db)
    await send(db)


async def test_a_stranger_who_asks_all_the_time_leaves_the_owner_their_mails(db):
    """On our own pages, where anybody can ask; an application counts by itself."""
    asked = {"auth_request_id": "areq_1"}
    for refused in (False, False, True, True, True):
        if refused:
            with pytest.raises(errors.RateLimited):
                await send(db, address="198.51.100.66", **asked)
        else:
            await send(db, address="198.51.100.66", **asked)
    for address in ("203.0.113.9", "203.0.113.9", "2001:db8:1:2::3", "2001:db8:1:2:ffff::4"):
        await send(db, address=address, **asked)
    with pytest.raises(errors.RateLimited):
        await send(db, address="2001:db8:1:2::9", **asked)
    with pytest.raises(errors.RateLimited):  # six in a minute, over all
        await send(db, address="203.0.113.77", **asked)


async def test_a_resend_says_the_same_again_and_its_time_begins_anew(db, clock):
    sent = await send(db, seconds=120)
    clock.forward(100)
    again = await service.resend(call_from(db), sent.id)
    assert again.id == sent.id
    assert again.expire_time >= sent.expire_time + 99_000_000
    first, second = await received(db)
    assert (first.text, first.subject) == (second.text, second.subject)
    clock.forward(100)
    await code(db, sent, code_in(first))


async def test_after_its_time_a_resend_brings_a_new_code_and_link(db, clock):
    sent = await send(db, seconds=60)
    old = (await received(db))[0]
    clock.forward(3600)
    again = await service.resend(call_from(db), sent.id)
    new = (await received(db))[1]
    assert (again.id, again.generation) == (sent.id, 2)
    assert code_in(old) != code_in(new)
    for dead in (code(db, sent, code_in(old)), link(db, token_in(old), sent)):
        with pytest.raises(errors.InvalidArgument):
            await dead
    assert (await link(db, token_in(new), sent)).id == sent.id


async def test_a_mail_that_has_become_pointless_is_not_sent(db, clock):
    used, late, replaced = [await send(db, email=f"{n}@example.com", seconds=60) for n in range(3)]
    token = proofs.link_token(db, used.id, 1)
    await link(db, token)
    clock.forward(61)
    await service.resend(call_from(db), replaced.id)
    await received(db)
    assert [state for _, state, _ in await states(db)] == ["DROPPED"] * 3 + ["KEPT"]
    assert (await service.find(db, late.id)).verify_time is None


async def test_nothing_of_it_lies_in_the_database(db):
    sent = await send(db)
    right = proofs.code(db, sent.id, 1)
    token = proofs.link_token(db, sent.id, 1)
    for given in (right[::-1], "000000"):
        with pytest.raises(errors.InvalidArgument):
            await code(db, sent, given)
    await received(db)
    rows = [row for table in TABLES for row in await db.fetch_all(table)]
    stored = "".join(str(tuple(row)) for row in rows)
    assert token.partition(".")[2] not in stored
    assert f"'{right}'" not in stored
    assert f'"{right}"' not in stored


async def test_codes_of_two_requests_and_two_environments_have_nothing_in_common(db):
    made = {proofs.code(db, f"pwl_{n}", 1) for n in range(2000)}
    assert len(made) > 1900
    assert all(len(one) == 6 and one.isdecimal() for one in made)
    counts = [sum(one[0] == digit for one in made) for digit in "0123456789"]
    assert min(counts) > 120  # of 200 expected


async def test_nobody_was_sent_the_code_of_an_account_that_is_not_there(db):
    sent = await send(db, template=NO_ACCOUNT)
    (content,) = await received(db)
    right = proofs.code(db, sent.id, 1)
    assert right not in content.text + content.html
    assert PAGE not in content.text + content.html
    for guess in (code(db, sent, right), link(db, proofs.link_token(db, sent.id, 1))):
        with pytest.raises(errors.InvalidArgument):
            await guess


async def test_a_mail_of_a_link_alone_has_no_code_that_could_be_guessed(db):
    sent = await send(db, type_="LINK")
    (content,) = await received(db)
    right = proofs.code(db, sent.id, 1)
    assert right not in content.text + content.html
    with pytest.raises(errors.InvalidArgument):
        await code(db, sent, right)
    await link(db, token_in(content))


async def test_old_requests_are_deleted(db, clock):
    old = await send(db, seconds=60)
    clock.forward(23 * 3600)
    assert not await service.prune(db)
    assert await service.find(db, old.id)
    clock.forward(2 * 3600)
    new = await send(db)
    assert not await service.prune(db)
    assert await service.find(db, old.id) is None
    assert await service.find(db, new.id)


async def test_a_person_is_forgotten(db):
    theirs, others = await send(db), await send(db, email="bob@example.com")
    await service.forget(db, EMAIL.lower())
    assert await service.find(db, theirs.id) is None
    assert await service.find(db, others.id)
