"""Drive PasswordlessService with the official Python SDK and print each step's answer.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET, and mail at
/dev/mail. Prints one line of JSON per step of ../steps.json; the first step that fails ends the
program.
"""

from __future__ import annotations

import html
import os
import re
import ssl
import time
import urllib.request

from scalekit import ScalekitClient
from scalekit.common.exceptions import ScalekitTooManyRequestsException
from scalekit.v1.auth.passwordless_pb2 import PasswordlessType, TemplateType
from steps import (
    CLIENT_ID,
    CLIENT_SECRET,
    RUN,
    URL,
    expect_bad_field,
    expect_bad_request,
    expect_error,
    expect_not_found,
    step,
)

PAGE = "https://app.example.com/magic?next=%2Fhome"

passwordless = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET).passwordless
trust = ssl.create_default_context(cafile=os.environ.get("REQUESTS_CA_BUNDLE"))


def address(name):
    return f"{name}.{RUN}@example.com"


def send(name, **options):  # noqa: ANN003
    return passwordless.send_passwordless_email(address(name), **options)[0]


def verify(**given):  # noqa: ANN003
    return passwordless.verify_passwordless_email(**given)[0]


def resend(request_id):
    return passwordless.resend_passwordless_email(request_id)[0]


def read(path):
    with urllib.request.urlopen(f"{URL}{path}", context=trust) as answer:
        return html.unescape(answer.read().decode())


def mail_to(name):
    """The newest mail to an address, as soon as it is there: its code, and its link's token."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for path in re.findall(r"/dev/mail/mail_\d+", read("/dev/mail"))[:20]:
            said = read(path)
            code = re.search(r"^(\d{6})$", said, re.MULTILINE)
            if address(name) in said and code:
                token = re.search(r"link_token=([\w.-]+)", said)
                return code[1], token[1] if token else None
        time.sleep(0.1)
    raise AssertionError("no mail came")


def wrong(code, n=1):
    return f"{(int(code) + n) % 1_000_000:06}"


with step("send") as seen:
    plain = send("plain")
    assert plain.auth_request_id
    assert plain.expires_in == 300
    assert 0 < plain.expires_at - time.time() <= 300
    assert plain.passwordless_type == PasswordlessType.OTP
    full = send(
        "full",
        template="SIGNUP",
        magiclink_auth_uri=PAGE,
        state="s1",
        expires_in=3600,
        template_variables={"plan": "gold"},
    )
    assert full.expires_in == 3600
    assert full.passwordless_type == PasswordlessType.LINK_OTP
    seen["id"] = plain.auth_request_id

with step("verify_code"):
    code, token = mail_to("plain")
    assert token is None
    expect_bad_field("code", verify, code=wrong(code), auth_request_id=plain.auth_request_id)
    verified = verify(code=code, auth_request_id=plain.auth_request_id)
    assert verified.email == address("plain")
    assert not verified.HasField("state")
    assert verified.passwordless_type == PasswordlessType.OTP
    expect_bad_field("code", verify, code=code, auth_request_id=plain.auth_request_id)

with step("verify_link"):
    code, token = mail_to("full")
    verified = verify(link_token=token)
    assert (verified.email, verified.state) == (address("full"), "s1")
    assert verified.template == TemplateType.SIGNUP
    assert verified.passwordless_type == PasswordlessType.LINK_OTP
    expect_bad_field("link_token", verify, link_token=token)

with step("resend"):
    sent = send("again", magiclink_auth_uri=PAGE, expires_in=1800)
    code, token = mail_to("again")
    expect_bad_request(verify, code=wrong(code), auth_request_id=sent.auth_request_id)
    again = resend(sent.auth_request_id)
    assert again.auth_request_id == sent.auth_request_id
    assert (again.expires_in, again.passwordless_type) == (1800, PasswordlessType.LINK_OTP)
    assert again.expires_at >= sent.expires_at
    assert verify(link_token=token, auth_request_id=sent.auth_request_id).email == address("again")

with step("too_many_mails"):
    sent = send("eager")
    resend(sent.auth_request_id)
    expect_error(ScalekitTooManyRequestsException, resend, sent.auth_request_id)
    expect_error(ScalekitTooManyRequestsException, send, "eager")

with step("too_many_guesses"):
    code, _ = mail_to("eager")
    for n in range(1, 6):
        expect_bad_request(verify, code=wrong(code, n), auth_request_id=sent.auth_request_id)
    given = {"code": code, "auth_request_id": sent.auth_request_id}
    expect_error(ScalekitTooManyRequestsException, verify, **given)

with step("not_found") as seen:
    seen["message"] = expect_not_found(resend, "pwl_1").message
    expect_not_found(verify, code="123456", auth_request_id="pwl_1")

with step("bad_field"):
    expect_bad_field("expires_in", send, "bad", expires_in=30)
    expect_bad_field("magiclink_auth_uri", send, "bad", magiclink_auth_uri="javascript:alert(1)")
    expect_bad_field("template_variables", send, "bad", template_variables={"otp": "123456"})
    expect_bad_field("auth_request_id", verify, code="123456")
    expect_bad_field("link_token", verify, link_token="nonsense")
