"""Somebody signs in by a passkey, and the attempts of an attacker with one."""

from __future__ import annotations

import asyncio
import logging

import pytest
from databases import call_from
from software_authenticator import Authenticator, Key

from tenantry.core import errors
from tenantry.identity.authenticators.passkeys import ceremonies, challenges, service


async def test_a_passkey_says_who_it_is(db, new_person, register, sign_in):
    person = await new_person()
    passkey = await register(person)
    used = await sign_in()
    assert (used.id, used.user_id) == (passkey.id, person[0].id)
    assert used.user_verified
    assert used.sign_count == passkey.sign_count + 1
    assert used.last_used_time > passkey.create_time
    assert await service.list_of(db, person[0].id) == [used]


async def test_the_options_are_alike_for_everybody(db, new_person, register, relying_party):
    """Nobody learns from them whether an address has passkeys, or is known."""
    user, _ = person = await new_person()
    await register(person)
    shown = []
    for email in (None, user.email, "nobody@example.com"):
        _, options = await service.begin_authentication(call_from(db), relying_party, email=email)
        assert options.pop("challenge")
        shown.append(options)
    assert shown == 3 * [
        {
            "timeout": 300_000,
            "rpId": "app.example.com",
            "allowCredentials": [],
            "userVerification": "preferred",
        }
    ]


@pytest.mark.parametrize(
    ("bent", "says"),
    [
        ({"origin": "https://evil.example.com"}, "origin"),
        ({"origin": "http://app.example.com"}, "origin"),
        ({"rp_id": "evil.example.com"}, "RP ID"),
        ({"kind": "webauthn.create"}, "client data type"),
        ({"present": 0}, "present"),
        ({"cross_origin": True}, "frame"),
        ({"user_handle": b"usr_1"}, "another user"),
        ({"user_handle": b""}, "another user"),
        ({"id": b"unknown"}, "not registered"),
        ({"backed_up": True}, "kind of passkey"),
        ({"challenge": "AAAA"}, "challenge"),
        ({"challenge": None}, "challenge"),
    ],
)
async def test_what_does_not_hold_is_refused(new_person, register, sign_in, bent, says):
    passkey = await register(await new_person())
    with pytest.raises(errors.InvalidArgument, match=says):
        await sign_in(**bent)
    assert (await sign_in()).id == passkey.id


async def test_a_signature_of_another_key_is_refused(new_person, register, sign_in):
    key = Key()
    await register(await new_person(), key=key)
    forged = Key(id=key.id, user_handle=key.user_handle, count=key.count)
    with pytest.raises(ceremonies.VerificationError, match="signature"):
        await sign_in(key=forged)


async def test_the_passkey_of_another_cannot_speak_for_somebody(new_person, register, sign_in):
    """Its user handle is signed by nobody: what counts is whose the key is."""
    ana, ben = await new_person(), await new_person()
    await register(ana)
    passkey = await register(ben)
    with pytest.raises(ceremonies.VerificationError, match="another user"):
        await sign_in(user_handle=ana[0].id.encode())
    assert (await sign_in()).user_id == ben[0].id == passkey.user_id


@pytest.mark.parametrize("count", [0, 5, 4])
async def test_a_counter_that_goes_back_is_refused_and_logged(
    new_person, register, sign_in, caplog, count
):
    passkey = await register(await new_person())
    await sign_in(count=5)
    with (
        caplog.at_level(logging.WARNING, "tenantry.identity.authenticators.passkeys"),
        pytest.raises(ceremonies.VerificationError, match="counter"),
    ):
        await sign_in(count=count)
    (record,) = caplog.records
    assert record.fields == {"passkey": passkey.id, "user": passkey.user_id, "sign_count": count}
    assert (await sign_in(count=6)).sign_count == 6


async def test_an_authenticator_may_not_count(new_person, register, sign_in, relying_party):
    device = Authenticator(relying_party.origins[0], counts=False)
    await register(await new_person(), device)
    assert [(await sign_in(device)).sign_count for _ in range(2)] == [0, 0]


async def test_of_two_answers_with_one_count_one_is_taken(
    db, new_person, register, relying_party, authenticator
):
    await register(await new_person())
    begun = [await service.begin_authentication(call_from(db), relying_party) for _ in range(4)]
    done = await asyncio.gather(
        *(
            service.finish_authentication(
                call_from(db), relying_party, id_, authenticator.get(options, count=9)
            )
            for id_, options in begun
        ),
        return_exceptions=True,
    )
    assert sorted(isinstance(one, ceremonies.VerificationError) for one in done) == [False] + 3 * [
        True
    ]


async def test_that_the_person_was_not_verified_is_told(new_person, register, sign_in):
    """So that it does not stand for two factors."""
    await register(await new_person())
    assert not (await sign_in(verified=False)).user_verified
    assert (await sign_in()).user_verified


async def test_a_challenge_is_good_once(db, new_person, register, relying_party, authenticator):
    await register(await new_person())
    call = call_from(db)
    id_, options = await service.begin_authentication(call, relying_party)
    answer = authenticator.get(options)
    await service.finish_authentication(call, relying_party, id_, answer)
    for again in (answer, authenticator.get(options)):
        with pytest.raises(errors.InvalidArgument, match="challenge"):
            await service.finish_authentication(call, relying_party, id_, again)


async def test_of_many_answers_to_a_challenge_one_is_taken(
    db, new_person, register, relying_party, authenticator
):
    await register(await new_person())
    id_, options = await service.begin_authentication(call_from(db), relying_party)
    done = await asyncio.gather(
        *(
            service.finish_authentication(
                call_from(db), relying_party, id_, authenticator.get(options)
            )
            for _ in range(5)
        ),
        return_exceptions=True,
    )
    assert sum(not isinstance(one, errors.InvalidArgument) for one in done) == 1


async def test_a_challenge_is_used_up_by_an_answer_that_does_not_hold(
    db, new_person, register, relying_party, authenticator
):
    await register(await new_person())
    call = call_from(db)
    id_, options = await service.begin_authentication(call, relying_party)
    wrong = authenticator.get(options, rp_id="evil.example.com")
    with pytest.raises(ceremonies.VerificationError):
        await service.finish_authentication(call, relying_party, id_, wrong)
    with pytest.raises(errors.InvalidArgument, match="challenge"):
        await service.finish_authentication(call, relying_party, id_, authenticator.get(options))


async def test_an_answer_to_another_challenge_is_refused(
    db, new_person, register, relying_party, authenticator
):
    await register(await new_person())
    call = call_from(db)
    _, options = await service.begin_authentication(call, relying_party)
    other_id, _ = await service.begin_authentication(call, relying_party)
    with pytest.raises(ceremonies.VerificationError, match="challenge"):
        await service.finish_authentication(
            call, relying_party, other_id, authenticator.get(options)
        )


@pytest.mark.parametrize("sign_ins", [("areq_1", "areq_2"), ("areq_1", None), (None, "areq_1")])
async def test_a_challenge_of_another_sign_in_is_not_burnt(
    db, new_person, register, relying_party, sign_ins
):
    begun_by, finished_by = sign_ins
    authenticator = Authenticator(relying_party.origins[0])
    passkey = await register(await new_person(), authenticator)
    call = call_from(db)
    id_, options = await service.begin_authentication(call, relying_party, auth_request_id=begun_by)
    for credential in ({}, authenticator.get(options)):
        with pytest.raises(errors.InvalidArgument, match="challenge"):
            await service.finish_authentication(
                call, relying_party, id_, credential, auth_request_id=finished_by
            )
    used = await service.finish_authentication(
        call, relying_party, id_, authenticator.get(options), auth_request_id=begun_by
    )
    assert used.id == passkey.id


async def test_a_challenge_for_registering_signs_nobody_in(
    new_person, register, relying_party, authenticator
):
    user, call = person = await new_person()
    await register(person)
    id_, options = await service.begin_registration(call, user, relying_party)
    answer = authenticator.get({"challenge": options["challenge"], "rpId": relying_party.id})
    with pytest.raises(errors.InvalidArgument, match="challenge"):
        await service.finish_authentication(call, relying_party, id_, answer)


async def test_a_challenge_ends_after_five_minutes(db, relying_party, clock):
    call = call_from(db)
    clock.of(challenges)
    id_, _ = await service.begin_authentication(call, relying_party)
    clock.forward(301)
    with pytest.raises(errors.InvalidArgument, match="challenge"):
        await service.finish_authentication(call, relying_party, id_, {})


async def test_what_is_no_answer_at_all_is_no_crash(db, new_person, register, relying_party):
    passkey = await register(await new_person())
    call = call_from(db)
    for credential in (
        {},
        {"rawId": 7},
        {"rawId": "\udcff"},
        {"rawId": passkey.credential_id},
        {"rawId": passkey.credential_id, "response": []},
        {"rawId": passkey.credential_id, "response": {"clientDataJSON": "e30"}},
    ):
        id_, _ = await service.begin_authentication(call, relying_party)
        with pytest.raises(ceremonies.VerificationError):
            await service.finish_authentication(call, relying_party, id_, credential)


async def test_challenges_are_limited_by_network(db, relying_party, monkeypatch):
    monkeypatch.setattr(service, "CHALLENGES_A_MINUTE", 3)
    monkeypatch.setattr(service, "CHALLENGES_OF_SIGN_INS_A_MINUTE", 4)
    for most, auth_request_id in ((3, None), (4, "areq_1")):
        how = {"auth_request_id": auth_request_id}
        for n in range(most):
            call = call_from(db, f"2001:db8::{n}")
            await service.begin_authentication(call, relying_party, **how)
        with pytest.raises(errors.RateLimited):
            await service.begin_authentication(call, relying_party, **how)
        call = call_from(db, "2001:db8:0:1::1")
        await service.begin_authentication(call, relying_party, **how)


async def test_challenges_of_a_sign_in_are_counted_by_themselves(db, relying_party, monkeypatch):
    monkeypatch.setattr(service, "CHALLENGES_A_MINUTE", 1)
    await service.begin_authentication(call_from(db, "198.51.100.9"), relying_party)
    with pytest.raises(errors.RateLimited):
        await service.begin_authentication(call_from(db, "198.51.100.9"), relying_party)
    for call, auth_request_id in (
        (call_from(db, "198.51.100.10"), None),
        (call_from(db, "198.51.100.9"), "areq_1"),
    ):
        await service.begin_authentication(call, relying_party, auth_request_id=auth_request_id)
