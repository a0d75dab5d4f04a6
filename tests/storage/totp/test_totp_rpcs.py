"""TOTPService over every wire, as the operator's program calls it."""

from __future__ import annotations

import re

import pyotp
import pytest
from apis import refused, unique

from tenantry.core.times import now

UNKNOWN = "totp_1234567890123456789"


def code_of(app, steps=0):
    return app.at(now() // 1_000_000, counter_offset=steps)


async def enabled(api, **whose: str):
    """A registration in force: its id, its app, its recovery codes."""
    made = await api.totp.register_totp(totp_registration=whose)
    registration = made["totp_registration"]
    app = pyotp.parse_uri(registration["qr_code_uri"])
    done = await api.totp.enable_totp(registration_id=registration["id"], code=code_of(app, -1))
    assert done["id"] == registration["id"]
    return registration["id"], app, done["backup_codes"]


@pytest.mark.everywhere
async def test_a_user_s_app(api, make):
    user = await make.user()
    made = await api.totp.register_totp(totp_registration={"user_id": user["id"]})
    registration = made["totp_registration"]
    assert registration.keys() == {"id", "create_time", "update_time", "user_id", "qr_code_uri"}
    assert registration["user_id"] == user["id"]
    app = pyotp.parse_uri(registration["qr_code_uri"])
    assert app.name == user["email"]
    assert app.issuer == "localhost"
    answer = await api.totp.verify_user_code(user_id=user["id"], code=code_of(app))
    assert not answer["valid"]
    with refused("INVALID_ARGUMENT", "code"):
        await api.totp.enable_totp(registration_id=registration["id"], code="0")

    done = await api.totp.enable_totp(registration_id=registration["id"], code=code_of(app, -1))
    assert len(done["backup_codes"]) == 10
    assert all(re.fullmatch(r"[A-Z2-7]{4}(-[A-Z2-7]{4}){3}", c) for c in done["backup_codes"])
    code = code_of(app)
    for valid in (True, False):
        answer = await api.totp.verify_user_code(user_id=user["id"], code=code)
        assert answer["valid"] is valid
    for valid in (True, False):
        answer = await api.totp.verify_user_code(user_id=user["id"], code=done["backup_codes"][0])
        assert answer["valid"] is valid

    with refused("INVALID_ARGUMENT", "code"):
        await api.totp.disable_totp(registration_id=registration["id"], code="0")
    await api.totp.disable_totp(registration_id=registration["id"], code=done["backup_codes"][1])
    answer = await api.totp.verify_user_code(user_id=user["id"], code=done["backup_codes"][2])
    assert not answer["valid"]
    with refused("NOT_FOUND"):
        await api.totp.disable_totp(registration_id=registration["id"], code="0")


async def test_an_account_of_the_application(api):
    made = await api.totp.register_totp(totp_registration={"account_name": "ana@crm"})
    assert made["totp_registration"]["account_name"] == "ana@crm"
    assert "user_id" not in made["totp_registration"]
    id_, app, codes = await enabled(api, account_name=unique())
    for code, valid in ((code_of(app), True), ("0", False), (codes[0], True)):
        answer = await api.totp.verify_registration_code(registration_id=id_, code=code)
        assert answer["valid"] is valid


async def test_guesses_are_limited_also_under_an_idempotency_key(api, make):
    user = await make.user()
    await enabled(api, user_id=user["id"])
    for _ in range(10):
        keyed = api.sending(idempotency_key=unique())
        answer = await keyed.totp.verify_user_code(user_id=user["id"], code="12345")
        assert not answer["valid"]
    keyed = api.sending(idempotency_key=unique())
    with refused("RESOURCE_EXHAUSTED", error_code="RATE_LIMITED"):
        await keyed.totp.verify_user_code(user_id=user["id"], code="12345")


async def test_bad_fields_are_named(api):
    with refused("INVALID_ARGUMENT", "totp_registration"):
        await api.totp.register_totp()
    with refused("INVALID_ARGUMENT", "totp_registration.user_id"):
        await api.totp.register_totp(totp_registration={"user_id": "org_1"})
    with refused("INVALID_ARGUMENT", "totp_registration.account_name"):
        await api.totp.register_totp(totp_registration={"account_name": "a" * 356})
    with refused("NOT_FOUND"):
        await api.totp.register_totp(totp_registration={"user_id": "usr_1234567890123456789"})
    with refused("INVALID_ARGUMENT", "code"):
        await api.totp.enable_totp(registration_id=UNKNOWN, code="")
    for call in (
        *(api.totp.enable_totp, api.totp.disable_totp, api.totp.verify_registration_code),
    ):
        with refused("NOT_FOUND"):
            await call(registration_id=UNKNOWN, code="123456")
    answer = await api.totp.verify_user_code(user_id="usr_1", code="123456")
    assert not answer["valid"]


async def test_only_the_operator_may(api):
    nobody = api.sending(authorization=())
    with refused("UNAUTHENTICATED"):
        await nobody.totp.verify_user_code(user_id="usr_1", code="123456")


@pytest.mark.wires("rest")
async def test_neither_secret_nor_codes_are_in_events(api, make, events):
    user = await make.user()
    await events.new()
    id_, app, codes = await enabled(api, user_id=user["id"])
    await api.totp.verify_user_code(user_id=user["id"], code=codes[0])
    await api.totp.disable_totp(registration_id=id_, code=codes[1])
    found = await events.new()
    assert [event["type"] for event in found] == [
        *("totp.enabled", "totp.recovery_code_used", "totp.recovery_code_used", "totp.disabled")
    ]
    for secret in (app.secret, *codes):
        assert secret not in str(found)


async def test_an_operator_takes_away_what_a_person_has_lost(api, make, events):
    user = await make.user()
    registered = await api.totp.register_totp(totp_registration={"user_id": user["id"]})
    factor = registered["totp_registration"]
    nothing = await api.second_factors.get_second_factor(user_id=user["id"])
    assert not nothing["second_factor"].get("enabled")  # it is not in force before a first code
    with refused("NOT_FOUND"):
        await api.second_factors.delete_second_factor(user_id=user["id"])
    code = pyotp.parse_uri(factor["qr_code_uri"]).now()
    await api.totp.enable_totp(registration_id=factor["id"], code=code)
    found = (await api.second_factors.get_second_factor(user_id=user["id"]))["second_factor"]
    assert found["enabled"]
    assert found["recovery_codes_left"] == 10
    await api.second_factors.delete_second_factor(user_id=user["id"])
    gone = await api.second_factors.get_second_factor(user_id=user["id"])
    assert not gone["second_factor"].get("enabled")
    assert [e["type"] for e in await events.new()][-1] == "totp.disabled"
