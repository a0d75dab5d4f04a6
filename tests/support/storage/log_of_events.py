"""Shared by the tests of log streams: events in the log, rows of streams, certificates."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import bindparam, select, update

from tenantry.core.event import Event
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import sequencing
from tenantry.events.log_streams.model import log_streams

MASTER_KEY = b"m" * 32
ACTOR = {"type": "management_client", "id": "skc_1"}
_ROW = Statement(select(log_streams).where(log_streams.c.name == bindparam("p_name")))
_HASTEN = Statement(update(log_streams).values(due_time=0).returning(log_streams.c.name))


async def happen(db, count=1, *, name="Acme", type_="organization.updated", actor=None):
    """Let events happen, and come into the log."""
    async with db.transaction() as held:
        await held.record_all(
            Event(
                type=type_,
                actor=actor or ACTOR,
                request_id=f"req_{number}",
                organization_id="org_1",
                before={"id": "org_1", "display_name": f"{name} before"},
                after={"id": "org_1", "display_name": name, "number": number},
            )
            for number in range(count)
        )
    while await sequencing.sequence(db) == 0:
        pass


async def row(db, stream):
    """The row of a stream."""
    found = await db.fetch_one(_ROW, p_name=stream.name)
    return dict(found)


async def hasten(db):
    """Let the time pass until every stream may be taken again."""
    await db.fetch_all(_HASTEN)


async def drain(db, stream):
    """Run until there is nothing to send, or the stream waits."""
    while await stream.run(db) == 0:
        pass


def numbers(events):
    """The numbers of the events of `happen`, in this order."""
    return [event["after"]["number"] for event in events]


def certificates(folder):
    """A server's TLS settings for 127.0.0.1, and the file that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    at = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "receiver.pem"
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
    return context, pem
