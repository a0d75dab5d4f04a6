"""Real mail servers for tests, and what a test needs to have them used."""

from __future__ import annotations

import base64
import email
import email.policy
import ssl
import warnings
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from servers import free_port
from sqlalchemy import bindparam, update

from tenantry import settings
from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.events.email import service
from tenantry.events.email.delivery import Delivery
from tenantry.events.email.model import mail

MASTER_KEY = b"m" * 32
KEY = base64.b64encode(MASTER_KEY).decode()
ENDS = 1_793_887_500_000_000  # 2026-11-05 14:05 UTC
LINK = "https://localhost:8443/invitations/" + "t0ken" * 9
VARIABLES = {
    "organization_name": "Acme Corp",
    "inviter_email": "jane@acme.example",
    "membership_id": "mem_1",
    "expire_time": ENDS,
    "reminder": False,
}
_HASTEN = Statement(
    update(mail).values(due_time=bindparam("p_due_time")).returning(mail.c.id, mail.c.due_time)
)


class MailServer:
    """A mail server on a port of its own, with what it received.

    ``answers`` are given to DATA one after the other, ``refused`` to RCPT by address; without
    them mail is taken. ``on_message`` is called when a message has come, before it is answered.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        starttls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
        smtputf8: bool = True,
    ) -> None:
        self.host = host
        self.port = free_port()
        self.received: list[email.message.EmailMessage] = []
        self.envelopes = []
        self.sessions = []
        self.connections = set()
        self.answers: list[str] = []
        self.refused: dict[str, str] = {}
        self.on_message = lambda: None
        self._login = login
        self._controller = Controller(
            self,
            hostname=host,
            port=self.port,
            ssl_context=tls,
            tls_context=starttls,
            enable_SMTPUTF8=smtputf8,
            authenticator=self._authenticate if login else None,
            auth_required=login is not None,
            auth_require_tls=starttls is not None,
            data_size_limit=1 << 20,
        )

    def __enter__(self) -> Self:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of a password without TLS, which is a test
            self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop(no_assert=True)

    @property
    def url(self) -> str:
        return f"smtp://{self.host}:{self.port}"

    def _authenticate(self, _server, _session, _envelope, _mechanism, given):
        right = (given.login.decode(), given.password.decode()) == self._login
        return AuthResult(success=right, handled=False)

    async def handle_RCPT(self, _server: SMTP, _session, envelope, address, _options):  # noqa: N802
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session, envelope):  # noqa: N802
        self.connections.add(session.peer)
        self.on_message()
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            policy = email.policy.SMTP
            self.received.append(email.message_from_bytes(envelope.content, policy=policy))
            self.envelopes.append(envelope)
            self.sessions.append(session)
        return answer

    @property
    def recipients(self) -> list[str]:
        return [address for envelope in self.envelopes for address in envelope.rcpt_tos]


def certificates(folder, *names: str) -> tuple[ssl.SSLContext, str]:
    """A server's TLS settings for these names and addresses, and the file that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail server")])
    shown = []
    for one in names:
        try:
            shown.append(x509.IPAddress(ip_address(one)))
        except ValueError:
            shown.append(x509.DNSName(one))
    at = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(shown), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "mail-server.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context, str(pem)


def configured(**values: object) -> settings.Settings:
    """Settings as an operator writes them."""
    named = {f"TENANTRY_{name.upper()}": str(value) for name, value in values.items()}
    sender = {"TENANTRY_MAIL_FROM": "Tenants <no-reply@tenants.example>"}
    return settings.load({**sender, **named, "TENANTRY_CONFIG": "/dev/null"})


async def prepared(_db, queued):
    """Values that a room adds when the mail goes out."""
    return {**queued.variables, "link": LINK}


def delivery(prepare=prepared, **values: object) -> Delivery:
    return Delivery(configured(**values), {"invitation": prepare})


async def invite(db, recipient="ann@example.com", **variables: object) -> str:
    """Queue an invitation."""
    return await service.queue(
        db,
        template="invitation",
        recipient=recipient,
        variables={**VARIABLES, **variables},
    )


async def hasten(db):
    """Let the time pass until all that waits is due."""
    await db.fetch_all(_HASTEN, p_due_time=now() - 1)


async def deliver(worker, db, *, rounds=1000):
    """Run until nothing is due."""
    for _ in range(rounds):
        seconds = await service.seconds_until_due(db)
        if seconds is None or seconds > 0:
            break
        await worker.run(db)
    await worker.close()


async def state(db, mail_id):
    found = await service.find(db, mail_id)
    return found[0]
