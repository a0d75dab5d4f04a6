"""The console's pages of mail servers and templates."""

from __future__ import annotations

import re
from html import unescape

import pytest
from operators_with_passkeys import Operator, link_of

SERVER = {
    "provider": "OTHER",
    "host": "smtp.example.com",
    "port": "587",
    "username": "mailer",
    "password": "pass-w0rd-of-mail",
    "from_email": "hello@example.com",
    "from_name": "<b>Example</b>",
}
HOSTILE = '<img src=x onerror=alert(1)> {{ otp }} "'
TEMPLATE = {
    "use_case": "USER_LOGIN_OTP",
    "organization_id": "-",
    "subject": HOSTILE,
    "html_content": "<p>line one\r\n{{ otp }}</p>",
    "plain_content": "{{ otp }}",
}


@pytest.fixture
def ada(own_server):
    one = Operator(own_server, link_of(own_server, "--role", "OWNER"))
    yield one
    one.http.close()


@pytest.fixture
def operator(own_server):
    one = Operator(own_server, link_of(own_server, "--role", "OPERATOR"))
    yield one
    one.http.close()


@pytest.fixture
def reader(own_server):
    one = Operator(own_server, link_of(own_server, "--role", "READER"))
    yield one
    one.http.close()


def follow(operator, answer):
    assert answer.status_code == 303, answer.text
    page = operator.get(answer.headers["location"])
    assert page.status_code == 200, page.text
    return page


def made_server(operator, **fields: str):
    answer = operator.post("/console/mail/servers", **{**SERVER, **fields})
    follow(operator, answer)
    return answer.headers["location"].partition("?")[0]


def made_template(operator, **fields: str):
    answer = operator.post("/console/mail/templates", **{**TEMPLATE, **fields})
    follow(operator, answer)
    return answer.headers["location"].partition("?")[0]


def test_a_server_is_added_tried_enabled_and_deleted(ada):
    page = made_server(ada)
    shown = ada.get(page).text
    assert "&lt;b&gt;Example&lt;/b&gt;" in shown
    assert "<b>Example</b>" not in shown
    assert SERVER["password"] not in shown
    sent = ada.post(f"{page}/test", to="you@example.com")
    assert re.search(r"sent=mail_\d+&done=test_queued$", sent.headers["location"])
    assert "enabled" in follow(ada, ada.post(f"{page}/enable")).text.lower()
    listed = ada.get("/console/mail/servers").text
    assert "The server enabled below" in listed
    assert ">Enabled<" in listed
    follow(ada, ada.post(f"{page}/save", **{**SERVER, "password": "", "from_name": "Other"}))
    assert "Other" in ada.get(page).text
    follow(ada, ada.post(f"{page}/disable"))
    follow(ada, ada.post(f"{page}/delete"))
    assert ada.get(page).status_code == 404


@pytest.mark.parametrize(
    ("name", "value"), [("host", "no host"), ("port", "many"), ("from_email", "nobody")]
)
def test_a_wrong_setting_is_told_beside_its_field_and_nothing_typed_is_lost(ada, name, value):
    answer = ada.post("/console/mail/servers", **{**SERVER, name: value})
    assert answer.headers["location"].startswith("/console/mail/servers/new?")
    page = follow(ada, answer).text
    assert f'id="{name}-problem"' in page
    assert "&lt;b&gt;Example&lt;/b&gt;" in page
    assert 'value="mailer"' in page
    assert SERVER["password"] not in page


def test_a_template_is_written_seen_enabled_and_deleted(ada):
    new = ada.get("/console/mail/templates/new?use_case=USER_LOGIN_OTP").text
    assert "{{ otp }}" in unescape(new)
    page = made_template(ada)
    shown = ada.get(page).text
    assert HOSTILE not in shown
    assert HOSTILE in unescape(shown)
    assert "line one\n{{ otp }}" in unescape(shown)
    enabled = follow(ada, ada.post(f"{page}/enable", organization_id="-")).text
    assert ">Enabled<" in enabled
    assert HOSTILE in unescape(ada.get("/console/mail/templates").text)
    saved = ada.post(f"{page}/save", **{**TEMPLATE, "subject": "Other"})
    assert "Other" in follow(ada, saved).text
    follow(ada, ada.post(f"{page}/disable", organization_id="-"))
    follow(ada, ada.post(f"{page}/delete", organization_id="-"))
    assert ada.get(page).status_code == 404


def test_what_is_no_template_comes_back_as_it_was_typed(ada):
    answer = ada.post("/console/mail/templates", **{**TEMPLATE, "html_content": "{{ if }}" * 99})
    assert answer.status_code == 400
    assert 'id="html_content-problem"' in answer.text
    assert "{{ if }}" * 99 in unescape(answer.text)
    assert HOSTILE in unescape(answer.text)


def test_a_preview_is_in_a_box_of_its_own(ada):
    answer = ada.post("/console/mail/templates/preview", **TEMPLATE)
    assert answer.text == "<p>line one\n042917</p>"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    wrong = ada.post("/console/mail/templates/preview", **{**TEMPLATE, "html_content": "{{ <"})
    assert wrong.headers["content-type"].startswith("text/plain")


def test_a_reader_sees_all_and_changes_nothing(ada, reader):
    server, template = made_server(ada), made_template(ada)
    for page in ("/console/mail/servers", server, "/console/mail/templates", template):
        shown = reader.get(page)
        assert shown.status_code == 200
        assert 'method="post"' not in shown.text.partition("<main")[2]
    for page in (server, template):
        for action in ("save", "enable", "disable", "delete"):
            assert reader.post(f"{page}/{action}").status_code == 403
    assert reader.post("/console/mail/templates/preview", **TEMPLATE).status_code == 403
    follow(ada, ada.post(f"{server}/delete"))
    follow(ada, ada.post(f"{template}/delete", organization_id="-"))


def test_an_operator_tries_a_server_and_a_template_but_changes_none(ada, operator):
    server = made_server(ada)
    shown = operator.get(server).text.partition("<main")[2]
    assert re.findall(r'method="post" action="([^"]*)"', shown) == [f"{server}/test"]
    assert operator.get("/console/mail/servers/new").status_code == 403
    for action in ("save", "enable", "disable", "delete"):
        assert operator.post(f"{server}/{action}", **SERVER).status_code == 403
    follow(operator, operator.post(f"{server}/test", to="you@example.com"))
    # A template carries codes and links: an operator takes one away, and writes or enables none.
    template = made_template(ada)
    shown = operator.get(template).text.partition("<main")[2]
    assert "Only owners can create, change and enable email templates" in shown
    assert re.findall(r'method="post" action="([^"]*)"', shown) == [f"{template}/delete"]
    assert operator.get("/console/mail/templates/new?use_case=LOGIN").status_code == 403
    assert operator.post("/console/mail/templates", **TEMPLATE).status_code == 403
    for action in ("save", "enable"):
        assert operator.post(f"{template}/{action}", **TEMPLATE).status_code == 403
    assert operator.post("/console/mail/templates/preview", **TEMPLATE).status_code == 200
    follow(operator, operator.post(f"{template}/delete", organization_id="-"))
    follow(ada, ada.post(f"{server}/delete"))


def test_a_form_of_another_site_is_refused(ada):
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    answer = ada.http.post("/console/mail/servers", data=SERVER, headers=foreign)
    assert answer.status_code == 403
