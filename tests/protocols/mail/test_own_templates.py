"""Mail by templates and servers of the operator's, to real mail servers."""

from __future__ import annotations

import pytest
from mail_servers import (
    LINK,
    MailServer,
    certificates,
    configured,
    deliver,
    delivery,
    invite,
    prepared,
    state,
)

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.events.email import custom_templates, previews, servers, service
from tenantry.events.email.delivery import Delivery

LOGIN = "mailer", "p@ss:w/ord"
CONTENTS = {
    "subject": "Join {{ organization_name }}",
    "html_content": '<h1>{{ organization_name }}</h1><a href="{{ link }}">Join</a>',
    "plain_content": "Hello {{ user_email }}\n\n{{ if inviter_email }}{{ inviter_email }} "
    "invites you\n{{ end }}{{ link }} until {{ expire_time }}\n\n\n\n{{ app_name }}\n",
}


def call_on(db):
    return Call(SYSTEM, db, "req_test")


async def enabled(db, contents=CONTENTS, use_case="USER_INVITE"):
    made = await custom_templates.create(call_on(db), None, use_case, contents)
    await custom_templates.enable(call_on(db), None, made.id)
    return made


async def kept_server(db, server, **members: object):
    given = servers.EmailServerInput(
        provider="OTHER",
        host=server.host,
        port=server.port,
        username="mailer",
        password="p@ss:w/ord",
        from_email="hello@example.com",
        from_name="Example",
    )
    return await servers.create(call_on(db), given)


async def test_a_mail_is_made_by_the_operator_s_template(db, mail_server):
    await enabled(db)
    await invite(db)
    await deliver(delivery(smtp_url=mail_server.url), db)
    (message,) = mail_server.received
    assert message["Subject"] == "Join Acme Corp"
    parts = (part.get_content() for part in message.iter_parts())
    text, html = (content.replace("\r\n", "\n") for content in parts)
    assert text.startswith("Hello ann@example.com\n\njane@acme.example invites you\n")
    assert f"{LINK} until 5 November 2026, 14:05 UTC\n" in text
    assert f'<h1>Acme Corp</h1><a href="{LINK}">Join</a>' in html


async def test_a_disabled_one_gives_way_to_ours(db, mail_server):
    made = await enabled(db)
    await custom_templates.disable(call_on(db), None, made.id)
    await invite(db)
    await deliver(delivery(smtp_url=mail_server.url), db)
    assert mail_server.received[0]["Subject"] == "You are invited to join Acme Corp"


async def test_mail_goes_by_the_server_that_is_enabled(db, tmp_path):
    context, _ = certificates(tmp_path, "127.0.0.1")
    with (
        MailServer(starttls=context, login=LOGIN) as first,
        MailServer(starttls=context, login=LOGIN) as second,
    ):
        server = await kept_server(db, first)
        await servers.enable(call_on(db), server.id, fixed=False)
        sending = Delivery(configured(mail_from=""), {"invitation": prepared})
        mail_id = await invite(db)
        await deliver(sending, db)
        assert (await state(db, mail_id)).state == "SENT"
        assert first.received[0]["From"] == "Example <hello@example.com>"
        other = await kept_server(db, second)
        await servers.enable(call_on(db), other.id, fixed=False)
        await invite(db)
        await deliver(sending, db)
        assert (len(first.received), len(second.received)) == (1, 1)
        await servers.disable(call_on(db), other.id)
        kept = await invite(db)
        await deliver(sending, db)
        assert (await state(db, kept)).state == "KEPT"
        await sending.close()


async def test_a_mail_to_try_goes_by_the_server_asked_for(db, mail_server, tmp_path):
    context, _ = certificates(tmp_path, "127.0.0.1")
    with MailServer(starttls=context, login=LOGIN) as tried:
        server = await kept_server(db, tried)
        ready = {previews.TEMPLATE: previews.email_variables}
        sending = Delivery(configured(smtp_url=mail_server.url), ready)
        sent = await previews.send(call_on(db), "ann@example.com", "USER_LOGIN_OTP", {}, server.id)
        await previews.send(call_on(db), "bob@example.com", "USER_INVITE", CONTENTS, "")
        await deliver(sending, db)
        await deliver(sending, db)
        await sending.close()
        assert (await state(db, sent)).state == "SENT"
        assert [one["To"] for one in tried.received] == ["ann@example.com"]
        assert [one["Subject"] for one in mail_server.received] == ["Join Acme Corp"]


async def test_no_password_lies_open(db, mail_server):
    server = await kept_server(db, mail_server)
    assert "p@ss" not in server.password_sealed
    assert "password" not in str(server.to_event())
    url = f"mailer:p%40ss%3Aw%2Ford@{mail_server.host}:{mail_server.port}"
    assert servers.url(db, server) == f"smtp://{url}"


@pytest.mark.parametrize(
    ("template", "variables", "first"),
    [
        ("invitation", {}, "USER_INVITE"),
        ("sign_in_code", {"otp": "1"}, "USER_LOGIN_OTP"),
        ("sign_in_code", {"link": "x"}, "USER_LOGIN_LINK"),
        ("sign_in_code", {"otp": "1", "link": "x"}, "USER_LOGIN_LINK_OTP"),
        ("sign_up_code", {"otp": "1"}, "USER_SIGNUP_OTP"),
    ],
)
async def test_the_closest_one_is_taken(db, template, variables, first):
    general = {"invitation": "USER_INVITE", "sign_in_code": "LOGIN", "sign_up_code": "SIGNUP"}
    texts = dict.fromkeys(CONTENTS, "{{ link }}") | {"subject": "Come in"}
    mail_id = await service.queue(
        db, template=template, recipient="ann@example.com", variables=variables
    )
    mail = await state(db, mail_id)
    if general[template] != first:
        await enabled(db, texts, general[template])
        assert (await custom_templates.closest(db, mail, variables)).use_case == general[template]
    await enabled(db, texts, first)
    assert (await custom_templates.closest(db, mail, variables)).use_case == first
