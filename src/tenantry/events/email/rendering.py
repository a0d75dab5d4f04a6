"""From a mail's template to the mail itself: subject, text and HTML, then the whole message.

A template `x` is three files: `x.subject.txt`, `x.txt` and `x.html`. A file of the same name in the
operator's folder (TENANTRY_MAIL_TEMPLATES) stands in for ours, and one in its subfolder of a
language, such as `fr`, for readers of that.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tenantry.core.times import MINUTE, now
from tenantry.events.email import words
from tenantry.events.email.service import Content
from tenantry.i18n.languages import DEFAULT
from tenantry.net import email_addresses

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from email.message import EmailMessage
    from pathlib import Path

    from jinja2 import Environment

    from tenantry.db.engine import Session
    from tenantry.events.email.model import Email

    # All variables of the template, from the mail's own and those that must not be stored (a link
    # with a token). None: the mail has become pointless.
    Prepare = Callable[[Session, Email], Awaitable[dict[str, Any] | None]]


# Colors of buttons on the light card and on the dark one, where a mail has none.
BUTTON = {
    "button_color": "#1b55d9",
    "button_text": "#ffffff",
    "button_edge": "#1b55d9",
    "button_dark_color": "#7aa7ff",
    "button_dark_text": "#0b1220",
    "button_dark_edge": "#7aa7ff",
}


# Added to the name of a template.
_FILES = (".subject.txt", ".txt", ".html")


class RenderError(Exception):
    """A template, most likely the operator's, cannot be rendered; says which and why."""


class NoAddress(Exception):
    """The recipient cannot be written as an address."""

    def __init__(self) -> None:
        super().__init__("the recipient is not an address")


class Templates:
    """The templates, read when the first mail goes out; start time must not pay for them.

    ``language`` is that of readers whose own is not known.
    """

    def __init__(self, folder: Path | None, language: str = DEFAULT) -> None:
        self._folder = folder
        self._language = language
        self._environments: dict[str, Environment] = {}

    def render(self, name: str, variables: Mapping[str, Any]) -> Content:
        """Return what a mail says, in the language of ``user_language``.

        Raises:
            RenderError: a template is missing, is no template, or asks for what there is not.

        """
        # No value is more than one line: a name must not look like its own paragraph.
        values: dict[str, Any] = {"app_name": "", "app_logo_url": "", **BUTTON}
        values |= {k: one_line(v) if isinstance(v, str) else v for k, v in variables.items()}
        language = self._spoken(name, variables.get("user_language") or self._language)
        values["user_language"] = language
        if values.get("expire_time"):
            values.setdefault("expiry_time_relative", time_left(values["expire_time"], language))
        subject, text, html = (f"{name}{file}" for file in _FILES)
        values["subject"] = one_line(self._file(language, subject, values))
        return Content(
            subject=values["subject"],
            text=paragraphs(self._file(language, text, values)),
            html=self._file(language, html, values).strip() + "\n",
            code=values.get("otp") or "",
            link=values.get("link") or "",
        )

    def _spoken(self, name: str, language: str) -> str:
        """Return the language of a mail: the reader's, unless files for all readers have another.

        Those of the operator that stand in its folder itself are taken to be in the language of
        readers whose own is not known: dates and our words around them are in the same then.
        """
        if self._folder is None:
            return language
        own, its = (
            any((folder / f"{name}{file}").is_file() for file in _FILES)
            for folder in (self._folder, self._folder / language)
        )
        return self._language if own and not its else language

    def _file(self, language: str, name: str, values: Mapping[str, Any]) -> str:
        if language not in self._environments:
            self._environments[language] = _environment(self._folder, language)
        try:
            return self._environments[language].get_template(name).render(values)
        except Exception as problem:  # noqa: BLE001 - a template of the operator's can raise any
            line = getattr(problem, "lineno", None)
            place = f"{getattr(problem, 'name', None) or name}" + (f" line {line}" if line else "")
            raise RenderError(f"{place}: {problem}") from None


def _environment(folder: Path | None, language: str) -> Environment:
    from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    ours = PackageLoader("tenantry.events.email")
    theirs = [folder / language, folder] if folder else []
    environment = ImmutableSandboxedEnvironment(
        loader=ChoiceLoader([FileSystemLoader(theirs), ours]),
        autoescape=lambda name: bool(name and name.endswith(".html")),
        undefined=StrictUndefined,  # a name misspelled must not leave a hole in the mail
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words.give(environment, language)
    return environment


def time_left(end: int, language: str = DEFAULT) -> str:
    """Return how long it is until a time of the database, for people: 5 minutes."""
    return words.duration(round((end - now()) / MINUTE), language)


# These turn the direction of all that follows: left open in a name, one would reverse our words.
_TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def one_line(text: str) -> str:
    """Return a text with every break and run of blanks as one blank, and no control characters."""
    shown = "".join(
        c
        for c in " ".join(text.split())
        if unicodedata.category(c) != "Cc" and unicodedata.bidirectional(c) not in _TURNS
    )
    return shown.encode(errors="replace").decode()  # half a surrogate pair cannot be sent


def paragraphs(text: str) -> str:
    """Return a text without blank lines at its ends and with one at most in between."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines) + "\n"


def message(mail: Email, content: Content, *, sender: str) -> EmailMessage:
    """Return a mail as it is sent.

    Raises:
        NoAddress: the recipient cannot be written as an address.

    """
    from email.headerregistry import Address
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import format_datetime

    made = EmailMessage(policy=SMTP)
    name, address = split_mailbox(sender)
    address = email_addresses.envelope(address)
    made["From"] = Address(_unencoded(name), addr_spec=address)
    made["To"] = recipient(mail.recipient)
    made["Subject"] = _unencoded(content.subject)
    made["Date"] = format_datetime(datetime.now(UTC))
    # The same each time it is tried: a mailbox that gets it twice can show it once.
    made["Message-ID"] = f"<{mail.id}@{address.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(content.text)
    made.add_alternative(content.html, subtype="html")
    return made


def _unencoded(text: str) -> str:
    """Return a text for a header without parts that would be read as an encoded word (RFC 2047).

    The library decodes one, and writes a line break that was in it as a line break.
    """
    return text.replace("=?", "= ?")


def recipient(text: str) -> Any:
    """Return an address for a header, its domain in ASCII.

    Raises:
        NoAddress: it cannot be written as one.

    """
    from email.headerregistry import Address

    odd = any(c.isspace() or c in '<>"' or unicodedata.category(c)[0] == "C" for c in text)
    try:
        if odd:
            raise NoAddress
        local, _, domain = email_addresses.envelope(text).rpartition("@")
        return Address(username=local, domain=domain)
    except (ValueError, LookupError):
        raise NoAddress from None


def split_mailbox(text: str) -> tuple[str, str]:
    """Return name and address of `Name <address>`, or of an address alone."""
    name, bracket, address = text.rpartition("<")
    return (name.strip(), address.rstrip(">")) if bracket else ("", text)
