"""Mail servers and templates of the operator's, on every wire."""

from __future__ import annotations

import pytest
from apis import refused, unique

SETTINGS = {
    "host": "smtp.example.com",
    "port": "587",
    "username": "mailer",
    "password": "pass-w0rd-of-mail",
    "from_email": "hello@example.com",
    "from_name": "Example",
}
TEMPLATE = {
    "use_case": "USER_LOGIN_OTP",
    "subject": "{{ otp }} is your code",
    "html_content": "<p>Hello {{ user_email }}, {{ otp }}</p>",
    "plain_content": "Hello {{ user_email }}, {{ otp }}",
}


async def new_server(api, **settings: object):
    answer = await api.emails.create_email_server(
        provider="SENDGRID", settings={**SETTINGS, **settings}
    )
    return answer["server"]


async def new_template(api, organization_id="-", **members: object):
    answer = await api.emails.create_email_template(
        organization_id=organization_id, template={**TEMPLATE, **members}
    )
    return answer["template"]


async def test_a_server_is_kept_changed_enabled_and_deleted(api):
    made = await new_server(api)
    assert made["id"].startswith("esr_")
    assert made.get("enabled", False) is False
    assert "password" not in made["smtp_settings"] or not made["smtp_settings"]["password"]
    first = await api.emails.enable_email_server(server_id=made["id"])
    assert first["active_server_id"] == made["id"]
    other = await new_server(api, host="mail.example.net")
    second = await api.emails.enable_email_server(server_id=other["id"])
    assert second["last_active_server_id"] == made["id"]
    shown = await api.emails.get_email_configuration()
    assert shown["email_server_selected"] == "CUSTOMER"
    assert shown["default_from_address"] == "hello@example.com"
    assert shown["server"]["id"] == other["id"]
    listed = (await api.emails.list_email_servers())["servers"]
    assert {one["id"]: one.get("enabled", False) for one in listed}.items() >= {
        (made["id"], False),
        (other["id"], True),
    }
    kept = {**SETTINGS, "from_name": "Other"}
    del kept["password"]
    changed = await api.emails.update_email_server_settings(server_id=made["id"], settings=kept)
    assert changed["server"]["smtp_settings"]["from_name"] == "Other"
    assert changed["server"]["provider"] == "SENDGRID"
    with refused("INVALID_ARGUMENT", "settings.password"):
        await api.emails.update_email_server_settings(
            server_id=made["id"], settings={**kept, "host": "evil.example"}
        )
    await api.emails.disable_email_server(server_id=other["id"])
    assert (await api.emails.get_email_configuration()).get("server") is None
    for server in (made, other):
        await api.emails.delete_email_server(server_id=server["id"])
        with refused("NOT_FOUND"):
            await api.emails.get_email_server(server_id=server["id"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "no host"),
        ("host", "smtp://example.com"),
        ("host", ""),
        ("port", "0"),
        ("port", "65536"),
        ("from_email", "nobody"),
        ("from_name", "two\nlines"),
        ("username", "a\r\nb"),
        ("password", ""),
    ],
)
async def test_settings_of_a_server_are_checked(api, name, value):
    with refused("INVALID_ARGUMENT", f"settings.{name}"):
        await new_server(api, **{name: value})


async def test_a_configuration_is_set_in_one_step(api):
    server = {"provider": "POSTMARK", "enabled": True, "settings": SETTINGS}
    made = await api.emails.upsert_email_configuration(default_from_name="Acme", server=server)
    assert made["email_server_selected"] == "CUSTOMER"
    assert made["default_from_name"] == "Acme"
    server_id = made["server"]["id"]
    off = {**server, "id": server_id, "enabled": False}
    again = await api.emails.upsert_email_configuration(server=off)
    assert again["server"]["id"] == server_id
    assert again["email_server_selected"] == "INHOUSE"
    await api.emails.delete_email_server(server_id=server_id)
    with refused("NOT_FOUND"):
        await api.emails.upsert_email_configuration(server=off)


async def test_a_template_is_kept_changed_enabled_and_deleted(api, make):
    organization_id = (await make.organization())["id"]
    made = await new_template(api, organization_id)
    assert made["id"].startswith("tpl_")
    assert "otp" in made["placeholders"]
    on = await api.emails.enable_email_template(
        organization_id=organization_id, template_id=made["id"]
    )
    assert on["active_template_id"] == made["id"]
    other = await new_template(api, organization_id)
    on = await api.emails.enable_email_template(
        organization_id=organization_id, template_id=other["id"]
    )
    assert on["last_active_template_id"] == made["id"]
    listed = await api.emails.list_email_templates(organization_id=organization_id)
    states = [(one["id"], one.get("enabled", False)) for one in listed["templates"]]
    assert states == [(made["id"], False), (other["id"], True)]
    changed = await api.emails.update_email_template(
        organization_id=organization_id,
        template_id=made["id"],
        template={"subject": "Your code: {{ otp }}"},
    )
    assert changed["template"]["subject"] == "Your code: {{ otp }}"
    assert changed["template"]["html_content"] == TEMPLATE["html_content"]
    place = {"organization_id": organization_id, "template_id": other["id"]}
    await api.emails.disable_email_template(**place)
    found = await api.emails.get_email_template(**place)
    assert found["template"].get("enabled", False) is False
    await api.emails.delete_email_template(**place)
    with refused("NOT_FOUND"):
        await api.emails.get_email_template(**place)


async def test_one_of_an_organization_is_of_nobody_else(api, make):
    mine, other = [(await make.organization())["id"] for _ in range(2)]
    made = await new_template(api, mine)
    for organization_id in (other, "-"):
        place = {"organization_id": organization_id, "template_id": made["id"]}
        for call in ("get", "enable", "disable", "delete"):
            with refused("NOT_FOUND"):
                await getattr(api.emails, f"{call}_email_template")(**place)
        with refused("NOT_FOUND"):
            await api.emails.update_email_template(**place, template={"subject": "x"})
    with refused("NOT_FOUND"):
        await new_template(api, "org_1")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("subject", "two\nlines"),
        ("subject", "{{ nothing"),
        ("html_content", "{{ if otp }}"),
        ("plain_content", "{{ user.password }}"),
        ("plain_content", "{{ include 'x' }}"),
    ],
)
async def test_a_text_that_is_no_template_is_refused(api, name, text):
    with refused("INVALID_ARGUMENT", f"template.{name}"):
        await new_template(api, **{name: text})


async def test_an_invitation_has_no_placeholders_of_the_application_s(api):
    with refused("INVALID_ARGUMENT", "template.plain_content"):
        await new_template(api, use_case="USER_INVITE", subject="x", html_content="x")
    made = await new_template(api, plain_content="{{ otp }} {{ plan_of_mine }}")
    assert made["plain_content"].endswith("{{ plan_of_mine }}")


async def test_use_cases_come_with_our_words_and_their_placeholders(api):
    cases = (await api.emails.get_template_use_cases())["use_cases"]
    assert len(cases) == 12
    for case in cases:
        names = [one["name"] for one in case["placeholders"]]
        assert case["default_template"]["placeholders"] == names
        listed = await api.emails.get_template_placeholders(use_case=case["use_case"])
        assert listed["placeholders"] == names
        if case["use_case"] == "MEMBER_INVITE":
            assert not case.get("display", False)
            continue
        ours = {name: case["default_template"][name] for name in TEMPLATE if name != "use_case"}
        await new_template(api, use_case=case["use_case"], **ours)


async def test_a_preview_shows_samples(api):
    shown = await api.email_previews.preview_email_template(
        use_case="USER_LOGIN_OTP", subject="{{ otp }}", html_content="<b>{{ organization_name }}"
    )
    assert shown["subject"] == "042917"
    assert shown["html_content"] == "<b>Acme Corp"
    assert "042917" in shown["plain_content"]
    with refused("INVALID_ARGUMENT", "template.subject"):
        await api.email_previews.preview_email_template(use_case="USER_INVITE", subject="{{ otp }}")


async def test_a_mail_to_try_is_queued(api):
    made = await api.email_previews.send_test_email(to=f"{unique('ann')}@example.com")
    assert made["mail_id"].startswith("mail_")
    with refused("NOT_FOUND"):
        await api.email_previews.send_test_email(to="ann@example.com", server_id="esr_1")
