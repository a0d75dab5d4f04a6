"""Codes: each once, for a minute and a half, and not to be guessed."""

from __future__ import annotations

import asyncio

import pytest
from databases import call_from

from tenantry.core import errors
from tenantry.db.event_rows import log
from tenantry.identity.attempts import service as attempts
from tenantry.identity.authenticators.totp import recovery, service


@pytest.fixture
async def on(enabled):
    """A registration in force, its app, its recovery codes."""
    return await enabled()


async def test_codes_of_the_step_before_and_after_are_taken(call, on):
    registration, app, _ = on
    for steps in (0, 1):
        assert await service.verify(call, registration.user_id, app.code(steps))
    for steps in (-2, 2):
        assert not await service.verify(call, registration.user_id, app.code(steps))


async def test_a_code_may_have_a_gap(call, on):
    registration, app, _ = on
    code = app.code()
    assert await service.verify(call, registration.user_id, f" {code[:3]} {code[3:]} ")


async def test_a_code_is_good_once_and_none_of_an_earlier_step_after_it(call, on):
    registration, app, _ = on
    assert await service.verify(call, registration.user_id, app.code(1))
    for steps in (1, 0, -1):
        assert not await service.verify(call, registration.user_id, app.code(steps))


async def test_the_code_that_enabled_is_used_up(call, new_user, app_of):
    user = await new_user()
    registration = await service.register(call, user_id=user.id)
    code = app_of(registration).code()
    await service.enable(call, registration.id, code)
    assert not await service.verify(call, user.id, code)


async def test_of_many_that_come_with_one_code_one_gets_in(db, other, on):
    registration, app, _ = on
    code = app.code()
    done = await asyncio.gather(
        *(
            service.verify(call_from(each), registration.user_id, code)
            for each in (db, other, db, other)
        )
    )
    assert sum(done) == 1


@pytest.mark.parametrize(
    "code",
    ["", "12345", "1234567", "abcdef", "１２３４５６", "-12345", "0x1234", "\x00", "1" * 9999],
)
async def test_what_is_no_code_is_wrong(call, on, code):
    assert not await service.verify(call, on[0].user_id, code)


async def test_wrong_codes_lock_the_app_for_an_hour(call, on, clock):
    registration, app, codes = on
    for _ in range(service.MOST_ATTEMPTS):
        assert not await service.verify(call, registration.user_id, app.wrong())
    for step in (
        service.verify(call, registration.user_id, app.code()),
        service.verify_registration(call, registration.id, app.code()),
        service.disable(call, registration.id, app.code()),
    ):
        with pytest.raises(errors.RateLimited):
            await step
    # A stranger that locked the app did not lock the person out.
    assert await service.verify(call, registration.user_id, codes[0])
    clock.of(attempts, service).forward(3601)
    assert await service.verify(call, registration.user_id, app.code())


async def test_guesses_that_come_at_once_are_counted_all(db, other, on):
    registration, app, _ = on
    guesses = await asyncio.gather(
        *(
            service.verify(call_from(each), registration.user_id, app.wrong())
            for each in 15 * (db, other)
        ),
        return_exceptions=True,
    )
    assert sum(one is False for one in guesses) == service.MOST_ATTEMPTS
    assert sum(isinstance(one, errors.RateLimited) for one in guesses) == 20


async def test_a_right_code_makes_the_count_begin_anew(call, on):
    registration, app, _ = on
    for code in (app.code(), app.code(1)):
        for _ in range(service.MOST_ATTEMPTS - 1):
            assert not await service.verify(call, registration.user_id, app.wrong())
        assert await service.verify(call, registration.user_id, code)


async def test_a_used_code_does_not(call, on):
    """Or a person that saw one could guess on for as long as it shows."""
    registration, app, _ = on
    assert await service.verify(call, registration.user_id, app.code())
    for _ in range(service.MOST_ATTEMPTS):
        assert not await service.verify(call, registration.user_id, app.code())
    with pytest.raises(errors.RateLimited):
        await service.verify(call, registration.user_id, app.code())


async def test_guesses_at_enabling_are_counted_too(call, new_user, app_of):
    registration = await service.register(call, user_id=(await new_user()).id)
    app = app_of(registration)
    for _ in range(service.MOST_ATTEMPTS):
        with pytest.raises(errors.InvalidArgument):
            await service.enable(call, registration.id, app.wrong())
    with pytest.raises(errors.RateLimited):
        await service.enable(call, registration.id, app.code())


async def test_a_recovery_code_is_good_once(db, call, on):
    registration, _, codes = on
    assert await service.verify(call, registration.user_id, codes[3])
    assert not await service.verify(call, registration.user_id, codes[3])
    assert await service.recovery_codes_left(db, registration.id) == 9
    (event,) = [e for e in await log.last(db, limit=9) if e["type"] == "totp.recovery_code_used"]
    assert event["after"]["id"] == registration.id


async def test_of_many_that_come_with_one_recovery_code_one_gets_in(db, other, on):
    registration, _, codes = on
    done = await asyncio.gather(
        *(
            service.verify(call_from(each), registration.user_id, codes[0])
            for each in (db, other, db, other)
        )
    )
    assert sum(done) == 1


async def test_a_recovery_code_may_be_typed_as_it_is_read(call, on):
    registration, _, codes = on
    spelled = [
        codes[0].lower(),
        codes[1].replace("-", ""),
        codes[2].replace("-", " ") + " ",
        codes[3].replace("O", "0").replace("I", "1").replace("B", "8"),
    ]
    for code in spelled:
        assert await service.verify(call, registration.user_id, code)


async def test_a_recovery_code_is_of_one_registration(call, enabled):
    (_, _, codes), (other, _, _) = await enabled(), await enabled()
    assert not await service.verify(call, other.user_id, codes[0])


def test_recovery_codes_have_80_random_bits():
    codes = {code.replace("-", "") for _ in range(50) for code in recovery.new_codes()}
    assert len(codes) == 500
    assert {len(code) for code in codes} == {16}  # of 5 bits each
    assert len({code[-1] for code in codes}) > 16  # the last one is no padding


async def test_new_recovery_codes_take_the_place_of_the_former(call, on):
    registration, app, codes = on
    with pytest.raises(errors.InvalidArgument):
        await service.renew_recovery_codes(call, registration.id, "000000")
    new = await service.renew_recovery_codes(call, registration.id, app.code())
    assert len(set(new) | set(codes)) == len(new) + len(codes) == 20
    assert await service.recovery_codes_left(call.db, registration.id) == 10
    assert not await service.verify(call, registration.user_id, codes[0])
    assert await service.verify(call, registration.user_id, new[0])
    # The newer ones renew them, too, and are used up by it.
    await service.renew_recovery_codes(call, registration.id, new[1])
    assert not await service.verify(call, registration.user_id, new[1])


async def test_of_two_new_sets_at_once_one_stays(db, other, on):
    registration, _, codes = on
    made = await asyncio.gather(
        *(
            service.renew_recovery_codes(call_from(each), registration.id, code)
            for each, code in zip((db, other), codes, strict=False)
        ),
        return_exceptions=True,
    )
    # The second finds its code among the former ones, or gone with them.
    sets = [one for one in made if not isinstance(one, errors.InvalidArgument)]
    assert [len(one) for one in sets] in ([10], [10, 10])
    assert await service.recovery_codes_left(db, registration.id) == 10


async def test_one_that_is_not_in_force_has_no_codes(call, new_user):
    registration = await service.register(call, user_id=(await new_user()).id)
    with pytest.raises(errors.NotFound):
        await service.renew_recovery_codes(call, registration.id, "000000")
