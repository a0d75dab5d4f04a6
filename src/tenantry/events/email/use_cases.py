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
            "The name of your product; of the application signed in to, until it has one.",
            _APP,
            "Example",
        ),
        Placeholder(
            "app_logo_url",
            "Logo",
            "The address of your logo; empty without one.",
            _APP,
            "https://www.example.com/logo.png",
        ),
        Placeholder(
            "app_support_email",
            "Support address",
            "The address for questions; empty without one.",
            _APP,
            "support@example.com",
        ),
        Placeholder(
            "app_organization_meta_name",
            "Word for organizations",
            "What your product calls an organization.",
            _APP,
            "organization",
        ),
        Placeholder(
            "organization_name",
            "Organization",
            "The name of the organization; empty where the mail is of none.",
            _READER,
            "Acme Corp",
        ),
        Placeholder(
            "user_name",
            "Name of the reader",
            "The name of the person; empty while it is unknown.",
            _READER,
            "Ada Lovelace",
        ),
        Placeholder(
            "user_email",
            "Address of the reader",
            "The address that the mail goes to.",
            _READER,
            "ada@example.com",
        ),
        Placeholder(
            "user_language",
            "Language of the reader",
            "en, de, fr, es, it, nl or pt: see docs/guides/mail.md for how it is found.",
            _READER,
            "en",
        ),
        Placeholder(
            "inviter_email",
            "Address of the inviter",
            "The address of the person who invites; empty where a program does.",
            _READER,
            "grace@example.com",
        ),
        Placeholder(
            "link",
            "Link",
            "The address to open; empty where the mail has a code alone.",
            _PROOF,
            "https://app.example.com/link",
        ),
        Placeholder(
            "otp", "Code", "The code; empty where the mail has a link alone.", _PROOF, "042917"
        ),
        Placeholder(
            "expiry_time_relative",
            "Time left",
            "How long code and link are good, as in: 5 minutes.",
            _PROOF,
            "5 minutes",
        ),
        Placeholder(
            "expire_time",
            "End",
            "When code and link end, as in: 5 November 2026, 14:05 UTC.",
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
_IN, _UP = "Sent to people who sign in", "Sent to people who sign up"
USE_CASES = {
    one.name: one
    for one in (
        _signing("LOGIN", "Sign-in", f"{_IN}, unless a closer template is enabled.", "otp", "link"),
        _signing("OTP_LOGIN", "Sign-in: any code", f"{_IN} with a code.", "otp", "link"),
        UseCase(
            "MEMBER_INVITE",
            "Invitation of an operator",
            "No mail of this version is for it.",
            _INVITING,
            "invitation",
            ("link",),
            is_sent=False,
        ),
        UseCase(
            "USER_INVITE",
            "Invitation",
            "Sent to people who are invited to an organization.",
            _INVITING,
            "invitation",
            ("link",),
        ),
        _signing(
            "USER_LOGIN", "Sign-in: any way", f"{_IN}, before the general one.", "otp", "link"
        ),
        _signing("SIGNUP", "Sign-up", f"{_UP}, unless a closer one is enabled.", "otp", "link"),
        _signing("USER_LOGIN_OTP", "Sign-in: code", f"{_IN} with a code.", "otp"),
        _signing("USER_LOGIN_LINK", "Sign-in: link", f"{_IN} with a link.", "link"),
        _signing(
            "USER_LOGIN_LINK_OTP", "Sign-in: link and code", f"{_IN} with both.", "otp", "link"
        ),
        _signing("USER_SIGNUP_OTP", "Sign-up: code", f"{_UP} with a code.", "otp"),
        _signing("USER_SIGNUP_LINK", "Sign-up: link", f"{_UP} with a link.", "link"),
        _signing(
            "USER_SIGNUP_LINK_OTP", "Sign-up: link and code", f"{_UP} with both.", "otp", "link"
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
