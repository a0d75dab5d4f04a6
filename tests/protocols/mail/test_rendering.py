"""The words of a mail: in every client, with any name, and as the operator wants them."""

from __future__ import annotations

import email
import email.policy
import re
from html import escape, unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mail_servers import LINK, VARIABLES, deliver, delivery, hasten, invite, state

from tenantry.events.email.model import QUEUED, Email
from tenantry.events.email.rendering import RenderError, Templates, message

HEADERS = [
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"),
    "Content-Type",
]
NAMES = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": '"><a href="https://evil.example">',
    "template": "{{ 7 * 7 }}{% raw %}",
    "another header": "Acme\r\nBcc: eve@example.com",
    "the body": "Acme\r\n\r\nYour password is needed: https://evil.example",
    "a bare line feed": "Acme\nX-Spam: no",
    "odd breaks": "Acme\u2028Corp\x0b\x0c\x85Inc",
    "control characters": "Acme\x01\x07\x1b[31m",
    "a turn of direction": "Acme \u202emoc.live\u2066",
    "Arabic": "شركة الأمل للتجارة",
    "quotes": "\"Acme\" & 'Sons' <Ltd>; a=b",
    "German": "Größe & Söhne GmbH",
    "Japanese": "株式会社" * 20,
    "emoji": "🦄" * 60,
    "an encoded word": "=?utf-8?q?Acme=0ABcc=3A_eve?=",
    "one long word": "A" * 200,
}


def rendered(folder=None, **variables: object):
    return Templates(folder).render("invitation", {**VARIABLES, "link": LINK, **variables})


def sent(content, recipient="ann@example.com"):
    """The message as the recipient's mail program reads it."""
    queued = Email(
        id="mail_1",
        organization_id=None,
        recipient=recipient,
        template="invitation",
        variables={},
        state=QUEUED,
        attempts=1,
        due_time=0,
        problem=None,
        create_time=0,
        sent_time=None,
    )
    raw = message(queued, content, sender="Tenants <no-reply@tenants.example>").as_bytes()
    head = raw.partition(b"\r\n\r\n")[0]
    assert head.isascii()
    assert all(len(line) < 998 for line in raw.split(b"\r\n"))
    return email.message_from_bytes(raw, policy=email.policy.SMTP)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_name_stays_a_name(name):
    usual = sent(rendered())
    content = rendered(organization_name=name, inviter_email=name)
    shown = "".join(c for c in " ".join(name.split()) if c.isprintable())
    read = sent(content)
    assert read.keys() == usual.keys() == HEADERS
    assert read["Subject"].lstrip() == f"You are invited to join {shown}".replace("=?", "= ?")
    assert read["To"] == "ann@example.com"
    text, html = (part.get_content().replace("\r\n", "\n") for part in read.iter_parts())
    assert (text, html) == (content.text, content.html)
    assert f"{shown} invited you to join {shown}." in text
    assert len(text.splitlines()) == len(rendered().text.splitlines())
    assert escape(shown).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") in html
    assert tags(html) == tags(rendered().html)


@given(st.text(max_size=200) | st.text('=?utf8qb -_\r\n\u00e9<>"@,;:', max_size=200))
def test_whatever_a_name_holds_the_headers_are_ours(name):
    read = sent(rendered(organization_name=name))
    assert read.keys() == HEADERS
    assert not re.search(r"[\r\n]", read["Subject"])
    assert read["Subject"].lstrip().startswith("You are invited to join")


def tags(html):
    return re.findall(r"<[a-z!/][^>]*>", html)


def test_it_needs_nothing_from_elsewhere_and_is_small():
    for html in (rendered().html, rendered(reminder=True, inviter_email=None).html):
        assert len(html.encode()) < 15_000
        assert {unescape(url) for url in re.findall(r'href="([^"]*)"', html)} == {LINK}
        assert not re.search(r"<(img|link|script|iframe|table|form)\b|src=|url\(|@import", html)


def test_a_reminder_says_so():
    content = rendered(reminder=True)
    assert content.subject == "Reminder: you are invited to join Acme Corp"
    assert content.text.startswith("Reminder\n\njane@acme.example invited you")
    assert ">Reminder</p>" in content.html


def test_without_an_inviter_nobody_is_named():
    content = rendered(inviter_email=None)
    assert content.text.startswith("You are invited to join Acme Corp.\n")
    assert 'You are invited to join <strong dir="auto">Acme Corp</strong>' in content.html
    assert "None" not in content.text + content.html


def test_a_file_of_the_operator_stands_in_for_ours(tmp_path):
    (tmp_path / "invitation.subject.txt").write_text("Welcome to {{ organization_name }}!\n")
    (tmp_path / "base.html").write_text("<h1>Ours</h1>{% block content %}{% endblock %}")
    content = rendered(tmp_path)
    assert content.subject == "Welcome to Acme Corp!"
    assert content.html.startswith("<h1>Ours</h1>")
    assert LINK in content.html
    assert content.text == rendered().text


def test_a_subject_of_several_lines_is_one(tmp_path):
    (tmp_path / "invitation.subject.txt").write_text("\nWelcome\nto\r\nBcc: {{ link }}\n")
    assert rendered(tmp_path).subject == f"Welcome to Bcc: {LINK}"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("Hello {{ organisation_name }}", "'organisation_name' is undefined"),
        ("one\n{% if %}", "line 2"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{% include '../../../etc/passwd' %}", "passwd"),
        ("{{ expire_time | nothing }}", "No filter named 'nothing'"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ variables.update() }}", "undefined"),
    ],
)
def test_a_template_that_cannot_be_rendered_is_named(tmp_path, template, says):
    (tmp_path / "invitation.txt").write_text(template)
    with pytest.raises(RenderError) as failed:
        rendered(tmp_path)
    assert str(failed.value).startswith(("invitation.txt", "../../../etc/passwd"))
    assert says in str(failed.value)


def test_a_template_cannot_change_what_it_is_given(tmp_path):
    (tmp_path / "invitation.subject.txt").write_text("{{ names.append('Eve') }}")
    with pytest.raises(RenderError):
        rendered(tmp_path, names=["Ann"])


async def test_a_template_that_was_mended_goes_out(db, mail_server, tmp_path):
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "invitation.txt").write_text("{{ nothing }}")
    mail_id = await invite(db)
    worker = delivery(smtp_url=mail_server.url, mail_templates=folder)
    await deliver(worker, db)
    found = await state(db, mail_id)
    assert (found.state, found.problem) == ("QUEUED", "invitation.txt: 'nothing' is undefined")
    (folder / "invitation.txt").write_text("Come in: {{ link }}")
    await hasten(db)
    await deliver(worker, db)
    assert (await state(db, mail_id)).state == "SENT"
    text, _ = mail_server.received[0].iter_parts()
    assert text.get_content() == f"Come in: {LINK}\r\n"


async def test_an_invitation_names_the_product_first(db, mail_server):
    await invite(db)
    await deliver(delivery(smtp_url=mail_server.url, app_name="Acme Projects"), db)
    text, html = mail_server.received[0].iter_parts()
    assert text.get_content().startswith("Acme Projects\r\n\r\n")
    assert "<bdi>Acme Projects</bdi>" in html.get_content()
