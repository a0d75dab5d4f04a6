"""Reasons to send mail, as the contract names them, and what a template of each may show."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.events.email import branding
from tenantry.events.email.rendering import Templates
from tenantry.events.email.service import Content
from tenantry.events.email.words import date
from tenantry.i18n.languages import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A value that a template shows; ``sample`` stands for it in a preview."""

    name: str
    title: str
    description: str
    category: str
    sample: str


_APP, _READER, _PROOF = "Application", "Reader", "Sign-in"
PLACEHOLDERS = {
    one.name: one
    for one in (
        Placeholder(
            "app_name",
            "Application",
            "Name of your product, or of the application if the product has no name.",
            _APP,
            "Example",
        ),
        Placeholder(
            "app_logo_url",
            "Logo",
            "URL of your logo. Empty if you have none.",
            _APP,
            "https://www.example.com/logo.png",
        ),
        Placeholder(
            "app_support_email",
            "Support email address",
            "Email address for questions. Empty if you have none.",
            _APP,
            "support@example.com",
        ),
        Placeholder(
            "app_organization_meta_name",
            "Term for organizations",
            "Your product's term for an organization.",
            _APP,
            "organization",
        ),
        Placeholder(
            "organization_name",
            "Organization",
            "Name of the organization. Empty if the email belongs to none.",
            _READER,
            "Acme Corp",
        ),
        Placeholder(
            "user_name",
            "Name of the recipient",
            "Name of the user. Empty if unknown.",
            _READER,
            "Ada Lovelace",
        ),
        Placeholder(
            "user_email",
            "Email address of the recipient",
            "Email address of the recipient.",
            _READER,
            "ada@example.com",
        ),
        Placeholder(
            "user_language",
            "Language of the recipient",
            "en, de, fr, es, it, nl or pt. See docs/guides/mail.md for how it is chosen.",
            _READER,
            "en",
        ),
        Placeholder(
            "inviter_email",
            "Email address of the inviter",
            "Email address of the inviting user. Empty if an API client sent the invitation.",
            _READER,
            "grace@example.com",
        ),
        Placeholder(
            "link",
            "Link",
            "URL to open. Empty if the email has only a code.",
            _PROOF,
            "https://app.example.com/link",
        ),
        Placeholder(
            "otp", "Code", "The code. Empty if the email has only a link.", _PROOF, "042917"
        ),
        Placeholder(
            "expiry_time_relative",
            "Validity",
            "How long the code and the link are valid, such as: 5 minutes.",
            _PROOF,
            "5 minutes",
        ),
        Placeholder(
            "expire_time",
            "Expiry",
            "When the code and the link expire, such as: 5 November 2026, 14:05 UTC.",
            _PROOF,
            "5 November 2026, 14:05 UTC",
        ),
    )
}
CATEGORIES = (_PROOF, _READER, _APP)
_OF_ALL = ("app_name", "app_logo_url", "app_support_email", "app_organization_meta_name")
_OF_READER = ("organization_name", "user_name", "user_email", "user_language")
_LIFE = ("expiry_time_relative", "expire_time")


@dataclass(frozen=True, slots=True)
class UseCase:
    """One reason. ``is_open``: its own application gives values beside the placeholders."""

    name: str
    title: str
    description: str
    placeholders: tuple[str, ...]
    template: str  # ours, whose words are the first draft
    proofs: tuple[str, ...] = ()  # of otp and link, those that the reader gets
    is_open: bool = False
    is_sent: bool = True  # mail of this version is for it

    def check(self, names: frozenset[str]) -> str | None:
        """Return a name that a template of it asks for and never gets; None for none."""
        return None if self.is_open else next(iter(sorted(names - {*self.placeholders})), None)


def _signing(name: str, title: str, description: str, *proofs: str) -> UseCase:
    placeholders = (*proofs, *_LIFE, *_OF_READER, *_OF_ALL)
    template = "sign_up_code" if "SIGNUP" in name else "sign_in_code"
    return UseCase(name, title, description, placeholders, template, proofs, is_open=True)


_INVITING = ("link", *_LIFE, "inviter_email", *_OF_READER, *_OF_ALL)
_IN, _UP = "Sent to users who sign in", "Sent to users who sign up"
USE_CASES = {
    one.name: one
    for one in (
        _signing(
            "LOGIN", "Sign-in", f"{_IN}, unless a more specific template is enabled.", "otp", "link"
        ),
        _signing("OTP_LOGIN", "Sign-in: any code", f"{_IN} with a code.", "otp", "link"),
        UseCase(
            "MEMBER_INVITE",
            "Invitation of an operator",
            "Not sent by this version.",
            _INVITING,
            "invitation",
            ("link",),
            is_sent=False,
        ),
        UseCase(
            "USER_INVITE",
            "Invitation",
            "Sent to users who are invited to an organization.",
            _INVITING,
            "invitation",
            ("link",),
        ),
        _signing(
            "USER_LOGIN", "Sign-in: any method", f"{_IN}. More specific than LOGIN.", "otp", "link"
        ),
        _signing(
            "SIGNUP",
            "Sign-up",
            f"{_UP}, unless a more specific template is enabled.",
            "otp",
            "link",
        ),
        _signing("USER_LOGIN_OTP", "Sign-in: code", f"{_IN} with a code.", "otp"),
        _signing("USER_LOGIN_LINK", "Sign-in: link", f"{_IN} with a link.", "link"),
        _signing(
            "USER_LOGIN_LINK_OTP",
            "Sign-in: link and code",
            f"{_IN} with a link and a code.",
            "otp",
            "link",
        ),
        _signing("USER_SIGNUP_OTP", "Sign-up: code", f"{_UP} with a code.", "otp"),
        _signing("USER_SIGNUP_LINK", "Sign-up: link", f"{_UP} with a link.", "link"),
        _signing(
            "USER_SIGNUP_LINK_OTP",
            "Sign-up: link and code",
            f"{_UP} with a link and a code.",
            "otp",
            "link",
        ),
    )
}


def of_template(template: str, variables: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the use cases of a mail that is made by a Tenantry template, the closest first."""
    if template == "invitation":
        return ("USER_INVITE",)
    if template not in {"sign_in_code", "sign_up_code"}:
        return ()
    link, otp = bool(variables.get("link")), bool(variables.get("otp"))
    way = "LINK_OTP" if link and otp else "LINK" if link else "OTP"
    if template == "sign_up_code":
        return (f"USER_SIGNUP_{way}", "SIGNUP")
    return (f"USER_LOGIN_{way}", "USER_LOGIN", *(("OTP_LOGIN",) if otp else ()), "LOGIN")


# Stand for values while ours are made a draft: short, so that nothing cuts them off.
_MARKS = {name: chr(0xE000 + at) for at, name in enumerate(PLACEHOLDERS)}
_NAMED = "{{ if organization_name }}{{ organization_name }}{{ else }}{{ app_name }}{{ end }}"


@functools.lru_cache(maxsize=64)
def draft(use_case: UseCase, color: str = branding.NO_COLOR) -> Content:
    """Return our words for a use case, as a template to change; ``color`` is that of buttons."""
    values: dict[str, Any] = {
        **_MARKS,
        **branding.button(color),
        "app_logo_url": "",
        "app_support_email": "",
        "inviter_email": "",
        "user_language": DEFAULT,
        "reminder": False,
        "expire_time": 0,
        **{name: None for name in ("otp", "link") if name not in use_case.proofs},
    }
    made = Templates(None).render(use_case.template, values)
    return Content(*map(_with_names, (made.subject, made.text, made.html)))


def _with_names(text: str) -> str:
    for name, mark in _MARKS.items():
        written = f"{{{{ {name} }}}}"
        if name == "organization_name":
            written = _NAMED
        text = text.replace(mark, written)
    return text.replace(date(0), "{{ expire_time }}")
