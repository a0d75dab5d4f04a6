"""Passkeys are listed, renamed and deleted: by their person, or by the operator."""

from __future__ import annotations

import pytest
from databases import call_from

from tenantry.core import errors
from tenantry.db.event_rows import log
from tenantry.identity.authenticators.passkeys import ceremonies, service
from tenantry.identity.sessions import freshness
from tenantry.tenants.users.redaction import ErasedPerson

FRESH = freshness.Freshness(10)


async def test_a_person_sees_their_own_only(new_person, register):
    ana, ben = await new_person(), await new_person()
    passkey, other = await register(ana), await register(ben)
    for user_id in ("", ana[0].id):
        assert await service.list_all(ana[1], user_id) == (ana[0].id, [passkey])
    for user_id in (ben[0].id, "usr_1"):
        with pytest.raises(errors.NotFound, match="user not found"):
            await service.list_all(ana[1], user_id)
    with pytest.raises(errors.NotFound, match="passkey not found"):
        await service.rename(ana[1], other.id, "Mine")
    with pytest.raises(errors.NotFound, match="passkey not found"):
        await service.remove(ana[1], other.id, FRESH)


async def test_the_operator_sees_those_of_a_user(db, new_person, register):
    user, _ = person = await new_person()
    passkey = await register(person)
    assert await service.list_all(call_from(db), user.id) == (user.id, [passkey])
    without, _ = await new_person()
    assert await service.list_all(call_from(db), without.id) == (without.id, [])
    with pytest.raises(errors.NotFound):
        await service.list_all(call_from(db), "usr_1")
    with pytest.raises(errors.InvalidArgument, match="user_id"):
        await service.list_all(call_from(db), "")


async def test_a_new_name_is_kept_and_told(db, new_person, register):
    user, call = person = await new_person()
    passkey = await register(person)
    renamed = await service.rename(call, passkey.id, "  Ana's phone ")
    assert renamed.display_name == "Ana's phone"
    assert await service.list_of(db, user.id) == [renamed]
    (event,) = [e for e in await log.last(db, limit=10) if e["type"] == "passkey.updated"]
    assert event["before"]["display_name"] == "Passkey on Mac OS X"
    assert event["after"]["display_name"] == "Ana's phone"


async def test_long_after_the_sign_in_nothing_is_added_or_deleted(
    new_person, register, relying_party, clock
):
    """An open browser alone must not do it; the pages ask for a code instead."""
    _, call = person = await new_person()
    passkey = await register(person)
    clock.of(freshness).forward(FRESH.minutes * 60 + 1)
    with pytest.raises(errors.ReauthenticationRequired):
        await service.remove(call, passkey.id, FRESH)
    with pytest.raises(errors.ReauthenticationRequired):
        await service.begin_own_registration(call, relying_party, FRESH)
    assert await service.remove(call, passkey.id, None) == passkey


@pytest.mark.parametrize("name", ["", "  ", "a" * 121, "two\nlines", "nul\x00"])
async def test_a_name_is_one_line_and_not_empty(new_person, register, name):
    _, call = person = await new_person()
    passkey = await register(person)
    with pytest.raises(errors.InvalidArgument, match="display_name"):
        await service.rename(call, passkey.id, name)


async def test_nobody_signs_in_by_a_deleted_passkey(db, new_person, register, sign_in):
    user, call = person = await new_person()
    passkey = await register(person)
    assert await service.remove(call, passkey.id, FRESH) == passkey
    assert await service.list_of(db, user.id) == []
    with pytest.raises(ceremonies.VerificationError, match="not registered"):
        await sign_in()
    with pytest.raises(errors.NotFound):
        await service.remove(call, passkey.id, FRESH)
    (event,) = [e for e in await log.last(db, limit=10) if e["type"] == "passkey.deleted"]
    assert event["before"]["id"] == passkey.id


async def test_of_a_person_who_is_forgotten_the_name_of_a_passkey_goes_too(new_person, register):
    user, call = person = await new_person()
    renamed = await service.rename(call, (await register(person)).id, "Ana's phone")
    left = ErasedPerson(frozenset({user.id}), frozenset({user.email})).redacted(renamed.to_event())
    assert left == {**renamed.to_event(), "display_name": ""}
