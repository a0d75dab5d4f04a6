"""The worker's job for due mail: it is rendered, and sent or kept here.

Sending is by SMTP, on one connection for all that is due. A mail that a server refuses for good
(5xx) has failed; after any other fault it is tried again for a day.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import random
import re
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote, urlsplit

from tenantry.crypto.vault import WrongKey
from tenantry.db.engine import Failure
from tenantry.events.email import (
    branding,
    custom_templates,
    placement,
    previews,
    rendering,
    servers,
    service,
)
from tenantry.net import domain_names
from tenantry.telemetry import log, spans

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from email.message import EmailMessage

    import aiosmtplib

    from tenantry.db.engine import Session
    from tenantry.events.email.model import Email
    from tenantry.events.email.rendering import Prepare
    from tenantry.events.email.service import Content
    from tenantry.settings import Settings

IDLE_SECONDS = 1.0
TIMEOUT_SECONDS = 10.0  # of one command
_EMAIL_SECONDS = 60.0  # of one mail, connecting included: less than it is claimed for
_TAKEN_SECONDS = 0.05  # another worker is at the only one that is due
_AWAY_SECONDS = 5.0
# From the first, second... attempt to the next; after the last one it has failed.
RETRY_SECONDS = (5, 60, 5 * 60, 30 * 60, 2 * 3600, 6 * 3600, 12 * 3600)
_JITTER = 0.2
_PROBLEM_CHARACTERS = 300
# A server may quote what it refuses: a word this long could be a link with its token.
_LONG_WORD = re.compile(r"\S{32,}")
# The server goes away (RFC 5321 section 3.8), or does not know who we are, which the operator can
# put right (RFC 4954 section 6).
_NOT_THE_MESSAGE = {421, 530, 534, 535, 538}

_log = logging.getLogger(__name__)


class PermanentFailure(Exception):
    """The mail server will never take this mail."""


class TemporaryFailure(Exception):
    """The mail server does not take this mail now."""


class ServerUnavailable(TemporaryFailure):
    """The mail server takes no mail now."""


class Delivery:
    """Delivers due mail, one at a time; ``prepare`` has a function for each template.

    ``current`` returns the settings in effect, where others than those at start may be.
    """

    def __init__(
        self,
        settings: Settings,
        prepare: Mapping[str, Prepare],
        current: Callable[[Session], Awaitable[Settings]] | None = None,
    ) -> None:
        self._prepare = prepare
        self._templates = rendering.Templates(settings.mail_templates, settings.mail_language)
        self._sender = settings.mail_from
        self._told = settings.development
        self._fixed = settings.smtp_url
        self._given = settings
        self._current = current
        self._greeting = _greeting(urlsplit(settings.public_url).hostname or "")
        self._server: _Server | None = None

    async def run(self, db: Session) -> float:
        """Deliver one mail, if one is due; return the seconds until the next look."""
        seconds = await service.seconds_until_due(db)
        if seconds is None or seconds > 0:
            await self.close()
            return IDLE_SECONDS if seconds is None else min(seconds, IDLE_SECONDS)
        claimed = await service.claim(db)
        return _TAKEN_SECONDS if claimed is None else await self._deliver(db, claimed)

    async def close(self) -> None:
        """End the connection to the mail server."""
        if self._server is not None:
            await self._server.quit()

    async def _deliver(self, db: Session, mail: Email) -> float:
        """Make one attempt; return the seconds until the next mail."""
        try:
            await self._attempt(db, mail)
        except (PermanentFailure, rendering.NoAddress) as problem:
            await self._failed(db, mail, str(problem))
        except ServerUnavailable as problem:
            await self._again(db, mail, str(problem))
            return _AWAY_SECONDS  # the others would find it so, too
        except (TemporaryFailure, rendering.RenderError) as problem:
            await self._again(db, mail, str(problem))
        except Failure:
            raise
        except Exception as problem:  # noqa: BLE001 - logged, and kept with the mail
            # Ours to repair, and no concern of the other mails.
            fields = {"mail": mail.id, "template": mail.template}
            _log.exception("failed to render email", extra={"fields": fields})
            await self._again(db, mail, type(problem).__name__)
        return 0.0

    async def _attempt(self, db: Session, mail: Email) -> None:
        if mail.attempts > len(RETRY_SECONDS) + 1:
            # Each attempt ended with the worker's death.
            raise PermanentFailure(mail.problem or "failed")
        prepare = self._prepare.get(mail.template)
        if prepare is None:
            raise rendering.RenderError(f"there is no template {mail.template}")
        variables = await prepare(db, mail)
        if variables is None:
            await service.dropped(db, mail)
            return
        content = await self._content(db, mail, variables)
        server, sender = await self._reached(db, mail)
        if server is None:
            await service.kept(db, mail, content)
            if self._told:
                _tell(mail, content)
            return
        message = await asyncio.to_thread(_message, mail, content, sender)
        await server.send(message)
        await service.sent(db, mail)

    async def _content(self, db: Session, mail: Email, variables: Mapping[str, Any]) -> Content:
        """Return what a mail says, by the operator's template or ours."""
        if mail.template == previews.TEMPLATE:
            return previews.content(variables)
        settings = self._given if self._current is None else await self._current(db)
        variables = {**branding.variables(settings), **variables}
        template = await custom_templates.closest(db, mail, variables)
        # Beside the loop that calls run on: the first one reads templates and imports much.
        if template is None:
            return await asyncio.to_thread(self._templates.render, mail.template, variables)
        texts = custom_templates.contents_of(template)
        default = settings.mail_language
        language = custom_templates.spoken(
            texts, variables.get("user_language") or default, default
        )
        given = custom_templates.values(mail, variables, language)
        try:
            return await asyncio.to_thread(custom_templates.render, texts, given)
        except placement.Misplaced as problem:
            # It was kept by a version that did not check it, or a name ends in an address.
            fields = {"template": template.id, "part": problem.part}
            log.warn_rate_limited(
                _log, "a template misplaces a code or link: ours is used", "mail", fields
            )
            return await asyncio.to_thread(self._templates.render, mail.template, variables)

    async def _reached(self, db: Session, mail: Email) -> tuple[_Server | None, str]:
        """Return the server that a mail goes by now, if any, and the sender."""
        url, sender = self._fixed, self._sender
        asked = mail.variables.get("server_id") if mail.template == previews.TEMPLATE else None
        if asked is not None or not url:
            kept = await (servers.find(db, asked) if asked else servers.in_force(db))
            if kept is not None:
                try:
                    url, sender = servers.url(db, kept), servers.sender(kept)
                except WrongKey as problem:
                    raise TemporaryFailure(f"password of {kept.id}: {problem}") from None
            elif asked is not None:
                raise PermanentFailure("the mail server was deleted")
        if self._server is None or self._server.url != url:
            await self.close()
            self._server = _Server(url, self._greeting) if url else None
        return self._server, sender

    async def _again(self, db: Session, mail: Email, problem: str) -> None:
        if mail.attempts > len(RETRY_SECONDS):
            await self._failed(db, mail, problem)
            return
        seconds = RETRY_SECONDS[mail.attempts - 1] * random.uniform(1, 1 + _JITTER)  # noqa: S311
        await service.retry(db, mail, _one_line(problem), seconds=seconds)
        fields = {"mail": mail.id, "attempts": mail.attempts, "problem": _one_line(problem)}
        _log.warning("failed to send email, retrying", extra={"fields": fields})

    async def _failed(self, db: Session, mail: Email, problem: str) -> None:
        await service.failed(db, mail, _one_line(problem))
        fields = {"mail": mail.id, "attempts": mail.attempts, "problem": _one_line(problem)}
        _log.error("email failed", extra={"fields": fields})


def _message(mail: Email, content: Content, sender: str) -> EmailMessage:
    import aiosmtplib  # noqa: F401 - 30 ms, here where nobody waits

    return rendering.message(mail, content, sender=sender)


def _tell(mail: Email, content: Content) -> None:
    """Log what lets the reader of a mail in: for development, where the reader is the developer."""
    fields = {"mail": mail.id, "to": mail.recipient, "subject": content.subject}
    said = {"code": content.code, "link": content.link}
    fields |= {name: value for name, value in said.items() if value}
    _log.info("email stored, development mode", extra={"fields": fields})


class _Server:
    """The mail server, and the connection to it while there is mail."""

    def __init__(self, url: str, greeting: str) -> None:
        self.url = url
        self._url = urlsplit(url)
        self._greeting = greeting
        self._connection: aiosmtplib.SMTP | None = None

    async def send(self, message: EmailMessage) -> None:
        """Hand over one message.

        Raises:
            Refused: the server will never take it.
            TemporaryFailure: the server may accept the email later.
            ServerUnavailable: the server accepts no email now.

        """
        import aiosmtplib

        try:
            with spans.part("SMTP", {"server.address": self._url.hostname or ""}, root=True):
                async with asyncio.timeout(_EMAIL_SECONDS):
                    await (await self._connected()).send_message(message)
        except aiosmtplib.SMTPRecipientsRefused as problem:
            self._raise(problem.recipients[0])
        except aiosmtplib.SMTPResponseException as problem:
            self._raise(problem)
        except ServerUnavailable:
            raise
        except aiosmtplib.SMTPNotSupported:
            raise PermanentFailure("the mail server takes addresses in ASCII only") from None
        except (aiosmtplib.SMTPException, OSError) as problem:
            self._drop()
            raise ServerUnavailable(str(problem) or "the mail server took too long") from None
        except ValueError:
            raise rendering.NoAddress from None
        except BaseException:
            self._drop()  # cut off in the middle of an unknown command
            raise

    async def quit(self) -> None:
        """Hang up politely."""
        if self._connection is not None:
            with contextlib.suppress(Exception):
                await self._connection.quit()
            self._drop()

    async def _connected(self) -> aiosmtplib.SMTP:
        import aiosmtplib

        if self._connection is not None and self._connection.is_connected:
            return self._connection
        url, host = self._url, self._url.hostname or ""
        tls, loopback = url.scheme == "smtps", _is_loopback(host)
        connection = aiosmtplib.SMTP(
            hostname=host,
            port=url.port,
            username=None if url.username is None else unquote(url.username),
            password=None if url.password is None else unquote(url.password),
            local_hostname=self._greeting,
            timeout=TIMEOUT_SECONDS,
            use_tls=tls,
            # None: where it is offered. Then it is not there to prove who the server is.
            start_tls=False if tls or url.query else None if loopback else True,
            validate_certs=tls or not loopback,
        )
        try:
            await connection.connect()
        except aiosmtplib.SMTPResponseException as problem:
            # Its answer is not about the mail.
            raise ServerUnavailable(f"{problem.code} {problem.message}") from None
        except ValueError as problem:
            # A certificate that is not to be trusted is one, too.
            raise ServerUnavailable(str(problem)) from None
        self._connection = connection
        return connection

    def _raise(self, problem: aiosmtplib.SMTPResponseException) -> NoReturn:
        """Raise what an answer to one mail means."""
        said = f"{problem.code} {problem.message}"
        if problem.code in _NOT_THE_MESSAGE:
            self._drop()
            raise ServerUnavailable(said) from None
        raise (PermanentFailure if problem.code >= 500 else TemporaryFailure)(said) from None

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _greeting(host: str) -> str:
    """Return how this host introduces itself (RFC 5321 section 4.1.3)."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            return domain_names.to_ascii(host) or "localhost"
        except ValueError:
            return "localhost"
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _one_line(problem: str) -> str:
    """Return a problem as it is kept and logged: one line, not long, without a secret."""
    return _LONG_WORD.sub("…", rendering.one_line(problem))[:_PROBLEM_CHARACTERS]
