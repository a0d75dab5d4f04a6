"""An authenticator app is registered, put into force, replaced and disabled."""

from __future__ import annotations

import asyncio
import base64
import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from sqlalchemy import select

from tenantry.core import errors
from tenantry.db.event_rows import log
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.identity.authenticators.totp import service
from tenantry.identity.authenticators.totp.model import recovery_codes, totp_registrations


async def of_type(db, *types: str):
    return [event for event in await log.last(db, limit=50) if event["type"] in types]


async def test_the_uri_is_one_that_apps_take(db, call, new_user):
    user = await new_user()
    registration = await service.register(call, user_id=user.id)
    uri = urlsplit(service.uri(db, registration, "Acme & Söhne"))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert unquote(uri.path) == f"/Acme & Söhne:{user.email}"
    given = {name: value[0] for name, value in parse_qs(uri.query).items()}
    assert given.pop("issuer") == "Acme & Söhne"
    assert len(base64.b32decode(given.pop("secret"))) == 20  # RFC 4226 section 4, R6
    assert given.items() <= {"algorithm": "SHA1", "digits": "6", "period": "30"}.items()


@pytest.mark.parametrize("name", ["a" * 355, "ä" * 355, "\U0001f600" * 355])
async def test_a_long_name_is_cut_to_fit(db, call, name):
    registration = await service.register(call, account_name=name)
    assert registration.account_name == name
    assert len(service.uri(db, registration, "Acme")) <= 1024


async def test_a_registration_is_not_in_force_before_it_is_enabled(db, call, new_user, app_of):
    user = await new_user()
    registration = await service.register(call, user_id=user.id)
    app = app_of(registration)
    assert not await service.is_enabled(db, user.id)
    assert not await service.verify(call, user.id, app.code())
    assert not await service.verify_registration(call, registration.id, app.code())
    with pytest.raises(errors.InvalidArgument, match="not enabled"):
        await service.disable(call, registration.id, app.code())

    with pytest.raises(errors.InvalidArgument, match="code"):
        await service.enable(call, registration.id, app.wrong())
    assert not await service.is_enabled(db, user.id)

    on, codes = await service.enable(call, registration.id, app.code())
    assert on.enabled
    assert await service.is_enabled(db, user.id)
    assert await service.of_user(db, user.id) == on
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([A-Z2-7]{4}-){3}[A-Z2-7]{4}", code) for code in codes)
    with pytest.raises(errors.InvalidArgument, match="already enabled"):
        await service.enable(call, registration.id, app.code(1))


async def test_what_is_never_enabled_is_forgotten_after_a_week(
    db, call, new_user, enabled, monkeypatch
):
    in_force, _, _ = await enabled()
    of_user = await service.register(call, user_id=(await new_user()).id)
    of_name = await service.register(call, account_name="ana")
    begun = service.now()

    monkeypatch.setattr(pruning, "now", lambda: begun + 7 * 86_400_000_000)
    assert not await service.prune(db)
    assert await service.get(call, of_name.id) == of_name

    monkeypatch.setattr(pruning, "now", lambda: begun + 7 * 86_400_000_000 + 1)
    assert not await service.prune(db)
    assert await service.get(call, in_force.id) == in_force
    for one in (of_user, of_name):
        with pytest.raises(errors.NotFound):
            await service.get(call, one.id)


async def test_neither_secret_nor_codes_lie_in_the_tables(db, call, enabled):
    registration, app, codes = await enabled()
    kept = [
        dict(row)
        for table in (totp_registrations, recovery_codes)
        for row in await db.fetch_all(Statement(select(table)))
    ]
    assert len(kept) == 11
    told = str([kept, await log.last(db, limit=50)])
    assert app.totp.secret not in told
    for code in codes:
        assert code not in told
        assert code.replace("-", "") not in told
    assert registration.secret_sealed not in str(await log.last(db, limit=50))
    assert registration.secret_sealed not in repr(registration)


async def test_enabling_and_disabling_leave_events(db, call, enabled):
    registration, app, _ = await enabled()
    await service.disable(call, registration.id, app.code())
    on, off = sorted(
        await of_type(db, "totp.enabled", "totp.disabled"), key=lambda event: event["id"]
    )
    assert (on["before"]["enabled"], on["after"]["enabled"]) == (False, True)
    assert off["before"] == on["after"]
    assert off["before"]["user_id"] == registration.user_id
    assert not await service.is_enabled(db, registration.user_id)
    with pytest.raises(errors.NotFound):
        await service.disable(call, registration.id, app.code(1))


async def test_disabling_takes_a_code(db, call, enabled):
    registration, app, codes = await enabled()
    for code in (app.wrong(), "", "ABCD-EFGH-IJKL-MNOP"):
        with pytest.raises(errors.InvalidArgument, match="code"):
            await service.disable(call, registration.id, code)
    assert await service.is_enabled(db, registration.user_id)
    await service.disable(call, registration.id, codes[0])
    assert not await service.is_enabled(db, registration.user_id)


async def test_a_new_registration_replaces_the_old_one_when_it_is_enabled(
    db, call, enabled, app_of
):
    old, old_app, old_codes = await enabled()
    new = await service.register(call, user_id=old.user_id)
    assert (await service.of_user(db, old.user_id)).id == old.id
    await service.enable(call, new.id, app_of(new).code(-1))
    assert (await service.of_user(db, old.user_id)).id == new.id
    assert not await service.verify(call, old.user_id, old_app.code())
    assert not await service.verify(call, old.user_id, old_codes[0])
    assert await service.verify(call, old.user_id, app_of(new).code())
    (gone,) = await of_type(db, "totp.disabled")
    assert gone["before"]["id"] == old.id


async def test_one_that_was_never_enabled_is_forgotten(db, call, new_user, app_of):
    user = await new_user()
    first = await service.register(call, user_id=user.id)
    await service.register(call, user_id=user.id)
    with pytest.raises(errors.NotFound):
        await service.enable(call, first.id, app_of(first).code())


async def test_enabling_twice_at_once_makes_one_set_of_codes(db, call, new_user, app_of):
    user = await new_user()
    registration = await service.register(call, user_id=user.id)
    code = app_of(registration).code()
    done = await asyncio.gather(
        *(service.enable(call, registration.id, code) for _ in range(4)), return_exceptions=True
    )
    won = [one for one in done if not isinstance(one, errors.Error)]
    assert len(won) == 1, done
    assert await service.recovery_codes_left(db, registration.id) == 10


async def test_an_account_of_the_application_needs_no_user(db, call, app_of):
    registration = await service.register(call, account_name="ana@crm")
    app = app_of(registration)
    await service.enable(call, registration.id, app.code(-1))
    assert await service.verify_registration(call, registration.id, app.code())
    assert not await service.verify_registration(call, registration.id, app.wrong())


async def test_whose_it_is_has_to_be_said(call):
    with pytest.raises(errors.InvalidArgument, match="user_id or account_name"):
        await service.register(call)
    with pytest.raises(errors.NotFound, match="user"):
        await service.register(call, user_id="usr_1")


async def test_what_is_unknown_is_not_found(call):
    for step in (service.enable, service.disable, service.verify_registration):
        with pytest.raises(errors.NotFound):
            await step(call, "totp_1", "123456")
    assert not await service.verify(call, "usr_1", "123456")
