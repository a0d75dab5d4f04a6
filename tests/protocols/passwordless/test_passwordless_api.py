"""PasswordlessService as an application calls it, on every wire and both databases."""

from __future__ import annotations

import time

import pytest
from apis import refused, unique
from mailboxes import wrong
from sqlalchemy import select

from tenantry.db.sql.schema import from_json
from tenantry.db.sql.statements import Statement
from tenantry.events.email.model import mail
from tenantry.identity.authenticators.passwordless import emails, proofs
from tenantry.settings import load

_EMAILS = Statement(select(mail).order_by(mail.c.id.desc()).limit(200))
PAGE = "https://app.example/magic?next=%2Fhome#top"


def address():
    return f"{unique('ann')}@example.com"


def code_of(database, sent):
    return proofs.code(database, sent["auth_request_id"], 1)


def token_of(database, sent):
    return proofs.link_token(database, sent["auth_request_id"], 1)


async def queued(database, email):
    """The mails to an address, the newest first."""
    return [row for row in await database.fetch_all(_EMAILS) if row["recipient"] == email]


async def test_a_code_is_sent_and_verified(api, database):
    email = address()
    sent = await api.passwordless.send_passwordless_email(
        email=email, template="SIGNUP", state="s 1", expires_in=600
    )
    assert sent["expires_in"] == 600
    assert sent["passwordless_type"] == "OTP"
    assert 595 <= int(sent["expires_at"]) - time.time() <= 600
    (row,) = await queued(database, email)
    assert row["template"] == emails.SIGN_UP_CODE
    assert from_json(row["variables"]) == {"request_id": sent["auth_request_id"], "generation": 1}
    verified = await api.passwordless.verify_passwordless_email(
        code=code_of(database, sent), auth_request_id=sent["auth_request_id"]
    )
    assert verified.data == {
        "email": email,
        "state": "s 1",
        "template": "SIGNUP",
        "passwordless_type": "OTP",
    }


async def test_a_link_is_sent_and_verified_by_itself(api, database):
    email = address()
    sent = await api.passwordless.send_passwordless_email(email=email, magiclink_auth_uri=PAGE)
    assert sent["expires_in"] == 300
    assert sent["passwordless_type"] == "LINK_OTP"
    token = token_of(database, sent)
    verified = await api.passwordless.verify_passwordless_email(link_token=token)
    assert verified["email"] == email
    assert "state" not in verified or verified["state"] == ""
    with refused("INVALID_ARGUMENT", "link_token"):
        await api.passwordless.verify_passwordless_email(link_token=token)


async def test_a_mail_is_sent_again_under_the_same_id(api, database):
    email = address()
    sent = await api.passwordless.send_passwordless_email(email=email, expires_in=1800)
    with refused("INVALID_ARGUMENT", "code"):
        await api.passwordless.verify_passwordless_email(
            code=wrong(code_of(database, sent)), auth_request_id=sent["auth_request_id"]
        )
    again = await api.passwordless.resend_passwordless_email(
        auth_request_id=sent["auth_request_id"]
    )
    assert again["auth_request_id"] == sent["auth_request_id"]
    assert again["expires_in"] == 1800
    assert int(again["expires_at"]) >= int(sent["expires_at"])
    assert again["passwordless_type"] == "OTP"
    with refused("RESOURCE_EXHAUSTED", error_code="RATE_LIMITED") as problem:
        await api.passwordless.resend_passwordless_email(auth_request_id=sent["auth_request_id"])
    assert 1 <= int(problem.value.headers["retry-after"]) <= 60
    assert len(await queued(database, email)) == 2
    await api.passwordless.verify_passwordless_email(
        code=code_of(database, sent), auth_request_id=sent["auth_request_id"]
    )
    with refused("INVALID_ARGUMENT", "auth_request_id", says="already verified"):
        await api.passwordless.resend_passwordless_email(auth_request_id=sent["auth_request_id"])


async def test_the_sixth_wrong_code_is_not_looked_at(api, database):
    sent = await api.passwordless.send_passwordless_email(email=address(), magiclink_auth_uri=PAGE)
    right, request = code_of(database, sent), {"auth_request_id": sent["auth_request_id"]}
    for n in range(1, 6):
        for _ in range(3):  # as a client does that repeats whatever failed
            with refused("INVALID_ARGUMENT", "code"):
                await api.passwordless.verify_passwordless_email(code=wrong(right, n), **request)
    for given in (wrong(right, 6), right):
        with refused("RESOURCE_EXHAUSTED", error_code="RATE_LIMITED"):
            await api.passwordless.verify_passwordless_email(code=given, **request)
    await api.passwordless.verify_passwordless_email(link_token=token_of(database, sent))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"email": ""}, "email"),
        ({"email": f"{'a' * 64}@{'b.' * 120}example.com"}, "email"),
        ({"expires_in": 59}, "expires_in"),
        ({"expires_in": 3601}, "expires_in"),
        ({"template": 7}, "template"),
        ({"magiclink_auth_uri": ""}, "magiclink_auth_uri"),
        ({"magiclink_auth_uri": "/magic"}, "magiclink_auth_uri"),
        ({"magiclink_auth_uri": "javascript:alert(1)"}, "magiclink_auth_uri"),
        ({"magiclink_auth_uri": "data:text/html,x"}, "magiclink_auth_uri"),
        ({"magiclink_auth_uri": "https://"}, "magiclink_auth_uri"),
        ({"magiclink_auth_uri": "https://[::1"}, "magiclink_auth_uri"),
        ({"magiclink_auth_uri": "https://a.example/\nBcc: x"}, "magiclink_auth_uri"),
        ({"magiclink_auth_uri": 'https://a.example/"><script>'}, "magiclink_auth_uri"),
        ({"magiclink_auth_uri": f"https://a.example/{'a' * 1000}"}, "magiclink_auth_uri"),
        ({"state": "x" * 1001}, "state"),
        ({"template_variables": {"otp": "123456"}}, 'template_variables["otp"]'),
        ({"template_variables": {"link": "x"}}, 'template_variables["link"]'),
        ({"template_variables": {"expiry_time_relative": "x"}}, None),
        ({"template_variables": {"x": "too short"}}, None),
        ({"template_variables": {f"name{n}": "x" for n in range(31)}}, "template_variables"),
    ],
)
async def test_a_field_that_breaks_a_rule_is_named(rest, given, field):
    with refused("INVALID_ARGUMENT", *([field] if field else [])):
        await rest.passwordless.send_passwordless_email(**{"email": address(), **given})


@pytest.mark.parametrize(
    "uri", [PAGE, "http://localhost:3000/magic", "com.example.app:/magic", "https://ü.example/"]
)
async def test_a_page_need_not_be_registered(rest, uri):
    await rest.passwordless.send_passwordless_email(email=address(), magiclink_auth_uri=uri)


async def test_what_is_unknown_is_not_found_and_what_is_missing_is_named(api, database):
    for unknown in ("pwl_1", "areq_123", "x" * 200):
        with refused("NOT_FOUND", says="not found"):
            await api.passwordless.resend_passwordless_email(auth_request_id=unknown)
        with refused("NOT_FOUND"):
            await api.passwordless.verify_passwordless_email(code="123456", auth_request_id=unknown)
    with refused("INVALID_ARGUMENT", "auth_request_id"):
        await api.passwordless.verify_passwordless_email(code="123456")
    with refused("INVALID_ARGUMENT"):
        await api.passwordless.verify_passwordless_email(auth_request_id="pwl_1")
    with refused("INVALID_ARGUMENT", "link_token"):
        await api.passwordless.verify_passwordless_email(link_token="pwl_1.abc")
    sent, other = [
        await api.passwordless.send_passwordless_email(email=address(), magiclink_auth_uri=PAGE)
        for _ in range(2)
    ]
    with refused("INVALID_ARGUMENT", "link_token"):
        await api.passwordless.verify_passwordless_email(
            link_token=token_of(database, sent), auth_request_id=other["auth_request_id"]
        )
    with refused("INVALID_ARGUMENT", "code"):
        await api.passwordless.verify_passwordless_email(
            code=code_of(database, sent), auth_request_id=other["auth_request_id"]
        )


async def test_only_a_management_client_may_ask(api, rest, make, http):
    for headers in ({"authorization": []}, {"authorization": "Bearer nonsense"}):
        with refused("UNAUTHENTICATED"):
            await api.sending(**headers).passwordless.send_passwordless_email(email=address())


async def test_a_request_of_our_own_pages_is_not_for_the_api(rest, database):
    from databases import call_from

    from tenantry.identity.authenticators.passwordless import service

    sent = await service.send(
        call_from(database), email=address(), link_uri=PAGE, seconds=300, auth_request_id="areq_1"
    )
    right, token = proofs.code(database, sent.id, 1), proofs.link_token(database, sent.id, 1)
    with refused("NOT_FOUND"):
        await rest.passwordless.verify_passwordless_email(code=right, auth_request_id=sent.id)
    with refused("INVALID_ARGUMENT", "link_token"):
        await rest.passwordless.verify_passwordless_email(link_token=token)
    with refused("NOT_FOUND"):
        await rest.passwordless.resend_passwordless_email(auth_request_id=sent.id)
    assert (await service.verify_code(call_from(database), sent.id, right)).id == sent.id


async def test_the_names_that_an_application_gives_are_there_for_templates(rest, database):
    email = address()
    await rest.passwordless.send_passwordless_email(
        email=email,
        magiclink_auth_uri=PAGE,
        template_variables={"plan": "gold", "app_name": "Evil", "self": "x", "not a name": "y"},
    )
    (row,) = await queued(database, email)
    found = await emails.email_variables(
        database,
        email_of(row),
        load({"TENANTRY_APP_NAME": "Acme", "TENANTRY_CONFIG": "/dev/null"}),
    )
    assert found["plan"] == "gold"
    assert found["app_name"] == "Acme"
    assert found["link"].startswith("https://app.example/magic?next=%2Fhome&link_token=pwl_")
    assert found["link"].endswith("#top")
    assert found["user_language"] is None


def email_of(row):
    from tenantry.events.email.model import Email

    return Email.from_row(row)
